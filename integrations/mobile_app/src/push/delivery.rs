//! What the courier does with a notification: take it, keep it, bring it on its way, drop it.

use std::time::Duration;

use actix::prelude::*;
use hearth_core::ids::WebhookId;
use hearth_core::time::Timestamp;
use tokio::sync::oneshot;

use super::courier::Courier;
use super::outbox::{Letter, Outbox, PushError};
use super::payload::{Payload, Target};

/// Notifications that may be on their way to one phone where none is kept.
const UNKEPT: usize = 100;

impl Courier {
    /// Takes a notification for a phone; the receiver is told when it is with the phone, or kept.
    pub(super) fn push(
        &mut self,
        id: &WebhookId,
        payload: Payload,
        ctx: &mut Context<Self>,
    ) -> oneshot::Receiver<Result<(), PushError>> {
        let (sender, receiver) = oneshot::channel();
        let letter = match self.letter_for(id, payload) {
            Ok(letter) => Letter {
                waiting: Some(sender),
                ..letter
            },
            Err(why) => {
                // A caller that has gone wants no answer.
                let _ = sender.send(Err(why));
                return receiver;
            }
        };
        let settings = &self.hub.settings.push;
        let keeps = settings.queue > 0;
        let outbox = self.outboxes.entry(id.clone()).or_default();
        let mut gone = outbox.take_replaced(&letter.payload);
        let seq = letter.seq;
        outbox.letters.push_back(letter);
        let limit = if keeps { settings.queue } else { UNKEPT };
        if let Some(oldest) = outbox.take_oldest_beyond(limit) {
            tracing::warn!(
                phone = id.short(),
                "too many notifications wait for a phone; the oldest is dropped (setting push.queue)"
            );
            gone.push(oldest);
        }
        self.drop_letters(id, gone);
        self.deliver(id, ctx);
        self.keep(id, seq);
        receiver
    }

    /// A letter to this phone, where one more may be on its way.
    fn letter_for(&mut self, id: &WebhookId, payload: Payload) -> Result<Letter, PushError> {
        let record = self.record(id).ok_or(PushError::NotConnected)?;
        let target = Target::of(&record).ok_or(PushError::NotConnected)?;
        let outbox = self.outboxes.get(id);
        let has_channel = outbox.is_some_and(|outbox| outbox.channel.is_some());
        if self.hub.settings.push.queue == 0 && !has_channel && target.cloud.is_none() {
            return Err(PushError::NotConnected);
        }
        let goes_at_once = match outbox {
            Some(outbox) => !outbox.must_wait(&target),
            None => !Outbox::default().must_wait(&target),
        };
        let room = self.shares.room(record.user_id, goes_at_once);
        let seq = self.next_seq;
        self.next_seq += 1;
        Ok(Letter {
            seq,
            payload,
            expires_at: self.expiry(),
            confirm_id: None,
            sent: None,
            is_kept: false,
            waiting: None,
            _room: room.ok_or(PushError::TooMany)?,
        })
    }

    fn expiry(&self) -> Timestamp {
        let ttl = i64::try_from(self.hub.settings.push.ttl_s).unwrap_or(i64::MAX);
        let now = self.hub.env.now().as_micros();
        Timestamp::from_micros(now.saturating_add(ttl.saturating_mul(1_000_000)))
    }

    /// Stores a letter that is still on its way; the caller is answered then. One that is with
    /// the push service for the first time is not: its caller waits for what comes of that.
    pub(super) fn keep(&mut self, id: &WebhookId, seq: u64) {
        let Some(record) = self.record(id) else {
            return;
        };
        let keeps = self.hub.settings.push.queue > 0;
        let Some(outbox) = self.outboxes.get_mut(id) else {
            return;
        };
        let is_posted = outbox.posting == Some(seq) && !outbox.awaits_turn;
        let waiting = outbox.letters.len();
        let mut letters = outbox.letters.iter_mut();
        let Some(letter) = letters.find(|letter| letter.seq == seq) else {
            return;
        };
        if is_posted || letter.is_kept {
            return;
        }
        if letter.sent.is_none() {
            tracing::info!(
                phone = id.short(),
                waiting,
                "a notification waits until its phone is reached"
            );
        }
        match keeps {
            true => self.journal.put(record.entry_id, letter),
            false => letter.answer(Ok(())),
        }
    }

    /// Brings what waits for a phone on its way, in order, as far as that is possible now.
    pub(super) fn deliver(&mut self, id: &WebhookId, ctx: &mut Context<Self>) {
        // One that is being removed: all of it goes in a moment.
        let Some(record) = self.record(id) else {
            return;
        };
        let Some(target) = Target::of(&record) else {
            // A channel that its app opened may be needed by its next registration.
            if let Some(outbox) = self.outboxes.get_mut(id) {
                let letters = std::mem::take(&mut outbox.letters);
                self.drop_letters(id, letters.into());
            }
            return self.tidy(id);
        };
        self.drop_expired(id);
        let Some(outbox) = self.outboxes.get_mut(id) else {
            return;
        };
        // One after the other: what is with the push service comes first.
        if outbox.posting.is_some() {
            return;
        }
        if outbox.channel.is_some() {
            self.send_on_channel(id, &record, ctx);
        }
        self.post_next(id, &record, target.cloud, ctx);
        self.tidy(id);
    }

    fn drop_expired(&mut self, id: &WebhookId) {
        let now = self.hub.env.now();
        let Some(outbox) = self.outboxes.get_mut(id) else {
            return;
        };
        let expired = outbox.take_expired(now);
        for letter in &expired {
            tracing::warn!(
                phone = id.short(),
                number = letter.seq,
                "a notification was not delivered in time and is dropped (setting push.ttl_s)"
            );
        }
        self.drop_letters(id, expired);
    }

    fn drop_letters(&mut self, id: &WebhookId, letters: Vec<Letter>) {
        let record = self.record(id);
        for mut letter in letters {
            letter.answer(Ok(()));
            if let Some(record) = &record {
                self.journal.delete(record.entry_id, &letter);
            }
        }
    }

    pub(super) fn tidy(&mut self, id: &WebhookId) {
        if self.outboxes.get(id).is_some_and(Outbox::is_idle) {
            self.outboxes.remove(id);
        }
    }
}

/// Sends the actor a message after a while.
pub(super) fn later<M>(ctx: &Context<Courier>, pause: Duration, message: M)
where
    M: Message<Result = ()> + Send + 'static,
    Courier: Handler<M>,
{
    let courier = ctx.address();
    actix_rt::spawn(async move {
        actix_rt::time::sleep(pause).await;
        courier.do_send(message);
    });
}

pub(super) fn seconds(seconds: f64) -> Duration {
    Duration::try_from_secs_f64(seconds).unwrap_or_default()
}
