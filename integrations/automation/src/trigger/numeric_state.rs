//! `numeric_state`: a number crosses into a range.

use std::collections::HashSet;
use std::time::Duration;

use hearth_core::command::CommandError;
use hearth_core::fields::Fields;
use hearth_core::hub::Hub;
use hearth_core::ids::EntityId;
use hearth_core::prelude::{Arc, Value, json};

use super::range::Range;
use super::{Change, Kind, Match, OnChange, Reaction, entity_ids, hold, shown, shown_span};

struct NumericTrigger {
    entities: Vec<EntityId>,
    range: Range,
    hold: Option<Duration>,
    /// Entities that are outside the range: they can cross into it.
    armed: HashSet<EntityId>,
}

pub(super) fn parse(fields: &mut Fields) -> Result<Kind, CommandError> {
    Ok(Kind::Changes(Box::new(NumericTrigger {
        entities: entity_ids(fields, "entity_id")?,
        range: Range::read(fields)?,
        hold: hold(fields)?,
        armed: HashSet::new(),
    })))
}

impl OnChange for NumericTrigger {
    fn entities(&self) -> &[EntityId] {
        &self.entities
    }

    fn value_template(&self) -> Option<&Arc<str>> {
        self.range.value_template()
    }

    fn first_value(&mut self, change: &Change<'_>, value: &Value, hub: &Hub) {
        if !self.range.contains_value(value, hub) {
            self.armed.insert(change.entity_id.clone());
        }
    }

    fn valued(&mut self, change: &Change<'_>, value: &Value, hub: &Hub) -> Reaction {
        self.react(change, self.range.contains_value(value, hub))
    }

    fn begin(&mut self, hub: &Hub) {
        let state = |id: &EntityId| hub.states.get(id.as_str());
        let outside = |id: &&EntityId| !self.range.contains(state(id).as_ref(), hub);
        self.armed = self.entities.iter().filter(outside).cloned().collect();
    }

    fn still_holds(&self, entity_id: &EntityId, hub: &Hub) -> bool {
        // What a template makes of it cannot be known at once.
        self.range.value_template().is_some()
            || self
                .range
                .contains(hub.states.get(entity_id.as_str()).as_ref(), hub)
    }

    fn change(&mut self, change: &Change<'_>, hub: &Hub) -> Reaction {
        self.react(change, self.range.contains(change.new, hub))
    }
}

impl NumericTrigger {
    fn react(&mut self, change: &Change<'_>, is_inside: bool) -> Reaction {
        if !is_inside {
            self.armed.insert(change.entity_id.clone());
            return Reaction {
                releases: true,
                matched: None,
            };
        }
        if !self.armed.remove(change.entity_id) {
            return Reaction::default();
        }
        let (above, below) = self.range.shown();
        let (from, to) = (change.old.cloned(), change.new.cloned());
        let (entity_id, hold) = (change.entity_id.clone(), self.hold);
        let payload = move || {
            json!({
                "entity_id": entity_id,
                "above": above,
                "below": below,
                "from_state": shown(from.as_ref()),
                "to_state": shown(to.as_ref()),
                "for": shown_span(hold),
                "description": format!("numeric state of {entity_id}"),
            })
        };
        Reaction {
            releases: false,
            matched: Some(Match {
                payload: Box::new(payload),
                hold: self.hold,
            }),
        }
    }
}
