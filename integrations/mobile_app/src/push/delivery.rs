//! What the courier does with a notification: take it, keep it, bring it on its way, drop it.

use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use actix::prelude::*;
use hearth_core::ids::WebhookId;
use hearth_core::subscription::{Sent, Subscriber};
use hearth_core::time::Timestamp;
use tokio::sync::oneshot;

use super::courier::Courier;
use super::outbox::{Channel, Letter, Outbox, PushError};
use super::payload::{Cloud, Payload, Target, channel_event, post_body};
use super::post::Posted;
use crate::record::Record;

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
        let mut letter = Letter {
            seq: self.next_seq,
            payload,
            expires_at: self.expiry(),
            confirm_id: None,
            sent: None,
            is_kept: false,
            waiting: Some(sender),
            _room: Rc::clone(&self.room),
        };
        self.next_seq += 1;
        let target = self.record(id).and_then(|record| Target::of(&record));
        let Some(target) = target else {
            letter.answer(Err(PushError::NotConnected));
            return receiver;
        };
        let settings = &self.hub.settings.push;
        let keeps = settings.queue > 0;
        let outbox = self.outboxes.entry(id.clone()).or_default();
        let is_connected = outbox.channel.is_some() || target.cloud.is_some();
        // What goes on its way at once may pass those that wait; there may be as many of it again.
        let limit = settings.queue_total.max(1);
        let limit = if outbox.must_wait(&target) {
            limit
        } else {
            limit.saturating_mul(2)
        };
        let refused = match (keeps, is_connected) {
            (false, false) => Some(PushError::NotConnected),
            // One count is the courier's own.
            _ if Rc::strong_count(&self.room) - 1 > limit => Some(PushError::TooMany),
            _ => None,
        };
        if let Some(why) = refused {
            letter.answer(Err(why));
            self.tidy(id);
            return receiver;
        }
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

    fn expiry(&self) -> Timestamp {
        let ttl = i64::try_from(self.hub.settings.push.ttl_s).unwrap_or(i64::MAX);
        let now = self.hub.env.now().as_micros();
        Timestamp::from_micros(now.saturating_add(ttl.saturating_mul(1_000_000)))
    }

    /// Stores a letter that is still on its way; the caller is answered then. One that is with
    /// the push service for the first time is not: its caller waits for what comes of that.
    fn keep(&mut self, id: &WebhookId, seq: u64) {
        let Some(record) = self.record(id) else {
            return;
        };
        let keeps = self.hub.settings.push.queue > 0;
        let Some(outbox) = self.outboxes.get_mut(id) else {
            return;
        };
        let (is_posted, waiting) = (outbox.posting == Some(seq), outbox.letters.len());
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

    fn send_on_channel(&mut self, id: &WebhookId, record: &Record, ctx: &mut Context<Self>) {
        let Some(outbox) = self.outboxes.get_mut(id) else {
            return;
        };
        let Some(channel) = &outbox.channel else {
            return;
        };
        let now = self.hub.env.monotonic();
        let mut sent = Vec::new();
        let mut is_open = true;
        for letter in &mut outbox.letters {
            if letter.sent.is_some() {
                continue;
            }
            let confirm_id = channel.support_confirm.then(|| {
                let made = || self.hub.env.hex::<16>();
                letter.confirm_id.get_or_insert_with(made).as_str()
            });
            let event = channel_event(&letter.payload, confirm_id);
            if channel.subscriber.send(&event) != Sent::OnItsWay {
                is_open = false;
                break;
            }
            match channel.support_confirm {
                true => letter.sent = Some(now),
                false => sent.push(letter.seq),
            }
        }
        let needs_watch = channel.support_confirm && !outbox.is_watched;
        for seq in sent {
            if let Some(mut letter) = outbox.take(seq) {
                self.journal.delete(record.entry_id, &letter);
                letter.answer(Ok(()));
            }
        }
        if !is_open {
            outbox.close_channel();
        } else if needs_watch {
            self.watch_confirmations(id, ctx);
        }
    }

    /// Looks at the deadline of the oldest unconfirmed notification when it comes.
    fn watch_confirmations(&mut self, id: &WebhookId, ctx: &mut Context<Self>) {
        let timeout = seconds(self.hub.settings.push.confirm_timeout_s);
        let now = self.hub.env.monotonic();
        let Some(outbox) = self.outboxes.get_mut(id) else {
            return;
        };
        outbox.is_watched = false;
        let Some(oldest) = outbox.oldest_sent() else {
            return;
        };
        outbox.is_watched = true;
        let left = (oldest + timeout).saturating_sub(now);
        later(ctx, left, ConfirmDue(id.clone()));
    }

    fn post_next(
        &mut self,
        id: &WebhookId,
        record: &Record,
        cloud: Option<Cloud>,
        ctx: &mut Context<Self>,
    ) {
        let now = self.hub.env.monotonic();
        let Some(outbox) = self.outboxes.get_mut(id) else {
            return;
        };
        let must_wait = outbox.channel.is_some()
            || outbox.posting.is_some()
            || outbox.pause.is_some_and(|until| until > now);
        let (Some(cloud), Some(letter), false) = (cloud, outbox.letters.front(), must_wait) else {
            return;
        };
        outbox.pause = None;
        outbox.posting = Some(letter.seq);
        let body = post_body(
            &letter.payload,
            &cloud,
            record,
            letter.confirm_id.as_deref(),
        );
        let (seq, id, courier) = (letter.seq, id.clone(), ctx.address());
        let (poster, posts) = (Arc::clone(&self.poster), Arc::clone(&self.posts));
        actix_rt::spawn(async move {
            // The semaphore is never closed.
            let _turn = posts.acquire().await;
            let posted = poster.post(&cloud.url, body, id.short()).await;
            courier.do_send(WasPosted { id, seq, posted });
        });
    }

    fn was_posted(&mut self, done: WasPosted, ctx: &mut Context<Self>) {
        let WasPosted { id, seq, posted } = done;
        let keeps = self.hub.settings.push.queue > 0;
        let record = self.record(&id);
        let Some(outbox) = self.outboxes.get_mut(&id) else {
            return;
        };
        // The outbox of a phone that registered again is another one.
        if outbox.posting != Some(seq) {
            return;
        }
        outbox.posting = None;
        match posted {
            Posted::Later(why) if keeps => {
                let first = seconds(self.hub.settings.push.retry_s);
                let pause = outbox.failed(first, self.hub.env.monotonic());
                tracing::warn!(
                    phone = id.short(),
                    why,
                    again_in_s = pause.as_secs(),
                    "a notification waits until the push service takes it"
                );
                later(ctx, pause, Retry(id.clone()));
                self.keep(&id, seq);
            }
            posted => {
                match posted {
                    Posted::Later(why) => {
                        tracing::error!(
                            phone = id.short(),
                            why,
                            "a notification was not delivered"
                        );
                    }
                    Posted::Done | Posted::Refused => outbox.recovered(),
                }
                if let (Some(mut letter), Some(record)) = (outbox.take(seq), record) {
                    letter.answer(Ok(()));
                    self.journal.delete(record.entry_id, &letter);
                }
            }
        }
        self.deliver(&id, ctx);
    }

    /// Opens a phone's channel, in the place of its older one.
    pub(super) fn open_channel(
        &mut self,
        id: &WebhookId,
        subscriber: Subscriber,
        support_confirm: bool,
        ctx: &mut Context<Self>,
    ) {
        let outbox = self.outboxes.entry(id.clone()).or_default();
        outbox.close_channel();
        outbox.recovered();
        outbox.channel = Some(Channel {
            subscriber: subscriber.clone(),
            support_confirm,
        });
        let (courier, phone) = (ctx.address(), id.clone());
        actix_rt::spawn(async move {
            subscriber.gone().await;
            courier.do_send(ChannelGone(phone, subscriber));
        });
        self.deliver(id, ctx);
    }

    /// `false`: nothing on an open channel has this id.
    pub(super) fn confirm(&mut self, id: &WebhookId, confirm_id: &str) -> bool {
        let record = self.record(id);
        let Some((outbox, record)) = self.outboxes.get_mut(id).zip(record) else {
            return false;
        };
        let Some(letter) = outbox.confirmed(confirm_id) else {
            return false;
        };
        let (seq, was_awaited) = (letter.seq, letter.sent.is_some());
        // Late, but the phone has it: it need not be brought again.
        if outbox.posting != Some(seq)
            && let Some(mut letter) = outbox.take(seq)
        {
            letter.answer(Ok(()));
            self.journal.delete(record.entry_id, &letter);
        }
        self.tidy(id);
        was_awaited
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

    fn tidy(&mut self, id: &WebhookId) {
        if self.outboxes.get(id).is_some_and(Outbox::is_idle) {
            self.outboxes.remove(id);
        }
    }
}

/// Sends the actor a message after a while.
fn later<M>(ctx: &Context<Courier>, pause: Duration, message: M)
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

fn seconds(seconds: f64) -> Duration {
    Duration::try_from_secs_f64(seconds).unwrap_or_default()
}

#[derive(Message)]
#[rtype(result = "()")]
struct WasPosted {
    id: WebhookId,
    seq: u64,
    posted: Posted,
}

impl Handler<WasPosted> for Courier {
    type Result = ();

    fn handle(&mut self, done: WasPosted, ctx: &mut Self::Context) {
        self.was_posted(done, ctx);
    }
}

/// The push service may be tried again.
#[derive(Message)]
#[rtype(result = "()")]
struct Retry(WebhookId);

impl Handler<Retry> for Courier {
    type Result = ();

    fn handle(&mut self, Retry(id): Retry, ctx: &mut Self::Context) {
        self.deliver(&id, ctx);
    }
}

/// A confirmation may be overdue.
#[derive(Message)]
#[rtype(result = "()")]
struct ConfirmDue(WebhookId);

impl Handler<ConfirmDue> for Courier {
    type Result = ();

    fn handle(&mut self, ConfirmDue(id): ConfirmDue, ctx: &mut Self::Context) {
        let timeout = seconds(self.hub.settings.push.confirm_timeout_s);
        let now = self.hub.env.monotonic();
        let Some(outbox) = self.outboxes.get_mut(&id) else {
            return;
        };
        let oldest = outbox.oldest_sent();
        if oldest.is_none_or(|sent| sent + timeout > now) {
            return self.watch_confirmations(&id, ctx);
        }
        outbox.is_watched = false;
        tracing::warn!(
            phone = id.short(),
            "a phone did not confirm a notification in time; its channel is closed"
        );
        outbox.close_channel();
        self.deliver(&id, ctx);
    }
}

/// The client of a channel has ended it.
#[derive(Message)]
#[rtype(result = "()")]
struct ChannelGone(WebhookId, Subscriber);

impl Handler<ChannelGone> for Courier {
    type Result = ();

    fn handle(&mut self, ChannelGone(id, gone): ChannelGone, ctx: &mut Self::Context) {
        let Some(outbox) = self.outboxes.get_mut(&id) else {
            return;
        };
        let channel = outbox.channel.as_ref();
        if channel.is_some_and(|channel| channel.subscriber.is(&gone)) {
            outbox.close_channel();
            self.deliver(&id, ctx);
            self.tidy(&id);
        }
    }
}
