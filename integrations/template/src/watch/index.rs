//! Which templates a change concerns.

use std::collections::{HashMap, HashSet};

use hearth_core::ids::EntityId;

use super::watched::Change;
use crate::tracking::Reads;

/// Names one watched template.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) struct WatchId(pub(super) u64);

/// Templates by what they read.
#[derive(Default)]
pub(super) struct Index {
    by_entity: HashMap<EntityId, HashSet<WatchId>>,
    /// By domain: those that read its states, and those that count its entities.
    by_domain: HashMap<Box<str>, HashMap<WatchId, bool>>,
    of_all: HashSet<WatchId>,
    of_number: HashSet<WatchId>,
    of_time: HashSet<WatchId>,
}

impl Index {
    pub(super) fn insert(&mut self, id: WatchId, reads: &Reads) {
        for entity in &reads.entities {
            self.by_entity.entry(entity.clone()).or_default().insert(id);
        }
        for (domain, reads_states) in &reads.domains {
            self.by_domain
                .entry(domain.clone())
                .or_default()
                .insert(id, *reads_states);
        }
        for (is_read, set) in [
            (reads.all, &mut self.of_all),
            (reads.number, &mut self.of_number),
            (reads.time, &mut self.of_time),
        ] {
            if is_read {
                set.insert(id);
            }
        }
    }

    pub(super) fn remove(&mut self, id: WatchId, reads: &Reads) {
        for entity in &reads.entities {
            if let Some(set) = self.by_entity.get_mut(entity) {
                set.remove(&id);
                if set.is_empty() {
                    self.by_entity.remove(entity);
                }
            }
        }
        self.remove_domains(id, reads);
        self.of_all.remove(&id);
        self.of_number.remove(&id);
        self.of_time.remove(&id);
    }

    /// Leaves it only what it has read by name, and the clock, until it is inserted again.
    pub(super) fn narrow(&mut self, id: WatchId, reads: &Reads) {
        self.remove_domains(id, reads);
        self.of_all.remove(&id);
        self.of_number.remove(&id);
    }

    fn remove_domains(&mut self, id: WatchId, reads: &Reads) {
        for domain in reads.domains.keys() {
            if let Some(set) = self.by_domain.get_mut(domain) {
                set.remove(&id);
                if set.is_empty() {
                    self.by_domain.remove(domain);
                }
            }
        }
    }

    /// Those that a change concerns, each once.
    pub(super) fn concerned(&self, change: &Change) -> Vec<WatchId> {
        let mut ids: Vec<WatchId> = self.of_all.iter().copied().collect();
        if change.is_lifecycle {
            ids.extend(&self.of_number);
        }
        ids.extend(self.by_entity.get(&change.entity_id).into_iter().flatten());
        let of_domain = self.by_domain.get(change.entity_id.domain());
        ids.extend(
            of_domain
                .into_iter()
                .flatten()
                .filter(|(_, reads_states)| **reads_states || change.is_lifecycle)
                .map(|(id, _)| *id),
        );
        ids.sort_unstable();
        ids.dedup();
        ids
    }

    /// Whether a change concerns a template that has read this.
    pub(super) fn concerns(reads: &Reads, change: &Change) -> bool {
        reads.all
            || (reads.number && change.is_lifecycle)
            || reads.entities.contains(&change.entity_id)
            || reads
                .domains
                .get(change.entity_id.domain())
                .is_some_and(|reads_states| *reads_states || change.is_lifecycle)
    }

    /// Those that read the clock.
    pub(super) fn of_the_clock(&self) -> Vec<WatchId> {
        self.of_time.iter().copied().collect()
    }
}
