//! A phone's own channel: the way that is taken while it is open.

use actix::prelude::*;
use hearth_core::ids::WebhookId;
use hearth_core::subscription::{Sent, Subscriber};

use super::courier::Courier;
use super::delivery::{later, seconds};
use super::outbox::Channel;
use super::payload::channel_event;
use crate::record::Record;

impl Courier {
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

    /// Sends what was not sent on it yet.
    pub(super) fn send_on_channel(
        &mut self,
        id: &WebhookId,
        record: &Record,
        ctx: &mut Context<Self>,
    ) {
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
