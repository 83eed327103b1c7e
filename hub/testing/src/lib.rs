//! What the tests of the core and of every integration share: a system to run in, and a listener
//! on the bus.
//!
//! It knows `hearth-core` and no integration. An integration names it under `[dev-dependencies]`
//! and starts its tests with [`run`].
#![allow(
    clippy::expect_used,
    reason = "a failed expectation is how a test ends here"
)]

mod home;

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use actix::prelude::*;
use hearth_core::bus::{Delivery, Filter, Pace};
use hearth_core::event::Event;
use hearth_core::hub::Hub;
use tokio::sync::mpsc;

pub use home::Home;

/// Runs a test in an actix system; it must end within half a minute.
pub fn run(test: impl Future<Output = ()>) {
    System::new().block_on(async {
        tokio::time::timeout(Duration::from_secs(30), test)
            .await
            .expect("the test did not end in time");
    });
}

/// Collects events.
#[derive(Debug)]
pub struct Listener(mpsc::UnboundedReceiver<Arc<Event>>);

impl Listener {
    /// Subscribes.
    pub async fn start(hub: &Hub, filter: Filter) -> Self {
        let (sender, receiver) = mpsc::unbounded_channel();
        let actor = ListenerActor(sender).start();
        hub.bus
            .subscribe(filter, Pace::Hold, actor.recipient())
            .await;
        Self(receiver)
    }

    /// The next event.
    pub async fn next(&mut self) -> Arc<Event> {
        tokio::time::timeout(Duration::from_secs(10), self.0.recv())
            .await
            .expect("no event came in time")
            .expect("the bus has stopped")
    }

    /// The next event of that type; others before it are dropped.
    pub async fn next_of(&mut self, event_type: &str) -> Arc<Event> {
        loop {
            let event = self.next().await;
            if event.event_type.as_str() == event_type {
                return event;
            }
        }
    }
}

struct ListenerActor(mpsc::UnboundedSender<Arc<Event>>);

impl Actor for ListenerActor {
    type Context = Context<Self>;
}

impl Handler<Delivery> for ListenerActor {
    type Result = ();

    fn handle(&mut self, delivery: Delivery, _: &mut Self::Context) {
        if let Delivery::Event { event, .. } = delivery {
            let _ = self.0.send(event);
        }
    }
}
