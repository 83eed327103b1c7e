//! Messages that were sent and not acknowledged: which, how often, and when they are sent again.
//! Pure; the messages themselves are in the store.

use std::collections::VecDeque;
use std::time::Duration;

use hearth_core::time::Timestamp;
use tokio::time::Instant;

use crate::store::Seq;

/// The most bytes that a hub may ask for at a time.
const BYTES_MAX: u64 = 16 * 1024 * 1024;
/// How long setting a message aside may take before it is sent once more.
const SET_ASIDE: Duration = Duration::from_secs(30);

/// One message on its way.
#[derive(Clone, Copy, Debug)]
pub(super) struct Sent {
    pub(super) seq: Seq,
    pub(super) bytes: usize,
    /// 1 the first time.
    pub(super) attempt: u32,
    /// How often the hub has put it off.
    pub(super) nacks: u32,
    pub(super) received_at: Timestamp,
    /// When it is sent again.
    pub(super) due: Instant,
    /// The hub has put it off: it cannot acknowledge what is behind it meanwhile.
    pub(super) is_put_off: bool,
}

/// What a `nack` leads to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Nacked {
    /// It is sent again when it is due.
    Waits,
    /// It was put off for the last time.
    TooOften,
    /// No such message is with the hub.
    Unknown,
}

/// See the module's guide. In the order of the queue.
#[derive(Debug)]
pub(super) struct Window {
    limit: usize,
    byte_limit: usize,
    sent: VecDeque<Sent>,
    bytes: usize,
    /// The last message that was sent, or was found gone.
    through: Seq,
    /// The size of the next message, where it did not fit.
    waiting: usize,
}

impl Window {
    /// As wide as the hub asks, within what is allowed; what is behind `through` was not sent.
    pub(super) fn new(limit: u32, byte_limit: u64, through: Seq) -> Self {
        let limit = limit.clamp(1, hearth_relay_protocol::WINDOW_MAX);
        let byte_limit = byte_limit.clamp(1, BYTES_MAX);
        Self {
            limit: usize::try_from(limit).unwrap_or(1),
            byte_limit: usize::try_from(byte_limit).unwrap_or(1),
            sent: VecDeque::new(),
            bytes: 0,
            through,
            waiting: 0,
        }
    }

    pub(super) fn through(&self) -> Seq {
        self.through
    }

    /// How many more messages and bytes there is room for; none where the next one does not fit.
    pub(super) fn room(&self) -> Option<(usize, usize)> {
        let messages = self.limit.saturating_sub(self.sent.len());
        let bytes = self.byte_limit.saturating_sub(self.bytes).max(1);
        (messages > 0 && self.fits(self.waiting)).then_some((messages, bytes))
    }

    /// Whether a message of this size may be sent. One alone may always.
    pub(super) fn fits(&self, bytes: usize) -> bool {
        self.sent.is_empty()
            || (self.sent.len() < self.limit && self.bytes.saturating_add(bytes) <= self.byte_limit)
    }

    /// The next message is of this size, and has to wait.
    pub(super) fn hold_back(&mut self, bytes: usize) {
        self.waiting = bytes;
    }

    /// A message was sent for the first time.
    pub(super) fn add(&mut self, sent: Sent) {
        self.bytes += sent.bytes;
        self.waiting = 0;
        self.through = self.through.max(sent.seq);
        self.sent.push_back(sent);
    }

    /// Nothing that is not sent is left up to this message.
    pub(super) fn skip_to(&mut self, seq: Seq) {
        self.through = self.through.max(seq);
    }

    /// The hub has all up to this one; gives what was on its way.
    pub(super) fn ack(&mut self, through: Seq) -> Vec<Sent> {
        let count = self.sent.partition_point(|sent| sent.seq <= through);
        let taken: Vec<Sent> = self.sent.drain(..count).collect();
        self.bytes -= taken.iter().map(|sent| sent.bytes).sum::<usize>();
        self.give_back_room();
        taken
    }

    /// The hub cannot take a message until `due`.
    pub(super) fn nack(&mut self, seq: Seq, due: Instant, limit: u32) -> Nacked {
        let Some(sent) = self.find(seq).filter(|sent| !sent.is_put_off) else {
            return Nacked::Unknown;
        };
        sent.nacks += 1;
        sent.due = due;
        sent.is_put_off = true;
        if sent.nacks >= limit {
            sent.due = due + SET_ASIDE;
            return Nacked::TooOften;
        }
        Nacked::Waits
    }

    /// Messages that are to be sent again now. What is behind one that was put off waits for it.
    pub(super) fn due(&self, now: Instant) -> Vec<Seq> {
        let awaited = self.awaited();
        awaited
            .filter(|sent| sent.due <= now)
            .map(|sent| sent.seq)
            .collect()
    }

    /// When the first of them is.
    pub(super) fn next_due(&self) -> Option<Instant> {
        self.awaited().map(|sent| sent.due).min()
    }

    /// A message was sent again.
    pub(super) fn sent_again(&mut self, seq: Seq, due: Instant) -> Option<Sent> {
        let sent = self.find(seq)?;
        sent.attempt = sent.attempt.saturating_add(1);
        sent.due = due;
        sent.is_put_off = false;
        Some(*sent)
    }

    /// A message has left the queue.
    pub(super) fn gone(&mut self, seq: Seq) {
        if let Ok(index) = self.sent.binary_search_by_key(&seq, |sent| sent.seq)
            && let Some(sent) = self.sent.remove(index)
        {
            self.bytes -= sent.bytes;
            self.give_back_room();
        }
    }

    /// What is on its way.
    pub(super) fn sent(&self) -> impl Iterator<Item = &Sent> {
        self.sent.iter()
    }

    /// All that were put off, and the others as long as none before them was.
    fn awaited(&self) -> impl Iterator<Item = &Sent> {
        let mut is_behind = false;
        self.sent.iter().filter(move |sent| {
            is_behind |= sent.is_put_off;
            sent.is_put_off || !is_behind
        })
    }

    fn find(&mut self, seq: Seq) -> Option<&mut Sent> {
        let index = self.sent.binary_search_by_key(&seq, |sent| sent.seq);
        self.sent.get_mut(index.ok()?)
    }

    /// What one burst took is not kept by every hub.
    fn give_back_room(&mut self) {
        if self.sent.is_empty() {
            self.sent = VecDeque::new();
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    fn window(limit: u32, bytes: u64, now: Instant) -> Window {
        let mut window = Window::new(limit, bytes, 0);
        for seq in [2, 4, 6] {
            window.add(Sent {
                seq,
                bytes: 10,
                attempt: 1,
                nacks: 0,
                received_at: Timestamp::default(),
                due: now + Duration::from_secs(seq),
                is_put_off: false,
            });
        }
        window
    }

    #[test]
    fn it_is_full_by_number_or_by_bytes_but_one_message_always_fits() {
        let now = Instant::now();
        assert_eq!(window(3, 100, now).room(), None);
        assert_eq!(window(5, 100, now).room(), Some((2, 70)));
        let mut narrow = window(5, 35, now);
        assert!(narrow.fits(5) && !narrow.fits(6));
        narrow.hold_back(6);
        assert_eq!(narrow.room(), None);
        assert_eq!(narrow.ack(2).len(), 1);
        assert_eq!(narrow.room(), Some((3, 15)));
        narrow.ack(6);
        assert!(narrow.fits(1 << 30));
        assert_eq!(Window::new(0, 0, 7).room(), Some((1, 1)));
        assert_eq!(Window::new(u32::MAX, 1, 7).room(), Some((256, 1)));
    }

    #[test]
    fn an_acknowledgement_covers_all_before_it() {
        let mut window = window(5, 100, Instant::now());
        let taken: Vec<_> = window.ack(5).iter().map(|sent| sent.seq).collect();
        assert_eq!(taken, [2, 4]);
        assert!(window.ack(5).is_empty() && window.ack(1).is_empty());
        assert_eq!(window.ack(Seq::MAX).len(), 1);
        assert_eq!((window.bytes, window.through()), (0, 6));
    }

    #[test]
    fn what_is_behind_a_message_that_was_put_off_waits_for_it() {
        let now = Instant::now();
        let later = |seconds| now + Duration::from_secs(seconds);
        let mut window = window(5, 100, now);
        assert_eq!(window.due(later(5)), [2, 4]);
        assert_eq!(window.nack(4, later(100), 10), Nacked::Waits);
        assert_eq!(
            window.nack(4, later(1), 10),
            Nacked::Unknown,
            "once each attempt"
        );
        assert_eq!(window.nack(3, later(1), 10), Nacked::Unknown);
        assert_eq!(window.due(later(50)), [2]);
        assert_eq!(window.due(later(100)), [2, 4]);
        assert_eq!(window.next_due(), Some(later(2)));
        assert_eq!(window.sent_again(4, later(200)).unwrap().attempt, 2);
        assert_eq!(window.due(later(100)), [2, 6]);
    }

    #[test]
    fn a_message_that_was_put_off_too_often_leaves() {
        let now = Instant::now();
        let mut window = window(5, 100, now);
        assert_eq!(window.nack(2, now, 2), Nacked::Waits);
        window.sent_again(2, now);
        assert_eq!(window.nack(2, now, 2), Nacked::TooOften);
        assert!(window.due(now).is_empty());
        window.gone(2);
        window.gone(2);
        assert_eq!(
            window.sent().map(|sent| sent.seq).collect::<Vec<_>>(),
            [4, 6]
        );
        assert_eq!(window.bytes, 20);
    }
}
