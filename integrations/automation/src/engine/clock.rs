//! Triggers that wait for a time.

use std::time::Duration;

use actix::prelude::*;
use hearth_core::prelude::Value;

use super::timers::{TimerId, Wake};
use super::{Engine, Key};
use crate::trigger::Kind;
use crate::trigger::clock::{Clock, Due};

/// The wall clock is looked at this often at least: it may be set.
const LONGEST_SLEEP: Duration = Duration::from_secs(600);

/// What a trigger of the clock waits for.
pub(super) struct Appointment {
    due: Due,
    pub(super) timer: TimerId,
}

impl Engine {
    /// Waits until a trigger is due next; what it waited for before is forgotten.
    pub(super) fn wait_for_the_clock(&mut self, key: Key, ctx: &mut Context<Self>) {
        let now = self.hub.env.now();
        let Some(attachment) = self.attachments.get_mut(&key.attachment) else {
            return;
        };
        if let Some(before) = attachment.appointments.remove(&key.trigger) {
            self.timers.cancel(before.timer);
        }
        // Nothing is due until an entity says so.
        let Some(due) = self.clock(key).and_then(|clock| clock.next(now, &self.hub)) else {
            return;
        };
        let wait = u64::try_from(due.at.as_micros() - now.as_micros()).unwrap_or(0);
        let wait = Duration::from_micros(wait).min(LONGEST_SLEEP);
        let timer = self.wake_after(wait, Wake::Clock(key), ctx);
        if let Some(attachment) = self.attachments.get_mut(&key.attachment) {
            let appointment = Appointment { due, timer };
            attachment.appointments.insert(key.trigger, appointment);
        }
    }

    fn clock(&self, key: Key) -> Option<&Clock> {
        let attachment = self.attachments.get(&key.attachment)?;
        match &attachment.triggers.get(key.trigger)?.kind {
            Kind::Clock(clock) => Some(clock),
            _ => None,
        }
    }

    pub(super) fn look_at_the_clock(&mut self, key: Key, ctx: &mut Context<Self>) {
        let appointment = self
            .attachments
            .get_mut(&key.attachment)
            .and_then(|attachment| attachment.appointments.remove(&key.trigger));
        if let Some(Appointment { due, .. }) = appointment
            && self.hub.env.now() >= due.at
        {
            let payload: Option<Value> =
                self.clock(key).map(|clock| clock.payload(&due, &self.hub));
            if let Some(payload) = payload {
                self.fire(key, payload, None, ctx);
            }
        }
        self.wait_for_the_clock(key, ctx);
    }

    /// The home has another time zone, perhaps: all times are reckoned again.
    pub(super) fn reset_clocks(&mut self, ctx: &mut Context<Self>) {
        let attachments = self.attachments.iter();
        let keys: Vec<Key> = attachments
            .flat_map(|(id, attachment)| {
                let triggers = attachment.triggers.iter().enumerate();
                triggers
                    .filter(|(_, trigger)| matches!(trigger.kind, Kind::Clock(_)))
                    .map(|(trigger, _)| Key::new(*id, trigger))
            })
            .collect();
        for key in keys {
            self.wait_for_the_clock(key, ctx);
        }
    }
}
