//! The parameters of `render_template` (spec websocket-api §3).

use std::sync::Arc;
use std::time::Duration;

use hearth_core::prelude::{CommandError, Map, Value};

use crate::renderer::Watched;
use crate::rewrite::Undefined;

/// Longest that a client may wait for the first result, in seconds.
const TIMEOUT_MAX: f64 = 86_400.0;

/// What a client wants rendered, and what it wants to know.
pub(super) struct WatchRequest {
    pub(super) watched: Watched,
    pub(super) report_errors: bool,
    /// What is kept of it, in bytes of text.
    pub(super) bytes: usize,
}

impl WatchRequest {
    /// Reads it. The variables are kept for as long as the client listens, so they are bounded as
    /// the template's text is: `limit` bytes of JSON.
    pub(super) fn read(mut data: Map<String, Value>, limit: usize) -> Result<Self, CommandError> {
        let template = match data.remove("template") {
            Some(Value::String(template)) => template,
            None => return Err(wrong("required key not provided", "template", &Value::Null)),
            Some(other) => {
                return Err(wrong(
                    "expected str for dictionary value",
                    "template",
                    &other,
                ));
            }
        };
        let variables = match data.remove("variables") {
            None => Map::new(),
            Some(Value::Object(variables)) => variables,
            Some(other) => {
                return Err(wrong(
                    "expected dict for dictionary value",
                    "variables",
                    &other,
                ));
            }
        };
        // A map of JSON values has a text.
        let variables_bytes =
            serde_json::to_string(&variables).map_or(usize::MAX, |text| text.len());
        if variables_bytes > limit {
            let reason = format!("expected at most {limit} bytes of variables");
            return Err(wrong(&reason, "variables", &Value::Null));
        }
        let timeout = match data.remove("timeout") {
            None => None,
            Some(given) => match given.as_f64() {
                Some(seconds) if (0.0..=TIMEOUT_MAX).contains(&seconds) => {
                    Some(Duration::from_secs_f64(seconds))
                }
                _ => {
                    return Err(wrong(
                        "expected float for dictionary value",
                        "timeout",
                        &given,
                    ));
                }
            },
        };
        let mut flag = |name: &str| match data.remove(name) {
            None => Ok(false),
            Some(Value::Bool(flag)) => Ok(flag),
            Some(other) => Err(wrong("expected bool for dictionary value", name, &other)),
        };
        let (strict, report_errors) = (flag("strict")?, flag("report_errors")?);
        // Older clients say what to listen to; it is found out here.
        data.remove("entity_ids");
        if let Some((key, value)) = data.iter().next() {
            return Err(wrong("extra keys not allowed", key, value));
        }
        let undefined = match (strict, report_errors) {
            (true, _) => Undefined::Refused,
            (false, true) => Undefined::Noted,
            (false, false) => Undefined::Empty,
        };
        Ok(Self {
            bytes: template.len().saturating_add(variables_bytes),
            watched: Watched {
                template: template.into(),
                variables: Arc::new(variables),
                undefined,
                timeout,
                compiled: None,
            },
            report_errors,
        })
    }
}

/// The protocol's words for a parameter that is not right.
fn wrong(reason: &str, key: &str, value: &Value) -> CommandError {
    let shown = match value {
        Value::Null => "None".to_owned(),
        other => other.to_string().chars().take(200).collect(),
    };
    CommandError::invalid(format!("{reason} @ data['{key}']. Got {shown}"))
}
