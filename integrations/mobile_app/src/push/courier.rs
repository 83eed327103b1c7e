//! The actor that brings notifications to phones.

use std::collections::HashMap;
use std::sync::{Arc, Weak};
use std::time::Duration;

use actix::prelude::*;
use hearth_core::hub::Hub;
use hearth_core::ids::WebhookId;
use hearth_core::service::{Handling, Response, Service};
use hearth_core::store::StoreError;

use super::journal::{Journal, Kept};
use super::names::{Changed, Names, Since};
use super::outbox::{Letter, Outbox, PushError};
use super::payload::{Target, schema};
use super::post::Poster;
use super::shares::Shares;
use super::{NOTIFY, TO_ALL};
use crate::record::Record;
use crate::registrations::Registrations;

/// How often what is too old is looked for.
const SWEEP: Duration = Duration::from_secs(60);
/// Questions that may wait for the actor, which takes each up at once.
const MAILBOX: usize = 4096;

/// See the module's guide.
pub(crate) struct Courier {
    pub(super) hub: Hub,
    registrations: Weak<Registrations>,
    pub(super) names: Names,
    /// Of phones that have a channel open, or notifications waiting.
    pub(super) outboxes: HashMap<WebhookId, Outbox>,
    pub(super) next_seq: u64,
    /// Who may have how much waiting and under way.
    pub(super) shares: Shares,
    pub(super) journal: Journal,
    pub(super) poster: Arc<Poster>,
}

impl Courier {
    /// Reads what was kept and starts the actor on this arbiter.
    pub(crate) fn start_for(registrations: &Arc<Registrations>) -> Result<Addr<Self>, StoreError> {
        let hub = registrations.hub().clone();
        let kept = Journal::load(&hub.store)?;
        let mut courier = Self {
            journal: Journal::start(hub.store.clone()),
            poster: Arc::new(Poster::new(hub.settings.push.clone())),
            registrations: Arc::downgrade(registrations),
            names: Names::default(),
            outboxes: HashMap::new(),
            next_seq: 0,
            shares: Shares::new(hub.settings.push.clone()),
            hub,
        };
        for record in registrations.all() {
            if Target::of(&record).is_some() {
                let since = courier.since(&record);
                let name = &record.device_name;
                courier.names.set(&record.webhook_id, since, name);
            }
        }
        courier.restore(registrations, kept);
        Ok(courier.start())
    }

    fn restore(&mut self, registrations: &Registrations, kept: Vec<(u64, Kept)>) {
        if let Some((last, _)) = kept.last() {
            self.next_seq = last + 1;
        }
        if kept.is_empty() {
            return;
        }
        let records = registrations.all();
        let records = records.iter().map(|record| (record.entry_id, record));
        let records: HashMap<_, _> = records.collect();
        let now = self.hub.env.now();
        for (seq, kept) in kept {
            let Some(record) = records.get(&kept.entry_id) else {
                // Its registration may be one that cannot be read now.
                if kept.expires_at <= now {
                    self.journal.forget(kept.entry_id, seq);
                }
                continue;
            };
            let letter = Letter {
                seq,
                payload: kept.payload,
                expires_at: kept.expires_at,
                confirm_id: kept.confirm_id,
                sent: None,
                is_kept: true,
                waiting: None,
                _room: self.shares.room_for_kept(record.user_id),
            };
            let outbox = self.outboxes.entry(record.webhook_id.clone()).or_default();
            outbox.letters.push_back(letter);
        }
    }

    fn since(&self, record: &Record) -> Since {
        let entries = &self.hub.registries.config_entries;
        let created = entries.get(record.entry_id).map(|entry| entry.created_at);
        (created.unwrap_or_default(), record.entry_id)
    }

    pub(super) fn record(&self, id: &WebhookId) -> Option<Arc<Record>> {
        self.registrations.upgrade()?.get(id)
    }

    /// A service of this name, carried out here.
    fn service(name: &str, ctx: &Context<Self>) -> Service {
        let description = match name {
            TO_ALL => "Sends a notification to every phone that takes some.",
            _ => "Sends a notification to this phone.",
        };
        Service {
            domain: NOTIFY.into(),
            name: name.into(),
            description: description.into(),
            schema: schema(),
            response: Response::None,
            admin: false,
            handling: Handling::Direct(ctx.address().recipient()),
        }
    }

    /// Registers and removes services; the actor's other messages wait for it, so their order is
    /// that of the changes.
    fn put_in_force(&self, changed: Changed, ctx: &mut Context<Self>) {
        let added = changed.added.map(|name| Self::service(&name, ctx));
        let hub = self.hub.clone();
        let change = async move {
            if let Some(name) = changed.removed {
                hub.services.unregister(NOTIFY, &name).await;
            }
            if let Some(service) = added {
                hub.services.register(service).await;
            }
        };
        ctx.wait(change.into_actor(self));
    }
}

impl Actor for Courier {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Self::Context) {
        ctx.set_mailbox_capacity(MAILBOX);
        let names = self.names.services();
        let all = names.iter().map(String::as_str).chain([TO_ALL]);
        let services: Vec<Service> = all.map(|name| Self::service(name, ctx)).collect();
        let hub = self.hub.clone();
        let register = async move {
            for service in services {
                hub.services.register(service).await;
            }
        };
        ctx.wait(register.into_actor(self));
        let waiting: Vec<WebhookId> = self.outboxes.keys().cloned().collect();
        for id in waiting {
            self.deliver(&id, ctx);
        }
        ctx.run_interval(SWEEP, |courier, ctx| {
            courier.shares.tidy();
            let waiting: Vec<WebhookId> = courier.outboxes.keys().cloned().collect();
            for id in waiting {
                courier.deliver(&id, ctx);
            }
        });
    }
}

/// Answered when the services of all phones are there.
#[derive(Message)]
#[rtype(result = "()")]
pub(crate) struct Ready;

impl Handler<Ready> for Courier {
    type Result = ();

    /// Taken up after what `started` waits for.
    fn handle(&mut self, _: Ready, _: &mut Self::Context) {}
}

/// A phone was registered or changed: its service follows. Answered when it has.
#[derive(Message)]
#[rtype(result = "()")]
pub(crate) struct Refresh(pub(crate) Arc<Record>);

impl Handler<Refresh> for Courier {
    type Result = ();

    fn handle(&mut self, Refresh(record): Refresh, ctx: &mut Self::Context) {
        let id = &record.webhook_id;
        let changed = match Target::of(&record) {
            Some(_) => {
                let since = self.since(&record);
                self.names.set(id, since, &record.device_name)
            }
            None => self.names.remove(id),
        };
        self.put_in_force(changed, ctx);
    }
}

/// A registration is about to go: its service goes, and what waits for it.
#[derive(Message)]
#[rtype(result = "()")]
pub(crate) struct Forget(pub(crate) Arc<Record>);

impl Handler<Forget> for Courier {
    type Result = ();

    fn handle(&mut self, Forget(record): Forget, ctx: &mut Self::Context) {
        let id = &record.webhook_id;
        let changed = self.names.remove(id);
        if let Some(outbox) = self.outboxes.remove(id) {
            for mut letter in outbox.letters {
                letter.answer(Err(PushError::NotConnected));
                self.journal.delete(record.entry_id, &letter);
            }
        }
        self.put_in_force(changed, ctx);
    }
}

/// Ends the actor and its services; answered when all is stored.
#[derive(Message)]
#[rtype(result = "()")]
pub(crate) struct Close;

impl Handler<Close> for Courier {
    type Result = ResponseActFuture<Self, ()>;

    fn handle(&mut self, _: Close, _: &mut Self::Context) -> Self::Result {
        let (hub, settled) = (self.hub.clone(), self.journal.settle());
        let names = self.names.services();
        let end = async move {
            for name in names.iter().map(String::as_str).chain([TO_ALL]) {
                hub.services.unregister(NOTIFY, name).await;
            }
            settled.await;
        };
        Box::pin(end.into_actor(self).map(|(), _, ctx| ctx.stop()))
    }
}
