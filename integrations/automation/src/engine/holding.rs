//! `for`: what has happened and must stay so before it counts.

use std::time::Duration;

use actix::Context;
use hearth_core::prelude::EntityId;

use super::timers::{TimerId, Wake};
use super::{Cause, Engine, Key};
use crate::trigger::{Kind, Payload};

/// Which trigger of an attachment holds for which entity.
pub(super) type Place = (usize, Option<EntityId>);

/// What is told once it has lasted.
pub(super) struct Held {
    timer: TimerId,
    payload: Payload,
    cause: Cause,
}

impl Engine {
    /// Fires after this time unless it is released before. What it held before is forgotten.
    pub(super) fn hold(
        &mut self,
        key: Key,
        place: Place,
        time: Duration,
        (payload, cause): (Payload, Cause),
        ctx: &mut Context<Self>,
    ) {
        self.release(key.attachment, &place);
        let timer = self.wake_after(time, Wake::Held(key, place.clone()), ctx);
        if let Some(attachment) = self.attachments.get_mut(&key.attachment) {
            let held = Held {
                timer,
                payload,
                cause,
            };
            attachment.held.insert(place, held);
        }
    }

    /// It did not stay so.
    pub(super) fn release(&mut self, attachment: u64, place: &Place) {
        let held = self
            .attachments
            .get_mut(&attachment)
            .and_then(|attachment| attachment.held.remove(place));
        if let Some(held) = held {
            self.timers.cancel(held.timer);
        }
    }

    /// Releases all of an attachment that is gone.
    pub(super) fn release_all(&mut self, held: impl Iterator<Item = Held>) {
        for held in held {
            self.timers.cancel(held.timer);
        }
    }

    pub(super) fn has_lasted(&mut self, key: Key, place: &Place, ctx: &mut Context<Self>) {
        let Some(attachment) = self.attachments.get_mut(&key.attachment) else {
            return;
        };
        let Some(held) = attachment.held.remove(place) else {
            return;
        };
        // The change that ended it may not have been heard: the bus drops what the engine is too
        // slow for.
        let lasts = match (attachment.triggers.get(key.trigger), &place.1) {
            (Some(trigger), Some(entity_id)) => match &trigger.kind {
                Kind::Changes(changes) => changes.still_holds(entity_id, &self.hub),
                _ => true,
            },
            _ => true,
        };
        if lasts {
            self.fire(key, (held.payload)(), held.cause, ctx);
        }
    }
}
