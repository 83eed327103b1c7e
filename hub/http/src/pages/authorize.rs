//! `/auth/authorize`: where apps and other clients send people to sign in (spec auth §1).
//!
//! The script of the page goes through `/auth/login_flow` and takes the browser to its client.
//! Without scripts the form is posted here, goes through the same checks, and the browser is
//! redirected. Nobody is sent anywhere before the password was right and the target accepted.

use actix_web::http::StatusCode;
use actix_web::{HttpRequest, HttpResponse, web};
use hearth_auth::{ClientId, LoginRefused, Redirect, is_local};
use maud::{Markup, html};
use url::Position;

use super::{go_to, is_foreign, layout, refuse_foreign, send};
use crate::auth::{Form, Refused, own_origin, sign_in as try_password};
use crate::client_address::client_address;
use crate::door::Door;
use crate::reply::Refusal;

/// What the client asks for, from the query or from the form.
struct Request {
    client: ClientId,
    redirect_uri: String,
    state: Option<String>,
    /// Where the form may lead, for the page's policy.
    form_targets: String,
    /// Whether the page that waits is the hub's own, which may stay signed in.
    is_own: bool,
    /// Whether the browser is at home, where people mostly want that.
    is_local: bool,
}

impl Request {
    /// `None` for a client or target that nobody can be signed in for.
    fn read(fields: &Form, request: &HttpRequest) -> Option<Self> {
        let client = ClientId::parse(fields.get("client_id")?).ok()?;
        let redirect_uri = fields.get("redirect_uri")?.to_owned();
        let (target, is_known) = match client.judge(&redirect_uri) {
            Redirect::Accepted(uri) => (uri, true),
            Redirect::AskClient(uri) => (uri, false),
            Redirect::Refused => return None,
        };
        let own = own_origin(request);
        let own_host = own.split_once("://").map_or("", |(_, host)| host);
        // The scheme may differ: a proxy that speaks TLS need not say so.
        let host = &target.url()[Position::BeforeHost..Position::AfterPort];
        let is_own = !host.is_empty() && host.eq_ignore_ascii_case(own_host);
        let source = match target.url().scheme() {
            "http" | "https" => target.url().origin().ascii_serialization(),
            scheme => format!("{scheme}:"),
        };
        // A host may hold characters that mean something in a policy.
        let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b":/.-[]".contains(&byte);
        let form_targets = match is_known && source.bytes().all(is_plain) {
            true => format!("'self' {source}"),
            false => "'self'".to_owned(),
        };
        Some(Self {
            client,
            redirect_uri,
            state: fields.get("state").map(str::to_owned),
            form_targets,
            is_own,
            is_local: client_address(request).is_some_and(is_local),
        })
    }

    /// Who it is that asks, for a person.
    fn asker(&self) -> &str {
        match self.client.as_str() {
            "https://home-assistant.io/iOS" | "https://home-assistant.io/android" => {
                "The Companion app"
            }
            _ => self.client.url().host_str().unwrap_or_default(),
        }
    }
}

/// `GET /auth/authorize`: 200 whatever the query says.
pub(super) async fn show(door: web::Data<Door>, request: HttpRequest) -> HttpResponse {
    let fields = Form::url_encoded(request.query_string().as_bytes());
    if !door.auth.has_owner() {
        let text = "Nobody owns this hub yet. Make the owner first, then sign in again.";
        return send(StatusCode::OK, layout::plain("Set up", text), "'self'");
    }
    match Request::read(&fields, &request) {
        None => unusable(StatusCode::OK),
        Some(wanted) => page(&door, StatusCode::OK, &wanted, "", None),
    }
}

/// `POST /auth/authorize`: the form, from a browser without scripts.
pub(super) async fn sign_in(
    door: web::Data<Door>,
    request: HttpRequest,
    payload: web::Payload,
) -> Result<HttpResponse, Refusal> {
    let fields = Form::read(&request, payload, &door).await?;
    if is_foreign(&request) {
        return Ok(refuse_foreign());
    }
    let address = client_address(&request).ok_or(Refusal::Status(StatusCode::BAD_REQUEST))?;
    let Some(wanted) = Request::read(&fields, &request) else {
        door.auth
            .note_failure(address, "a sign-in that was not begun right");
        return Ok(unusable(StatusCode::BAD_REQUEST));
    };
    let (username, password) = (fields.text("username"), fields.text("password"));
    let flow = door.auth.open_login(&wanted.redirect_uri, address);
    let tried = try_password(&door, address, &flow, &wanted.client, (username, password)).await;
    // A flow that went through is gone already.
    let _ = door.auth.abort_login(&flow, address);
    let refused = match tried {
        Ok((code, target)) => {
            let mut target = target.with_code(code.secret(), wanted.state.as_deref());
            if wanted.is_own && fields.get("remember").is_some() {
                target.query_pairs_mut().append_pair("storeToken", "true");
            }
            return Ok(go_to(target.as_str()));
        }
        Err(refused) => refused,
    };
    let (status, text) = explain(&refused);
    Ok(page(&door, status, &wanted, username, Some(&text)))
}

/// What a person is told who does not come in.
pub(super) fn explain(refused: &Refused) -> (StatusCode, String) {
    match refused {
        Refused::Login(LoginRefused::Wrong) => (
            StatusCode::OK,
            "The user name or the password is not right.".into(),
        ),
        Refused::Login(LoginRefused::Blocked(why)) => (StatusCode::FORBIDDEN, format!("{why}.")),
        Refused::Login(_) => (
            StatusCode::OK,
            "The sign-in took too long. Please try again.".into(),
        ),
        Refused::Redirect => (
            StatusCode::FORBIDDEN,
            "The program that sent you here may not be answered where it asks for.".into(),
        ),
        Refused::TooSoon(wait) => (
            StatusCode::TOO_MANY_REQUESTS,
            format!("Too many attempts. Try again in {} s.", wait.as_secs() + 1),
        ),
    }
}

fn unusable(status: StatusCode) -> HttpResponse {
    let text = "The program that sent you here did not say properly who it is or where to go \
                afterwards. You cannot be signed in for it.";
    send(
        status,
        layout::plain("Sign-in not possible", text),
        "'self'",
    )
}

fn page(
    door: &Door,
    status: StatusCode,
    wanted: &Request,
    username: &str,
    problem: Option<&str>,
) -> HttpResponse {
    let home = door.hub.home.current();
    let body: Markup = html! {
        h1 { (home.location_name) }
        p .soft {
            @if wanted.is_own { "Sign in to your home." }
            @else { strong { (wanted.asker()) } " wants to sign you in." }
        }
        form #sign-in method="post" action="/auth/authorize" {
            (layout::problem(problem))
            input type="hidden" name="client_id" value=(wanted.client);
            input type="hidden" name="redirect_uri" value=(wanted.redirect_uri);
            @if let Some(state) = &wanted.state {
                input type="hidden" name="state" value=(state);
            }
            (layout::credentials(username))
            @if wanted.is_own {
                (layout::remember(wanted.is_local))
            }
            button type="submit" { "Sign in" }
        }
        script src="/auth/authorize.js" defer {}
    };
    let title = format!("Sign in to {}", home.location_name);
    send(status, layout::page(&title, body), &wanted.form_targets)
}
