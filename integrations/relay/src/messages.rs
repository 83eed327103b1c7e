//! Messages from the relay: handed over, stored, acknowledged, or put off.

use actix::prelude::*;
use bytes::Bytes;
use hearth_core::store::StoreError;
use hearth_relay_protocol::{Ack, FromHub, Message as Body, Msg, Nack};
use tokio::sync::OwnedSemaphorePermit;

use crate::journal::Stored;
use crate::link::Link;
use crate::webhooks::HandOver;

impl Link {
    /// Takes a message, or says when it may come again.
    pub(crate) fn message(
        &mut self,
        msg: Msg,
        turn: Option<OwnedSemaphorePermit>,
        ctx: &mut Context<Self>,
    ) {
        let (shard, seq) = (msg.shard, msg.seq);
        if !self.inbox.can_take(shard, &msg.delivery_id) {
            tracing::error!("the relay keeps to no window; the connection is ended");
            return self.hang_up();
        }
        if self.inbox.is_repeat(&msg.delivery_id) {
            tracing::debug!(delivery = %msg.delivery_id, "a message came again");
            self.inbox.took(shard, seq);
            self.journal.took(shard, None, Vec::new(), turn);
            return self.store(ctx);
        }
        let now = self.hub.env.monotonic();
        let must_wait = self.inbox.must_wait(shard, seq, &msg.webhook_id, now);
        match self.hand_over(&msg, must_wait) {
            HandOver::Later => {
                let place = (shard, seq);
                let retry_after_s = self.inbox.put_off(place, msg.webhook_id, msg.attempt, now);
                let nack = Nack {
                    shard,
                    seq,
                    retry_after_s,
                };
                self.say(&FromHub::Nack(nack), None);
            }
            HandOver::Done | HandOver::Unwanted => {
                let now = self.hub.env.now();
                let forgotten = self.inbox.remember(msg.delivery_id.clone(), now);
                let delivery = Some((msg.delivery_id.as_str(), now));
                self.inbox.took(shard, seq);
                self.journal.took(shard, delivery, forgotten, turn);
                self.store(ctx);
            }
        }
    }

    fn hand_over(&mut self, msg: &Msg, must_wait: bool) -> HandOver {
        let webhook_short = short(&msg.webhook_id);
        let Some(webhook) = self.webhooks.get_mut(&msg.webhook_id) else {
            tracing::warn!(
                webhook = webhook_short,
                delivery = %msg.delivery_id,
                "a message came for a webhook that nobody here has registered; it is dropped"
            );
            return HandOver::Unwanted;
        };
        if must_wait {
            return HandOver::Later;
        }
        match event(msg) {
            Ok(event) => {
                let handed_over = webhook.hand_over(&event);
                tracing::debug!(
                    webhook = webhook_short,
                    delivery = %msg.delivery_id,
                    attempt = msg.attempt,
                    ?handed_over,
                    "a message came"
                );
                handed_over
            }
            Err(error) => {
                tracing::error!(
                    webhook = webhook_short,
                    delivery = %msg.delivery_id,
                    %error,
                    "the relay sent a message that is none; it is dropped"
                );
                HandOver::Unwanted
            }
        }
    }

    /// Stores what was taken, then acknowledges it.
    fn store(&mut self, ctx: &mut Context<Self>) {
        let cursor = |shard| self.inbox.cursor(shard);
        if let Some(storing) = self.journal.begin(cursor) {
            let stored = storing.store().into_actor(self);
            ctx.spawn(stored.map(|stored, link, ctx| link.stored(stored, ctx)));
        }
    }

    fn stored(&mut self, stored: Result<Stored, StoreError>, ctx: &mut Context<Self>) {
        self.journal.end(&stored);
        match stored {
            Ok(stored) => {
                for (&shard, &seq) in &stored.cursors {
                    self.say(&FromHub::Ack(Ack { shard, seq }), None);
                }
            }
            // It comes again, since it is not acknowledged, and is stored then.
            Err(error) => tracing::error!(%error, "messages were handed over and not noted"),
        }
        self.store(ctx);
    }
}

/// What integrations hear: the message with what belongs to its delivery.
fn event(msg: &Msg) -> serde_json::Result<Bytes> {
    let text = msg.message.get();
    let _: Body<'_> = serde_json::from_str(text)?;
    let ids = serde_json::json!({
        "webhook_id": msg.webhook_id,
        "delivery_id": msg.delivery_id,
        "attempt": msg.attempt,
    });
    let ids = ids.to_string();
    // Both are objects with members, as was just seen.
    let members = text.strip_prefix('{').unwrap_or_default();
    let head = ids.strip_suffix('}').unwrap_or_default();
    Ok(format!("{head},{members}").into())
}

/// An id for logs.
pub(crate) fn short(id: &str) -> &str {
    id.get(..8).unwrap_or(id)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use serde_json::value::RawValue;
    use serde_json::{Value, json};

    use super::*;

    #[test]
    fn integrations_hear_the_message_and_its_delivery() {
        let message = json!({
            "headers": {}, "query": {}, "body": {"a": "}{"}, "body_type": "json", "raw_body": "",
            "raw_headers": [], "method": "POST", "received_at": "2026-01-01T00:00:00+00:00",
        });
        let mut msg = Msg {
            shard: 0,
            seq: 1,
            delivery_id: "d\"".to_owned(),
            webhook_id: "w".to_owned(),
            attempt: 2,
            message: RawValue::from_string(message.to_string()).unwrap(),
        };
        let heard: Value = serde_json::from_slice(&event(&msg).unwrap()).unwrap();
        let mut expected = message;
        expected["delivery_id"] = "d\"".into();
        expected["webhook_id"] = "w".into();
        expected["attempt"] = 2.into();
        assert_eq!(heard, expected);

        for text in ["{}", "[]", "1", "{\"body\":1}"] {
            msg.message = RawValue::from_string(text.to_owned()).unwrap();
            assert!(event(&msg).is_err(), "{text}");
        }
    }
}
