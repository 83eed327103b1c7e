//! Subscriptions of integrations: a command whose answer is followed by events.
//!
//! An integration registers such a command with
//! [`Commands::register_subscription`](crate::command::Commands::register_subscription). Its
//! handler finds a [`Subscriber`] in the [`Command`](crate::command::Command), keeps it, and sends
//! to it for as long as the client listens. What the handler answers is the command's result, which
//! the client gets before the first event. The door numbers the events and ends the subscription
//! when the client says so or goes away.
//!
//! ```
//! use hearth_core::subscription::{Sent, subscription};
//! use serde_json::json;
//!
//! # hearth_core::System::new().block_on(async {
//! let (subscriber, mut events) = subscription();
//! assert_eq!(subscriber.send(&json!({"type": "current"})), Sent::OnItsWay);
//! assert_eq!(events.next().await.unwrap(), r#"{"type":"current"}"#);
//!
//! drop(events);
//! subscriber.gone().await;
//! assert_eq!(subscriber.send(&json!(1)), Sent::Gone);
//! # });
//! ```

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use bytes::Bytes;
use serde::Serialize;
use tokio::sync::mpsc;

/// Events that may wait for the door of one subscription. The door takes them at once; one that
/// does not is stuck, and its client is cut off rather than left without an event.
const QUEUE: usize = 1024;

/// A client that hears what an integration tells it. Clones reach the same client.
#[derive(Clone, Debug)]
pub struct Subscriber {
    events: mpsc::Sender<Bytes>,
    has_lost: Arc<AtomicBool>,
}

/// What became of an event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sent {
    /// The door has it.
    OnItsWay,
    /// The client has ended the subscription or is gone.
    Gone,
    /// The door takes nothing; it will cut its client off. To an integration this is as
    /// [`Sent::Gone`].
    Lost,
}

/// The door's end of a subscription.
#[derive(Debug)]
pub struct Events {
    events: mpsc::Receiver<Bytes>,
    has_lost: Arc<AtomicBool>,
}

/// Both ends of a new subscription.
pub fn subscription() -> (Subscriber, Events) {
    let (sender, receiver) = mpsc::channel(QUEUE);
    let has_lost = Arc::<AtomicBool>::default();
    let subscriber = Subscriber {
        events: sender,
        has_lost: Arc::clone(&has_lost),
    };
    let events = Events {
        events: receiver,
        has_lost,
    };
    (subscriber, events)
}

impl Subscriber {
    /// Sends an event.
    pub fn send(&self, event: &impl Serialize) -> Sent {
        match serde_json::to_vec(event) {
            Ok(json) => self.send_json(json.into()),
            Err(error) => {
                tracing::error!(%error, "an event of a subscription is no JSON");
                self.lose()
            }
        }
    }

    /// Sends an event that is JSON already; several subscribers may share its bytes.
    pub fn send_json(&self, json: Bytes) -> Sent {
        if self.has_lost.load(Ordering::Acquire) {
            return Sent::Lost;
        }
        match self.events.try_send(json) {
            Ok(()) => Sent::OnItsWay,
            Err(mpsc::error::TrySendError::Closed(_)) => Sent::Gone,
            Err(mpsc::error::TrySendError::Full(_)) => self.lose(),
        }
    }

    fn lose(&self) -> Sent {
        self.has_lost.store(true, Ordering::Release);
        Sent::Lost
    }

    /// Whether the client has ended the subscription or is gone.
    pub fn is_gone(&self) -> bool {
        self.events.is_closed() || self.has_lost.load(Ordering::Acquire)
    }

    /// Whether the door has room for another event. One that is sent without is
    /// [`Sent::Lost`], and cuts the client off; who can send it later asks first.
    pub fn has_room(&self) -> bool {
        self.events.capacity() > 0
    }

    /// Waits until the client has ended the subscription or is gone.
    pub async fn gone(&self) {
        self.events.closed().await;
    }

    /// Whether both reach the same client.
    pub fn is(&self, other: &Self) -> bool {
        self.events.same_channel(&other.events)
    }
}

impl Events {
    /// The next event, as JSON; none when the integration has ended the subscription.
    pub async fn next(&mut self) -> Option<Bytes> {
        self.events.recv().await
    }

    /// Whether an event found no room: the client must be cut off and told, since it would never
    /// know.
    pub fn has_lost(&self) -> bool {
        self.has_lost.load(Ordering::Acquire)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_client_that_takes_nothing_is_told_that_it_lost_an_event() {
        let (subscriber, events) = subscription();
        for _ in 0..QUEUE {
            assert_eq!(subscriber.send(&1), Sent::OnItsWay);
        }
        assert!(!events.has_lost() && !subscriber.has_room());
        assert_eq!(subscriber.send(&1), Sent::Lost);
        assert!(events.has_lost() && subscriber.is_gone());
        assert_eq!(subscriber.send(&1), Sent::Lost);
    }
}
