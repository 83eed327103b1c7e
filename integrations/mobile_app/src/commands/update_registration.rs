use std::sync::Arc;

use serde::Deserialize;
use serde_json::Value;

use super::Command;
use crate::answer::Answer;
use crate::form;
use crate::make::Make;
use crate::phone::Phone;
use crate::push::Refresh;
use crate::record::Record;
use crate::registration::{Done, Settled, store};
use crate::text::{Text, given, object};

/// Changes what the app said of itself: any of its keys, the others stay (deviation D2).
#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct UpdateRegistration<'a> {
    #[serde(deserialize_with = "given")]
    app_data: Option<Value>,
    #[serde(borrow, deserialize_with = "given")]
    app_version: Option<Text<'a>>,
    #[serde(borrow, deserialize_with = "given")]
    device_name: Option<Text<'a>>,
    #[serde(borrow, deserialize_with = "given")]
    manufacturer: Option<Text<'a>>,
    #[serde(borrow, deserialize_with = "given")]
    model: Option<Text<'a>>,
    #[serde(borrow, deserialize_with = "given")]
    os_version: Option<Text<'a>>,
}

impl<'a> Command<'a> for UpdateRegistration<'a> {
    fn parse(data: &'a str) -> Option<Self> {
        let update: Self = object(data)?;
        let is_valid = update
            .app_data
            .as_ref()
            .is_none_or(|data| form::app_data(data).is_ok());
        is_valid.then_some(update)
    }

    fn apply(self, phone: &mut Phone) -> Done {
        let mut record = Record::clone(&phone.record);
        if let Some(data) = &self.app_data {
            // Checked when it was parsed.
            record.app_data = form::app_data(data).unwrap_or_default();
            let limit = phone.hub.settings.mobile_app.app_data_limit;
            if let Err(problem) = form::fits(record.app_data.as_deref(), limit) {
                let webhook = record.webhook_id.short();
                tracing::warn!(webhook, problem, "a registration was not updated");
                return Done::Now(Answer::refused("invalid_format", &problem));
            }
        }
        let limit = phone.hub.settings.mobile_app.text_limit;
        if let Err(problem) = self.is_short(limit) {
            let webhook = record.webhook_id.short();
            tracing::warn!(webhook, problem, "a registration was not updated");
            return Done::Now(Answer::refused("invalid_format", &problem));
        }
        if let Some(name) = &self.device_name {
            record.device_name = (&**name).into();
        }
        let mut make = Make::clone(&record.make);
        for (given, kept) in [
            (self.app_version, &mut make.app_version),
            (self.manufacturer, &mut make.manufacturer),
            (self.model, &mut make.model),
        ] {
            if let Some(given) = given {
                *kept = (&*given).into();
            }
        }
        if let Some(given) = self.os_version {
            make.os_version = Some((&*given).into());
        }
        record.make = phone.makes.share(make);
        let tracker = phone.tracker().filter(|tracker| {
            // The app that registered this device last owns its tracker.
            tracker.entry.config_entry_id == Some(record.entry_id)
        });
        let hub = phone.hub.clone();
        let stored = store(phone, record.clone(), |changes| {
            let (domain, id) = record.device_identifier();
            if let Some(device) = hub.registries.devices.find(domain, id) {
                hub.registries
                    .devices
                    .update(changes, device.id, |device| {
                        device.description = record.device_description();
                    })?;
            }
            // Shows at the next start: until then the tracker keeps the name it was set up with.
            if let Some(tracker) = tracker {
                let id = tracker.entry.entity_id.as_str();
                hub.registries.entities.update(changes, id, |tracker| {
                    tracker.original_name = Some(Arc::clone(&record.device_name));
                })?;
            }
            Ok(())
        });
        let courier = phone.courier.clone();
        Done::Durably(Box::pin(async move {
            match stored.await {
                Ok(record) => {
                    if let Some(courier) = courier {
                        // Without a courier the hub is going down.
                        let _ = courier.send(Refresh(Arc::clone(&record))).await;
                    }
                    Settled {
                        answer: Answer::sealed(200, record.safe_json()),
                        record: Some(record),
                    }
                }
                Err(error) => Settled::failed(&error),
            }
        }))
    }
}

impl UpdateRegistration<'_> {
    /// Whether each of its texts may be kept; else what is wrong with the first.
    fn is_short(&self, limit: usize) -> Result<(), String> {
        [
            ("app_version", &self.app_version),
            ("device_name", &self.device_name),
            ("manufacturer", &self.manufacturer),
            ("model", &self.model),
            ("os_version", &self.os_version),
        ]
        .into_iter()
        .filter_map(|(key, text)| Some((key, text.as_deref()?)))
        .try_for_each(|(key, text)| form::is_short(key, text, limit))
    }
}
