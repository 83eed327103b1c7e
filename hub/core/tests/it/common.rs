//! What the tests of the core share: a system to run in, and a listener on the bus.

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use actix::prelude::*;
use hearth_core::bus::{Delivery, Filter, Pace};
use hearth_core::event::Event;
use hearth_core::hub::Hub;
use tokio::sync::mpsc;

/// Runs a test in an actix system; it must end within half a minute.
pub(crate) fn run(test: impl Future<Output = ()>) {
    System::new().block_on(async {
        tokio::time::timeout(Duration::from_secs(30), test)
            .await
            .expect("the test did not end in time");
    });
}

/// Collects events.
pub(crate) struct Listener(mpsc::UnboundedReceiver<Arc<Event>>);

impl Listener {
    /// Subscribes.
    pub(crate) async fn start(hub: &Hub, filter: Filter) -> Self {
        let (sender, receiver) = mpsc::unbounded_channel();
        let actor = ListenerActor(sender).start();
        hub.bus
            .subscribe(filter, Pace::Hold, actor.recipient())
            .await;
        Self(receiver)
    }

    /// The next event.
    pub(crate) async fn next(&mut self) -> Arc<Event> {
        tokio::time::timeout(Duration::from_secs(10), self.0.recv())
            .await
            .expect("no event came in time")
            .expect("the bus has stopped")
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
