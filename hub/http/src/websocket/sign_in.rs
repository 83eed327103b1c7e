//! The first message of a socket (spec websocket-api §1).

use std::net::IpAddr;

use hearth_auth::{Auth, Authenticated};
use hearth_core::json::is_too_deep;
use serde_json::Value;

use super::fields::shown;

const WRONG_TOKEN: &str = "Invalid access token or password";

/// What the first message leads to.
pub(super) enum Verdict {
    /// Signed in.
    Welcome(Box<Authenticated>),
    /// `auth_invalid` with this message, and the end.
    Invalid(String),
    /// The end without a word.
    NoJson,
}

/// Looks at the first message.
pub(super) fn examine(text: &str, depth: usize, auth: &Auth, address: Option<IpAddr>) -> Verdict {
    if is_too_deep(text.as_bytes(), depth) {
        return Verdict::NoJson;
    }
    let Ok(message) = serde_json::from_str::<Value>(text) else {
        return Verdict::NoJson;
    };
    match token(&message) {
        Err(reason) => Verdict::Invalid(format!("Auth message incorrectly formatted: {reason}")),
        Ok(token) => {
            let user = token
                .and_then(|token| auth.authenticate(token).ok())
                .filter(|user| address.is_some_and(|address| user.may_come_from(address)));
            match user {
                Some(user) => {
                    if let Some(address) = address {
                        auth.note_success(address, None);
                    }
                    Verdict::Welcome(Box::new(user))
                }
                None => {
                    if let Some(address) = address {
                        auth.note_bad_token(address, "a socket", token.unwrap_or_default());
                    }
                    Verdict::Invalid(WRONG_TOKEN.to_owned())
                }
            }
        }
    }
}

/// The token of a message of the right shape, where it has one.
fn token(message: &Value) -> Result<Option<&str>, String> {
    let Some(fields) = message.as_object() else {
        return Err(format!("expected a dictionary. Got {}", shown(message)));
    };
    match fields.get("type") {
        None => return Err("required key not provided @ data['type']. Got None".to_owned()),
        Some(Value::String(kind)) if kind == "auth" => {}
        Some(other) => {
            let shown = shown(other);
            return Err(format!(
                "not a valid value for dictionary value @ data['type']. Got {shown}"
            ));
        }
    }
    for (key, value) in fields.iter().filter(|(key, _)| *key != "type") {
        if !matches!(&**key, "access_token" | "api_password") {
            return Err(format!(
                "extra keys not allowed @ data['{key}']. Got {}",
                shown(value)
            ));
        }
        // A token of the wrong kind is not repeated: it may be one all the same.
        if !value.is_string() {
            return Err(format!("expected str for dictionary value @ data['{key}']"));
        }
    }
    if fields.len() > 2 {
        return Err(
            "two or more values in the same group of exclusion 'auth' @ data[<auth>]".to_owned(),
        );
    }
    Ok(fields.get("access_token").and_then(Value::as_str))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use serde_json::json;

    use super::*;

    #[test]
    fn the_shape_is_checked_before_the_token() {
        for (message, expected) in [
            (json!({"type": "auth", "access_token": "t"}), Ok(Some("t"))),
            (json!({"type": "auth"}), Ok(None)),
            (json!({"type": "auth", "api_password": "p"}), Ok(None)),
            (
                json!({"type": "ping", "id": 1}),
                Err("not a valid value for dictionary value @ data['type']. Got 'ping'"),
            ),
            (
                json!({"access_token": "t"}),
                Err("required key not provided @ data['type']. Got None"),
            ),
            (
                json!({"type": "auth", "access_token": "t", "id": 1}),
                Err("extra keys not allowed @ data['id']. Got 1"),
            ),
            (
                json!({"type": "auth", "access_token": ["t"]}),
                Err("expected str for dictionary value @ data['access_token']"),
            ),
            (json!([1]), Err("expected a dictionary. Got [1]")),
        ] {
            assert_eq!(
                token(&message),
                expected.map_err(str::to_owned),
                "{message}"
            );
        }
    }
}
