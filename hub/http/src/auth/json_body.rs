//! JSON bodies of the sign-in, and what is said of bad ones (spec auth §2: "schema error").

use actix_web::{HttpRequest, web};
use serde_json::{Map, Value};

use super::limits;
use crate::body;
use crate::door::Door;
use crate::reply::Refusal;

/// The fields of an object.
pub(super) struct Fields(Map<String, Value>);

impl Fields {
    /// Reads a body that must be an object.
    pub(super) async fn read(
        request: &HttpRequest,
        payload: web::Payload,
        door: &Door,
    ) -> Result<Self, Refusal> {
        let body = body::read(request, payload, &limits(door)).await?;
        match body::parse_json(&body, door.http()) {
            Some(Value::Object(fields)) => Ok(Self(fields)),
            Some(_) => Err(incorrect("expected a dictionary")),
            None => Err(Refusal::bad_request("Invalid JSON.")),
        }
    }

    /// Takes a text that must be there.
    pub(super) fn text(&mut self, name: &str) -> Result<String, Refusal> {
        self.optional_text(name)?
            .ok_or_else(|| incorrect(&format!("required key not provided @ data['{name}']")))
    }

    /// Takes a text that may be there.
    pub(super) fn optional_text(&mut self, name: &str) -> Result<Option<String>, Refusal> {
        match self.0.remove(name) {
            None => Ok(None),
            Some(Value::String(text)) => Ok(Some(text)),
            Some(_) => Err(incorrect(&format!(
                "expected str for dictionary value @ data['{name}']"
            ))),
        }
    }

    /// Takes anything that must be there.
    pub(super) fn value(&mut self, name: &str) -> Result<Value, Refusal> {
        self.0
            .remove(name)
            .ok_or_else(|| incorrect(&format!("required key not provided @ data['{name}']")))
    }

    /// Whether nothing is left; else what is too much.
    pub(super) fn end(self) -> Result<(), Refusal> {
        match self.0.keys().next() {
            None => Ok(()),
            Some(name) => {
                let shown: String = name.chars().take(64).collect();
                Err(incorrect(&format!(
                    "extra keys not allowed @ data['{shown}']"
                )))
            }
        }
    }

    /// What is left.
    pub(super) fn rest(self) -> Map<String, Value> {
        self.0
    }
}

fn incorrect(what: &str) -> Refusal {
    Refusal::bad_request(format!("Message format incorrect: {what}"))
}
