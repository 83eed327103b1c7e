//! A phone as its actor holds it: the record, and its entities as far as they were needed.

use std::collections::HashMap;
use std::sync::{Arc, OnceLock};

use actix::Addr;
use bytes::Bytes;
use bytestring::ByteString;
use foldhash::quality::RandomState;
use hearth_core::attributes::Attributes;
use hearth_core::event::Context;
use hearth_core::hub::Hub;
use hearth_core::registry::EntityEntry;

use crate::DOMAIN;
use crate::answer::Answer;
use crate::commands::{self, Run};
use crate::crypto::{self, KeyKind};
use crate::envelope::{self, Envelope, Rejected};
use crate::make::Makes;
use crate::push::Courier;
use crate::record::Record;
use crate::registrations::Registrations;
use crate::sensor::{Frame, SensorKind};
use crate::stale::Stale;

/// One registered device while it is awake.
pub(crate) struct Phone {
    pub(crate) hub: Hub,
    /// The newest record: what it says is in the store.
    pub(crate) record: Arc<Record>,
    /// What it shares with other phones.
    pub(crate) makes: Makes,
    /// Its entities that fell silent, and those of others.
    pub(crate) stale: Arc<Stale>,
    /// Brings it notifications.
    pub(crate) courier: Option<Addr<Courier>>,
    /// Looked up once: every location goes there.
    tracker: Option<Known>,
    /// Looked up once each, by kind and the app's id; at most as many as are registered.
    sensors: [HashMap<Box<str>, Known, RandomState>; 2],
}

/// An entity as it was at one version of the registry.
struct Known {
    shown: Arc<Shown>,
    version: u64,
}

/// An entity of a phone, as its states show it.
pub(crate) struct Shown {
    /// As the registry has it.
    pub(crate) entry: Arc<EntityEntry>,
    /// The name that the app gave when the entity was set up: a later one follows at the next
    /// start of the hub.
    set_up_name: Arc<str>,
    /// Of a sensor: made with its first report.
    frame: OnceLock<Frame>,
}

impl Shown {
    fn new(hub: &Hub, entry: Arc<EntityEntry>) -> Self {
        let shown = hub.states.get(entry.entity_id.as_str());
        let name = shown.and_then(|state| state.attributes.text("friendly_name"));
        let set_up_name = match name {
            Some(name) => name.into(),
            None => entry.original_name.clone().unwrap_or_default(),
        };
        Self {
            entry,
            set_up_name,
            frame: OnceLock::new(),
        }
    }

    /// What a sensor's state shows beside its value; see [`crate::sensor::attributes`].
    pub(crate) fn attributes(&self, members: &str, icon: Option<&str>) -> Attributes {
        let frame = || Frame::new(&self.entry, self.name());
        let frame = self.frame.get_or_init(frame);
        frame.attributes(&self.entry, members, icon)
    }

    /// The name that a person gave, else the app's.
    pub(crate) fn name(&self) -> &str {
        let chosen = self.entry.settings().name.as_deref();
        chosen.unwrap_or(&self.set_up_name)
    }

    /// Whether it may have no state.
    pub(crate) fn is_disabled(&self) -> bool {
        self.entry.disabled_by.is_some()
    }
}

/// What a body turned out to be.
pub(crate) enum Message {
    /// Nothing that a command could answer.
    Refused(Answer),
    /// A command, or an unknown one.
    Command {
        /// `None`: nobody knows this command.
        run: Option<Run>,
        /// Its data, JSON.
        data: ByteString,
        /// It is the first that was sealed with the current key: from now on the legacy one is
        /// void, and that must be stored before it is answered.
        voids_legacy: bool,
    },
}

impl Phone {
    /// A phone that just woke up.
    pub(crate) fn new(hub: Hub, record: Arc<Record>, registrations: &Registrations) -> Self {
        Self {
            hub,
            record,
            makes: registrations.makes.clone(),
            stale: Arc::clone(&registrations.stale),
            courier: registrations.courier().cloned(),
            tracker: None,
            sensors: Default::default(),
        }
    }

    /// A fresh context of the user who registered the phone.
    pub(crate) fn context(&self) -> Context {
        Context::of_user(&self.hub.env, self.record.user_id)
    }

    /// Reads a body in the order of spec mobile-app §3.
    pub(crate) fn read(&self, body: &Bytes) -> Message {
        let Ok(text) = ByteString::try_from(body.clone()) else {
            return Message::Refused(Answer::NOT_JSON);
        };
        let depth = self.hub.settings.http.json_depth;
        match envelope::parse(&text, self.record.supports_encryption, depth) {
            Err(rejected) => Message::Refused(refusal(rejected)),
            Ok(Envelope::Plain { kind, data }) => Message::Command {
                run: commands::find(&kind),
                // Where there is no data, the text is not part of the body.
                data: match data {
                    "{}" => ByteString::from_static("{}"),
                    data => text.slice_ref(data),
                },
                voids_legacy: false,
            },
            Ok(Envelope::Sealed { kind, frame }) => self.unseal(&kind, frame.as_deref()),
        }
    }

    fn unseal(&self, kind: &str, frame: Option<&str>) -> Message {
        let (Some(frame), Some(secret)) = (frame, &self.record.secret) else {
            return Message::Refused(Answer::EMPTY);
        };
        if !crypto::is_available() {
            return Message::Refused(not_available());
        }
        let legacy_allowed = !self.record.no_legacy_encryption;
        let opened = secret.open(frame, legacy_allowed);
        let Some((data, key)) =
            opened.and_then(|(text, key)| Some((ByteString::try_from(text).ok()?, key)))
        else {
            tracing::warn!(
                webhook = self.record.webhook_id.short(),
                "a phone's message cannot be decrypted"
            );
            return Message::Refused(Answer::NOTHING);
        };
        let depth = self.hub.settings.http.json_depth;
        if hearth_core::json::is_too_deep(data.as_bytes(), depth) || data.trim() == "null" {
            return Message::Refused(Answer::NOTHING);
        }
        Message::Command {
            run: commands::find(kind),
            data,
            voids_legacy: legacy_allowed && key == KeyKind::Current,
        }
    }

    /// The phone's tracker; `None` where it was taken out of the registry.
    pub(crate) fn tracker(&mut self) -> Option<Arc<Shown>> {
        let version = self.hub.registries.entities.version();
        match &self.tracker {
            Some(known) if known.version == version => return Some(Arc::clone(&known.shown)),
            _ => {}
        }
        let known = self.tracker.take().map(|known| known.shown);
        let shown = refresh(&self.hub, known, || {
            let entities = &self.hub.registries.entities;
            entities.find("device_tracker", DOMAIN, &self.record.device_id)
        })?;
        self.tracker = Some(Known {
            shown: Arc::clone(&shown),
            version,
        });
        Some(shown)
    }

    /// The sensor of this kind that the app knows by this id; `None` where none is registered.
    pub(crate) fn sensor(&mut self, kind: SensorKind, unique_id: &str) -> Option<Arc<Shown>> {
        let version = self.hub.registries.entities.version();
        let sensors = &mut self.sensors[kind as usize];
        match sensors.get(unique_id) {
            Some(known) if known.version == version => return Some(Arc::clone(&known.shown)),
            _ => {}
        }
        let known = sensors.remove(unique_id).map(|known| known.shown);
        let shown = refresh(&self.hub, known, || {
            let unique_id = self.record.sensor_unique_id(unique_id);
            let entities = &self.hub.registries.entities;
            entities.find(kind.domain(), DOMAIN, &unique_id)
        })?;
        let known = Known {
            shown: Arc::clone(&shown),
            version,
        };
        sensors.insert(unique_id.into(), known);
        Some(shown)
    }
}

/// `known` if the registry still has it so, else what `find` gives.
fn refresh(
    hub: &Hub,
    known: Option<Arc<Shown>>,
    find: impl FnOnce() -> Option<Arc<EntityEntry>>,
) -> Option<Arc<Shown>> {
    if let Some(known) = &known {
        let now = hub.registries.entities.get(known.entry.entity_id.as_str());
        if now.is_some_and(|now| Arc::ptr_eq(&now, &known.entry)) {
            return Some(Arc::clone(known));
        }
    }
    let entry = find()?;
    Some(Arc::new(match known {
        Some(known) => Shown {
            entry,
            set_up_name: Arc::clone(&known.set_up_name),
            frame: OnceLock::new(),
        },
        None => Shown::new(hub, entry),
    }))
}

/// The crypto library did not start.
pub(crate) fn not_available() -> Answer {
    Answer::refused("encryption_not_available", "Encryption not available")
}

fn refusal(rejected: Rejected) -> Answer {
    match rejected {
        Rejected::NotJson => Answer::NOT_JSON,
        Rejected::Scalar => Answer::EMPTY,
        Rejected::EncryptionRequired => {
            Answer::refused("encryption_required", "Encryption required")
        }
        Rejected::Invalid => Answer::NOTHING,
    }
}
