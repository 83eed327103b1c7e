//! Sensors and trackers that fell silent: not heard from for longer than their usual rhythm.
//!
//! A report costs nothing here: states tell when they were last reported. One slow sweep learns
//! from that how long each entity usually pauses, and marks those that pause too long by the
//! attribute `stale` and the event `mobile_app_stale`; no sleeping phone is woken for it. An entity
//! whose rhythm is not known yet goes by its phone's. After a restart all are given their time
//! again.

use std::collections::{HashMap, HashSet};
use std::hash::Hash;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Weak};
use std::time::Duration;

use hearth_core::attributes::Attributes;
use hearth_core::event::{Context, Event, EventData, EventType, Origin};
use hearth_core::hub::Hub;
use hearth_core::ids::{ConfigEntryId, EntityEntryId, EntityId};
use hearth_core::registry::EntityEntry;
use hearth_core::state::State;
use hearth_core::time::Timestamp;
use parking_lot::RwLock;
use serde_json::{Value, json};

use crate::record::Record;
use crate::registrations::Registrations;

const EVENT: &str = "mobile_app_stale";
/// So many phones are looked at before others on the thread have their turn.
const AT_A_TIME: usize = 256;
/// So many pauses make a rhythm.
const KNOWN: u32 = 3;

/// The entities that are marked now: looked at with each report.
#[derive(Default)]
pub(crate) struct Stale {
    count: AtomicUsize,
    entities: RwLock<HashSet<EntityId>>,
}

impl Stale {
    /// An entity was reported. Its state was written anew, without the mark.
    pub(crate) fn heard(&self, hub: &Hub, entity: &EntityEntry) {
        // Mostly there are none.
        if self.count.load(Ordering::Relaxed) == 0 || !self.contains(&entity.entity_id) {
            return;
        }
        if self.remove(&entity.entity_id) {
            let now = hub.env.now();
            let event = Event::new(
                EventType::known(EVENT),
                EventData::Json(told(entity, now, false)),
                Origin::Local,
                now,
                Context::new(&hub.env),
            );
            if hub.bus.try_publish(event).is_err() {
                tracing::warn!(entity = %entity.entity_id, "nobody was told that it is heard again");
            }
        }
    }

    fn contains(&self, id: &EntityId) -> bool {
        self.entities.read().contains(id)
    }

    fn insert(&self, id: &EntityId) {
        let mut entities = self.entities.write();
        entities.insert(id.clone());
        self.count.store(entities.len(), Ordering::Relaxed);
    }

    fn remove(&self, id: &EntityId) -> bool {
        let mut entities = self.entities.write();
        let was_there = entities.remove(id);
        self.count.store(entities.len(), Ordering::Relaxed);
        was_there
    }

    fn retain(&self, mut stays: impl FnMut(&EntityId) -> bool) {
        let mut entities = self.entities.write();
        entities.retain(|id| stays(id));
        self.count.store(entities.len(), Ordering::Relaxed);
    }
}

fn told(entity: &EntityEntry, last_seen: Timestamp, stale: bool) -> Value {
    json!({
        "device_id": entity.device_id,
        "entity_id": entity.entity_id,
        "last_seen": last_seen,
        "stale": stale,
    })
}

/// When something was last heard, and how long it usually pauses.
struct Rhythm {
    last: Timestamp,
    /// Seconds, the newer the more it counts.
    mean: f64,
    pauses: u32,
    /// In which sweep it was last seen.
    sweep: u64,
}

/// How long a silence may be.
#[derive(Clone, Copy)]
struct Patience {
    factor: f64,
    least: f64,
}

impl Patience {
    /// Seconds; of what has no rhythm yet, as if it paused as long as it may in any case.
    fn with(self, rhythm: Option<&Rhythm>) -> f64 {
        let known = rhythm.filter(|rhythm| rhythm.is_known());
        let mean = known.map_or(self.least, |rhythm| rhythm.mean);
        self.least.max(self.factor * mean)
    }
}

impl Rhythm {
    fn is_known(&self) -> bool {
        self.pauses >= KNOWN
    }

    /// A pause ended. One that is far too long, such as a night in a drawer, counts only in part.
    fn learn(&mut self, now: Timestamp, patience: Patience) {
        let pause = seconds(self.last, now).min(2.0 * patience.with(Some(self)));
        self.mean = match self.pauses {
            0 => pause,
            _ => self.mean * 0.8 + pause * 0.2,
        };
        self.pauses = self.pauses.saturating_add(1);
        self.last = now;
    }
}

/// Rhythms by what has them. Only what was heard since the start has one.
struct Rhythms<K>(HashMap<K, Rhythm>);

impl<K: Eq + Hash> Rhythms<K> {
    /// Notes when it was last heard; gives its rhythm, where it has been heard at all.
    fn note(&mut self, key: K, last: Timestamp, sweep: &Sweep) -> Option<&Rhythm> {
        let is_new = !self.0.contains_key(&key);
        if is_new && last <= sweep.since {
            return None;
        }
        let rhythm = self.0.entry(key).or_insert(Rhythm {
            last,
            mean: 0.0,
            pauses: 0,
            sweep: 0,
        });
        if rhythm.last < last {
            rhythm.learn(last, sweep.patience);
        }
        rhythm.sweep = sweep.number;
        Some(rhythm)
    }

    fn forget_unseen(&mut self, sweep: u64) {
        self.0.retain(|_, rhythm| rhythm.sweep == sweep);
    }
}

fn seconds(from: Timestamp, to: Timestamp) -> f64 {
    to.as_micros().saturating_sub(from.as_micros()) as f64 / 1e6
}

/// What one sweep goes by.
struct Sweep {
    number: u64,
    /// When the watch began.
    since: Timestamp,
    patience: Patience,
}

/// The watch over all phones; ends when it is dropped.
pub(crate) struct Watch(Option<actix_rt::task::JoinHandle<()>>);

impl Watch {
    /// Begins after states were restored. Nothing where `mobile_app.stale_factor` is 0.
    pub(crate) fn start(registrations: &Arc<Registrations>) -> Self {
        let settings = &registrations.hub().settings.mobile_app;
        let (factor, least) = (settings.stale_factor, settings.stale_after_s);
        if !(factor > 0.0 && factor.is_finite() && least >= 0.0) {
            return Self(None);
        }
        let patience = Patience { factor, least };
        let registrations = Arc::downgrade(registrations);
        Self(Some(actix_rt::spawn(watch(registrations, patience))))
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        if let Some(task) = &self.0 {
            task.abort();
        }
    }
}

async fn watch(registrations: Weak<Registrations>, patience: Patience) {
    let pause = Duration::from_secs_f64((patience.least / 10.0).clamp(0.05, 60.0));
    let Some(since) = registrations.upgrade().map(|all| all.hub().env.now()) else {
        return;
    };
    let mut sweep = Sweep {
        number: 0,
        since,
        patience,
    };
    let mut of_entities: Rhythms<EntityEntryId> = Rhythms(HashMap::new());
    let mut of_phones: Rhythms<ConfigEntryId> = Rhythms(HashMap::new());
    loop {
        actix_rt::time::sleep(pause).await;
        let Some(registrations) = registrations.upgrade() else {
            return;
        };
        sweep.number += 1;
        for (n, record) in registrations.all().iter().enumerate() {
            if n % AT_A_TIME == AT_A_TIME - 1 {
                tokio::task::yield_now().await;
            }
            let silent = silent_of(
                &registrations,
                record,
                &sweep,
                &mut of_entities,
                &mut of_phones,
            );
            for (entity, state) in silent {
                mark(&registrations, &entity, &state).await;
            }
        }
        of_entities.forget_unseen(sweep.number);
        of_phones.forget_unseen(sweep.number);
        let states = &registrations.hub().states;
        let stale = &registrations.stale;
        stale.retain(|id| states.get(id.as_str()).is_some());
    }
}

/// The entities of one phone that have fallen silent and are not marked yet.
fn silent_of(
    registrations: &Registrations,
    record: &Record,
    sweep: &Sweep,
    of_entities: &mut Rhythms<EntityEntryId>,
    of_phones: &mut Rhythms<ConfigEntryId>,
) -> Vec<(Arc<EntityEntry>, Arc<State>)> {
    let (hub, patience) = (registrations.hub(), sweep.patience);
    let now = hub.env.now();
    let mut heard = None;
    let mut overdue = Vec::new();
    for entity in hub.registries.entities.of_config_entry(record.entry_id) {
        let Some(state) = hub.states.get(entity.entity_id.as_str()) else {
            continue;
        };
        if registrations.stale.contains(&entity.entity_id) {
            // When it was last reported is overwritten by the mark.
            if let Some(rhythm) = of_entities.0.get_mut(&entity.id) {
                rhythm.sweep = sweep.number;
            }
            continue;
        }
        let last = state.last_reported;
        heard = heard.max(Some(last));
        let rhythm = of_entities.note(entity.id, last, sweep);
        let goes_by_its_phone = rhythm.is_none_or(|rhythm| !rhythm.is_known());
        if goes_by_its_phone || seconds(last, now) > patience.with(rhythm) {
            overdue.push((entity, state, goes_by_its_phone));
        }
    }
    let Some(heard) = heard else {
        // All are marked; the phone's rhythm is kept.
        if let Some(rhythm) = of_phones.0.get_mut(&record.entry_id) {
            rhythm.sweep = sweep.number;
        }
        return Vec::new();
    };
    let rhythm = of_phones.note(record.entry_id, heard, sweep);
    let phone_is_silent = seconds(heard, now) > patience.with(rhythm);
    overdue.retain(|(_, _, goes_by_its_phone)| phone_is_silent || !goes_by_its_phone);
    let silent = overdue.into_iter();
    silent.map(|(entity, state, _)| (entity, state)).collect()
}

async fn mark(registrations: &Registrations, entity: &EntityEntry, state: &Arc<State>) {
    let hub = registrations.hub();
    let context = Context::new(&hub.env);
    // First, so that a report that comes now takes it out again.
    registrations.stale.insert(&entity.entity_id);
    let marked = with_mark(&state.attributes);
    if hub.states.amend(state, marked, context).await.is_none() {
        registrations.stale.remove(&entity.entity_id);
        return;
    }
    tracing::info!(entity = %entity.entity_id, last_seen = %state.last_reported, "fell silent");
    let data = told(entity, state.last_reported, true);
    hub.fire(EVENT, data, context).await;
}

/// The attributes and `stale`.
fn with_mark(attributes: &Attributes) -> Attributes {
    let json = attributes.as_json();
    // Attributes are an object: it ends with a brace.
    let open = json.strip_suffix('}').unwrap_or("{");
    let comma = if open == "{" { "" } else { "," };
    Attributes::from_written(&format!("{open}{comma}\"stale\":true}}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    const PATIENCE: Patience = Patience {
        factor: 4.0,
        least: 60.0,
    };

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_micros(seconds * 1_000_000)
    }

    fn rhythms(pauses: &[i64]) -> (Rhythms<u8>, i64) {
        let sweep = Sweep {
            number: 1,
            since: at(0),
            patience: PATIENCE,
        };
        let (mut rhythms, mut now) = (Rhythms(HashMap::new()), 1);
        rhythms.note(1, at(now), &sweep);
        for pause in pauses {
            now += pause;
            rhythms.note(1, at(now), &sweep);
        }
        (rhythms, now)
    }

    #[test]
    fn patience_follows_the_rhythm_and_is_never_less_than_the_least() {
        for (pauses, patience) in [
            (vec![], 240.0),
            (vec![100, 100], 240.0),
            (vec![100; 10], 400.0),
            (vec![1; 10], 60.0),
        ] {
            let (rhythms, _) = rhythms(&pauses);
            assert_eq!(
                PATIENCE.with(rhythms.0.get(&1)).round(),
                patience,
                "{pauses:?}"
            );
        }
    }

    #[test]
    fn one_long_silence_changes_little() {
        let mut pauses = vec![100; 10];
        pauses.push(1_000_000);
        let (rhythms, _) = rhythms(&pauses);
        assert!(PATIENCE.with(rhythms.0.get(&1)) < 1200.0);
    }

    #[test]
    fn what_was_not_heard_since_the_start_has_no_rhythm() {
        let sweep = Sweep {
            number: 1,
            since: at(10),
            patience: PATIENCE,
        };
        let mut rhythms: Rhythms<u8> = Rhythms(HashMap::new());
        assert!(rhythms.note(1, at(9), &sweep).is_none());
        assert!(rhythms.note(1, at(11), &sweep).is_some());
        rhythms.forget_unseen(2);
        assert!(rhythms.0.is_empty());
    }

    #[test]
    fn the_mark_stands_behind_the_other_attributes() {
        for (json, marked) in [
            ("{}", r#"{"stale":true}"#),
            (r#"{"a":{}}"#, r#"{"a":{},"stale":true}"#),
        ] {
            let attributes = Attributes::from_json_object(json).unwrap();
            assert_eq!(with_mark(&attributes).as_json(), marked);
        }
    }
}
