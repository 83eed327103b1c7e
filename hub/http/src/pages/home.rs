//! `/`: the first visit, signing in, or what there is for who is signed in.

use std::collections::BTreeMap;

use actix_web::http::StatusCode;
use actix_web::{HttpRequest, HttpResponse, web};
use hearth_auth::{AuthError, is_local};
use hearth_core::hub::{PROTOCOL_VERSION, Phase};
use maud::{Markup, html};

use super::authorize::explain;
use super::session::Session;
use super::{go_to, is_foreign, layout, refuse_foreign, send, session, tokens, welcome};
use crate::auth::{Form, check_password};
use crate::client_address::client_address;
use crate::door::Door;
use crate::reply::Refusal;

/// `GET /`
pub(crate) async fn show(door: web::Data<Door>, request: HttpRequest) -> HttpResponse {
    if !door.auth.has_owner() {
        return welcome::show(&door, &request);
    }
    match session::of(&door, &request).await {
        Some(session) => overview(&door, &session, StatusCode::OK, None),
        None => sign_in_page(&door, &request, StatusCode::OK, "", None),
    }
}

/// `POST /sign-in`
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
    let (username, password) = (fields.text("username"), fields.text("password"));
    let flow = door.auth.open_login("/", address);
    let checked = check_password(&door, address, &flow, (username, password)).await;
    // A flow that went through is gone already.
    let _ = door.auth.abort_login(&flow, address);
    let done = match checked {
        Ok(done) => done,
        Err(refused) => {
            let (status, text) = explain(&refused);
            return Ok(sign_in_page(&door, &request, status, username, Some(&text)));
        }
    };
    door.auth.note_success(address, Some(done.user.id));
    let mut answer = go_to("/");
    let stays = fields.get("remember").is_some();
    match session::begin(&door, &request, &done.user, stays, &mut answer).await {
        Ok(()) => Ok(answer),
        Err(error) => Ok(not_stored(&error)),
    }
}

/// `POST /sign-out`
pub(super) async fn sign_out(
    door: web::Data<Door>,
    request: HttpRequest,
    payload: web::Payload,
) -> Result<HttpResponse, Refusal> {
    Form::read(&request, payload, &door).await?;
    if is_foreign(&request) {
        return Ok(refuse_foreign());
    }
    let mut answer = go_to("/");
    if let Some(session) = session::of(&door, &request).await {
        match door.auth.revoke_token(session.record.id).await {
            Ok(_) | Err(AuthError::UnknownToken) => {}
            Err(error) => return Ok(not_stored(&error)),
        }
    }
    session::end(&request, &mut answer);
    Ok(answer)
}

/// The page of a change that was not made.
pub(super) fn not_stored(error: &AuthError) -> HttpResponse {
    let (status, text) = match error {
        AuthError::Store(_) | AuthError::Interrupted => {
            tracing::error!(%error, "a change from a page was not made");
            let text = "The hub could not store this. Its log says why.".to_owned();
            (StatusCode::INTERNAL_SERVER_ERROR, text)
        }
        said => (StatusCode::BAD_REQUEST, format!("{said}.")),
    };
    send(status, layout::plain("That did not work", &text), "'self'")
}

fn sign_in_page(
    door: &Door,
    request: &HttpRequest,
    status: StatusCode,
    username: &str,
    problem: Option<&str>,
) -> HttpResponse {
    let home = door.hub.home.current();
    let body: Markup = html! {
        h1 { (home.location_name) }
        p .soft { "Sign in to your home." }
        form method="post" action="/sign-in" {
            (layout::problem(problem))
            (layout::credentials(username))
            (layout::remember(client_address(request).is_some_and(is_local)))
            button type="submit" { "Sign in" }
        }
    };
    send(status, layout::page(&home.location_name, body), "'self'")
}

/// What a signed-in person sees. `fresh` is a token that was just made: shown this once.
pub(super) fn overview(
    door: &Door,
    session: &Session,
    status: StatusCode,
    fresh: Option<&str>,
) -> HttpResponse {
    let user = &session.user.user;
    let home = door.hub.home.current();
    let domains = entities_by_domain(door, session);
    let total: usize = domains.values().sum();
    let (mark, says) = match door.hub.phase() {
        Phase::NotRunning | Phase::Starting => ("waiting", "is starting"),
        Phase::Running => ("well", "is up and running"),
        Phase::Stopping | Phase::FinalWrite | Phase::Stopped => ("ending", "is stopping"),
    };
    let role = match (user.is_owner, user.is_admin()) {
        (true, _) => "owner",
        (false, true) => "administrator",
        (false, false) => "user",
    };
    let body: Markup = html! {
        header {
            h1 { (home.location_name) }
            form method="post" action="/sign-out" {
                button .quiet type="submit" { "Sign out" }
            }
        }
        p .soft {
            span .dot .(mark) {} "The hub " (says) ". You are signed in as " strong { (user.name) }
            ", " (role) "."
        }
        @if let Some(token) = fresh {
            section .fresh role="status" {
                h2 { "Your new token" }
                p { "Copy it now: it is shown this once, and the hub keeps no copy." }
                textarea readonly rows="7" aria-label="Token" { (token) }
            }
        }
        section {
            h2 { "Entities" }
            @if total == 0 { p .soft { "There are none yet." } }
            @else {
                table {
                    thead { tr { th scope="col" { "Domain" } th .number scope="col" { "Entities" } } }
                    tbody {
                        @for (domain, count) in &domains {
                            tr { td { (domain) } td .number { (count) } }
                        }
                    }
                    tfoot { tr { th scope="row" { "All" } td .number { (total) } } }
                }
            }
        }
        (tokens::section(door, session))
        section {
            h2 { "For apps and programs" }
            dl {
                dt { "Apps connect to" } dd { "the address of this page" }
                dt { "REST" } dd { code { "/api/" } }
                dt { "WebSocket" } dd { code { "/api/websocket" } }
                dt { "Version" } dd { (env!("CARGO_PKG_VERSION")) ", protocol " (PROTOCOL_VERSION) }
            }
        }
    };
    send(status, layout::page(&home.location_name, body), "'self'")
}

/// How many entities the user may see, by domain.
fn entities_by_domain(door: &Door, session: &Session) -> BTreeMap<String, usize> {
    let mut counts = BTreeMap::new();
    for state in door.hub.states.all() {
        if session.user.may_read(&state.entity_id) {
            let domain = state.entity_id.domain().to_owned();
            *counts.entry(domain).or_default() += 1;
        }
    }
    counts
}
