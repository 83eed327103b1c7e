use hearth_core::home::base_config;
use serde_json::{Map, Value, json};

use super::{Command, is_json};
use crate::answer::Answer;
use crate::cloudhook;
use crate::phone::Phone;
use crate::registration::Done;

/// What the frontend and the apps are coloured with.
const THEME_COLOR: &str = "#03A9F4";

/// The home as apps see it, and which of the phone's entities are disabled.
pub(super) struct GetConfig;

impl<'a> Command<'a> for GetConfig {
    fn parse(data: &'a str) -> Option<Self> {
        is_json(data).then_some(Self)
    }

    fn apply(self, phone: &mut Phone) -> Done {
        let registries = &phone.hub.registries;
        let (domain, id) = phone.record.device_identifier();
        let device = registries.devices.find(domain, id);
        let entities: Map<String, Value> = registries
            .entities
            .of_config_entry(phone.record.entry_id)
            .iter()
            .map(|entity| {
                let id = phone.record.app_unique_id(&entity.unique_id);
                let is_disabled = entity.disabled_by.is_some();
                (id.to_owned(), json!({"disabled": is_disabled}))
            })
            .collect();
        let mut config = base_config(&phone.hub);
        config.insert(
            "hass_device_id".to_owned(),
            json!(device.map(|device| device.id)),
        );
        config.insert("theme_color".to_owned(), THEME_COLOR.into());
        config.insert("entities".to_owned(), entities.into());
        if !cloudhook::is_possible(&phone.hub) {
            return Done::Now(Answer::sealed(200, Value::Object(config).to_string()));
        }
        let (hub, id) = (phone.hub.clone(), phone.record.webhook_id.clone());
        Done::Later(Box::pin(async move {
            if let Some(url) = cloudhook::url(&hub, &id).await {
                config.insert("cloudhook_url".to_owned(), url.into());
            }
            Answer::sealed(200, Value::Object(config).to_string())
        }))
    }
}
