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

impl<'a> Command<'a> for CallService<'a> {
    fn parse(data: &'a str) -> Option<Self> {
        object(data)
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
                tracing::warn!(service = %name, %error, "a phone's service call failed");
            }
            Answer::NOTHING
        }))
    }
}
