use hearth_core::event::Context;
use hearth_core::state::WriteError;

use super::Command;
use crate::answer::Answer;
use crate::location::Location;
use crate::phone::Phone;
use crate::registration::Done;

/// Where the phone is. Replaces all that was known of it; every report is a change.
pub(super) struct UpdateLocation<'a>(Location<'a>);

impl<'a> Command<'a> for UpdateLocation<'a> {
    fn parse(data: &'a str) -> Option<Self> {
        Location::parse(data).map(Self)
    }

    fn apply(self, phone: &mut Phone) -> Done {
        let Some(tracker) = phone.tracker().filter(|tracker| !tracker.is_disabled()) else {
            return Done::Now(Answer::NOTHING);
        };
        let hub = &phone.hub;
        // The tracker reports for itself: no user.
        let context = Context::new(&hub.env);
        let write = self.0.write(hub, tracker.name(), context);
        Done::Now(match hub.states.try_set(&tracker.entry.entity_id, write) {
            Ok(_) => {
                phone.stale.heard(&phone.hub, &tracker.entry);
                Answer::NOTHING
            }
            Err(WriteError::Busy(_)) => Answer::BUSY,
            Err(WriteError::TooLong { .. }) => Answer::EMPTY,
        })
    }
}
