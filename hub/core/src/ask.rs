//! Questions with exactly one answer, asked of an actor.
//!
//! [`ask`] puts a question into an actor's mailbox and waits for the answer. Nothing gets lost in
//! between: a full mailbox, a stopped actor or an actor that stops before it took the question
//! hand the question back; an actor that took it and never answered (it panicked) is told apart.
//!
//! ```
//! use actix::prelude::*;
//! use hearth_core::ask::{Ask, Question, ask};
//!
//! struct Double(u32);
//! impl Question for Double {
//!     type Answer = u32;
//! }
//!
//! struct Calculator;
//! impl Actor for Calculator {
//!     type Context = Context<Self>;
//! }
//! impl Handler<Ask<Double>> for Calculator {
//!     type Result = ();
//!     fn handle(&mut self, ask: Ask<Double>, _: &mut Context<Self>) {
//!         let (question, reply) = ask.take();
//!         reply.send(question.0 * 2);
//!     }
//! }
//!
//! let answer = System::new().block_on(async {
//!     let calculator = Calculator.start();
//!     ask(&calculator.recipient(), Double(21)).await.ok()
//! });
//! assert_eq!(answer, Some(42));
//! ```

use actix::dev::SendError;
use actix::{Arbiter, ArbiterHandle, Message, Recipient};
use tokio::sync::oneshot;

/// Something that can be asked; `Answer` is what comes back.
pub trait Question: Send + Unpin + 'static {
    /// What the handler answers.
    type Answer: Send + 'static;
}

/// A question on its way, with the place for its answer.
pub struct Ask<Q: Question> {
    question: Option<Q>,
    origin: Option<ArbiterHandle>,
    reply: Option<oneshot::Sender<Result<Q::Answer, Q>>>,
}

impl<Q: Question> Message for Ask<Q> {
    type Result = ();
}

impl<Q: Question> Ask<Q> {
    /// The arbiter that asks, where [`ask_from_here`] told it: an actor that will be asked again
    /// is best started there, since questions within one thread need no switch.
    pub fn origin(&self) -> Option<&ArbiterHandle> {
        self.origin.as_ref()
    }

    /// Takes the question; from here on the handler owes an answer.
    pub fn take(mut self) -> (Q, Reply<Q>) {
        match (self.question.take(), self.reply.take()) {
            (Some(question), Some(reply)) => (question, Reply(reply)),
            // Both are set by `ask` and only taken here or in `drop`, which consume the value.
            _ => unreachable!("a question is taken once"),
        }
    }
}

impl<Q: Question> Drop for Ask<Q> {
    /// Nobody took the question: it goes back to the asker.
    fn drop(&mut self) {
        if let (Some(question), Some(reply)) = (self.question.take(), self.reply.take()) {
            // An asker that has gone wants no answer.
            let _ = reply.send(Err(question));
        }
    }
}

/// Where the answer goes. Dropped without one, the asker sees [`Unanswered::Dropped`].
pub struct Reply<Q: Question>(oneshot::Sender<Result<Q::Answer, Q>>);

impl<Q: Question> Reply<Q> {
    /// Answers. An asker that has gone is no error.
    pub fn send(self, answer: Q::Answer) {
        let _ = self.0.send(Ok(answer));
    }
}

/// Why there is no answer.
pub enum Unanswered<Q> {
    /// The actor's mailbox is full; the question comes back.
    Busy(Q),
    /// The actor has stopped; the question comes back untouched.
    Gone(Q),
    /// The actor took the question and dropped it: it failed or panicked.
    Dropped,
}

/// Asks `recipient`; see the module's guide.
pub async fn ask<Q: Question>(
    recipient: &Recipient<Ask<Q>>,
    question: Q,
) -> Result<Q::Answer, Unanswered<Q>> {
    put(recipient, question, None).await
}

/// Asks `recipient` and tells it from which arbiter; see [`Ask::origin`].
pub async fn ask_from_here<Q: Question>(
    recipient: &Recipient<Ask<Q>>,
    question: Q,
) -> Result<Q::Answer, Unanswered<Q>> {
    put(recipient, question, Arbiter::try_current()).await
}

async fn put<Q: Question>(
    recipient: &Recipient<Ask<Q>>,
    question: Q,
    origin: Option<ArbiterHandle>,
) -> Result<Q::Answer, Unanswered<Q>> {
    let (sender, receiver) = oneshot::channel();
    let message = Ask {
        question: Some(question),
        origin,
        reply: Some(sender),
    };
    if let Err(refused) = recipient.try_send(message) {
        let (mut message, busy) = match refused {
            SendError::Full(message) => (message, true),
            SendError::Closed(message) => (message, false),
        };
        message.reply = None;
        return Err(match (message.question.take(), busy) {
            (Some(question), true) => Unanswered::Busy(question),
            (Some(question), false) => Unanswered::Gone(question),
            (None, _) => Unanswered::Dropped,
        });
    }
    match receiver.await {
        Ok(Ok(answer)) => Ok(answer),
        Ok(Err(question)) => Err(Unanswered::Gone(question)),
        Err(_) => Err(Unanswered::Dropped),
    }
}
