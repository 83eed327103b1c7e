use hearth_core::command::Caller;
use serde::Deserialize;
use serde_json::{Value, json};

use super::Command;
use crate::answer::Answer;
use crate::phone::Phone;
use crate::registration::Done;
use crate::text::{Text, object};

/// The phone was held to a tag.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ScanTag<'a> {
    #[serde(borrow)]
    tag_id: Text<'a>,
}

impl<'a> Command<'a> for ScanTag<'a> {
    fn parse(data: &'a str) -> Option<Self> {
        object(data).filter(|scan: &Self| !scan.tag_id.is_empty())
    }

    fn apply(self, phone: &mut Phone) -> Done {
        let (domain, id) = phone.record.device_identifier();
        let device = phone.hub.registries.devices.find(domain, id);
        let data = json!({"tag_id": &*self.tag_id, "device_id": device.map(|device| device.id)});
        let commands = phone.hub.commands.clone();
        let caller = Caller::inside(phone.context());
        Done::Later(Box::pin(async move {
            if let Value::Object(data) = data
                && let Err(error) = commands.call("tag/scan", data, caller).await
            {
                tracing::warn!(%error, "a scanned tag was not noted");
            }
            Answer::NOTHING
        }))
    }
}
