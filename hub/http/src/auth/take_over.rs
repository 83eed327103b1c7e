//! A new hub gets its owner: who may do it, and what comes with it (spec auth §6).

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use actix_web::HttpRequest;
use actix_web::http::Version;
use actix_web::http::header::HOST;
use hearth_auth::{AuthError, NewUser, User};
use hearth_core::command::Caller;
use hearth_core::event::Context;
use hearth_core::registry::{Area, Changes};
use serde_json::{Map, json};

use super::rooms::rooms;
use crate::client_address::client_address;
use crate::door::Door;

/// The field of a request's header that may carry the code.
const CODE_FIELD: &str = "X-Onboarding-Code";

/// What proxies add.
const PROXY_FIELDS: [&str; 6] = [
    "forwarded",
    "via",
    "x-forwarded-for",
    "x-forwarded-host",
    "x-forwarded-proto",
    "x-real-ip",
];

/// Who shall own the hub.
pub(crate) struct NewOwner<'a> {
    /// What people call them.
    pub(crate) name: &'a str,
    /// What they sign in with.
    pub(crate) username: &'a str,
    /// What they sign in with.
    pub(crate) password: &'a str,
    /// Language tag, for the names of the first rooms.
    pub(crate) language: &'a str,
}

/// Why somebody may not take the hub over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum MayNot {
    /// Elsewhere than at the hub's machine, without the code.
    CodeMissing,
    /// With another code.
    CodeWrong,
    /// After too many other codes.
    TooSoon(Duration),
}

impl MayNot {
    /// For a person.
    pub(crate) fn text(self) -> String {
        match self {
            Self::CodeMissing => {
                "Enter the setup code that the hub printed when it started.".into()
            }
            Self::CodeWrong => "This is not the setup code that the hub printed.".into(),
            Self::TooSoon(wait) => {
                format!("Too many attempts. Try again in {} s.", wait.as_secs() + 1)
            }
        }
    }
}

/// Whether a request may make the owner: on the hub's own machine, or with the code in its header
/// or `code`.
pub(crate) fn check_right(
    door: &Door,
    request: &HttpRequest,
    code: Option<&str>,
) -> Result<(), MayNot> {
    if is_at_the_machine(request) {
        return Ok(());
    }
    let field = request.headers().get(CODE_FIELD);
    let code = field
        .and_then(|code| code.to_str().ok())
        .or(code)
        .filter(|code| !code.trim().is_empty())
        .ok_or(MayNot::CodeMissing)?;
    let address = client_address(request).ok_or(MayNot::CodeMissing)?;
    let _attempt = door.auth.begin_attempt(address).map_err(MayNot::TooSoon)?;
    if !door.auth.is_onboarding_code(code) {
        door.auth.note_failure(address, "a setup code");
        return Err(MayNot::CodeWrong);
    }
    door.auth.note_success(address, None);
    Ok(())
}

/// Whether whoever asks sits at the hub's own machine. The name that they call it by counts too,
/// and what proxies add: behind a proxy on the same machine everybody comes from loopback, and a
/// page on the internet can have its own name lead there.
pub(crate) fn is_at_the_machine(request: &HttpRequest) -> bool {
    let fields = request.headers();
    let from_loopback = client_address(request).is_some_and(|a| a.to_canonical().is_loopback());
    let host = fields.get(HOST).and_then(|host| host.to_str().ok());
    from_loopback && host.is_some_and(names_loopback) && !is_through_a_proxy(request)
}

/// Whether a request shows that a proxy sent it. Some name nobody and call the hub by its address,
/// but speak a version of HTTP that no browser does.
fn is_through_a_proxy(request: &HttpRequest) -> bool {
    let fields = request.headers();
    request.version() < Version::HTTP_11
        || PROXY_FIELDS.iter().any(|name| fields.contains_key(*name))
}

fn names_loopback(host: &str) -> bool {
    let name = match host.strip_prefix('[') {
        Some(v6) => v6.split(']').next().unwrap_or_default(),
        None => host.split(':').next().unwrap_or_default(),
    };
    let is_loopback = name.parse::<IpAddr>().is_ok_and(|a| a.is_loopback());
    is_loopback || name.eq_ignore_ascii_case("localhost")
}

/// Makes the owner, a person for them, and the first rooms.
pub(crate) async fn make_owner(door: &Door, new: NewOwner<'_>) -> Result<Arc<User>, AuthError> {
    let user = NewUser::person(new.name).with_password(new.username, new.password);
    let owner = door.auth.create_owner(user).await?;
    let hub = &door.hub;
    let context = Context::of_user(&hub.env, owner.id);
    // There is an owner from here on; what comes with it can be made by hand if it fails.
    let person = Map::from_iter([
        ("name".to_owned(), json!(owner.name)),
        ("user_id".to_owned(), json!(owner.id)),
    ]);
    let made = hub
        .commands
        .call("person/create", person, Caller::inside(context))
        .await;
    if let Err(error) = made {
        tracing::warn!(%error, "no person was made for the owner");
    }
    hub.fire("user_added", json!({"user_id": owner.id}), context)
        .await;
    let mut changes = Changes::new(&hub.store);
    for name in rooms(new.language) {
        let area = Area {
            name: name.to_owned(),
            ..Area::default()
        };
        if let Err(error) = hub.registries.areas.create(&mut changes, area) {
            tracing::debug!(%error, "a first room was not made");
        }
    }
    if let Err(error) = changes.commit(&hub.bus, &hub.env, context).await {
        tracing::warn!(%error, "the first rooms were not made");
    }
    tracing::info!(user = %owner.id, "the hub has an owner");
    Ok(owner)
}

#[cfg(test)]
mod tests {
    use actix_web::http::Version;
    use actix_web::test::TestRequest;

    use super::{is_at_the_machine, names_loopback};

    fn at_the_machine() -> TestRequest {
        let own = ([127, 0, 0, 1], 50_000).into();
        TestRequest::get()
            .peer_addr(own)
            .insert_header(("Host", "127.0.0.1:8123"))
    }

    #[test]
    fn whoever_comes_through_a_proxy_is_not_at_the_machine() {
        assert!(is_at_the_machine(&at_the_machine().to_http_request()));
        for field in ["Via", "Forwarded", "X-Real-IP", "X-Forwarded-Proto"] {
            let proxied = at_the_machine().insert_header((field, "home.example"));
            assert!(!is_at_the_machine(&proxied.to_http_request()), "{field}");
        }
        let old = at_the_machine().version(Version::HTTP_10);
        assert!(!is_at_the_machine(&old.to_http_request()));
        let elsewhere = at_the_machine().peer_addr(([192, 168, 1, 20], 50_000).into());
        assert!(!is_at_the_machine(&elsewhere.to_http_request()));
    }

    #[test]
    fn only_names_of_the_machine_itself_count_as_such() {
        for own in [
            "127.0.0.1:8123",
            "localhost",
            "LOCALHOST:8123",
            "[::1]:8123",
            "127.8.8.8",
        ] {
            assert!(names_loopback(own), "{own}");
        }
        for other in [
            "",
            "hub.local:8123",
            "192.168.1.5:8123",
            "localhost.evil.example",
            "127.0.0.1.evil.example:8123",
            "[fd00::1]:8123",
            "evil.example:127.0.0.1",
        ] {
            assert!(!names_loopback(other), "{other}");
        }
    }
}
