use std::sync::Arc;

use hearth_core::event::Context;
use hearth_core::hub::Hub;
use hearth_core::registry::{
    Changes, DisabledBy, EntityCategory, EntityEntry, EntityUpdateError, NewEntity,
};
use hearth_core::state::{StateWrite, UNKNOWN};
use hearth_core::store::StoreError;
use serde::Deserialize;
use serde::de::{Deserializer, Error};

use super::Command;
use crate::DOMAIN;
use crate::answer::Answer;
use crate::attributes_text::own_members;
use crate::device_class;
use crate::phone::{Phone, Shown};
use crate::registration::{Done, Settled};
use crate::sensor::{self, DEFAULT_ICON, Reading, SensorKind};
use crate::text::{ObjectText, Text, given, object};

/// Makes a sensor, or brings the one of this id up to date. Where a key may be null, the outer
/// option says whether it was given.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RegisterSensor<'a> {
    #[serde(borrow)]
    name: Text<'a>,
    #[serde(rename = "type")]
    kind: SensorKind,
    #[serde(borrow)]
    unique_id: Text<'a>,
    #[serde(borrow, default)]
    state: Reading<'a>,
    #[serde(borrow, default, deserialize_with = "given")]
    attributes: Option<ObjectText<'a>>,
    #[serde(borrow, default, deserialize_with = "given")]
    icon: Option<Option<Icon<'a>>>,
    #[serde(default, deserialize_with = "given")]
    device_class: Option<Option<DeviceClass>>,
    #[serde(borrow, default, deserialize_with = "given")]
    unit_of_measurement: Option<Option<Text<'a>>>,
    #[serde(default, deserialize_with = "given")]
    state_class: Option<Option<StateClass>>,
    #[serde(default, deserialize_with = "given")]
    entity_category: Option<Option<EntityCategory>>,
    #[serde(default, deserialize_with = "given")]
    disabled: Option<bool>,
    /// Of the attributes, as states show them.
    #[serde(skip)]
    members: String,
}

/// `prefix:name`.
#[derive(Clone)]
struct Icon<'a>(Text<'a>);

impl<'de: 'a, 'a> Deserialize<'de> for Icon<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = Text::deserialize(deserializer)?;
        if text.contains(':') {
            return Ok(Self(text));
        }
        Err(D::Error::custom("an icon is prefix:name"))
    }
}

/// A known class, in lower case.
struct DeviceClass(String);

impl<'de> Deserialize<'de> for DeviceClass {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let class = Text::deserialize(deserializer)?.to_lowercase();
        if device_class::is_known(&class) {
            return Ok(Self(class));
        }
        Err(D::Error::custom("unknown device class"))
    }
}

#[derive(Clone, Copy, Deserialize)]
#[serde(rename_all = "snake_case")]
enum StateClass {
    Measurement,
    Total,
    TotalIncreasing,
}

impl StateClass {
    fn as_str(self) -> &'static str {
        match self {
            Self::Measurement => "measurement",
            Self::Total => "total",
            Self::TotalIncreasing => "total_increasing",
        }
    }
}

impl<'a> Command<'a> for RegisterSensor<'a> {
    fn parse(data: &'a str) -> Option<Self> {
        let mut sensor: Self = object(data)?;
        if let Some(ObjectText(attributes)) = sensor.attributes {
            sensor.members = own_members(attributes, &sensor::OWN)?;
        }
        let has_class_it_may = sensor.kind == SensorKind::Sensor || sensor.state_class.is_none();
        has_class_it_may.then_some(sensor)
    }

    fn apply(self, phone: &mut Phone) -> Done {
        let limit = phone.hub.settings.mobile_app.attributes_limit;
        // With the braces.
        if self.members.len() + 2 > limit {
            tracing::warn!(
                webhook = phone.record.webhook_id.short(),
                limit,
                "the attributes of a phone's new sensor are too big \
                 (setting mobile_app.attributes_limit)"
            );
            return Done::Now(Answer::NOTHING);
        }
        let limit = phone.hub.settings.mobile_app.text_limit;
        if self.longest_text() > limit {
            tracing::warn!(
                webhook = phone.record.webhook_id.short(),
                limit,
                "a text of a phone's new sensor is too long (setting mobile_app.text_limit)"
            );
            return Done::Now(Answer::NOTHING);
        }
        let known = phone.sensor(self.kind, &self.unique_id);
        if known.is_none() && is_full(phone) {
            tracing::warn!(
                webhook = phone.record.webhook_id.short(),
                "a phone has as many sensors as it may (setting mobile_app.sensors_per_device)"
            );
            return Done::Now(Answer::NOTHING);
        }
        let (hub, stale) = (phone.hub.clone(), Arc::clone(&phone.stale));
        let mut changes = Changes::new(&hub.store);
        let entry = match self.note(phone, known.as_deref(), &mut changes) {
            Ok(entry) => entry,
            Err(error) => return Done::Now(Settled::failed(&error).answer),
        };
        let context = phone.context();
        let shown = self.shown(&hub, &entry, known.as_deref(), context);
        Done::Durably(Box::pin(async move {
            if let Err(error) = changes.commit(&hub.bus, &hub.env, context).await {
                return Settled::failed(&error.into());
            }
            match shown {
                Some(write) => match hub.states.set(&entry.entity_id, write).await {
                    Ok(_) => stale.heard(&hub, &entry),
                    Err(error) => tracing::error!(%error, "a sensor's state was not written"),
                },
                None => {
                    hub.states.remove(&entry.entity_id, context).await;
                }
            }
            Settled {
                record: None,
                answer: Answer::sealed(201, "{\"success\":true}"),
            }
        }))
    }
}

fn is_full(phone: &Phone) -> bool {
    let entities = &phone.hub.registries.entities;
    let registered = entities.of_config_entry(phone.record.entry_id).len();
    // The tracker is one of them.
    registered > phone.hub.settings.mobile_app.sensors_per_device
}

impl RegisterSensor<'_> {
    /// Bytes.
    fn longest_text(&self) -> usize {
        let unit = self.unit_of_measurement.as_ref().and_then(Option::as_deref);
        let optional = [self.icon(), unit].into_iter().flatten();
        let texts = [&*self.name, &*self.unique_id].into_iter().chain(optional);
        texts.map(str::len).max().unwrap_or_default()
    }

    /// Notes the sensor in the registry.
    fn note(
        &self,
        phone: &Phone,
        known: Option<&Shown>,
        changes: &mut Changes,
    ) -> Result<Arc<EntityEntry>, EntityUpdateError> {
        let registries = &phone.hub.registries;
        let name = format!("{} {}", phone.record.device_name, &*self.name);
        if let Some(known) = known {
            let id = known.entry.entity_id.as_str();
            return registries.entities.update(changes, id, |entry| {
                entry.original_name = Some(name.into());
                match (self.disabled, entry.disabled_by) {
                    (Some(true), None) => entry.disabled_by = Some(DisabledBy::Integration),
                    (Some(false), Some(_)) => entry.disabled_by = None,
                    _ => {}
                }
                self.describe(entry);
            });
        }
        let (domain, id) = phone.record.device_identifier();
        let device_id = registries.devices.find(domain, id).map(|device| device.id);
        let unique_id = phone.record.sensor_unique_id(&self.unique_id);
        let states = &phone.hub.states;
        let entry = registries.entities.register(
            changes,
            NewEntity {
                domain: self.kind.domain(),
                platform: DOMAIN,
                unique_id: &unique_id,
                suggested_object_id: &name,
                config_entry_id: Some(phone.record.entry_id),
                device_id,
                original_name: Some(&name),
                entity_category: None,
                disabled_by: match self.disabled {
                    Some(true) => Some(DisabledBy::Integration),
                    _ => registries.disables(Some(phone.record.entry_id), device_id),
                },
            },
            |id| states.get(id.as_str()).is_some(),
            |entry| self.describe(entry),
        );
        entry.map_err(|error: StoreError| error.into())
    }

    /// Writes what was given into the registry's entry.
    fn describe(&self, entry: &mut EntityEntry) {
        entry.original_icon = self.icon().map(Into::into);
        if let Some(class) = &self.device_class {
            entry.original_device_class = class.as_ref().map(|class| class.0.as_str().into());
        }
        if let Some(unit) = &self.unit_of_measurement {
            entry.unit_of_measurement = unit.as_deref().map(Into::into);
        }
        if let Some(class) = self.state_class {
            entry.state_class = class.map(|class| class.as_str().into());
        }
        if let Some(category) = self.entity_category {
            entry.entity_category = category;
        }
    }

    fn icon(&self) -> Option<&str> {
        match &self.icon {
            Some(icon) => icon.as_ref().map(|icon| &*icon.0),
            None => Some(DEFAULT_ICON),
        }
    }

    /// What the sensor shows from now on; `None` for a disabled one. A value that it cannot show
    /// leaves the old one, or `unknown` where there is none.
    fn shown(
        &self,
        hub: &Hub,
        entry: &EntityEntry,
        known: Option<&Shown>,
        context: Context,
    ) -> Option<StateWrite> {
        if entry.disabled_by.is_some() {
            return None;
        }
        let state = self.state.state(self.kind, entry).unwrap_or_else(|| {
            let now = hub.states.get(entry.entity_id.as_str());
            now.map_or_else(|| UNKNOWN.into(), |now| Arc::clone(&now.state))
        });
        let name = match known {
            Some(known) => known.name(),
            None => entry.name().unwrap_or_default(),
        };
        Some(StateWrite {
            state,
            attributes: sensor::attributes(entry, name, &self.members, self.icon()),
            force: false,
            context,
        })
    }
}
