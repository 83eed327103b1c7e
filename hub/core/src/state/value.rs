//! What an entity shows at one moment. It knows no bus and no event: events carry it.

use std::sync::Arc;

use serde_json::Value;

use crate::attributes::Attributes;
use crate::context::Context;
use crate::ids::EntityId;
use crate::json::write_text;
use crate::time::Timestamp;

/// Longest state text in characters (spec state-machine §0).
pub const STATE_MAX: usize = 255;
/// The state of an entity that has no value.
pub const UNKNOWN: &str = "unknown";
/// The state of an entity whose source is lost.
pub const UNAVAILABLE: &str = "unavailable";

/// An entity's value and attributes at one moment.
#[derive(Clone, Debug)]
pub struct State {
    /// Whose state this is.
    pub entity_id: EntityId,
    /// The value, at most [`STATE_MAX`] characters.
    pub state: Arc<str>,
    /// Everything else that the entity tells.
    pub attributes: Attributes,
    /// When the value last changed.
    pub last_changed: Timestamp,
    /// When value or attributes last changed.
    pub last_updated: Timestamp,
    /// When it was last written, changed or not.
    pub last_reported: Timestamp,
    /// Why it last changed.
    pub context: Context,
    /// Grows by one for each new entity: the order in which entities appeared.
    pub created: u64,
}

impl State {
    /// Appends the full state object of the protocols.
    pub fn write_json(&self, out: &mut String) {
        out.push_str("{\"entity_id\":\"");
        out.push_str(self.entity_id.as_str());
        out.push_str("\",\"state\":");
        write_text(&self.state, out);
        out.push_str(",\"attributes\":");
        out.push_str(self.attributes.as_json());
        out.push_str(",\"last_changed\":\"");
        let start = out.len();
        self.last_changed.write_iso(out);
        let changed = start..out.len();
        // Mostly all three are the same.
        for (key, time) in [
            ("\",\"last_reported\":\"", self.last_reported),
            ("\",\"last_updated\":\"", self.last_updated),
        ] {
            out.push_str(key);
            if time == self.last_changed {
                out.extend_from_within(changed.clone());
            } else {
                time.write_iso(out);
            }
        }
        out.push_str("\",\"context\":");
        self.context.write_json(out);
        out.push('}');
    }

    /// The full state object as a JSON value.
    pub fn to_value(&self) -> Value {
        let mut out = String::new();
        self.write_json(&mut out);
        // What we wrote ourselves parses.
        serde_json::from_str(&out).unwrap_or_default()
    }

    /// The `friendly_name` attribute, else the object id with spaces for `_`.
    pub fn name(&self) -> String {
        self.attributes
            .text("friendly_name")
            .unwrap_or_else(|| self.entity_id.object_id().replace('_', " "))
    }
}
