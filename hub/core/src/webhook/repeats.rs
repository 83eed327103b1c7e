//! Requests that are sent again because their answer was lost: the second is not run, it gets the
//! first one's answer (spec relay §7.1).
//!
//! A client that has several ways to the hub sends the same bytes with the same `Idempotency-Key`
//! over the next one. It may come through another door, and while the first is still under way.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;
use std::time::{Duration, Instant};

use foldhash::quality::FixedState;
use parking_lot::Mutex;
use std::hash::BuildHasher;
use tokio::sync::watch;

use super::Overloaded;
use super::request::{Method, WebhookRequest, WebhookResponse};
use crate::ids::WebhookId;

/// The header field that says which requests are the same.
const FIELD: &str = "idempotency-key";
/// The longest key that is looked at, in bytes.
const KEY_MAX: usize = 256;
/// How long an answer is kept.
const KEPT: Duration = Duration::from_secs(600);
/// Answers that are kept; the oldest gives way.
const ANSWERS: usize = 10_000;
/// Bytes of all kept answers together; the oldest give way.
const BYTES: usize = 16 * 1024 * 1024;

/// Which request it is: its key alone does not make it the same.
#[derive(Clone, PartialEq, Eq, Hash)]
pub(super) struct Key {
    id: WebhookId,
    method: Method,
    key: Box<str>,
    /// Of query and body.
    content: u64,
}

type Answer = Result<WebhookResponse, Overloaded>;
/// None until it is there.
type Pending = watch::Receiver<Option<Answer>>;

/// The requests of the last ten minutes that had a key.
#[derive(Clone, Default)]
pub(super) struct Repeats(Arc<Mutex<Known>>);

#[derive(Default)]
struct Known {
    answers: HashMap<Key, Pending>,
    /// Answered ones, the oldest first, with their sizes.
    ages: VecDeque<(Instant, Key, usize)>,
    bytes: usize,
}

impl Repeats {
    /// The key of a request that may be sent again.
    pub(super) fn key(request: &WebhookRequest) -> Option<Key> {
        let key = request.headers.get(FIELD)?.trim();
        let content = (&request.query, &request.body);
        (1..=KEY_MAX).contains(&key.len()).then(|| Key {
            id: request.id.clone(),
            method: request.method,
            key: key.into(),
            // Keys are the sender's own: whoever makes two contents collide fools himself.
            content: FixedState::default().hash_one(content),
        })
    }

    /// Runs a request unless it was run before; it ends even if its sender hangs up.
    pub(super) async fn once(
        &self,
        key: Key,
        run: impl Future<Output = Answer> + 'static,
    ) -> Answer {
        let mut pending = {
            let mut known = self.0.lock();
            known.forget_old(Instant::now());
            match known.answers.get(&key) {
                Some(pending) => pending.clone(),
                // Handlers that hang must not fill the table.
                None if known.answers.len() >= 2 * ANSWERS => return Err(Overloaded),
                None => {
                    let (sender, pending) = watch::channel(None);
                    known.answers.insert(key.clone(), pending.clone());
                    let repeats = self.clone();
                    actix::spawn(async move {
                        let unanswered = Unanswered(repeats, Some(key));
                        let answer = run.await;
                        unanswered.note(&answer);
                        // Whoever waits holds a receiver.
                        let _ = sender.send(Some(answer));
                    });
                    pending
                }
            }
        };
        match pending.wait_for(Option::is_some).await {
            Ok(answer) => answer.clone().unwrap_or(Err(Overloaded)),
            // Its thread ended: the hub goes down.
            Err(_) => Err(Overloaded),
        }
    }
}

/// A request under way: forgotten if it ends without an answer.
struct Unanswered(Repeats, Option<Key>);

impl Unanswered {
    fn note(mut self, answer: &Answer) {
        // One that was not taken may be tried again; one that is too large to keep is the
        // sender's own risk.
        if let (Ok(response), Some(key)) = (answer, self.1.take_if(|_| is_kept(answer))) {
            self.0.0.lock().keep(key, response.body.len());
        }
    }
}

impl Drop for Unanswered {
    fn drop(&mut self) {
        if let Some(key) = &self.1 {
            self.0.0.lock().answers.remove(key);
        }
    }
}

fn is_kept(answer: &Answer) -> bool {
    matches!(answer, Ok(response) if response.status < 500 && response.body.len() <= BYTES / 16)
}

impl Known {
    fn keep(&mut self, key: Key, bytes: usize) {
        self.bytes += bytes;
        self.ages.push_back((Instant::now(), key, bytes));
        while self.ages.len() > ANSWERS || self.bytes > BYTES {
            self.forget_oldest();
        }
    }

    fn forget_old(&mut self, now: Instant) {
        while let Some((since, ..)) = self.ages.front()
            && now.duration_since(*since) > KEPT
        {
            self.forget_oldest();
        }
    }

    fn forget_oldest(&mut self) {
        if let Some((_, key, bytes)) = self.ages.pop_front() {
            self.answers.remove(&key);
            self.bytes -= bytes;
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use std::cell::Cell;
    use std::rc::Rc;

    use bytes::Bytes;
    use http::{HeaderName, HeaderValue};

    use super::super::request::{Headers, Source};
    use super::*;

    fn request(key: &'static str, body: &'static str) -> WebhookRequest {
        let name = HeaderName::from_static("idempotency-key");
        WebhookRequest {
            id: "phone".into(),
            method: Method::Post,
            query: String::new(),
            headers: Headers::new(vec![(name, HeaderValue::from_static(key))]),
            body: Bytes::from_static(body.as_bytes()),
            source: Source::Relay,
        }
    }

    async fn send(repeats: &Repeats, runs: &Rc<Cell<u32>>, request: WebhookRequest) -> Answer {
        let runs = Rc::clone(runs);
        let key = Repeats::key(&request).unwrap();
        let run = async move {
            runs.set(runs.get() + 1);
            tokio::task::yield_now().await;
            Ok(WebhookResponse::json_text(200, runs.get().to_string()))
        };
        repeats.once(key, run).await
    }

    #[test]
    fn a_request_that_is_sent_again_is_run_once_and_answered_twice() {
        actix::System::new().block_on(async {
            let (repeats, runs) = (Repeats::default(), Rc::default());
            let (first, second) = tokio::join!(
                send(&repeats, &runs, request("a", "x")),
                send(&repeats, &runs, request("a", "x")),
            );
            let third = send(&repeats, &runs, request("a", "x")).await;
            for answer in [first, second, third] {
                assert_eq!(answer.unwrap().body, "1");
            }
            let other = send(&repeats, &runs, request("a", "y")).await.unwrap();
            assert_eq!(other.body, "2", "another body is another request");
            assert_eq!(runs.get(), 2);
        });
    }

    #[test]
    fn a_request_whose_sender_hangs_up_is_run_to_its_end() {
        actix::System::new().block_on(async {
            let (repeats, runs) = (Repeats::default(), Rc::default());
            {
                let mut gone = Box::pin(send(&repeats, &runs, request("a", "x")));
                assert!(futures_util::poll!(&mut gone).is_pending());
            }
            let again = send(&repeats, &runs, request("a", "x")).await.unwrap();
            assert_eq!((&again.body[..], runs.get()), (&b"1"[..], 1));
        });
    }

    #[test]
    fn what_failed_may_be_tried_again_and_no_more_is_kept_than_allowed() {
        actix::System::new().block_on(async {
            let repeats = Repeats::default();
            let key = || Repeats::key(&request("a", "x")).unwrap();
            let busy = repeats.once(key(), async { Err(Overloaded) }).await;
            assert!(busy.is_err());
            let done = repeats.once(key(), async { Ok(WebhookResponse::empty(200)) });
            assert!(done.await.is_ok());

            let mut known = repeats.0.lock();
            for number in 0..=ANSWERS {
                let key = Key {
                    content: number as u64,
                    ..key()
                };
                known.keep(key, BYTES / 100);
            }
            assert!(known.bytes <= BYTES && known.ages.len() <= 100);
            known.forget_old(Instant::now() + KEPT + Duration::from_secs(1));
            assert!(known.ages.is_empty() && known.bytes == 0);
        });
        assert!(Repeats::key(&request("", "x")).is_none());
    }
}
