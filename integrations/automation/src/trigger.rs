//! Triggers as people write them (spec state-machine §7): one file a platform, one table.
//!
//! A platform parses its options and says, when something happens, whether that is what it waits
//! for. It knows nothing of the bus, of timers or of who waits: that is the engine's business.

pub(crate) mod clock;
mod entities;
pub(crate) mod event;
mod numeric_state;
pub(crate) mod range;
mod state;
pub(crate) mod template;
mod time;
mod time_pattern;
pub(crate) mod webhook;
mod zone;

use std::time::Duration;

use hearth_core::command::CommandError;
use hearth_core::fields::{Fields, wrong_value};
use hearth_core::hub::Hub;
use hearth_core::ids::EntityId;
use hearth_core::prelude::{Arc, Map, Value, json};
use hearth_core::state::State;

use clock::Clock;
pub(crate) use entities::entity_ids;
use event::EventTrigger;
use template::TemplateTrigger;
use webhook::WebhookTrigger;
pub(crate) use zone::is_in_zone;

/// Most triggers in one list.
const MOST: usize = 500;

/// One trigger.
pub(crate) struct Trigger {
    /// What all payloads of it begin with.
    base: Map<String, Value>,
    pub(crate) kind: Kind,
}

/// What a trigger waits for.
pub(crate) enum Kind {
    /// Changes of certain entities.
    Changes(Box<dyn OnChange>),
    /// Events.
    Event(EventTrigger),
    /// A time.
    Clock(Clock),
    /// A template that becomes true.
    Template(TemplateTrigger),
    /// A request.
    Webhook(WebhookTrigger),
}

/// A change of an entity's state.
pub(crate) struct Change<'a> {
    pub(crate) entity_id: &'a EntityId,
    pub(crate) old: Option<&'a Arc<State>>,
    pub(crate) new: Option<&'a Arc<State>>,
}

/// A trigger that waits for changes of certain entities.
pub(crate) trait OnChange: Send {
    /// Which entities.
    fn entities(&self) -> &[EntityId];

    /// The template that makes the value of a state; then changes are told by
    /// [`OnChange::valued`].
    fn value_template(&self) -> Option<&Arc<str>> {
        None
    }

    /// How an entity stands before the first change, by its template.
    fn first_value(&mut self, _: &Change<'_>, _: &Value, _: &Hub) {}

    /// What a change does, by what the template makes of it.
    fn valued(&mut self, _: &Change<'_>, _: &Value, _: &Hub) -> Reaction {
        Reaction::default()
    }

    /// Looks at how things stand before the first change.
    fn begin(&mut self, _: &Hub) {}

    /// Whether what it matched, of this entity, is still so.
    fn still_holds(&self, entity_id: &EntityId, hub: &Hub) -> bool;

    /// What a change does.
    fn change(&mut self, change: &Change<'_>, hub: &Hub) -> Reaction;
}

/// What a change does to a trigger.
#[derive(Default)]
pub(crate) struct Reaction {
    /// What it was holding for this entity is over.
    pub(crate) releases: bool,
    /// It is what was waited for.
    pub(crate) matched: Option<Match>,
}

/// Makes a payload.
pub(crate) type Payload = Box<dyn FnOnce() -> Value>;

/// What was waited for.
pub(crate) struct Match {
    /// What the payload says of it; made when it is told, which a hold may prevent.
    pub(crate) payload: Payload,
    /// It must stay so for this long before it counts.
    pub(crate) hold: Option<Duration>,
}

/// How a platform reads its options.
type Parse = fn(&mut Fields) -> Result<Kind, CommandError>;

static PLATFORMS: &[(&str, Parse)] = &[
    ("event", event::parse),
    ("homeassistant", event::parse_homeassistant),
    ("numeric_state", numeric_state::parse),
    ("state", state::parse),
    ("tag", event::parse_tag),
    ("template", template::parse),
    ("time", time::parse),
    ("time_pattern", time_pattern::parse),
    ("webhook", webhook::parse),
    ("zone", zone::parse),
];

/// Platforms that the protocol has and this hub does not.
const NOT_YET: [&str; 7] = [
    "calendar",
    "conversation",
    "device",
    "geo_location",
    "mqtt",
    "persistent_notification",
    "sun",
];

/// Reads one trigger or a list of them; those that are switched off are left out.
///
/// # Errors
/// `invalid_format`, which names the key.
pub(crate) fn parse_all(given: Value) -> Result<Vec<Trigger>, CommandError> {
    let list = match given {
        Value::Array(list) => list,
        one => vec![one],
    };
    if list.len() > MOST {
        let message = format!("expected at most {MOST} triggers @ data['trigger']");
        return Err(CommandError::invalid(message));
    }
    let parsed = list.into_iter().enumerate();
    parsed
        .filter_map(|(index, given)| parse(index, given).transpose())
        .collect()
}

fn parse(index: usize, given: Value) -> Result<Option<Trigger>, CommandError> {
    let Value::Object(given) = given else {
        return Err(wrong_value("expected dict", "trigger", &given));
    };
    let mut fields = Fields::new(given);
    let platform = match fields.optional_text("platform")? {
        Some(platform) => platform,
        None => fields.text("trigger")?,
    };
    let parse = PLATFORMS.iter().find(|(name, _)| *name == platform);
    let Some((name, parse)) = parse else {
        let message = match NOT_YET.contains(&platform.as_str()) {
            true => format!(
                "Triggers of the platform '{platform}' are not supported yet @ data['trigger']"
            ),
            false => format!("Invalid trigger '{platform}' specified @ data['trigger']"),
        };
        return Err(CommandError::invalid(message));
    };
    let id = fields.optional_text("id")?;
    let alias = fields.optional_text("alias")?;
    let enabled = fields.flag("enabled")?.unwrap_or(true);
    // Those of an automation's trigger; its conditions and actions see them.
    fields.object("variables")?;
    let kind = parse(&mut fields)?;
    fields.finish()?;
    let index = index.to_string();
    let base = json!({
        "id": id.as_ref().unwrap_or(&index), "idx": index, "alias": alias, "platform": name,
    });
    let Value::Object(base) = base else {
        return Ok(None);
    };
    Ok(enabled.then_some(Trigger { base, kind }))
}

impl Trigger {
    /// `{"trigger": {…}}`, as conditions, actions and clients see it.
    pub(crate) fn variables(&self, payload: Value) -> Value {
        let mut trigger = self.base.clone();
        if let Value::Object(payload) = payload {
            trigger.extend(payload);
        }
        json!({ "trigger": trigger })
    }
}

/// A state as payloads show it.
fn shown(state: Option<&Arc<State>>) -> Value {
    state.map_or(Value::Null, |state| state.to_value())
}

/// A span of time as payloads show it.
pub(crate) fn shown_span(span: Option<Duration>) -> Value {
    span.map_or(Value::Null, |span| {
        json!({"__type": "<class 'datetime.timedelta'>", "total_seconds": span.as_secs_f64()})
    })
}

/// `for`: how long it must stay so.
pub(crate) fn hold(fields: &mut Fields) -> Result<Option<Duration>, CommandError> {
    let Some(given) = fields.take("for").filter(|given| !given.is_null()) else {
        return Ok(None);
    };
    match hearth_core::civil::span(&given) {
        Some(span) => Ok(Some(span).filter(|span| !span.is_zero())),
        None => Err(wrong_value("expected a time period", "for", &given)),
    }
}
