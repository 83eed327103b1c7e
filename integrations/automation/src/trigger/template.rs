//! `template`: a template becomes true.

use std::time::Duration;

use hearth_core::command::CommandError;
use hearth_core::fields::Fields;
use hearth_core::prelude::{Value, json};

use crate::truth::is_true;

use super::{Kind, Match, Reaction, hold, shown_span};

/// A template, and whether it was true when it was last rendered.
pub(crate) struct TemplateTrigger {
    pub(crate) template: String,
    hold: Option<Duration>,
    /// Not known before the first render.
    was_true: Option<bool>,
}

pub(super) fn parse(fields: &mut Fields) -> Result<Kind, CommandError> {
    Ok(Kind::Template(TemplateTrigger {
        template: fields.text("value_template")?,
        hold: hold(fields)?,
        was_true: None,
    }))
}

impl TemplateTrigger {
    /// It was rendered.
    pub(crate) fn rendered(&mut self, result: &Value) -> Reaction {
        let is_true = is_true(result);
        let was_true = self.was_true.replace(is_true);
        let hold = self.hold;
        let matched = (is_true && was_true == Some(false)).then(|| Match {
            payload: Box::new(move || {
                json!({
                    "entity_id": null, "from_state": null, "to_state": null,
                    "for": shown_span(hold),
                    "description": "time change or manual update via template",
                })
            }),
            hold,
        });
        Reaction {
            releases: !is_true,
            matched,
        }
    }
}
