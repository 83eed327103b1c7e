//! `/auth/login_flow`: from a form to an authorization code (spec auth §2).

use std::net::IpAddr;
use std::time::Duration;

use actix_web::http::StatusCode;
use actix_web::http::header::RETRY_AFTER;
use actix_web::{HttpRequest, HttpResponse, ResponseError, web};
use hearth_auth::{AuthorizationCode, ClientId, LoginDone, LoginRefused, Redirect, RedirectUri};
use serde_json::{Map, Value, json};

use super::json_body::Fields;
use super::{client_page, counted, is_slipped_in};
use crate::client_address::client_address;
use crate::door::Door;
use crate::reply::{self, Refusal};

const HANDLER: &str = "homeassistant";

/// Why a sign-in led to no code.
pub(crate) enum Refused {
    /// The flow, the credentials or the user.
    Login(LoginRefused),
    /// The client may not be sent there.
    Redirect,
    /// Too many failures: not looked at.
    TooSoon(Duration),
}

/// Tries a name and a password in a flow; gives the code, and where to carry it. A failure is
/// counted here.
pub(crate) async fn sign_in(
    door: &Door,
    address: IpAddr,
    flow_id: &str,
    client: &ClientId,
    credentials: (&str, &str),
) -> Result<(AuthorizationCode, RedirectUri), Refused> {
    let done = check_password(door, address, flow_id, credentials).await?;
    let Some(target) = accepted(client, &done.redirect_uri).await else {
        door.auth.note_failure(address, "a redirect URI");
        return Err(Refused::Redirect);
    };
    door.auth.note_success(address, Some(done.user.id));
    Ok((door.auth.create_code(done.user.id, client), target))
}

/// Tries a name and a password in a flow, not too often. A failure is counted here; a success is
/// not yet, since the flow may still lead nowhere.
pub(crate) async fn check_password(
    door: &Door,
    address: IpAddr,
    flow_id: &str,
    (username, password): (&str, &str),
) -> Result<LoginDone, Refused> {
    let attempt = door.auth.begin_attempt(address).map_err(Refused::TooSoon)?;
    let auth = door.auth.clone();
    let [flow_id, username, password] = [flow_id, username, password].map(str::to_owned);
    // Goes on when the client hangs up: else guesses that nobody waits for would keep the hub busy
    // and not be counted.
    let looked_at = actix_web::rt::spawn(async move {
        let _attempt = attempt;
        let done = auth.finish_login(&flow_id, address, &username, &password);
        let done = done.await;
        if done.is_err() {
            auth.note_wrong_password(address, "a password", &username);
        }
        done
    });
    match looked_at.await {
        Ok(done) => done.map_err(Refused::Login),
        Err(error) => {
            tracing::error!(%error, "a sign-in was interrupted");
            Err(Refused::Login(LoginRefused::UnknownFlow))
        }
    }
}

/// The redirect URI, if the client or its page vouches for it.
pub(super) async fn accepted(client: &ClientId, redirect_uri: &str) -> Option<RedirectUri> {
    match client.judge(redirect_uri) {
        Redirect::Accepted(uri) => Some(uri),
        Redirect::AskClient(uri) => client_page::names(client, &uri).await.then_some(uri),
        Redirect::Refused => None,
    }
}

/// `POST /auth/login_flow`
pub(super) async fn open(
    door: web::Data<Door>,
    request: HttpRequest,
    payload: web::Payload,
) -> HttpResponse {
    let opened = open_flow(&door, &request, payload).await;
    let answer = opened.unwrap_or_else(|refusal| refusal.error_response());
    counted(
        &door,
        &request,
        "a sign-in that was not begun right",
        answer,
    )
}

async fn open_flow(
    door: &Door,
    request: &HttpRequest,
    payload: web::Payload,
) -> Result<HttpResponse, Refusal> {
    let address = client_address(request).ok_or(Refusal::Status(StatusCode::BAD_REQUEST))?;
    if is_slipped_in(request) {
        return Err(of_another_site());
    }
    let mut fields = Fields::read(request, payload, door).await?;
    let client_id = fields.text("client_id")?;
    let handler = fields.value("handler")?;
    let redirect_uri = fields.text("redirect_uri")?;
    fields.optional_text("type")?;
    fields.end()?;
    parse_client(&client_id)?;
    let known = match &handler {
        Value::String(name) => name == HANDLER,
        Value::Array(parts) => {
            matches!(parts.as_slice(), [Value::String(name), Value::Null] if name == HANDLER)
        }
        _ => false,
    };
    if !known {
        return Err(Refusal::not_found("Invalid handler specified"));
    }
    let flow_id = door.auth.open_login(&redirect_uri, address);
    Ok(reply::json(&form(&flow_id, json!({}))))
}

/// `POST /auth/login_flow/{flow_id}`
pub(super) async fn step(
    door: web::Data<Door>,
    request: HttpRequest,
    flow_id: web::Path<String>,
    payload: web::Payload,
) -> HttpResponse {
    let step = match Step::read(&door, &request, payload, &flow_id).await {
        Ok(step) => step,
        Err(refusal) => {
            return counted(&door, &request, "a sign-in", refusal.error_response());
        }
    };
    let credentials = (step.username.as_str(), step.password.as_str());
    match sign_in(&door, step.address, &flow_id, &step.client, credentials).await {
        Ok((code, _)) => reply::json(&json!({
            "type": "create_entry",
            "flow_id": *flow_id,
            "handler": [HANDLER, null],
            "description": null,
            "description_placeholders": null,
            "result": code.secret(),
        })),
        Err(Refused::Login(LoginRefused::Wrong)) => {
            reply::json(&form(&flow_id, json!({"base": "invalid_auth"})))
        }
        Err(Refused::Login(why)) => refuse(why).error_response(),
        Err(Refused::Redirect) => reply::message(StatusCode::FORBIDDEN, "Invalid redirect URI"),
        Err(Refused::TooSoon(wait)) => too_soon(wait),
    }
}

/// What a client sends for the last step.
struct Step {
    address: IpAddr,
    client: ClientId,
    username: String,
    password: String,
}

impl Step {
    async fn read(
        door: &Door,
        request: &HttpRequest,
        payload: web::Payload,
        flow_id: &str,
    ) -> Result<Self, Refusal> {
        let address = client_address(request).ok_or(Refusal::Status(StatusCode::BAD_REQUEST))?;
        if is_slipped_in(request) {
            return Err(of_another_site());
        }
        let mut fields = Fields::read(request, payload, door).await?;
        let client = parse_client(&fields.text("client_id")?)?;
        door.auth.check_login(flow_id, address).map_err(refuse)?;
        let (username, password) = credentials(fields.rest())?;
        Ok(Self {
            address,
            client,
            username,
            password,
        })
    }
}

/// `DELETE /auth/login_flow/{flow_id}`
pub(super) async fn abort(
    door: web::Data<Door>,
    request: HttpRequest,
    flow_id: web::Path<String>,
) -> Result<HttpResponse, Refusal> {
    let address = client_address(&request).ok_or(Refusal::Status(StatusCode::BAD_REQUEST))?;
    door.auth.abort_login(&flow_id, address).map_err(refuse)?;
    Ok(reply::message(StatusCode::OK, "Flow aborted"))
}

/// `GET /auth/login_flow/{flow_id}`: flows are not shown.
pub(super) async fn unknown() -> HttpResponse {
    reply::message(StatusCode::NOT_FOUND, "Invalid flow specified")
}

/// Reads a client id.
pub(super) fn parse_client(text: &str) -> Result<ClientId, Refusal> {
    ClientId::parse(text).map_err(|error| Refusal::bad_request(error.to_string()))
}

/// Until then no password is looked at.
pub(super) fn too_soon(wait: Duration) -> HttpResponse {
    let seconds = wait.as_secs() + 1;
    let text = format!("Too many failed attempts. Try again in {seconds} s.");
    let mut answer = reply::message(StatusCode::TOO_MANY_REQUESTS, &text);
    answer.headers_mut().insert(RETRY_AFTER, seconds.into());
    answer
}

fn form(flow_id: &str, errors: Value) -> Value {
    json!({
        "type": "form",
        "flow_id": flow_id,
        "handler": [HANDLER, null],
        "step_id": "init",
        "data_schema": [
            {"type": "string", "name": "username", "required": true},
            {"type": "string", "name": "password", "required": true},
        ],
        "errors": errors,
        "description_placeholders": null,
        "last_step": null,
        "preview": null,
    })
}

/// Name and password, and nothing else.
fn credentials(mut fields: Map<String, Value>) -> Result<(String, String), Refusal> {
    let (username, password) = (fields.remove("username"), fields.remove("password"));
    match (username, password) {
        (Some(Value::String(username)), Some(Value::String(password))) if fields.is_empty() => {
            Ok((username, password))
        }
        _ => Err(Refusal::bad_request("User input malformed")),
    }
}

fn of_another_site() -> Refusal {
    let text = "A page of another site may not sign anybody in";
    Refusal::Message(StatusCode::FORBIDDEN, text.into())
}

fn refuse(why: LoginRefused) -> Refusal {
    let status = match why {
        LoginRefused::UnknownFlow => StatusCode::NOT_FOUND,
        LoginRefused::AddressChanged => StatusCode::BAD_REQUEST,
        LoginRefused::Wrong | LoginRefused::Blocked(_) => StatusCode::FORBIDDEN,
    };
    Refusal::Message(status, why.to_string().into())
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use std::sync::Arc;
    use std::time::Instant;

    use futures_util::FutureExt;
    use hearth_auth::{Auth, AuthSettings};
    use hearth_core::prelude::*;
    use hearth_core::settings::Settings;
    use hearth_core::store::{Location, Store, StoreSettings};

    use super::*;

    #[test]
    fn a_guess_counts_even_if_nobody_waits_for_its_answer() {
        let mut settings = Settings::default();
        settings.auth.ban_threshold = 1;
        hearth_core::System::new().block_on(async move {
            let store = Store::open(&Location::Memory, StoreSettings::default()).unwrap();
            let hub = Hub::open(Env::system(), Arc::new(settings), store.clone()).unwrap();
            let limits = AuthSettings::from_settings(&hub.settings);
            let auth = Auth::load(store, hub.env.clone(), limits).unwrap();
            let door = Door::new(hub, auth);
            let attacker = "203.0.113.7".parse().unwrap();
            let flow = door.auth.open_login("/", attacker);
            let guess = check_password(&door, attacker, &flow, ("ada", "guess"));
            assert!(guess.now_or_never().is_none(), "the client hangs up");
            let deadline = Instant::now() + Duration::from_secs(20);
            while !door.auth.is_banned(attacker) {
                assert!(Instant::now() < deadline, "the guess counts");
                tokio::task::yield_now().await;
            }
        });
    }
}
