//! What this crate's tests share: a clock that is set by hand, and a relay in memory.
#![allow(clippy::unwrap_used)]

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use hearth_core::env::{Clock, Env, Random};
use hearth_core::time::Timestamp;
use serde_json::value::RawValue;

use crate::ids::{DeliveryId, WebhookId};
use crate::store::{Delivery, QueueLimits};

/// A clock that moves only when it is told to.
#[derive(Clone, Default)]
pub(crate) struct ManualClock(Arc<AtomicI64>);

const START: i64 = 1_767_225_600_000_000;

impl ManualClock {
    pub(crate) fn advance(&self, by: Duration) {
        let by = i64::try_from(by.as_micros()).unwrap();
        self.0.fetch_add(by, Ordering::SeqCst);
    }

    pub(crate) fn env(&self) -> Env {
        Env::new(Arc::new(self.clone()), Arc::new(SystemRandom))
    }
}

impl Clock for ManualClock {
    fn now(&self) -> Timestamp {
        Timestamp::from_micros(START + self.0.load(Ordering::SeqCst))
    }

    fn monotonic(&self) -> Duration {
        Duration::from_micros(self.0.load(Ordering::SeqCst).unsigned_abs())
    }
}

struct SystemRandom;

impl Random for SystemRandom {
    fn fill(&self, bytes: &mut [u8]) {
        Env::system().fill(bytes);
    }
}

pub(crate) const LIMITS: QueueLimits = QueueLimits {
    messages: 1000,
    bytes: 16 * 1024 * 1024,
};

/// A delivery with this text as its message.
pub(crate) fn delivery(env: &Env, text: &str) -> Arc<Delivery> {
    Arc::new(Delivery {
        id: DeliveryId::new(env),
        webhook_id: WebhookId::random(env),
        received_at: env.now(),
        message: RawValue::from_string(serde_json::to_string(text).unwrap()).unwrap(),
    })
}
