//! Registering a device and removing it: what follows from it everywhere, in one durable step.

use std::sync::{Arc, LazyLock};

use hearth_core::command::{Caller, ErrorCode};
use hearth_core::event::Context;
use hearth_core::ids::{ConfigEntryId, EntityId, UserId, WebhookId};
use hearth_core::registry::{
    Changes, DeviceEntry, EntityCategory, EntityEntry, EntityUpdateError, NewConfigEntry, NewEntity,
};
use hearth_core::state::{StateWrite, UNKNOWN};
use hearth_core::store::StoreError;
use serde_json::{Value, json};

use crate::DOMAIN;
use crate::attributes_text::AttributesText;
use crate::crypto::{self, Secret};
use crate::form::Form;
use crate::location::Location;
use crate::make::Make;
use crate::record::{COLLECTION, Record};
use crate::registrations::{DELETED, Deleted, Registrations};

/// The id and key of a new registration.
pub(crate) struct Credentials {
    pub(crate) webhook_id: WebhookId,
    pub(crate) secret: Option<Secret>,
    /// Whether messages must be sealed from the start.
    pub(crate) supports_encryption: bool,
}

/// Why a device was not registered.
#[derive(Debug, thiserror::Error)]
pub(crate) enum RegisterError {
    #[error("no more than {0} devices can be registered (setting mobile_app.registrations)")]
    TooMany(usize),
    #[error("the webhook id is in use")]
    IdTaken,
    #[error(transparent)]
    Entity(#[from] EntityUpdateError),
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// What a registration adds to the registries.
struct Registered {
    record: Arc<Record>,
    tracker: Arc<EntityEntry>,
    /// Entities of the registration that it replaces.
    removed: Vec<EntityId>,
}

impl Registrations {
    /// A new random id, and a secret where the app supports encryption.
    pub(crate) fn new_credentials(&self, supports_encryption: bool) -> Credentials {
        let env = &self.hub().env;
        let supports_encryption = supports_encryption && crypto::is_available();
        Credentials {
            webhook_id: WebhookId::generate(env),
            secret: supports_encryption.then(|| Secret::generate(env)),
            supports_encryption,
        }
    }

    /// Registers a device of `user`, durably. The registration of the same app on the same device
    /// is replaced: its id is gone, its tracker stays.
    pub(crate) async fn register(
        &self,
        user: UserId,
        form: Form,
        credentials: Credentials,
    ) -> Result<Arc<Record>, RegisterError> {
        let hub = self.hub();
        let device_id: Arc<str> = form.device_id.as_str().into();
        let _turn = self.turns.take(&device_id).await;
        let old = self.of_device(&form.app_id, &device_id);
        let limit = hub.settings.mobile_app.registrations;
        if old.is_none() && self.len() >= limit {
            return Err(RegisterError::TooMany(limit));
        }
        let replaces_its_id = old
            .as_ref()
            .is_some_and(|old| old.webhook_id == credentials.webhook_id);
        if hub.webhooks.contains(&credentials.webhook_id)
            && !replaces_its_id
            && !self.is_deleted(&credentials.webhook_id)
        {
            return Err(RegisterError::IdTaken);
        }
        if let Some(old) = &old {
            self.put_to_rest(&old.webhook_id).await;
        }
        let context = Context::of_user(&hub.env, user);
        let mut changes = Changes::new(&hub.store);
        let noted = self.note(
            &mut changes,
            user,
            device_id,
            form,
            credentials,
            old.as_deref(),
        );
        let registered = match noted {
            Ok(registered) => match changes.commit(&hub.bus, &hub.env, context).await {
                Ok(()) => Ok(registered),
                Err(error) => Err(error.into()),
            },
            Err(error) => Err(error),
        };
        if registered.is_err()
            && let Some(old) = &old
        {
            self.stay(&old.webhook_id);
        }
        let registered = registered?;
        self.put_in_force(&registered, old.as_ref(), context).await;
        Ok(registered.record)
    }

    /// Notes everything that a registration changes, in the order of spec mobile-app §2.
    fn note(
        &self,
        changes: &mut Changes,
        user: UserId,
        device_id: Arc<str>,
        form: Form,
        credentials: Credentials,
        old: Option<&Record>,
    ) -> Result<Registered, RegisterError> {
        let registries = &self.hub().registries;
        let states = &self.hub().states;
        let tracker = registries.entities.register(
            changes,
            NewEntity {
                domain: "device_tracker",
                platform: DOMAIN,
                unique_id: &device_id,
                suggested_object_id: &form.device_name,
                config_entry_id: None,
                device_id: None,
                original_name: Some(&form.device_name),
                entity_category: Some(EntityCategory::Diagnostic),
                disabled_by: None,
            },
            |id| states.get(id.as_str()).is_some(),
            |_| {},
        )?;
        let unique_id = format!("{}-{device_id}", form.app_id);
        let entry = registries.config_entries.create(
            changes,
            NewConfigEntry {
                domain: DOMAIN,
                title: &form.device_name,
                source: "registration",
                unique_id: (!form.is_device_id_made).then_some(unique_id.as_str()),
            },
        )?;
        let mut record = Record {
            entry_id: entry.entry_id,
            webhook_id: credentials.webhook_id,
            user_id: user,
            device_id,
            device_name: form.device_name.into(),
            make: self.makes.share(Make {
                app_id: form.app_id.into(),
                app_name: form.app_name.into(),
                app_version: form.app_version.into(),
                manufacturer: form.manufacturer.into(),
                model: form.model.into(),
                os_name: form.os_name.into(),
                os_version: form.os_version.map(Into::into),
            }),
            app_data: form.app_data,
            secret: credentials.secret,
            supports_encryption: credentials.supports_encryption,
            no_legacy_encryption: false,
        };
        let device = registries.devices.register(
            changes,
            Some(entry.entry_id),
            record.device_identifier(),
            record.device_description(),
        )?;
        record.share_with(&device);
        let tracker =
            registries
                .entities
                .update(changes, tracker.entity_id.as_str(), |tracker| {
                    tracker.config_entry_id = Some(entry.entry_id);
                    tracker.device_id = Some(device.id);
                })?;
        let removed = match old {
            Some(old) => self.note_removal(changes, old, old.webhook_id != record.webhook_id)?,
            None => Vec::new(),
        };
        if self.is_deleted_id_of(&record.webhook_id) {
            changes.delete(DELETED, record.webhook_id.as_str());
        }
        changes.put(COLLECTION, &record.entry_id.to_string(), &record)?;
        Ok(Registered {
            record: Arc::new(record),
            tracker,
            removed,
        })
    }

    fn is_deleted_id_of(&self, id: &WebhookId) -> bool {
        // A random id is in no table; only ids given by configuration may come back.
        self.hub().webhooks.contains(id) && self.is_deleted(id)
    }

    /// Notes the removal of a registration; gives the entities that go with it.
    fn note_removal(
        &self,
        changes: &mut Changes,
        record: &Record,
        is_id_gone: bool,
    ) -> Result<Vec<EntityId>, StoreError> {
        let registries = &self.hub().registries;
        changes.delete(COLLECTION, &record.entry_id.to_string());
        if is_id_gone {
            let deleted = Deleted {
                deleted_at: self.hub().env.now(),
            };
            changes.put(DELETED, record.webhook_id.as_str(), &deleted)?;
        }
        let entities = registries.entities.of_config_entry(record.entry_id);
        let mut removed = Vec::with_capacity(entities.len());
        for entity in entities {
            if registries
                .entities
                .remove(changes, &entity.entity_id)
                .is_some()
            {
                removed.push(entity.entity_id.clone());
            }
        }
        registries.config_entries.remove(changes, record.entry_id);
        let (domain, id) = record.device_identifier();
        if let Some(device) = registries.devices.find(domain, id) {
            let others: Box<[ConfigEntryId]> = device
                .config_entries
                .iter()
                .copied()
                .filter(|other| *other != record.entry_id)
                .collect();
            if others.is_empty() {
                registries.devices.remove(changes, device.id);
            } else {
                let leave = |device: &mut DeviceEntry| device.config_entries = others;
                registries.devices.update(changes, device.id, leave)?;
            }
        }
        Ok(removed)
    }

    /// Makes a stored registration work.
    async fn put_in_force(&self, new: &Registered, old: Option<&Arc<Record>>, context: Context) {
        let hub = self.hub();
        let record = &new.record;
        if let Some(old) = old {
            if old.webhook_id == record.webhook_id {
                self.stay(&old.webhook_id);
            } else {
                self.forget(old).await;
            }
        }
        for entity in &new.removed {
            hub.states.remove(entity, context).await;
        }
        self.link_to_person(record.user_id, &new.tracker.entity_id, context)
            .await;
        if hub.webhooks.contains(&record.webhook_id) {
            self.revive(&record.webhook_id);
        }
        self.insert(Arc::clone(record));
        // The id may still answer for a deleted registration.
        hub.webhooks.unregister(record.webhook_id.clone()).await;
        load_components(hub).await;
        self.show_tracker(new).await;
        self.refresh_services(record).await;
    }

    /// Appends the tracker to the person of the user. Without persons it is left out.
    async fn link_to_person(&self, user: UserId, tracker: &EntityId, context: Context) {
        let Value::Object(data) = json!({"user_id": user, "entity_id": tracker}) else {
            return;
        };
        let linked = self
            .hub()
            .commands
            .call("person/link_tracker", data, Caller::inside(context));
        match linked.await {
            Ok(_) => {}
            Err(error) if error.code == ErrorCode::UNKNOWN_COMMAND => {}
            Err(error) => {
                tracing::warn!(%error, %tracker, "a tracker was not linked to its person");
            }
        }
    }

    /// A new tracker is `unknown`; one that was there before still shows where it was.
    async fn show_tracker(&self, new: &Registered) {
        if new.tracker.disabled_by.is_some() {
            return;
        }
        let hub = self.hub();
        let id = &new.tracker.entity_id;
        let name = new.tracker.name().unwrap_or(&new.record.device_name);
        let context = Context::new(&hub.env);
        let write = match hub.states.get(id.as_str()) {
            Some(shown) => StateWrite {
                state: Arc::clone(&shown.state),
                force: false,
                ..Location::restored(shown.attributes.as_json()).write(hub, name, context)
            },
            None => unknown_tracker(name, context),
        };
        if let Err(error) = hub.states.set(id, write).await {
            tracing::error!(%error, "a new tracker cannot be shown");
        }
    }

    /// Removes a registration with all that belongs to it, durably; its id answers 410 from now
    /// on. `false` where it was gone already.
    pub(crate) async fn remove(
        &self,
        id: &WebhookId,
        context: Context,
    ) -> Result<bool, StoreError> {
        let Some(record) = self.get(id) else {
            return Ok(false);
        };
        let _turn = self.turns.take(&record.device_id).await;
        if self.get(id).is_none() {
            return Ok(false);
        }
        self.put_to_rest(id).await;
        let hub = self.hub();
        let mut changes = Changes::new(&hub.store);
        let noted = self.note_removal(&mut changes, &record, true);
        let removed = match noted {
            Ok(removed) => match changes.commit(&hub.bus, &hub.env, context).await {
                Ok(()) => Ok(removed),
                Err(error) => Err(error),
            },
            Err(error) => Err(error),
        };
        let removed = removed.inspect_err(|_| self.stay(id))?;
        self.forget(&record).await;
        for entity in removed {
            hub.states.remove(&entity, context).await;
        }
        Ok(true)
    }
}

/// What a tracker shows before its first report.
pub(crate) fn unknown_tracker(name: &str, context: Context) -> StateWrite {
    let mut attributes = AttributesText::new();
    attributes.text("source_type", "gps");
    attributes.text("friendly_name", name);
    /// Most phones that are registered and silent share it.
    static STATE: LazyLock<Arc<str>> = LazyLock::new(|| UNKNOWN.into());
    StateWrite {
        state: Arc::clone(&STATE),
        attributes: attributes.finish(),
        force: false,
        context,
    }
}

/// Notes what the first registration loads.
pub(crate) async fn load_components(hub: &hearth_core::hub::Hub) {
    for (domain, platform) in [
        ("binary_sensor", "mobile_app.binary_sensor"),
        ("device_tracker", "mobile_app.device_tracker"),
        ("sensor", "mobile_app.sensor"),
    ] {
        hub.load_entity_domain(domain).await;
        hub.load_component(platform).await;
    }
}
