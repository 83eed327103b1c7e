//! What a render reads: the entities, domains and clock that its result depends on (spec template
//! §7).
//!
//! The notes are a thread-local for the reason that the [budget](crate::budget) is one. A render
//! that nobody watches takes none.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};

use hearth_core::ids::EntityId;

use crate::budget;

/// Most warnings of one render.
const WARNINGS: usize = 20;
/// Most names of one render; who reads more counts as reading all.
const NAMES: usize = 1000;

/// What a render has read.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Reads {
    /// By name, also those that have no state.
    pub(crate) entities: BTreeSet<EntityId>,
    /// Whole domains; false where only their number of entities counts.
    pub(crate) domains: BTreeMap<Box<str>, bool>,
    /// Every state.
    pub(crate) all: bool,
    /// How many states there are.
    pub(crate) number: bool,
    /// The clock.
    pub(crate) time: bool,
    /// What is doubtful about the template.
    pub(crate) warnings: Vec<String>,
}

thread_local! {
    static READS: RefCell<Option<Reads>> = const { RefCell::new(None) };
}

/// Takes notes from now on.
pub(crate) fn begin() {
    READS.with_borrow_mut(|reads| *reads = Some(Reads::default()));
}

/// Takes no more, and gives what was noted.
pub(crate) fn end() -> Reads {
    READS.with_borrow_mut(Option::take).unwrap_or_default()
}

fn note(take: impl FnOnce(&mut Reads)) {
    READS.with_borrow_mut(|reads| {
        if let Some(reads) = reads {
            take(reads);
            if reads.entities.len() + reads.domains.len() > NAMES {
                reads.all = true;
                reads.entities.clear();
                reads.domains.clear();
            }
        }
    });
}

/// An entity was asked for by this name, which may be none.
pub(crate) fn entity(id: &str) {
    note(|reads| {
        if let Ok(id) = id.parse() {
            reads.entities.insert(id);
        }
    });
}

/// The states of a domain were walked through.
pub(crate) fn domain(name: &str) {
    note(|reads| {
        reads.domains.insert(name.into(), true);
    });
}

/// The entities of a domain were counted.
pub(crate) fn number_in_domain(name: &str) {
    note(|reads| {
        reads.domains.entry(name.into()).or_insert(false);
    });
}

/// All states were walked through.
pub(crate) fn every_state() {
    note(|reads| reads.all = true);
}

/// All states were counted.
pub(crate) fn number_of_states() {
    note(|reads| reads.number = true);
}

/// The clock was read.
pub(crate) fn time() {
    note(|reads| reads.time = true);
}

/// Something is doubtful; `describe` is given the template's text.
pub(crate) fn warn(describe: impl FnOnce(&str) -> String) {
    note(|reads| {
        if reads.warnings.len() < WARNINGS {
            reads.warnings.push(describe(&budget::source()));
        }
    });
}
