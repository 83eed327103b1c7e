//! `for`: what has happened and must stay so before it counts.

use std::time::Duration;

use actix::{AsyncContext, Context};
use hearth_core::prelude::{EntityId, Value};

use super::{Cause, Engine, Key};

/// Which trigger of an attachment holds for which entity.
pub(super) type Place = (usize, Option<EntityId>);

impl Engine {
    /// Fires after this time unless it is released before. What it held before is forgotten.
    pub(super) fn hold(
        &mut self,
        key: Key,
        place: Place,
        time: Duration,
        (payload, cause): (Value, Cause),
        ctx: &mut Context<Self>,
    ) {
        self.release(key.attachment, &place, ctx);
        let held = place.clone();
        let handle = ctx.run_later(time, move |engine, ctx| {
            if let Some(attachment) = engine.attachments.get_mut(&key.attachment) {
                attachment.held.remove(&held);
            }
            engine.fire(key, payload, cause, ctx);
        });
        if let Some(attachment) = self.attachments.get_mut(&key.attachment) {
            attachment.held.insert(place, handle);
        }
    }

    /// It did not stay so.
    pub(super) fn release(&mut self, attachment: u64, place: &Place, ctx: &mut Context<Self>) {
        let held = self
            .attachments
            .get_mut(&attachment)
            .and_then(|attachment| attachment.held.remove(place));
        if let Some(handle) = held {
            ctx.cancel_future(handle);
        }
    }
}
