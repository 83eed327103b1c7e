//! Requests to a hub's own webhooks that wait for its answer (spec relay §7).

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use hearth_relay_protocol::{Cancel, Frame, FromRelay, Req, Res, ResErr};
use parking_lot::Mutex;
use tokio::sync::{mpsc, oneshot};

/// Orders that may wait for one hub, whatever the settings say.
const ORDERS_MAX: usize = 30_000;

/// How much may be under way.
#[derive(Clone, Copy, Debug)]
pub(super) struct LineLimits {
    /// Calls of one hub.
    pub(super) calls: usize,
    /// Their bytes.
    pub(super) bytes: usize,
    /// The bytes of all hubs' calls.
    pub(super) all_bytes: usize,
}

/// Why a call is not made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum CallError {
    /// The hub has too many under way.
    TooMany,
    /// All hubs together have.
    Overloaded,
    /// Its connection has ended.
    Offline,
}

/// What became of a call.
#[derive(Debug)]
pub(super) enum Answer {
    /// The hub's answer.
    Res(Res),
    /// It has none.
    Failed(ResErr),
    /// The connection ended before the hub had the request.
    NotSent,
}

/// What the connection is to send.
#[derive(Debug)]
pub(super) enum Order {
    /// A request, as text.
    Call(u64, String),
    /// Its caller has gone.
    Cancel(u64),
}

/// The way to one connected hub, for callers on any thread.
#[derive(Debug)]
pub(super) struct Line {
    calls: Mutex<Calls>,
    orders: mpsc::Sender<Order>,
    limits: LineLimits,
    all_bytes: Arc<AtomicUsize>,
}

#[derive(Debug, Default)]
struct Calls {
    last: u64,
    waiting: HashMap<u64, Waiting>,
    bytes: usize,
    is_closed: bool,
}

#[derive(Debug)]
struct Waiting {
    answer: oneshot::Sender<Answer>,
    bytes: usize,
    is_sent: bool,
}

impl Line {
    pub(super) fn new(
        limits: LineLimits,
        all_bytes: Arc<AtomicUsize>,
    ) -> (Arc<Self>, mpsc::Receiver<Order>) {
        // Each call and its cancellation, and some that were given up before they were sent.
        let (orders, receiver) = mpsc::channel(limits.calls.clamp(1, ORDERS_MAX / 3) * 3);
        let line = Self {
            calls: Mutex::default(),
            orders,
            limits,
            all_bytes,
        };
        (Arc::new(line), receiver)
    }

    /// Sends a request.
    pub(super) fn call(self: &Arc<Self>, req: Req) -> Result<Call, CallError> {
        let bytes = req.body.as_ref().map_or(0, String::len)
            + req.body_b64.as_ref().map_or(0, String::len)
            + 1024;
        let (answer, answered) = oneshot::channel();
        let mut calls = self.calls.lock();
        if calls.is_closed {
            return Err(CallError::Offline);
        }
        if calls.waiting.len() >= self.limits.calls
            || (calls.bytes + bytes > self.limits.bytes && !calls.waiting.is_empty())
        {
            return Err(CallError::TooMany);
        }
        if self.all_bytes.load(Ordering::Relaxed) + bytes > self.limits.all_bytes {
            return Err(CallError::Overloaded);
        }
        let rid = calls.last + 1;
        let text = FromRelay::Req(Req { rid, ..req }).to_text();
        match self.orders.try_send(Order::Call(rid, text)) {
            Ok(()) => {}
            Err(mpsc::error::TrySendError::Full(_)) => return Err(CallError::TooMany),
            Err(mpsc::error::TrySendError::Closed(_)) => return Err(CallError::Offline),
        }
        calls.last = rid;
        calls.bytes += bytes;
        self.all_bytes.fetch_add(bytes, Ordering::Relaxed);
        let waiting = Waiting {
            answer,
            bytes,
            is_sent: false,
        };
        calls.waiting.insert(rid, waiting);
        Ok(Call {
            line: Arc::clone(self),
            rid,
            answered,
        })
    }

    /// What an order says now; none where its caller has gone before.
    pub(super) fn carry_out(&self, order: Order) -> Option<String> {
        match order {
            Order::Call(rid, text) => {
                let mut calls = self.calls.lock();
                calls.waiting.get_mut(&rid)?.is_sent = true;
                Some(text)
            }
            Order::Cancel(rid) => Some(FromRelay::Cancel(Cancel { rid }).to_text()),
        }
    }

    /// The hub has answered; an answer that nobody waits for is dropped.
    pub(super) fn answer(&self, rid: u64, answer: Answer) {
        let waiting = self.take(rid, |waiting| waiting.is_sent);
        if let Some(waiting) = waiting {
            // The caller may have gone at this moment.
            let _ = waiting.answer.send(answer);
        }
    }

    /// The connection has ended: who waits learns it.
    pub(super) fn close(&self) {
        let mut calls = self.calls.lock();
        calls.is_closed = true;
        self.all_bytes.fetch_sub(calls.bytes, Ordering::Relaxed);
        calls.bytes = 0;
        for (_, waiting) in calls.waiting.drain() {
            if !waiting.is_sent {
                let _ = waiting.answer.send(Answer::NotSent);
            }
        }
    }

    fn take(&self, rid: u64, may: impl FnOnce(&Waiting) -> bool) -> Option<Waiting> {
        let mut calls = self.calls.lock();
        if !calls.waiting.get(&rid).is_some_and(may) {
            return None;
        }
        let waiting = calls.waiting.remove(&rid)?;
        calls.bytes -= waiting.bytes;
        self.all_bytes.fetch_sub(waiting.bytes, Ordering::Relaxed);
        Some(waiting)
    }
}

/// A call that is under way; dropping it cancels it.
#[derive(Debug)]
pub(super) struct Call {
    line: Arc<Line>,
    rid: u64,
    answered: oneshot::Receiver<Answer>,
}

impl Call {
    /// Waits; none where the connection was lost with the request.
    pub(super) async fn answer(&mut self) -> Option<Answer> {
        (&mut self.answered).await.ok()
    }
}

impl Drop for Call {
    fn drop(&mut self) {
        let waiting = self.line.take(self.rid, |_| true);
        if waiting.is_some_and(|waiting| waiting.is_sent) {
            // Where there is no room the hub answers in vain.
            let _ = self.line.orders.try_send(Order::Cancel(self.rid));
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use futures_util::FutureExt;

    use super::*;

    const LIMITS: LineLimits = LineLimits {
        calls: 2,
        bytes: 10_000,
        all_bytes: 20_000,
    };

    fn line() -> (Arc<Line>, mpsc::Receiver<Order>, Arc<AtomicUsize>) {
        let all = Arc::new(AtomicUsize::new(0));
        let (line, orders) = Line::new(LIMITS, Arc::clone(&all));
        (line, orders, all)
    }

    fn req(bytes: usize) -> Req {
        Req {
            rid: 0,
            cloudhook_id: "c".to_owned(),
            method: "POST".to_owned(),
            query: String::new(),
            headers: Vec::new(),
            body: Some("x".repeat(bytes)),
            body_b64: None,
            deadline_ms: 1000,
        }
    }

    fn res(rid: u64) -> Answer {
        Answer::Res(Res {
            rid,
            status: 200,
            headers: Vec::new(),
            body: None,
            body_b64: None,
        })
    }

    #[test]
    fn an_answer_goes_to_its_caller_once() {
        let (line, mut orders, all) = line();
        let mut call = line.call(req(5)).unwrap();
        line.answer(1, res(1));
        assert!(
            call.answer().now_or_never().is_none(),
            "it was not asked yet"
        );
        let text = line.carry_out(orders.try_recv().unwrap()).unwrap();
        assert!(text.starts_with(r#"{"t":"req","rid":1,"#), "{text}");
        line.answer(1, res(1));
        line.answer(1, res(1));
        line.answer(7, res(7));
        let answer = call.answer().now_or_never().unwrap();
        assert!(matches!(answer, Some(Answer::Res(_))));
        drop(call);
        assert!(orders.try_recv().is_err());
        assert_eq!(all.load(Ordering::Relaxed), 0);
    }

    #[test]
    fn there_are_so_many_calls_and_so_many_bytes_at_a_time() {
        let (line, _orders, all) = line();
        let first = line.call(req(6_000)).unwrap();
        assert_eq!(line.call(req(6_000)).unwrap_err(), CallError::TooMany);
        let second = line.call(req(10)).unwrap();
        assert_eq!(line.call(req(0)).unwrap_err(), CallError::TooMany);
        drop((first, second));
        all.store(19_999, Ordering::Relaxed);
        assert_eq!(line.call(req(0)).unwrap_err(), CallError::Overloaded);
    }

    #[test]
    fn a_caller_that_goes_is_told_of_only_where_the_hub_knows_it() {
        let (line, mut orders, _) = line();
        drop(line.call(req(0)).unwrap());
        assert!(line.carry_out(orders.try_recv().unwrap()).is_none());
        let call = line.call(req(0)).unwrap();
        line.carry_out(orders.try_recv().unwrap()).unwrap();
        drop(call);
        let cancel = line.carry_out(orders.try_recv().unwrap()).unwrap();
        assert_eq!(cancel, r#"{"t":"cancel","rid":2}"#);
    }

    #[test]
    fn the_end_of_the_connection_tells_what_was_sent_from_what_was_not() {
        let (line, mut orders, all) = line();
        let mut sent = line.call(req(0)).unwrap();
        line.carry_out(orders.try_recv().unwrap()).unwrap();
        let mut unsent = line.call(req(0)).unwrap();
        line.close();
        assert!(sent.answer().now_or_never().unwrap().is_none());
        let answer = unsent.answer().now_or_never().unwrap();
        assert!(matches!(answer, Some(Answer::NotSent)));
        assert_eq!(line.call(req(0)).unwrap_err(), CallError::Offline);
        drop((sent, unsent));
        assert_eq!(all.load(Ordering::Relaxed), 0);
    }
}
