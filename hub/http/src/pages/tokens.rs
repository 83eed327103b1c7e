//! A person's own tokens: seen, made and revoked.

use actix_web::http::StatusCode;
use actix_web::{HttpRequest, HttpResponse, web};
use hearth_auth::{AuthError, LONG_LIVED_DAYS, TokenId, TokenRecord, TokenType};
use hearth_core::time::Timestamp;
use maud::{Markup, html};

use super::home::{not_stored, overview};
use super::session::Session;
use super::{go_to, is_foreign, refuse_foreign, session};
use crate::auth::Form;
use crate::door::Door;
use crate::reply::Refusal;

/// How many are shown, newest first; a person who has more revokes some.
const SHOWN: usize = 100;

/// `POST /tokens`
pub(super) async fn create(
    door: web::Data<Door>,
    request: HttpRequest,
    payload: web::Payload,
) -> Result<HttpResponse, Refusal> {
    let fields = Form::read(&request, payload, &door).await?;
    if is_foreign(&request) {
        return Ok(refuse_foreign());
    }
    let Some(session) = session::of(&door, &request).await else {
        return Ok(go_to("/"));
    };
    let made = door
        .auth
        .create_long_lived_token(session.user.user.id, fields.text("name"), LONG_LIVED_DAYS)
        .await;
    Ok(match made {
        Ok(token) => overview(&door, &session, StatusCode::OK, Some(token.secret())),
        Err(error) => not_stored(&error),
    })
}

/// `POST /tokens/{id}/revoke`
pub(super) async fn revoke(
    door: web::Data<Door>,
    request: HttpRequest,
    id: web::Path<String>,
    payload: web::Payload,
) -> Result<HttpResponse, Refusal> {
    Form::read(&request, payload, &door).await?;
    if is_foreign(&request) {
        return Ok(refuse_foreign());
    }
    let Some(session) = session::of(&door, &request).await else {
        return Ok(go_to("/"));
    };
    let mine = door.auth.tokens_of(session.user.user.id);
    let wanted = id.parse::<TokenId>().ok();
    // One of somebody else's is treated as one that does not exist.
    let Some(token) = mine.iter().find(|token| Some(token.id) == wanted) else {
        return Ok(go_to("/"));
    };
    Ok(match door.auth.revoke_token(token.id).await {
        Ok(_) | Err(AuthError::UnknownToken) => go_to("/"),
        Err(error) => not_stored(&error),
    })
}

/// The part of the page that shows them.
pub(super) fn section(door: &Door, session: &Session) -> Markup {
    let mut tokens = door.auth.tokens_of(session.user.user.id);
    tokens.sort_by_key(|token| std::cmp::Reverse(token.last_used_at.unwrap_or(token.created_at)));
    let hidden = tokens.len().saturating_sub(SHOWN);
    html! {
        section {
            h2 { "Sign-ins and tokens" }
            div .wide {
                table {
                    thead {
                        tr {
                            th scope="col" { "Name" }
                            th scope="col" { "Last used" }
                            th scope="col" { span .hidden { "Action" } }
                        }
                    }
                    tbody {
                        @for token in tokens.iter().take(SHOWN) {
                            (row(token, session.record.id))
                        }
                    }
                }
            }
            @if hidden > 0 { p .soft { "… and " (hidden) " more." } }
            form .line method="post" action="/tokens" {
                label for="token-name" { "New token for a program" }
                input #token-name name="name" maxlength="255" required placeholder="My script"
                    autocomplete="off";
                button type="submit" { "Make" }
            }
        }
    }
}

fn row(token: &TokenRecord, current: TokenId) -> Markup {
    let name = token.client_name.as_deref().or(token.client_id.as_deref());
    let kind = match token.token_type {
        TokenType::Normal => "sign-in",
        TokenType::LongLivedAccessToken => "token",
        TokenType::System => "system",
    };
    let name = name.unwrap_or("unnamed");
    html! {
        tr {
            td {
                span .name { (name) } br; span .soft {
                    (kind) " of " (day(token.created_at))
                    @if token.id == current { ", this browser" }
                }
            }
            td {
                @match token.last_used_at {
                    Some(at) => (day(at)),
                    None => "–",
                }
                @if let Some(address) = token.last_used_ip { br; span .soft { (address) } }
            }
            td {
                form method="post" action={ "/tokens/" (token.id) "/revoke" } {
                    button .quiet type="submit" aria-label={ "Revoke " (name) } { "Revoke" }
                }
            }
        }
    }
}

/// The date alone.
fn day(at: Timestamp) -> String {
    at.to_string().chars().take(10).collect()
}
