//! Bringing a hub's messages to it: in their order, as many as its window takes.
//!
//! A hub that has all messages gets a new one from memory; one that is behind is read for from the
//! store, and only when there is room for what is read.

use tokio::time::{Instant, sleep_until};

use hearth_relay_protocol::{Frame, FromRelay, Msg};

use super::session::{Greeting, RESTART, Session, redelivery};
use super::window::Sent;
use crate::presence::{Farewell, Fresh, Nudges, Present};
use crate::store::{Delivery, Page, ReadLimits, Seq};

/// Messages that are read at a time.
const PAGE: usize = 64;
/// Their bytes.
const PAGE_BYTES: usize = 256 * 1024;
/// How long a store that cannot be read is left alone.
const UNREADABLE: std::time::Duration = std::time::Duration::from_secs(1);

/// What the delivery knows beside the window.
struct Feed {
    nudges: Nudges,
    /// The newest message that was stored, as far as it was told.
    newest: Seq,
    /// The newest message when the hub connected, until the queue was read. It may be on its way to
    /// the disk, so a queue that is read to its end may still be without it.
    expected: Seq,
    /// The last message of which the hub was told that it is lost.
    told: Seq,
    /// When the store may be read again.
    read_at: Option<Instant>,
}

impl Session {
    /// Runs until the connection is to end, or has. The hub counts as connected until what this
    /// gives is dropped.
    pub(super) async fn deliver(&self, greeting: Greeting) -> Present {
        let Greeting {
            nudges,
            present,
            mut orders,
            told,
            newest,
        } = greeting;
        let mut feed = Feed {
            nudges,
            newest: 0,
            expected: newest,
            told,
            read_at: None,
        };
        while !self.is_over() {
            let next_look = self.check_clock(Instant::now());
            while self.outbox.has_room()
                && let Ok(order) = orders.try_recv()
            {
                self.carry_out(order);
            }
            feed.newest = feed.newest.max(*feed.nudges.newest.borrow_and_update());
            if self.outbox.has_room() && self.proceed(&mut feed).await {
                continue;
            }
            if self.is_over() {
                break;
            }
            let has_room = self.outbox.has_room();
            let next_look = [self.window.borrow().lock().next_due(), feed.read_at]
                .into_iter()
                .flatten()
                .filter(|_| has_room)
                .fold(next_look, Instant::min);
            tokio::select! {
                biased;
                () = self.woken.notified() => {}
                changed = feed.nudges.farewell.changed() => {
                    let farewell = *feed.nudges.farewell.borrow_and_update();
                    match (changed, farewell) {
                        (_, Some(farewell)) => self.bid_farewell(farewell),
                        (Ok(()), None) => {}
                        // Another connection has taken this one's place.
                        (Err(_), None) => self.bid_farewell(Farewell::Replaced),
                    }
                }
                Some(order) = orders.recv(), if has_room => self.carry_out(order),
                _ = feed.nudges.newest.changed() => {}
                () = self.outbox.room(), if !has_room => {}
                () = sleep_until(next_look) => {}
            }
        }
        present
    }

    fn carry_out(&self, order: super::line::Order) {
        if let Some(text) = self.line().and_then(|line| line.carry_out(order)) {
            self.outbox.push(text);
        }
    }

    /// Sends what can be sent; whether there may be more at once.
    async fn proceed(&self, feed: &mut Feed) -> bool {
        let now = Instant::now();
        if feed.read_at.is_some_and(|at| now < at) {
            return false;
        }
        feed.read_at = None;
        let due = self.window.borrow().lock().due(now);
        if !due.is_empty() {
            return Box::pin(self.send_again(feed, &due)).await;
        }
        let (through, room) = {
            let window = self.window.borrow();
            let window = window.lock();
            (window.through(), window.room())
        };
        if feed.newest.max(feed.expected) <= through {
            self.is_stalled.set(false);
            return false;
        }
        let Some((messages, bytes)) = room else {
            self.stall(feed);
            return false;
        };
        self.is_stalled.set(false);
        if let Some(sent) = self.send_fresh(feed, through) {
            return sent;
        }
        let limits = ReadLimits {
            messages: messages.min(PAGE),
            bytes: bytes.min(PAGE_BYTES),
        };
        // On the heap while it lasts: an idle hub keeps no room for it.
        Box::pin(self.send_stored(feed, through, limits)).await
    }

    /// The window is full: what came in memory is read later.
    fn stall(&self, feed: &mut Feed) {
        self.wait_for_acks();
        while feed.nudges.fresh.try_recv().is_ok() {}
    }

    fn wait_for_acks(&self) {
        if !self.is_stalled.replace(true) {
            self.relay.metrics.window_stalls.inc();
        }
    }

    /// Sends a message from memory; none where the next one is not there.
    fn send_fresh(&self, feed: &mut Feed, through: Seq) -> Option<bool> {
        while let Ok(Fresh {
            seq,
            previous,
            delivery,
        }) = feed.nudges.fresh.try_recv()
        {
            if seq <= through {
                continue;
            }
            return (previous <= through).then(|| self.send(seq, &delivery));
        }
        None
    }

    /// Sends messages from the store.
    async fn send_stored(&self, feed: &mut Feed, through: Seq, limits: ReadLimits) -> bool {
        let position = || self.relay.store.position(self.hub);
        if self.has_lost(feed, position().lost, through) {
            return false;
        }
        let newest = feed.newest;
        let Some(page) = self.read(feed, through, limits).await else {
            return false;
        };
        let lost = position().lost;
        let first = page.messages.first().map(|message| message.seq);
        if first.is_none_or(|first| first > lost) && self.has_lost(feed, lost, through) {
            return false;
        }
        for message in &page.messages {
            if !self.send(message.seq, &message.delivery) {
                return false;
            }
        }
        if !page.has_more {
            self.window.borrow().lock().skip_to(newest);
            feed.expected = 0;
        }
        true
    }

    /// Whether messages went that were never sent: the hub learns it when it connects again.
    fn has_lost(&self, feed: &Feed, lost: Seq, through: Seq) -> bool {
        let has_lost = lost > through && lost > feed.told;
        if has_lost {
            tracing::warn!(hub = ?self.hub, "messages went before a connected hub took them");
            self.close(RESTART, "messages are lost: connect again to learn which");
        }
        has_lost
    }

    /// Sends a message for the first time over this connection; whether it fitted.
    fn send(&self, seq: Seq, delivery: &Delivery) -> bool {
        let bytes = delivery.message.get().len();
        let window = self.window.borrow();
        let mut window = window.lock();
        if !window.fits(bytes) {
            window.hold_back(bytes);
            self.wait_for_acks();
            return false;
        }
        let before = self.attempts.borrow_mut().remove(&seq);
        let (attempts, nacks) = before.unwrap_or_default();
        let sent = Sent {
            seq,
            bytes,
            attempt: attempts.saturating_add(1),
            nacks,
            received_at: delivery.received_at,
            due: redelivery(&self.relay.settings, Instant::now()),
            is_put_off: false,
        };
        window.add(sent);
        if sent.attempt > 1 {
            self.relay.metrics.redeliveries.inc();
        }
        self.outbox.push(frame(&sent, delivery));
        true
    }

    /// Sends messages that were not acknowledged in time, or were put off until now.
    async fn send_again(&self, feed: &mut Feed, due: &[Seq]) -> bool {
        let (Some(first), Some(last)) = (due.first(), due.last()) else {
            return false;
        };
        let messages = {
            let window = self.window.borrow();
            let window = window.lock();
            let between = window
                .sent()
                .filter(|sent| (*first..=*last).contains(&sent.seq));
            between.count().min(PAGE)
        };
        let limits = ReadLimits {
            messages,
            bytes: PAGE_BYTES,
        };
        let Some(page) = self.read(feed, first - 1, limits).await else {
            return false;
        };
        let read_to = match page.messages.last() {
            Some(last) if page.has_more => last.seq,
            _ => Seq::MAX,
        };
        let again = redelivery(&self.relay.settings, Instant::now());
        for seq in due.iter().filter(|seq| **seq <= read_to) {
            let window = self.window.borrow();
            let mut window = window.lock();
            let found = page.messages.iter().find(|message| message.seq == *seq);
            let Some(found) = found else {
                // It was too old, or there were too many.
                window.gone(*seq);
                continue;
            };
            // None where it was acknowledged meanwhile.
            if let Some(sent) = window.sent_again(*seq, again) {
                self.relay.metrics.redeliveries.inc();
                self.outbox.push(frame(&sent, &found.delivery));
            }
        }
        true
    }

    async fn read(&self, feed: &mut Feed, after: Seq, limits: ReadLimits) -> Option<Page> {
        let began = std::time::Instant::now();
        // The semaphore is never closed.
        let turn = self.relay.door.reads.acquire().await.ok();
        let read = self.relay.store.read(self.hub, after, limits).await;
        drop(turn);
        let seconds = &self.relay.metrics.engine_seconds;
        seconds
            .get_or_create(&[("op", "read")])
            .observe(began.elapsed().as_secs_f64());
        match read {
            Ok(page) => Some(page),
            Err(error) => {
                tracing::error!(hub = ?self.hub, %error, "a hub's messages cannot be read");
                feed.read_at = Some(Instant::now() + UNREADABLE);
                None
            }
        }
    }
}

fn frame(sent: &Sent, delivery: &Delivery) -> String {
    FromRelay::Msg(Msg {
        shard: 0,
        seq: sent.seq,
        delivery_id: delivery.id.to_string(),
        webhook_id: delivery.webhook_id.to_string(),
        attempt: sent.attempt,
        message: delivery.message.clone(),
    })
    .to_text()
}
