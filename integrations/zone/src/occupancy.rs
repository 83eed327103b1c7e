//! Who is in which zone: a comparison of names, not of positions (spec state-machine §5).

use std::collections::BTreeMap;

use hearth_core::hub::Hub;
use hearth_core::ids::EntityId;
use hearth_core::location::{HOME, HOME_ZONE, NOT_HOME};
use hearth_core::state::{UNAVAILABLE, UNKNOWN};

use crate::place::Place;

/// The place that each person's state names, in lower case; persons that are nowhere are absent.
#[derive(Default)]
pub(crate) struct Occupancy(BTreeMap<EntityId, String>);

impl Occupancy {
    /// Reads every person's state.
    pub(crate) fn read(&mut self, hub: &Hub) {
        self.0.clear();
        for state in hub.states.of_domain("person") {
            self.person_is(state.entity_id.clone(), Some(&state.state));
        }
    }

    /// Notes where a person is; returns the places whose count may have changed.
    pub(crate) fn person_is(&mut self, person: EntityId, place: Option<&str>) -> Vec<String> {
        let place = place
            .filter(|place| ![NOT_HOME, UNKNOWN, UNAVAILABLE].contains(place))
            .map(str::to_lowercase);
        if self.0.get(&person) == place.as_ref() {
            return Vec::new();
        }
        let before = match &place {
            Some(place) => self.0.insert(person, place.clone()),
            None => self.0.remove(&person),
        };
        before.into_iter().chain(place).collect()
    }

    /// The persons in a zone of that name, by entity id.
    pub(crate) fn persons_in(&self, zone: &EntityId, name: &str) -> Vec<&str> {
        let name = name.to_lowercase();
        self.0
            .iter()
            .filter(|(_, place)| is_in(zone, &name, place))
            .map(|(person, _)| person.as_str())
            .collect()
    }

    /// Whether a zone is one of these places.
    pub(crate) fn concerns(
        &self,
        zone: &EntityId,
        zones: &BTreeMap<EntityId, Place>,
        places: &[String],
    ) -> bool {
        zones.get(zone).is_some_and(|shown| {
            let name = shown.name.to_lowercase();
            places.iter().any(|place| is_in(zone, &name, place))
        })
    }
}

fn is_in(zone: &EntityId, name: &str, place: &str) -> bool {
    place == name || (place == HOME && zone.as_str() == HOME_ZONE)
}
