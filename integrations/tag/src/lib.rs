//! Tags that people scan with their phones (spec mobile-app, `scan_tag`).
//!
//! This crate owns `tag.*` and the event `tag_scanned`. It knows no phone: whoever sees a scan
//! calls the command `tag/scan`.
//!
//! Start reading at [`factory`]; `commands.rs` holds what may be asked.

mod commands;
mod stored;

use std::collections::BTreeMap;

use futures_util::future::LocalBoxFuture;
use hearth_core::prelude::*;
use hearth_core::records::Records;
use hearth_core::registry::Changes;
use hearth_core::state::UNKNOWN;

use stored::StoredTag;

/// Makes the tag integration.
pub fn factory() -> Factory {
    Factory::new(Manifest::new("tag", "Tag"), |_| {
        Box::<TagIntegration>::default()
    })
}

#[derive(Default)]
struct TagIntegration(Option<Tags>);

/// What the integration holds while it runs.
struct Tags {
    host: Host,
    records: Records<StoredTag>,
    /// Which entity shows which tag.
    entities: BTreeMap<String, EntityId>,
}

impl Integration for TagIntegration {
    fn start(&mut self, host: Host) -> LocalBoxFuture<'_, Result<(), StartError>> {
        Box::pin(async move {
            let hub = host.hub();
            let limit = hub.settings.hub.collection_limit;
            let records =
                Records::load(&hub.store, "tag.tags", "tag", limit).map_err(StartError::new)?;
            let mut tags = Tags {
                host,
                records,
                entities: BTreeMap::new(),
            };
            let context = Context::new(tags.host.env());
            let stored: Vec<_> = tags
                .records
                .iter()
                .map(|(_, tag)| Arc::clone(tag))
                .collect();
            for tag in stored {
                tags.announce(&tag, None).await.map_err(StartError::new)?;
                tags.show(&tag, context).await;
            }
            commands::register(&tags.host);
            self.0 = Some(tags);
            Ok(())
        })
    }

    fn command(&mut self, command: Command) -> LocalBoxFuture<'_, Result<Value, CommandError>> {
        Box::pin(async move {
            match &mut self.0 {
                Some(tags) => tags.carry_out(command).await,
                None => Err(CommandError::unknown()),
            }
        })
    }
}

impl Tags {
    /// Gives a tag its entity; a `name` that a person gave is kept in the entity registry.
    async fn announce(&mut self, tag: &StoredTag, name: Option<&str>) -> Result<(), CommandError> {
        let description = EntityDescription {
            domain: "tag",
            unique_id: &tag.id,
            suggested_object_id: name.unwrap_or(&tag.id),
            name: &format!("Tag {}", tag.id),
            ..EntityDescription::default()
        };
        let entity_id = self.host.announce(description).await.map_err(failed)?;
        if let Some(name) = name {
            let hub = self.host.hub();
            let mut changes = Changes::new(&hub.store);
            let set = |entry: &mut hearth_core::registry::EntityEntry| {
                let mut settings = entry.settings().clone();
                settings.name = Some(name.to_owned());
                entry.settings = Some(Box::new(settings));
            };
            hub.registries
                .entities
                .update(
                    &mut changes,
                    self.host.entity_id_now(&entity_id).as_str(),
                    set,
                )
                .map_err(failed)?;
            let context = Context::new(&hub.env);
            changes
                .commit(&hub.bus, &hub.env, context)
                .await
                .map_err(failed)?;
        }
        self.entities.insert(tag.id.clone(), entity_id);
        Ok(())
    }

    /// What people call a tag; `None` for one that nobody knows.
    fn name(&self, tag_id: &str) -> Option<String> {
        let entity_id = self.host.entity_id_now(self.entities.get(tag_id)?);
        let entry = self
            .host
            .hub()
            .registries
            .entities
            .get(entity_id.as_str())?;
        entry.name().map(str::to_owned)
    }

    async fn show(&self, tag: &StoredTag, context: Context) {
        let Some(entity_id) = self.entities.get(&tag.id) else {
            return;
        };
        let attributes = Attributes::build(|a| {
            a.text("tag_id", &tag.id);
            a.value("last_scanned_by_device_id", tag.device_id.as_deref());
            a.text_if("friendly_name", self.name(&tag.id).as_deref());
        });
        let state = tag
            .last_scanned
            .map_or_else(|| UNKNOWN.to_owned(), stored::milliseconds);
        if let Err(error) = self
            .host
            .set_state(entity_id, &state, attributes, context)
            .await
        {
            tracing::error!(tag = %entity_id, %error, "cannot show a tag");
        }
    }
}

fn failed(error: impl std::fmt::Display) -> CommandError {
    CommandError::failed(error.to_string())
}
