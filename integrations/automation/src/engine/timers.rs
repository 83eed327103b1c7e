//! What the engine waits for in time: one queue and one alarm for all of it, however much it is.
//! (Each timer of an actor is looked at whenever the actor is, so thousands would hold it up.)

use std::collections::BTreeMap;
use std::time::Duration;

use actix::prelude::*;
use tokio::time::Instant;

use super::holding::Place;
use super::{Engine, Key};

/// Names one timer.
pub(super) type TimerId = (Instant, u64);

/// What a timer is for.
pub(super) enum Wake {
    /// What a trigger holds has lasted.
    Held(Key, Place),
    /// A trigger of the clock may be due.
    Clock(Key),
}

/// See the module's guide.
#[derive(Default)]
pub(super) struct Timers {
    waiting: BTreeMap<TimerId, Wake>,
    last: u64,
    /// When the engine is waked, at the latest when the first timer ends.
    alarm: Option<(Instant, SpawnHandle)>,
}

impl Timers {
    pub(super) fn cancel(&mut self, timer: TimerId) {
        self.waiting.remove(&timer);
    }
}

impl Engine {
    /// Begins a timer.
    pub(super) fn wake_after(
        &mut self,
        pause: Duration,
        wake: Wake,
        ctx: &mut Context<Self>,
    ) -> TimerId {
        let timers = &mut self.timers;
        timers.last += 1;
        let timer = (Instant::now() + pause, timers.last);
        timers.waiting.insert(timer, wake);
        self.set_alarm(ctx);
        timer
    }

    fn set_alarm(&mut self, ctx: &mut Context<Self>) {
        let timers = &mut self.timers;
        let Some(((first, _), _)) = timers.waiting.first_key_value() else {
            return;
        };
        if let Some((at, alarm)) = timers.alarm {
            if at <= *first {
                return;
            }
            ctx.cancel_future(alarm);
        }
        let pause = first.saturating_duration_since(Instant::now());
        let alarm = ctx.run_later(pause, |engine, ctx| {
            engine.timers.alarm = None;
            engine.wake(ctx);
            engine.set_alarm(ctx);
        });
        timers.alarm = Some((*first, alarm));
    }

    fn wake(&mut self, ctx: &mut Context<Self>) {
        let now = Instant::now();
        while let Some(first) = self.timers.waiting.first_entry() {
            if first.key().0 > now {
                return;
            }
            match first.remove() {
                Wake::Held(key, place) => self.has_lasted(key, &place, ctx),
                Wake::Clock(key) => self.look_at_the_clock(key, ctx),
            }
        }
    }
}
