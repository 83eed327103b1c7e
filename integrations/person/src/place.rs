//! Where a person is, by what their trackers last said (spec state-machine §6).

use hearth_core::location::{HOME, NOT_HOME};
use hearth_core::prelude::*;
use hearth_core::state::{State, UNAVAILABLE, UNKNOWN};

/// How much a tracker's word counts; the first kind that any tracker has decides.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Kind {
    HomeWithoutGps,
    Gps,
    AwayWithoutGps,
}

/// The trackers of one person that know something, each with its last word.
#[derive(Default)]
pub(crate) struct Trackers(Vec<(Kind, Arc<State>)>);

impl Trackers {
    /// Forgets all.
    pub(crate) fn clear(&mut self) {
        self.0.clear();
    }

    /// Takes a tracker's word; `None`: it is gone.
    pub(crate) fn heard(&mut self, tracker: &EntityId, state: Option<&Arc<State>>) {
        let before = self.0.iter().position(|(_, old)| old.entity_id == *tracker);
        if let (Some(index), Some(state)) = (before, state)
            && self.0[index].1.last_updated > state.last_updated
        {
            // An event that was on its way when the newer state was read.
            return;
        }
        if let Some(index) = before {
            self.0.swap_remove(index);
        }
        if let Some(state) = state
            && let Some(kind) = kind(state)
        {
            self.0.push((kind, Arc::clone(state)));
        }
    }

    /// The tracker that decides.
    pub(crate) fn decisive(&self) -> Option<&Arc<State>> {
        self.0
            .iter()
            .min_by_key(|(kind, state)| (*kind, std::cmp::Reverse(state.last_updated)))
            .map(|(_, state)| state)
    }
}

/// `None` for a tracker that knows nothing.
fn kind(state: &State) -> Option<Kind> {
    if [UNKNOWN, UNAVAILABLE].contains(&&*state.state) {
        return None;
    }
    if state.attributes.text("source_type").as_deref() == Some("gps") {
        return Some(Kind::Gps);
    }
    match &*state.state {
        HOME => Some(Kind::HomeWithoutGps),
        NOT_HOME => Some(Kind::AwayWithoutGps),
        _ => None,
    }
}

/// What a person's state takes over from the decisive tracker.
#[derive(Clone, Default, PartialEq)]
pub(crate) struct Whereabouts {
    /// `None` is shown as `unknown`.
    pub(crate) place: Option<Arc<str>>,
    latitude: Option<Value>,
    longitude: Option<Value>,
    gps_accuracy: Option<Value>,
    source: Option<String>,
}

impl Whereabouts {
    /// From a tracker's state.
    pub(crate) fn from_tracker(state: &State) -> Self {
        Self {
            place: Some(Arc::clone(&state.state)),
            source: Some(state.entity_id.as_str().to_owned()),
            ..Self::position(&state.attributes)
        }
    }

    /// From what the person showed when the hub last ran.
    pub(crate) fn restored(place: &str, attributes: &Attributes) -> Self {
        Self {
            place: Some(place.into()),
            source: attributes.text("source"),
            ..Self::position(attributes)
        }
    }

    fn position(attributes: &Attributes) -> Self {
        let number = |name| attributes.get(name).filter(Value::is_number);
        Self {
            latitude: number("latitude"),
            longitude: number("longitude"),
            gps_accuracy: number("gps_accuracy"),
            ..Self::default()
        }
    }

    /// Writes the attributes that say where the person is.
    pub(crate) fn write(&self, a: &mut hearth_core::attributes::AttributesBuilder) {
        a.value_if("latitude", self.latitude.clone());
        a.value_if("longitude", self.longitude.clone());
        a.value_if("gps_accuracy", self.gps_accuracy.clone());
        a.text_if("source", self.source.as_deref());
    }
}
