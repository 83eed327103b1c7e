//! The first visit: whoever is at the hub's machine, or has read its code, becomes the owner.

use actix_web::http::StatusCode;
use actix_web::http::header::ACCEPT_LANGUAGE;
use actix_web::{HttpRequest, HttpResponse, web};
use hearth_auth::AuthError;
use maud::{Markup, html};

use super::{go_to, is_foreign, layout, refuse_foreign, send, session};
use crate::auth::{self, Form, MayNot, NewOwner, check_right};
use crate::door::Door;
use crate::reply::Refusal;

/// Shortest password taken here, in characters.
const SHORTEST_PASSWORD: usize = 8;

/// What was typed, but for the passwords.
#[derive(Default)]
struct Typed<'a> {
    name: &'a str,
    username: &'a str,
    code: &'a str,
}

/// The page at `/` of a hub that nobody owns.
pub(super) fn show(door: &Door, request: &HttpRequest) -> HttpResponse {
    page(door, request, StatusCode::OK, &Typed::default(), None)
}

/// `POST /onboarding`
pub(super) async fn make_owner(
    door: web::Data<Door>,
    request: HttpRequest,
    payload: web::Payload,
) -> Result<HttpResponse, Refusal> {
    let fields = Form::read(&request, payload, &door).await?;
    if is_foreign(&request) {
        return Ok(refuse_foreign());
    }
    if door.auth.has_owner() {
        return Ok(go_to("/"));
    }
    let typed = Typed {
        name: fields.text("name").trim(),
        username: fields.text("username").trim(),
        code: fields.text("code").trim(),
    };
    let again = |status, problem: &str| page(&door, &request, status, &typed, Some(problem));
    if let Err(why) = check_right(&door, &request, Some(typed.code)) {
        let status = match why {
            MayNot::TooSoon(_) => StatusCode::TOO_MANY_REQUESTS,
            MayNot::CodeMissing | MayNot::CodeWrong => StatusCode::FORBIDDEN,
        };
        return Ok(again(status, &why.text()));
    }
    let password = fields.text("password");
    if password.chars().count() < SHORTEST_PASSWORD {
        let text = format!("The password needs at least {SHORTEST_PASSWORD} characters.");
        return Ok(again(StatusCode::OK, &text));
    }
    if password != fields.text("repeat") {
        return Ok(again(StatusCode::OK, "The two passwords are not the same."));
    }
    let new = NewOwner {
        name: typed.name,
        username: typed.username,
        password,
        language: &language(&request),
    };
    let owner = match auth::make_owner(&door, new).await {
        Ok(owner) => owner,
        Err(AuthError::OwnerExists) => return Ok(go_to("/")),
        Err(error @ (AuthError::Store(_) | AuthError::Interrupted)) => {
            tracing::error!(%error, "the owner was not made");
            let text = "The hub could not store this. Its log says why.";
            return Ok(again(StatusCode::INTERNAL_SERVER_ERROR, text));
        }
        Err(said) => return Ok(again(StatusCode::OK, &format!("{said}."))),
    };
    let mut answer = go_to("/");
    // Whoever cannot be signed in here does so on the page that comes next.
    if let Err(error) = session::begin(&door, &request, &owner, true, &mut answer).await {
        tracing::warn!(%error, "the new owner was not signed in");
    }
    Ok(answer)
}

/// The first language that the browser names.
fn language(request: &HttpRequest) -> String {
    let field = request.headers().get(ACCEPT_LANGUAGE);
    let text = field.and_then(|languages| languages.to_str().ok());
    let first = text.and_then(|languages| languages.split([',', ';']).next());
    first.unwrap_or("en").trim().to_owned()
}

fn page(
    door: &Door,
    request: &HttpRequest,
    status: StatusCode,
    typed: &Typed<'_>,
    problem: Option<&str>,
) -> HttpResponse {
    let asks_code = check_right(door, request, None) == Err(MayNot::CodeMissing);
    let body: Markup = html! {
        h1 { "Welcome" }
        p .soft { "This hub is new. Whoever fills this in owns it: you." }
        form method="post" action="/onboarding" {
            (layout::problem(problem))
            @if asks_code {
                label for="code" { "Setup code" }
                input #code name="code" autocomplete="off" autocapitalize="characters"
                    spellcheck="false" maxlength="32" required autofocus
                    aria-describedby="code-help" value=(typed.code);
                p #code-help .help {
                    "You are not at the hub's own machine, so it asks for the code that it printed \
                     when it started."
                }
            }
            label for="name" { "Your name" }
            input #name name="name" autocomplete="name" maxlength="255" required
                autofocus[!asks_code && problem.is_none()] value=(typed.name);
            label for="username" { "User name" }
            input #username name="username" autocomplete="username" autocapitalize="none"
                spellcheck="false" maxlength="255" required value=(typed.username);
            label for="password" { "Password" }
            input #password name="password" type="password" autocomplete="new-password"
                minlength=(SHORTEST_PASSWORD) maxlength="1024" required
                autofocus[!asks_code && problem.is_some()] aria-describedby="password-help";
            p #password-help .help { "At least " (SHORTEST_PASSWORD) " characters." }
            label for="repeat" { "Password again" }
            input #repeat name="repeat" type="password" autocomplete="new-password"
                maxlength="1024" required;
            button type="submit" { "Make me the owner" }
        }
    };
    send(status, layout::page("Welcome to Hearth", body), "'self'")
}
