use hearth_core::service::CallRequest;
use serde::Deserialize;
use serde_json::{Map, Value};

use super::Command;
use crate::answer::Answer;
use crate::phone::Phone;
use crate::registration::Done;
use crate::text::{Text, object};

/// Calls a service and waits for its end. Answers the same whether it worked or not: apps would
/// try a failed call again.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct CallService<'a> {
    #[serde(borrow)]
    domain: Text<'a>,
    #[serde(borrow)]
    service: Text<'a>,
    #[serde(default)]
    service_data: Map<String, Value>,
}

/// Longest domain, and longest name, of a service in bytes.
const NAME_MAX: usize = 255;
/// So many characters of an error are logged: it may quote what the phone sent.
const ERROR_MAX: usize = 500;

impl<'a> Command<'a> for CallService<'a> {
    fn parse(data: &'a str) -> Option<Self> {
        let call: Self = object(data)?;
        // No service has a longer name; a log line should not have one either.
        let fits = |name: &str| name.len() <= NAME_MAX;
        (fits(&call.domain.0) && fits(&call.service.0)).then_some(call)
    }

    fn apply(self, phone: &mut Phone) -> Done {
        let services = std::sync::Arc::clone(&phone.hub.services);
        let request = CallRequest {
            domain: self.domain.0.into_owned(),
            service: self.service.0.into_owned(),
            data: self.service_data,
            context: phone.context(),
            return_response: false,
        };
        Done::Later(Box::pin(async move {
            let name = format!("{}.{}", request.domain, request.service);
            if let Err(error) = services.call(request).await {
                let error: String = error.to_string().chars().take(ERROR_MAX).collect();
                tracing::warn!(service = ?name, ?error, "a phone's service call failed");
            }
            Answer::NOTHING
        }))
    }
}
