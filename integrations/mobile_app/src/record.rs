//! What is kept of a registered device: in memory while its actor sleeps, and in the store.

use std::sync::Arc;

use hearth_core::ids::{ConfigEntryId, UserId, WebhookId};
use hearth_core::registry::{DeviceDescription, DeviceEntry};
use serde::{Deserialize, Serialize};
use serde_json::json;
use serde_json::value::RawValue;

use crate::DOMAIN;
use crate::crypto::{KeyKind, Secret};
use crate::make::Make;

/// Where the store keeps registrations, by config entry id.
pub(crate) const COLLECTION: &str = "mobile_app.registrations";

/// One registration. Immutable: a change makes a new one, which is stored and then put in its
/// place.
#[derive(Clone, Serialize, Deserialize)]
pub(crate) struct Record {
    /// The config entry that stands for it.
    pub(crate) entry_id: ConfigEntryId,
    /// Under which id its messages come; shared with the table of webhooks.
    pub(crate) webhook_id: WebhookId,
    /// Who registered it: whoever its messages act for.
    pub(crate) user_id: UserId,
    /// How the app knows the device.
    pub(crate) device_id: Arc<str>,
    pub(crate) device_name: Arc<str>,
    /// Its app and its model.
    pub(crate) make: Arc<Make>,
    /// What the app keeps here for itself, and how to push to it; an object, absent where empty.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) app_data: Option<Box<RawValue>>,
    /// What its messages are sealed with.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) secret: Option<Secret>,
    /// Whether its messages must be sealed.
    pub(crate) supports_encryption: bool,
    /// It has used the current key: the legacy one is void.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub(crate) no_legacy_encryption: bool,
}

impl Record {
    /// Takes the texts that the device registry has too from there.
    pub(crate) fn share_with(&mut self, device: &DeviceEntry) {
        let is_same = |(_, id): &&(Arc<str>, Arc<str>)| *id == self.device_id;
        if let Some((_, id)) = device.identifiers.iter().find(is_same) {
            self.device_id = Arc::clone(id);
        }
        let name = device.description.name.as_ref();
        if let Some(name) = name.filter(|name| **name == self.device_name) {
            self.device_name = Arc::clone(name);
        }
    }

    /// With which key its replies are sealed; `None` while they go in clear.
    pub(crate) fn reply_key(&self) -> Option<(&Secret, KeyKind)> {
        let secret = self.secret.as_ref().filter(|_| self.supports_encryption)?;
        let kind = match self.no_legacy_encryption {
            true => KeyKind::Current,
            false => KeyKind::Legacy,
        };
        Some((secret, kind))
    }

    /// The unique id of one of its sensors in the entity registry.
    pub(crate) fn sensor_unique_id(&self, unique_id: &str) -> String {
        format!("{}_{unique_id}", self.webhook_id.as_str())
    }

    /// The id that the app gave an entity of this registration.
    pub(crate) fn app_unique_id<'a>(&self, registry_unique_id: &'a str) -> &'a str {
        registry_unique_id
            .strip_prefix(self.webhook_id.as_str())
            .and_then(|rest| rest.strip_prefix('_'))
            .unwrap_or(registry_unique_id)
    }

    /// What the device registry shows of it.
    pub(crate) fn device_description(&self) -> DeviceDescription {
        DeviceDescription {
            name: Some(Arc::clone(&self.device_name)),
            manufacturer: Some(Arc::clone(&self.make.manufacturer)),
            model: Some(Arc::clone(&self.make.model)),
            sw_version: self.make.os_version.clone(),
            hw_version: None,
        }
    }

    /// How the device registry knows its device.
    pub(crate) fn device_identifier(&self) -> (&str, &str) {
        (DOMAIN, &self.device_id)
    }

    /// What may be told of it to its own app: no id, no secret.
    pub(crate) fn safe_json(&self) -> String {
        let app_data = self.app_data.as_deref().map_or("{}", RawValue::get);
        let mut safe = json!({
            "app_id": self.make.app_id,
            "app_name": self.make.app_name,
            "app_version": self.make.app_version,
            "device_name": self.device_name,
            "manufacturer": self.make.manufacturer,
            "model": self.make.model,
            "os_version": self.make.os_version,
            "supports_encryption": self.supports_encryption,
        })
        .to_string();
        // Behind the opening brace.
        safe.insert_str(1, &format!("\"app_data\":{app_data},"));
        safe
    }
}

/// What may stand in a log: nothing that opens a door.
impl std::fmt::Debug for Record {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Record")
            .field("entry_id", &self.entry_id)
            .field("webhook_id", &self.webhook_id)
            .field("device_name", &self.device_name)
            .finish_non_exhaustive()
    }
}
