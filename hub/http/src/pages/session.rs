//! The sign-in of a browser on the hub's own pages: a cookie.
//!
//! Its value is the refresh token of an ordinary record, so the sign-in is listed and revoked like
//! any other and ends after 90 days without use. Scripts cannot read it and requests from other
//! sites do not carry it; it opens the pages here and nothing of the API.

use actix_web::cookie::time::Duration;
use actix_web::cookie::{Cookie, SameSite};
use actix_web::{HttpRequest, HttpResponse};
use hearth_auth::{AuthError, Authenticated, NewToken, REFRESH_TOKEN_DAYS, TokenRecord, User};

use crate::auth::own_origin;
use crate::client_address::client_address;
use crate::door::Door;

const NAME: &str = "hearth_session";
/// How long a use is not noted again, in seconds: each one is written to the disk.
const NOTED_EVERY: i64 = 60 * 60;

/// A signed-in browser.
pub(super) struct Session {
    pub(super) user: Authenticated,
    pub(super) record: TokenRecord,
}

/// Who sits at the browser, if they have signed in and still may come in from there.
pub(super) async fn of(door: &Door, request: &HttpRequest) -> Option<Session> {
    let cookie = request.cookie(NAME)?;
    let record = door.auth.find_refresh_token(cookie.value())?;
    let user = Authenticated {
        user: door.auth.find_user(record.user_id)?,
        token_id: record.id,
    };
    let user = door.auth.recheck(&user).ok()?;
    let address = client_address(request)?;
    door.auth.may_sign_in(&user.user, Some(address)).ok()?;
    let now = door.hub.env.now().as_seconds();
    let noted = record.last_used_at.map_or(0, |at| at.as_seconds());
    if now - noted > NOTED_EVERY
        && let Err(error) = door.auth.issue_access_token(record.id, Some(address)).await
    {
        tracing::warn!(%error, "the use of a sign-in was not noted");
    }
    Some(Session { user, record })
}

/// Signs a browser in: makes its record and puts the cookie into `answer`.
pub(super) async fn begin(
    door: &Door,
    request: &HttpRequest,
    user: &User,
    stays: bool,
    answer: &mut HttpResponse,
) -> Result<(), AuthError> {
    let origin = own_origin(request);
    let new = NewToken::normal(format!("{origin}/")).made_with("homeassistant");
    let (record, value) = door.auth.create_refresh_token(user.id, new).await?;
    door.auth
        .issue_access_token(record.id, client_address(request))
        .await?;
    let mut cookie = cookie(request, value.secret());
    if stays {
        cookie.set_max_age(Duration::days(i64::from(REFRESH_TOKEN_DAYS)));
    }
    set(answer, &cookie);
    Ok(())
}

/// Makes the browser forget its cookie.
pub(super) fn end(request: &HttpRequest, answer: &mut HttpResponse) {
    let mut cookie = cookie(request, "");
    cookie.set_max_age(Duration::ZERO);
    set(answer, &cookie);
}

fn cookie<'a>(request: &HttpRequest, value: &'a str) -> Cookie<'a> {
    Cookie::build(NAME, value)
        .path("/")
        .http_only(true)
        .same_site(SameSite::Strict)
        .secure(own_origin(request).starts_with("https://"))
        .finish()
}

fn set(answer: &mut HttpResponse, cookie: &Cookie<'_>) {
    if let Err(error) = answer.add_cookie(cookie) {
        tracing::error!(%error, "a cookie could not be set");
    }
}
