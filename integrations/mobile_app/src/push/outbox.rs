//! What waits for one phone, and how it is reached now. Pure: whoever holds it sends.

use std::collections::VecDeque;
use std::time::Duration;

use hearth_core::subscription::Subscriber;
use hearth_core::time::Timestamp;
use tokio::sync::oneshot;

use super::payload::{Payload, Target, tag};
use super::shares::Room;

/// Why a notification was not taken.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum PushError {
    #[error("Device not connected to local push notifications")]
    NotConnected,
    #[error(
        "too many notifications wait for phones (settings push.queue_total, push.queue_per_user)"
    )]
    TooMany,
    #[error("the notification could not be stored")]
    NotStored,
}

/// Who waits for what becomes of a notification.
pub(super) type Waiting = oneshot::Sender<Result<(), PushError>>;

/// One notification on its way.
pub(super) struct Letter {
    /// Its place in the order of all.
    pub(super) seq: u64,
    pub(super) payload: Payload,
    pub(super) expires_at: Timestamp,
    /// What the phone is to confirm it by; given when it was first sent on a channel.
    pub(super) confirm_id: Option<String>,
    /// When it was sent on the channel that is open, by the steady clock.
    pub(super) sent: Option<Duration>,
    /// It is in the store.
    pub(super) is_kept: bool,
    pub(super) waiting: Option<Waiting>,
    /// Counts it among those that wait.
    pub(super) _room: Room,
}

impl Letter {
    /// Tells whoever waits.
    pub(super) fn answer(&mut self, result: Result<(), PushError>) {
        if let Some(waiting) = self.waiting.take() {
            // A caller that has gone wants no answer.
            let _ = waiting.send(result);
        }
    }
}

/// An open channel.
pub(super) struct Channel {
    pub(super) subscriber: Subscriber,
    pub(super) support_confirm: bool,
}

/// See the module's guide.
#[derive(Default)]
pub(super) struct Outbox {
    /// The oldest first.
    pub(super) letters: VecDeque<Letter>,
    pub(super) channel: Option<Channel>,
    /// Which is at the push service now.
    pub(super) posting: Option<u64>,
    /// That one is not there yet: too many others are with push services.
    pub(super) awaits_turn: bool,
    /// How often in a row the push service failed.
    pub(super) failures: u32,
    /// Until when it is not tried again, by the steady clock.
    pub(super) pause: Option<Duration>,
    /// Somebody looks at the deadline of the confirmations.
    pub(super) is_watched: bool,
}

impl Outbox {
    /// Nothing to remember.
    pub(super) fn is_idle(&self) -> bool {
        self.letters.is_empty() && self.channel.is_none() && self.posting.is_none()
    }

    /// Whether a new letter cannot go on its way at once.
    pub(super) fn must_wait(&self, target: &Target) -> bool {
        let is_held_up = self.posting.is_some() || self.pause.is_some();
        self.channel.is_none() && (target.cloud.is_none() || is_held_up)
    }

    /// Takes out one letter.
    pub(super) fn take(&mut self, seq: u64) -> Option<Letter> {
        let place = self.letters.iter().position(|letter| letter.seq == seq)?;
        self.letters.remove(place)
    }

    /// Takes out the letters that a new one replaces: of its tag, and not sent yet.
    pub(super) fn take_replaced(&mut self, payload: &Payload) -> Vec<Letter> {
        let Some(new) = tag(payload) else {
            return Vec::new();
        };
        let posting = self.posting;
        self.take_where(|letter| {
            letter.sent.is_none()
                && posting != Some(letter.seq)
                && tag(&letter.payload) == Some(new)
        })
    }

    /// Takes out the letters that nobody wants any more.
    pub(super) fn take_expired(&mut self, now: Timestamp) -> Vec<Letter> {
        let posting = self.posting;
        self.take_where(|letter| letter.expires_at <= now && posting != Some(letter.seq))
    }

    /// Takes out the oldest that is not with the push service, where there are more than `limit`.
    pub(super) fn take_oldest_beyond(&mut self, limit: usize) -> Option<Letter> {
        if self.letters.len() <= limit {
            return None;
        }
        let posting = self.posting;
        let mut letters = self.letters.iter();
        let place = letters.position(|letter| posting != Some(letter.seq))?;
        self.letters.remove(place)
    }

    fn take_where(&mut self, is_meant: impl Fn(&Letter) -> bool) -> Vec<Letter> {
        if !self.letters.iter().any(&is_meant) {
            return Vec::new();
        }
        let (meant, others) = std::mem::take(&mut self.letters)
            .into_iter()
            .partition(is_meant);
        self.letters = others;
        let meant: VecDeque<Letter> = meant;
        meant.into()
    }

    /// The letter that the phone confirms, whether the channel was closed meanwhile or not.
    pub(super) fn confirmed(&self, confirm_id: &str) -> Option<&Letter> {
        let mut letters = self.letters.iter();
        letters.find(|letter| letter.confirm_id.as_deref() == Some(confirm_id))
    }

    /// When the oldest unconfirmed letter was sent.
    pub(super) fn oldest_sent(&self) -> Option<Duration> {
        self.letters.iter().filter_map(|letter| letter.sent).min()
    }

    /// Ends the channel; what was not confirmed waits again.
    pub(super) fn close_channel(&mut self) {
        self.channel = None;
        for letter in &mut self.letters {
            letter.sent = None;
        }
    }

    /// Notes a failure of the push service; gives how long to wait.
    pub(super) fn failed(&mut self, first: Duration, now: Duration) -> Duration {
        let pause = first
            .saturating_mul(1 << self.failures.min(16))
            .min(LONGEST_PAUSE);
        self.failures += 1;
        self.pause = Some(now + pause);
        pause
    }

    /// The push service works, or is not needed.
    pub(super) fn recovered(&mut self) {
        self.failures = 0;
        self.pause = None;
    }
}

/// Between two tries at a push service.
const LONGEST_PAUSE: Duration = Duration::from_secs(3600);

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn letter(seq: u64, payload: serde_json::Value) -> Letter {
        Letter {
            seq,
            payload: payload.as_object().unwrap().clone(),
            expires_at: Timestamp::from_micros(i64::try_from(seq).unwrap()),
            confirm_id: None,
            sent: None,
            is_kept: false,
            waiting: None,
            _room: Room::default(),
        }
    }

    fn numbers(outbox: &Outbox) -> Vec<u64> {
        outbox.letters.iter().map(|letter| letter.seq).collect()
    }

    #[test]
    fn a_later_one_of_the_same_tag_replaces_what_was_not_sent() {
        let mut outbox = Outbox::default();
        let tagged = |tag: &str| json!({"message": "m", "data": {"tag": tag}});
        for (seq, payload) in [
            (1, tagged("a")),
            (2, tagged("b")),
            (3, tagged("a")),
            (4, json!({"message": "m"})),
            (5, tagged("a")),
        ] {
            outbox.letters.push_back(letter(seq, payload));
        }
        outbox.letters[0].sent = Some(Duration::ZERO);
        outbox.posting = Some(5);
        let replaced = outbox.take_replaced(tagged("a").as_object().unwrap());
        assert_eq!(replaced.len(), 1);
        assert_eq!(numbers(&outbox), [1, 2, 4, 5]);
        let none = outbox.take_replaced(json!({"message": "m"}).as_object().unwrap());
        assert!(none.is_empty());
    }

    #[test]
    fn what_is_too_old_or_too_much_goes_and_what_is_being_posted_stays() {
        let mut outbox = Outbox::default();
        for seq in 1..=5 {
            outbox.letters.push_back(letter(seq, json!({})));
        }
        outbox.posting = Some(1);
        assert_eq!(outbox.take_expired(Timestamp::from_micros(2)).len(), 1);
        assert_eq!(outbox.take_oldest_beyond(3).unwrap().seq, 3);
        assert!(outbox.take_oldest_beyond(3).is_none());
        assert_eq!(numbers(&outbox), [1, 4, 5]);
    }

    #[test]
    fn pauses_double_up_to_an_hour() {
        let mut outbox = Outbox::default();
        let first = Duration::from_secs(30);
        let pauses: Vec<u64> = (0..40)
            .map(|_| outbox.failed(first, Duration::ZERO).as_secs())
            .collect();
        assert_eq!(pauses[..4], [30, 60, 120, 240]);
        assert_eq!(pauses[39], 3600);
        outbox.recovered();
        assert_eq!(outbox.failed(first, Duration::ZERO), first);
    }
}
