//! Replies: an answer or an error in its envelope (spec websocket-api §2). The only place where a
//! [`CommandError`] becomes words on the wire.

use std::fmt::Write;

use bytes::Bytes;
use bytestring::ByteString;
use hearth_core::command::CommandError;
use serde_json::{Value, json};

/// What a command answers.
pub(super) enum Answer {
    /// `null`
    Nothing,
    /// A JSON value.
    Value(Value),
    /// JSON that other sockets may be answered with too.
    Shared(Bytes),
    /// JSON written straight into the reply.
    Written(Box<dyn FnOnce(&mut String) + Send>),
    /// No result but `pong`.
    Pong,
}

/// The reply to command `id`.
pub(super) fn reply(id: u64, outcome: Result<Answer, CommandError>) -> ByteString {
    match outcome {
        Ok(answer) => result(id, answer),
        Err(error) => refusal(&id.to_string(), &error),
    }
}

fn result(id: u64, answer: Answer) -> ByteString {
    let mut out = String::with_capacity(128);
    // Writing into a String does not fail.
    if let Answer::Pong = answer {
        let _ = write!(out, "{{\"id\":{id},\"type\":\"pong\"}}");
        return out.into();
    }
    let _ = write!(
        out,
        "{{\"id\":{id},\"type\":\"result\",\"success\":true,\"result\":"
    );
    match answer {
        Answer::Nothing | Answer::Pong => out.push_str("null"),
        Answer::Value(value) => {
            let _ = write!(out, "{value}");
        }
        // It was written as text.
        Answer::Shared(json) => out.push_str(std::str::from_utf8(&json).unwrap_or("null")),
        Answer::Written(write) => write(&mut out),
    }
    out.push('}');
    out.into()
}

/// The reply to something whose id is this JSON text.
pub(super) fn refusal(id: &str, error: &CommandError) -> ByteString {
    let mut described = json!({"code": error.code.as_str(), "message": error.message});
    if let Some(translation) = &error.translation {
        described["translation_key"] = (*translation.key).into();
        described["translation_placeholders"] = Value::Object(translation.placeholders.clone());
        described["translation_domain"] = (*translation.domain).into();
    }
    format!("{{\"id\":{id},\"type\":\"result\",\"success\":false,\"error\":{described}}}").into()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use hearth_core::command::Translation;

    use super::*;

    #[test]
    fn replies_have_the_shapes_of_the_protocol() {
        let error = CommandError {
            translation: Some(Box::new(Translation {
                domain: "homeassistant".into(),
                key: "service_not_found".into(),
                placeholders: json!({"domain": "nope"}).as_object().unwrap().clone(),
            })),
            ..CommandError::not_found("a \"quoted\" text")
        };
        for (given, expected) in [
            (reply(7, Ok(Answer::Pong)), json!({"id": 7, "type": "pong"})),
            (
                reply(7, Ok(Answer::Nothing)),
                json!({"id": 7, "type": "result", "success": true, "result": null}),
            ),
            (
                reply(7, Ok(Answer::Written(Box::new(|out| out.push_str("[1]"))))),
                json!({"id": 7, "type": "result", "success": true, "result": [1]}),
            ),
            (
                refusal("\"x\"", &CommandError::unauthorized()),
                json!({"id": "x", "type": "result", "success": false,
                       "error": {"code": "unauthorized", "message": "Unauthorized"}}),
            ),
            (
                reply(7, Err(error)),
                json!({"id": 7, "type": "result", "success": false, "error": {
                    "code": "not_found", "message": "a \"quoted\" text",
                    "translation_key": "service_not_found", "translation_domain": "homeassistant",
                    "translation_placeholders": {"domain": "nope"}}}),
            ),
        ] {
            assert_eq!(serde_json::from_str::<Value>(&given).unwrap(), expected);
        }
    }
}
