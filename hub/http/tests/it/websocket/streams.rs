use actix::{Actor, Handler};
use hearth_core::ask::Ask;
use hearth_core::command::{Command, CommandError};
use hearth_core::prelude::*;
use hearth_core::subscription::{Sent, Subscriber};
use serde_json::json;
use tokio::sync::{mpsc, oneshot};

use super::{End, Socket, done, until};
use crate::home::{Home, with_home, with_settings};

/// Answers subscriptions when the test says so.
struct Source(mpsc::UnboundedSender<Asked>);

struct Asked {
    data: Map<String, Value>,
    subscriber: Subscriber,
    answer: oneshot::Sender<Result<Value, CommandError>>,
}

impl Actor for Source {
    type Context = actix::Context<Self>;
}

impl Handler<Ask<Command>> for Source {
    type Result = ();

    fn handle(&mut self, ask: Ask<Command>, _: &mut Self::Context) {
        let (command, reply) = ask.take();
        let (answer, answered) = oneshot::channel();
        let asked = Asked {
            data: command.data,
            subscriber: command.subscriber.unwrap(),
            answer,
        };
        self.0.send(asked).unwrap();
        actix::spawn(async move {
            if let Ok(answer) = answered.await {
                reply.send(answer);
            }
        });
    }
}

fn source(home: &Home) -> mpsc::UnboundedReceiver<Asked> {
    let (sender, receiver) = mpsc::unbounded_channel();
    let source = Source(sender).start();
    let commands = &home.door.hub.commands;
    commands.register_subscription("lab/subscribe", Access::AnyUser, source.recipient());
    receiver
}

#[test]
fn an_integrations_answer_comes_first_and_then_its_events() {
    with_home(|home| async move {
        let mut source = source(&home);
        let mut socket = Socket::signed_in(&home, &home.user).await;
        let id = socket.give("lab/subscribe", json!({"x": 1})).await;
        let asked = source.recv().await.unwrap();
        assert_eq!(json!(asked.data), json!({"x": 1}));
        // Sent before the answer, told behind it.
        assert_eq!(asked.subscriber.send(&json!({"n": 1})), Sent::OnItsWay);
        asked.answer.send(Ok(Value::Null)).unwrap();
        assert_eq!(socket.receive().await, done(id));
        asked.subscriber.send(&json!({"n": 2}));
        for number in [1, 2] {
            assert_eq!(
                socket.receive().await,
                json!({"id": id, "type": "event", "event": {"n": number}})
            );
        }
        socket
            .result("unsubscribe_events", json!({"subscription": id}))
            .await;
        asked.subscriber.gone().await;
        assert_eq!(asked.subscriber.send(&json!(1)), Sent::Gone);
        let again = socket
            .error("unsubscribe_events", json!({"subscription": id}))
            .await;
        assert_eq!(again.1, "Subscription not found.");
    });
}

#[test]
fn a_subscription_can_be_ended_before_it_is_answered() {
    with_home(|home| async move {
        let mut source = source(&home);
        let mut socket = Socket::admin(&home).await;
        let id = socket.give("lab/subscribe", json!({})).await;
        let asked = source.recv().await.unwrap();
        let ended = socket
            .give("unsubscribe_events", json!({"subscription": id}))
            .await;
        assert_eq!(socket.receive().await, done(ended));
        asked.subscriber.gone().await;
        asked.answer.send(Ok(Value::Null)).unwrap();
        assert_eq!(socket.receive().await, done(id));
        socket.ping().await;
    });
}

#[test]
fn a_subscription_that_is_refused_is_none() {
    with_settings(
        |settings| settings.websocket.subscriptions = 1,
        |home| async move {
            let mut source = source(&home);
            let mut socket = Socket::admin(&home).await;
            let id = socket.give("lab/subscribe", json!({})).await;
            let asked = source.recv().await.unwrap();
            asked.answer.send(Err(CommandError::invalid("no"))).unwrap();
            assert_eq!(socket.receive().await["error"]["message"], "no");
            asked.subscriber.gone().await;
            let again = json!({"subscription": id});
            assert_eq!(
                socket.error("unsubscribe_events", again).await.0,
                "not_found"
            );
            // It does not count; the second does.
            socket.result("subscribe_entities", json!({})).await;
            socket.receive().await;
            assert_eq!(
                socket.error("lab/subscribe", json!({})).await.0,
                "not_allowed"
            );
        },
    );
}

#[test]
fn the_end_of_the_socket_is_the_end_of_the_subscription() {
    with_home(|home| async move {
        let mut source = source(&home);
        let mut socket = Socket::admin(&home).await;
        socket.give("lab/subscribe", json!({})).await;
        let asked = source.recv().await.unwrap();
        asked.answer.send(Ok(Value::Null)).unwrap();
        socket.receive().await;
        drop(socket);
        asked.subscriber.gone().await;
    });
}

#[test]
fn a_client_that_does_not_read_what_an_integration_tells_is_cut_off_and_told() {
    with_home(|home| async move {
        let mut source = source(&home);
        let mut socket = Socket::admin(&home).await;
        socket.give("lab/subscribe", json!({})).await;
        let asked = source.recv().await.unwrap();
        asked.answer.send(Ok(Value::Null)).unwrap();
        let event = json!({"fill": "x".repeat(50_000)});
        until(|| asked.subscriber.send(&event) != Sent::OnItsWay).await;
        let end = loop {
            if let Err(end) = socket.next_text().await {
                break end;
            }
        };
        assert!(matches!(end, End::Closed(1008, _)), "{end:?}");
    });
}
