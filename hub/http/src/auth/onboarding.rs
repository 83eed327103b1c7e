//! `/api/onboarding`: the first visit, for clients (spec auth §6). The page for people is in
//! `pages`.

use actix_web::http::StatusCode;
use actix_web::{HttpRequest, HttpResponse, web};
use hearth_auth::{AuthError, OnboardingStep};
use serde_json::{Value, json};

use super::json_body::Fields;
use super::login_flow::{accepted, parse_client, too_soon};
use super::take_over::{self, MayNot, NewOwner, check_right};
use crate::auth_gate::SignedIn;
use crate::door::Door;
use crate::reply::{self, Refusal};

/// What the hub says that it is installed as.
const INSTALLATION_TYPE: &str = "Hearth";

/// `GET /api/onboarding`
pub(super) async fn progress(door: web::Data<Door>) -> Result<HttpResponse, Refusal> {
    let steps = steps(&door)?;
    let listed: Value = steps
        .iter()
        .map(|(step, done)| json!({"step": step.as_str(), "done": done}))
        .collect();
    Ok(reply::json(&listed))
}

/// `GET /api/onboarding/installation_type`
pub(super) async fn installation_type(door: web::Data<Door>) -> Result<HttpResponse, Refusal> {
    if steps(&door)?.iter().any(|(_, done)| *done) {
        return Err(Refusal::UNAUTHORIZED);
    }
    Ok(reply::json(
        &json!({"installation_type": INSTALLATION_TYPE}),
    ))
}

/// `POST /api/onboarding/users`
pub(super) async fn make_owner(
    door: web::Data<Door>,
    request: HttpRequest,
    payload: web::Payload,
) -> Result<HttpResponse, Refusal> {
    steps(&door)?;
    let mut fields = Fields::read(&request, payload, &door).await?;
    let name = fields.text("name")?;
    let username = fields.text("username")?;
    let password = fields.text("password")?;
    let client_id = fields.text("client_id")?;
    let language = fields.text("language")?;
    let code = fields.optional_text("onboarding_code")?;
    fields.end()?;
    if door.auth.has_owner() {
        return Err(done_already(OnboardingStep::User));
    }
    if crate::pages::is_foreign(&request) {
        let text = "A page of another site may not set up the hub";
        return Err(Refusal::Message(StatusCode::FORBIDDEN, text.into()));
    }
    match check_right(&door, &request, code.as_deref()) {
        Ok(()) => {}
        Err(MayNot::TooSoon(wait)) => return Ok(too_soon(wait)),
        Err(why) => return Err(Refusal::Message(StatusCode::FORBIDDEN, why.text().into())),
    }
    let client = parse_client(&client_id)?;
    let new = NewOwner {
        name: &name,
        username: &username,
        password: &password,
        language: &language,
    };
    let owner = take_over::make_owner(&door, new)
        .await
        .map_err(refuse_owner)?;
    let code = door.auth.create_code(owner.id, &client);
    Ok(reply::json(&json!({"auth_code": code.secret()})))
}

/// `POST /api/onboarding/core_config`: the settings themselves go through the WebSocket.
pub(super) async fn core_config(
    user: SignedIn,
    door: web::Data<Door>,
) -> Result<HttpResponse, Refusal> {
    finish(&door, &user, OnboardingStep::CoreConfig)
}

/// `POST /api/onboarding/analytics`
pub(super) async fn analytics(
    user: SignedIn,
    door: web::Data<Door>,
) -> Result<HttpResponse, Refusal> {
    finish(&door, &user, OnboardingStep::Analytics)
}

/// `POST /api/onboarding/integration`
pub(super) async fn integration(
    SignedIn(user): SignedIn,
    door: web::Data<Door>,
    request: HttpRequest,
    payload: web::Payload,
) -> Result<HttpResponse, Refusal> {
    let steps = steps(&door)?;
    let mut fields = Fields::read(&request, payload, &door).await?;
    let (client_id, redirect_uri) = (fields.text("client_id")?, fields.text("redirect_uri")?);
    fields.end()?;
    if steps.contains(&(OnboardingStep::Integration, true)) {
        return Err(done_already(OnboardingStep::Integration));
    }
    let bad = || Refusal::bad_request("invalid client id or redirect uri");
    let client = parse_client(&client_id).map_err(|_| bad())?;
    accepted(&client, &redirect_uri).await.ok_or_else(bad)?;
    if !door.auth.complete_onboarding(OnboardingStep::Integration) {
        return Err(done_already(OnboardingStep::Integration));
    }
    let code = door.auth.create_code(user.user.id, &client);
    Ok(reply::json(&json!({"auth_code": code.secret()})))
}

/// The steps; 404 where the hub was set up in an earlier run.
fn steps(door: &Door) -> Result<[(OnboardingStep, bool); 4], Refusal> {
    door.auth
        .onboarding()
        .ok_or(Refusal::Status(StatusCode::NOT_FOUND))
}

fn finish(door: &Door, _: &SignedIn, step: OnboardingStep) -> Result<HttpResponse, Refusal> {
    steps(door)?;
    if !door.auth.complete_onboarding(step) {
        return Err(done_already(step));
    }
    Ok(reply::json(&json!({})))
}

fn done_already(step: OnboardingStep) -> Refusal {
    let name = match step {
        OnboardingStep::User => "User",
        OnboardingStep::CoreConfig => "Core config",
        OnboardingStep::Analytics => "Analytics config",
        OnboardingStep::Integration => "Integration",
    };
    let text = format!("{name} step already done");
    Refusal::Message(StatusCode::FORBIDDEN, text.into())
}

fn refuse_owner(error: AuthError) -> Refusal {
    match error {
        AuthError::OwnerExists => done_already(OnboardingStep::User),
        AuthError::Store(_) | AuthError::Interrupted => {
            tracing::error!(%error, "the owner was not made");
            Refusal::Status(StatusCode::INTERNAL_SERVER_ERROR)
        }
        said => Refusal::bad_request(said.to_string()),
    }
}
