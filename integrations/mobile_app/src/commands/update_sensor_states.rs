use std::borrow::Cow;
use std::cell::OnceCell;
use std::collections::HashMap;

use hearth_core::event::Context;
use hearth_core::json::write_text;
use hearth_core::state::{StateWrite, WriteError};
use serde_json::json;
use serde_json::value::RawValue;

use super::Command;
use crate::answer::Answer;
use crate::form::is_short;
use crate::phone::Phone;
use crate::registration::Done;
use crate::sensor::SensorKind;
use items::{Item, Items, Update, raw_items};
use problems::{problems_of, too_big};

mod items;
mod problems;

/// New values of sensors, each answered for itself.
pub(super) struct UpdateSensorStates<'a> {
    /// As it came, for saying what is wrong with an item.
    data: &'a str,
    /// The text of each item: read once, when the first is wrong.
    texts: OnceCell<Vec<&'a RawValue>>,
    items: Items<'a>,
}

impl<'a> Command<'a> for UpdateSensorStates<'a> {
    /// One item without a valid type or id voids them all.
    fn parse(data: &'a str) -> Option<Self> {
        let items = Items::parse(data)?;
        Some(Self {
            data,
            texts: OnceCell::new(),
            items,
        })
    }

    fn apply(self, phone: &mut Phone) -> Done {
        let items = &self.items.list;
        if items.len() > phone.hub.settings.mobile_app.sensors_per_device {
            tracing::warn!(
                webhook = phone.record.webhook_id.short(),
                "a phone reports more sensors at once than it may have"
            );
            return Done::Now(Answer::NOTHING);
        }
        let context = phone.context();
        let mut results = Results::new(items.len());
        for (n, item) in items.iter().enumerate() {
            match self.apply_item(n, item, phone, context) {
                Ok(result) => results.set(item.unique_id.0.as_ref(), result),
                Err(Busy) => return Done::Now(Answer::BUSY),
            }
        }
        Done::Now(Answer::sealed(200, results.json()))
    }
}

/// Too many events are on their way.
struct Busy;

/// What became of one item.
enum Outcome {
    Done,
    Disabled,
    NotRegistered(SensorKind),
    Invalid(String),
}

impl UpdateSensorStates<'_> {
    fn problems_of(&self, n: usize) -> String {
        let read = || raw_items(self.data).unwrap_or_default();
        let item = self.texts.get_or_init(read).get(n);
        item.map(|item| problems_of(item)).unwrap_or_default()
    }

    /// `n`: the item's place in the message.
    fn apply_item(
        &self,
        n: usize,
        item: &Item<'_>,
        phone: &mut Phone,
        context: Context,
    ) -> Result<Outcome, Busy> {
        let Some(sensor) = phone.sensor(item.kind, &item.unique_id) else {
            return Ok(Outcome::NotRegistered(item.kind));
        };
        let Some(update) = &item.update else {
            return Ok(Outcome::Invalid(self.problems_of(n)));
        };
        let members = self.items.members(update);
        let limit = phone.hub.settings.mobile_app.attributes_limit;
        // With the braces.
        if members.len() + 2 > limit {
            return Ok(Outcome::Invalid(too_big(members.len() + 2, limit)));
        }
        let limit = phone.hub.settings.mobile_app.text_limit;
        if let Some(Err(problem)) = update
            .icon
            .as_deref()
            .map(|icon| is_short("icon", icon, limit))
        {
            return Ok(Outcome::Invalid(problem));
        }
        if sensor.is_disabled() {
            return Ok(Outcome::Disabled);
        }
        let entry = &sensor.entry;
        let Update { state, icon, .. } = update;
        // Words for a sensor of numbers are taken, and not shown.
        let Some(state) = state.state(item.kind, entry) else {
            return Ok(Outcome::Done);
        };
        let write = StateWrite {
            state,
            attributes: sensor.attributes(members, icon.as_deref()),
            force: false,
            context,
        };
        match phone.hub.states.try_set(&entry.entity_id, write) {
            Err(WriteError::Busy(_)) => Err(Busy),
            Ok(_) => {
                phone.stale.heard(&phone.hub, entry);
                Ok(Outcome::Done)
            }
            // Texts too long for a state were dealt with before.
            Err(WriteError::TooLong { .. }) => Ok(Outcome::Done),
        }
    }
}

/// The results by id, in the order of the items; an id that came twice shows its last.
struct Results<'a> {
    outcomes: Vec<(&'a str, Outcome)>,
    /// Where each id stands; kept only of more than a few, which are found faster by looking.
    places: Option<HashMap<&'a str, usize>>,
}

/// As many results are looked through one by one.
const FEW: usize = 32;

impl<'a> Results<'a> {
    fn new(items: usize) -> Self {
        Self {
            outcomes: Vec::with_capacity(items),
            places: (items > FEW).then(|| HashMap::with_capacity(items)),
        }
    }

    fn set(&mut self, unique_id: &'a str, outcome: Outcome) {
        let place = match &mut self.places {
            Some(places) => *places.entry(unique_id).or_insert(self.outcomes.len()),
            None => {
                let mut ids = self.outcomes.iter();
                let found = ids.position(|(id, _)| *id == unique_id);
                found.unwrap_or(self.outcomes.len())
            }
        };
        match self.outcomes.get_mut(place) {
            Some((_, known)) => *known = outcome,
            None => self.outcomes.push((unique_id, outcome)),
        }
    }

    fn json(&self) -> String {
        let mut out = String::with_capacity(2 + self.outcomes.len() * 48);
        out.push('{');
        for (n, (unique_id, outcome)) in self.outcomes.iter().enumerate() {
            if n > 0 {
                out.push(',');
            }
            write_text(unique_id, &mut out);
            out.push(':');
            out.push_str(&match outcome {
                Outcome::Done => Cow::Borrowed("{\"success\":true}"),
                Outcome::Disabled => Cow::Borrowed("{\"success\":true,\"is_disabled\":true}"),
                Outcome::NotRegistered(kind) => {
                    let message = format!("{} {unique_id} is not registered", kind.domain());
                    Cow::Owned(error("not_registered", &message))
                }
                Outcome::Invalid(problems) => Cow::Owned(error("invalid_format", problems)),
            });
        }
        out.push('}');
        out
    }
}

fn error(code: &str, message: &str) -> String {
    json!({"success": false, "error": {"code": code, "message": message}}).to_string()
}
