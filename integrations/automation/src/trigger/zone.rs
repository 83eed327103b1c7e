//! `zone`: somebody or something enters a zone or leaves it, by coordinates.

use hearth_core::command::CommandError;
use hearth_core::fields::Fields;
use hearth_core::hub::Hub;
use hearth_core::ids::EntityId;
use hearth_core::location::{Zone, distance};
use hearth_core::prelude::{Arc, json};
use hearth_core::state::State;

use super::{Change, Kind, Match, OnChange, Reaction, entity_ids, shown};

struct ZoneTrigger {
    entities: Vec<EntityId>,
    zone: EntityId,
    direction: Direction,
}

#[derive(Clone, Copy)]
enum Direction {
    Enter,
    Leave,
}

pub(super) fn parse(fields: &mut Fields) -> Result<Kind, CommandError> {
    const DIRECTIONS: [(&str, Direction); 2] =
        [("enter", Direction::Enter), ("leave", Direction::Leave)];
    Ok(Kind::Changes(Box::new(ZoneTrigger {
        entities: entity_ids(fields, "entity_id")?,
        zone: fields.parsed("zone", "Entity ID is an invalid entity ID")?,
        direction: fields
            .one_of("event", &DIRECTIONS)?
            .unwrap_or(Direction::Enter),
    })))
}

/// Whether a state's coordinates are in the zone; `None` where it has none.
pub(crate) fn is_in_zone(state: &State, zone: &Zone) -> Option<bool> {
    let coordinate = |name: &str| state.attributes.number(name);
    let position = (coordinate("latitude")?, coordinate("longitude")?);
    let accuracy = coordinate("gps_accuracy").unwrap_or(0.0);
    let away = distance((zone.latitude, zone.longitude), position);
    Some(away.is_some_and(|away| away - accuracy < zone.radius))
}

impl OnChange for ZoneTrigger {
    fn entities(&self) -> &[EntityId] {
        &self.entities
    }

    /// It holds nothing: entering and leaving have no `for`.
    fn still_holds(&self, _: &EntityId, _: &Hub) -> bool {
        true
    }

    fn change(&mut self, change: &Change<'_>, hub: &Hub) -> Reaction {
        let zones = hub.zones.current();
        let zone = zones.iter().find(|zone| zone.entity_id == self.zone);
        let (Some(zone), Some(new)) = (zone, change.new) else {
            return Reaction::default();
        };
        let was = change.old.map(|old| is_in_zone(old, zone));
        let (was, is) = match (was, is_in_zone(new, zone)) {
            // What had no coordinates before was nowhere.
            (Some(None), _) | (_, None) => return Reaction::default(),
            (was, Some(is)) => (was.flatten().unwrap_or(false), is),
        };
        let (happened, event, word) = match self.direction {
            Direction::Enter => (!was && is, "enter", "entering"),
            Direction::Leave => (was && !is, "leave", "leaving"),
        };
        let payload = || {
            json!({
                "entity_id": change.entity_id,
                "from_state": shown(change.old),
                "to_state": shown(change.new),
                "zone": shown(hub.states.get(self.zone.as_str()).as_ref()),
                "event": event,
                "description": format!("{} {word} {}", change.entity_id, Arc::clone(&zone.name)),
            })
        };
        let matched = happened.then(|| {
            let payload = payload();
            Match {
                payload: Box::new(move || payload),
                hold: None,
            }
        });
        Reaction {
            releases: false,
            matched,
        }
    }
}
