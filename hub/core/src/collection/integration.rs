//! The integration around one kind of helper.

use std::collections::{BTreeMap, HashMap};
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::LocalBoxFuture;
use serde_json::Value;

use super::{Helper, Item, Moment, Outcome, commands, configured};
use crate::attributes::Attributes;
use crate::command::{Command, CommandError};
use crate::event::Context;
use crate::ids::EntityId;
use crate::integration::{EntityDescription, Host, Integration, StartError, TimerId};
use crate::records::Records;
use crate::service::{Schema, ServiceCall, ServiceError};
use crate::slug::slugify;
use crate::store::{StoreError, StoredState};
use crate::subscription::Subscriber;

const RELOAD: &str = "reload";

/// One kind of helper; absent before its start.
pub(super) struct Helpers<H: Helper>(Option<Running<H>>);

impl<H: Helper> Default for Helpers<H> {
    fn default() -> Self {
        Self(None)
    }
}

/// All helpers of one kind.
pub(super) struct Running<H: Helper> {
    host: Host,
    /// Those that people made by commands.
    pub(super) records: Records<Item<H::Options>>,
    /// Those and the ones from the configuration, by id.
    placed: BTreeMap<String, Placed<H>>,
    /// Which entity shows which of them.
    by_entity: HashMap<EntityId, String>,
    /// Who listens to `<domain>/subscribe`.
    pub(super) subscribers: Vec<Subscriber>,
}

/// A helper under its entity id.
struct Placed<H: Helper> {
    item: Item<H::Options>,
    entity_id: EntityId,
    /// Whether commands may change it.
    editable: bool,
    helper: H,
    /// Wakes it, and the time that this was set for.
    timer: Option<(TimerId, crate::time::Timestamp)>,
}

impl<H: Helper> Integration for Helpers<H> {
    fn start(&mut self, host: Host) -> LocalBoxFuture<'_, Result<(), StartError>> {
        Box::pin(async move {
            self.0 = Some(Running::open(host).await?);
            Ok(())
        })
    }

    fn command(&mut self, command: Command) -> LocalBoxFuture<'_, Result<Value, CommandError>> {
        Box::pin(async move {
            match &mut self.0 {
                Some(running) => running.carry_out(command).await,
                None => Err(CommandError::unknown()),
            }
        })
    }

    fn call_service(
        &mut self,
        call: ServiceCall,
    ) -> LocalBoxFuture<'_, Result<Option<Value>, ServiceError>> {
        Box::pin(async move {
            match &mut self.0 {
                Some(running) if &*call.service == RELOAD => running.reload(call.context).await,
                Some(running) => running.serve(&call).await,
                None => return Err(ServiceError::Unknown),
            }
            .map(|()| None)
        })
    }

    fn on_timer(&mut self, _: TimerId, id: Rc<str>) -> LocalBoxFuture<'_, ()> {
        Box::pin(async move {
            if let Some(running) = &mut self.0 {
                running.wake(&id).await;
            }
        })
    }
}

impl<H: Helper> Running<H> {
    async fn open(host: Host) -> Result<Self, StartError> {
        let hub = host.hub().clone();
        let limit = hub.settings.hub.collection_limit;
        let records =
            Records::load(&hub.store, H::DOMAIN, H::DOMAIN, limit).map_err(StartError::new)?;
        for service in H::services() {
            host.register_entity_service(service).await;
        }
        let reload = "Reads the configuration file again.";
        host.register_admin_service(RELOAD, reload, Schema::Fields(Vec::new()))
            .await;
        commands::register::<H>(&host);
        let mut running = Self {
            host,
            records,
            placed: BTreeMap::new(),
            by_entity: HashMap::new(),
            subscribers: Vec::new(),
        };
        let context = Context::new(&hub.env);
        let stored: Vec<_> = running
            .records
            .iter()
            .map(|(_, item)| Arc::clone(item))
            .collect();
        for item in stored {
            running
                .place(&item, true, context)
                .await
                .map_err(StartError::new)?;
        }
        let section = hub.configured.section(H::DOMAIN);
        running
            .configure(&section, context)
            .await
            .map_err(StartError::new)?;
        Ok(running)
    }

    /// `<domain>.reload`
    async fn reload(&mut self, context: Context) -> Result<(), ServiceError> {
        let hub = self.host.hub().clone();
        let section = hub
            .configured
            .section_again(H::DOMAIN)
            .await
            .map_err(ServiceError::Failed)?;
        self.configure(&section, context)
            .await
            .map_err(ServiceError::Failed)
    }

    /// Brings the helpers from the configuration in line with it.
    async fn configure(&mut self, section: &Value, context: Context) -> Result<(), String> {
        let items = configured::items::<H>(section).map_err(|wrong| wrong.to_string())?;
        let text = |error: StoreError| error.to_string();
        let gone: Vec<String> = self
            .placed
            .iter()
            .filter(|(id, placed)| !placed.editable && items.iter().all(|item| item.id != **id))
            .map(|(id, _)| id.clone())
            .collect();
        for id in gone {
            self.displace(&id, context).await.map_err(text)?;
        }
        for item in items {
            if self.records.get(&item.id).is_some() {
                tracing::warn!(
                    domain = H::DOMAIN, id = %item.id,
                    "the configuration names a helper that a person has made already; theirs stays"
                );
                continue;
            }
            self.place(&item, false, context).await.map_err(text)?;
        }
        Ok(())
    }

    /// An id made from `name` that no helper has: `guests`, `guests_2`, …
    pub(super) fn free_id(&self, name: &str) -> String {
        let base = slugify(name);
        let numbered = (2..).map(|n| format!("{base}_{n}"));
        std::iter::once(base.clone())
            .chain(numbered)
            .find(|id| !self.placed.contains_key(id))
            .unwrap_or(base)
    }

    /// Shows an item, new or changed.
    pub(super) async fn place(
        &mut self,
        item: &Item<H::Options>,
        editable: bool,
        context: Context,
    ) -> Result<(), StoreError> {
        let is_known = self.placed.get(&item.id);
        if is_known.is_some_and(|placed| placed.item == *item && placed.editable == editable) {
            return Ok(());
        }
        let description = EntityDescription {
            domain: H::DOMAIN,
            unique_id: &item.id,
            // People's own names make ids as they are; those in the file are the ids.
            suggested_object_id: match &item.name {
                Some(name) if editable => name,
                _ => &item.id,
            },
            name: item.name.as_deref().unwrap_or(&item.id),
            icon: item.icon.as_deref(),
            ..EntityDescription::default()
        };
        let entity_id = self.host.announce(description).await?;
        let hub = self.host.hub().clone();
        let moment = Moment {
            entity_id: &self.host.entity_id_now(&entity_id),
            now: hub.env.now(),
            home: &hub.home,
        };
        let outcome = match self.placed.get_mut(&item.id) {
            Some(placed) => {
                placed.item = item.clone();
                placed.helper.change(&item.options, &moment);
                Outcome::default()
            }
            None => {
                let before = shown_before(&self.host, &entity_id);
                let (helper, outcome) = H::open(&item.options, before.as_ref(), &moment);
                self.by_entity.insert(entity_id.clone(), item.id.clone());
                let placed = Placed {
                    item: item.clone(),
                    entity_id,
                    editable,
                    helper,
                    timer: None,
                };
                self.placed.insert(item.id.clone(), placed);
                outcome
            }
        };
        self.finish(&item.id, outcome, context).await;
        Ok(())
    }

    /// Takes a helper away.
    pub(super) async fn displace(&mut self, id: &str, context: Context) -> Result<(), StoreError> {
        let Some(placed) = self.placed.remove(id) else {
            return Ok(());
        };
        self.by_entity.remove(&placed.entity_id);
        if let Some((timer, _)) = placed.timer {
            self.host.cancel(timer);
        }
        self.host.retire(&placed.entity_id, context).await
    }

    /// Carries out an entity service; the first error is the call's.
    async fn serve(&mut self, call: &ServiceCall) -> Result<(), ServiceError> {
        let hub = self.host.hub().clone();
        let mut first_error = None;
        for entity_id in &call.entities {
            let Some(id) = self.by_entity.get(entity_id) else {
                continue;
            };
            let Some(placed) = self.placed.get_mut(id) else {
                continue;
            };
            let moment = Moment {
                entity_id: &self.host.entity_id_now(entity_id),
                now: hub.env.now(),
                home: &hub.home,
            };
            match placed.helper.call(&placed.item.options, call, &moment) {
                Ok(outcome) => {
                    let id = id.clone();
                    self.finish(&id, outcome, call.context).await;
                }
                Err(error) => first_error = first_error.or(Some(error)),
            }
        }
        first_error.map_or(Ok(()), Err)
    }

    async fn wake(&mut self, id: &str) {
        let hub = self.host.hub().clone();
        let Some(placed) = self.placed.get_mut(id) else {
            return;
        };
        placed.timer = None;
        let moment = Moment {
            entity_id: &self.host.entity_id_now(&placed.entity_id),
            now: hub.env.now(),
            home: &hub.home,
        };
        // The clock on the wall and the one that wakes may differ.
        let is_due = placed.helper.due().is_some_and(|due| due <= moment.now);
        let outcome = match is_due {
            true => placed.helper.wake(&placed.item.options, &moment),
            false => Outcome::default(),
        };
        self.finish(id, outcome, Context::new(&hub.env)).await;
    }

    /// After something happened to a helper: shows it, fires its events, sets its timer.
    async fn finish(&mut self, id: &str, outcome: Outcome, context: Context) {
        let Some(placed) = self.placed.get_mut(id) else {
            return;
        };
        let attributes = Attributes::build(|a| {
            placed.helper.attributes(&placed.item.options, a);
            a.value("editable", placed.editable);
            a.text_if("icon", placed.item.icon.as_deref());
            a.text_if("friendly_name", placed.item.name.as_deref());
        });
        let written = self
            .host
            .set_state(
                &placed.entity_id,
                &placed.helper.state(),
                attributes,
                context,
            )
            .await;
        if let Err(error) = written {
            tracing::error!(entity = %placed.entity_id, %error, "cannot show a helper");
        }
        let due = placed.helper.due();
        if placed.timer.map(|(_, due)| due) != due {
            if let Some((timer, _)) = placed.timer.take() {
                self.host.cancel(timer);
            }
            let now = self.host.env().now();
            placed.timer = due.map(|due| {
                let wait = due.as_micros().saturating_sub(now.as_micros()).max(0);
                let wait = Duration::from_micros(wait.unsigned_abs());
                (self.host.after(wait, id), due)
            });
        }
        for (event_type, data) in outcome.0 {
            self.host.hub().fire(event_type, data, context).await;
        }
    }
}

/// What an entity showed when the hub last ran, or before a crash.
fn shown_before(host: &Host, entity_id: &EntityId) -> Option<StoredState> {
    let hub = host.hub();
    hub.take_restored(entity_id.as_str()).or_else(|| {
        let state = hub.states.get(entity_id.as_str())?;
        Some(StoredState {
            entity_id: entity_id.as_str().to_owned(),
            state: state.state.to_string(),
            attributes: state.attributes.as_json().to_owned(),
            last_changed: state.last_changed.as_micros(),
            last_updated: state.last_updated.as_micros(),
        })
    })
}
