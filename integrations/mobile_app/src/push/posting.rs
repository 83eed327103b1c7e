//! Posts to a phone's push service, one after the other: the way that is taken while no channel is
//! open.

use std::sync::Arc;

use actix::prelude::*;
use futures_util::FutureExt;
use hearth_core::ids::WebhookId;

use super::courier::Courier;
use super::delivery::{later, seconds};
use super::payload::{Cloud, post_body};
use super::post::Posted;
use crate::record::Record;

impl Courier {
    /// Posts the oldest that waits, where that is possible now.
    pub(super) fn post_next(
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
        let poster = Arc::clone(&self.poster);
        let mut turn = Box::pin(self.shares.turn(record.user_id));
        let at_once = (&mut turn).now_or_never();
        outbox.awaits_turn = at_once.is_none();
        actix_rt::spawn(async move {
            let turn = match at_once {
                Some(turn) => turn,
                None => turn.await,
            };
            let posted = poster.post(&cloud.url, body, id.short()).await;
            drop(turn);
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
