//! Hubs that break the rules harm themselves only.

use hearth_relay_protocol::{FRAME_BYTES_MAX, Ping, Res, close};

use super::*;

/// What the relay closes the connection with after these messages instead of a greeting.
async fn closed_after(relay: &TestRelay, messages: &[Message]) -> u16 {
    let account = relay.account().await;
    let mut socket = dial(relay, &account.token, SUBPROTOCOL).await.unwrap();
    for message in messages {
        // It may be closed before all is sent.
        let _ = socket.send(message.clone()).await;
    }
    loop {
        if let Err(code) = next(&mut socket).await {
            return code;
        }
    }
}

#[test]
fn what_is_no_frame_ends_the_connection() {
    with_open_relay(
        |_| {},
        async |relay| {
            let other = relay.account().await;
            let hello = |hello: Hello| FromHub::Hello(hello).to_text().into();
            for (messages, code) in [
                (vec![Message::text("nonsense")], close::BAD_FRAME),
                (vec![Message::text("{}")], close::BAD_FRAME),
                (vec![Message::binary(vec![1])], close::BAD_FRAME),
                (
                    vec![Message::text(r#"{"t":"ack","shard":0,"seq":1}"#)],
                    close::BAD_FRAME,
                ),
                (vec![hello(other.hello())], close::WRONG_HUB),
                (vec![Message::text("x".repeat(100_000))], 1009),
            ] {
                assert_eq!(
                    closed_after(relay, &messages).await,
                    code,
                    "{:.60?}",
                    messages
                );
            }
            let account = relay.account().await;
            for (frame, code) in [
                (FromHub::Hello(account.hello()).to_text(), close::BAD_FRAME),
                (r#"{"t":"register","id":1}"#.to_owned(), close::BAD_FRAME),
                ("x".repeat(FRAME_BYTES_MAX + 1), 1009),
            ] {
                let mut hub = TestHub::connect(relay, &account).await;
                hub.socket.send(frame.into()).await.unwrap();
                assert_eq!(hub.closed().await, code);
            }
            let mut hub = TestHub::connect(relay, &account).await;
            let of_tomorrow = r#"{"t":"of_tomorrow","n":1}"#;
            hub.socket.send(of_tomorrow.into()).await.unwrap();
            hub.hears_nothing_more().await;
        },
    );
}

#[test]
fn an_impersonator_does_not_disturb_the_real_hub() {
    with_open_relay(
        |_| {},
        async |relay| {
            let (victim, webhook, mut hub) = relay.ready().await;
            let attacker = relay.account().await;
            let mut socket = dial(relay, &attacker.token, SUBPROTOCOL).await.unwrap();
            let hello = FromHub::Hello(victim.hello_after(1 << 40)).to_text();
            socket.send(hello.into()).await.unwrap();
            assert_eq!(next(&mut socket).await.unwrap_err(), close::WRONG_HUB);
            relay.send_numbers(&webhook, 0..1).await;
            hub.takes(0..1).await;
        },
    );
}

#[test]
fn acknowledging_the_future_changes_nothing() {
    with_open_relay(
        |_| {},
        async |relay| {
            let (account, webhook, mut hub) = relay.ready().await;
            hub.ack(u64::MAX).await;
            hub.nack(5, 0).await;
            hub.say(FromHub::Ack(Ack { shard: 9, seq: 1 })).await;
            relay.send_numbers(&webhook, 0..2).await;
            let last = hub.takes(0..2).await;
            hub.ack(last + 1).await;
            hub.hears_nothing_more().await;
            assert_eq!(relay.relay.store.position(account.id).acked, 0);
            // Nor does a cursor from there.
            let hello = account.hello_after(u64::MAX);
            let mut hub = TestHub::connect_with(relay, &account, hello).await;
            hub.takes(0..2).await;
        },
    );
}

#[test]
fn a_hub_that_never_acknowledges_holds_up_itself() {
    let narrow = |settings: &mut RelaySettings| {
        settings.redeliver_s = 0.2;
        settings.queue = 5;
    };
    with_open_relay(narrow, async |relay| {
        let (account, webhook, mut deaf) = relay.ready().await;
        let other = relay.account().await;
        let mut other = TestHub::connect(relay, &other).await;
        other.registers(&webhook, json!({"$key": "a"})).await;
        for number in 0..50 {
            relay.send_numbers(&webhook, number..number + 1).await;
            let seq = other.takes(number..number + 1).await;
            other.ack(seq).await;
        }
        deaf.message().await;
        let position = relay.relay.store.position(account.id);
        assert!(position.lost > 0 && position.acked == 0);
        until("only its own messages wait", || {
            relay.relay.store.usage().messages <= 5
        })
        .await;
    });
}

#[test]
fn floods_are_borne() {
    with_open_relay(
        |_| {},
        async |relay| {
            let (_, webhook, mut hub) = relay.ready().await;
            let other = relay.account().await;
            let mut other = TestHub::connect(relay, &other).await;
            other.registers(&webhook, json!({"$key": "a"})).await;
            let answers = async {
                for n in 0..5000 {
                    hub.socket
                        .feed(FromHub::Ping(Ping { n }).to_text().into())
                        .await
                        .unwrap();
                    hub.socket
                        .feed(FromHub::Ack(Ack { shard: 0, seq: n }).to_text().into())
                        .await
                        .unwrap();
                    let res = Res {
                        rid: n,
                        status: 200,
                        headers: Vec::new(),
                        body: None,
                        body_b64: None,
                    };
                    hub.socket
                        .feed(FromHub::Res(res).to_text().into())
                        .await
                        .unwrap();
                    if n % 100 == 0 {
                        hub.socket.flush().await.unwrap();
                        while hub.next().await != FromRelay::Pong(Ping { n }) {}
                    }
                }
            };
            let meanwhile = async {
                for number in 0..20 {
                    relay.send_numbers(&webhook, number..number + 1).await;
                    let seq = other.takes(number..number + 1).await;
                    other.ack(seq).await;
                }
            };
            tokio::join!(answers, meanwhile);
        },
    );
}

#[test]
fn a_hub_that_reads_nothing_is_sent_away_and_its_messages_stay() {
    let quick = |settings: &mut RelaySettings| settings.blocked_s = 0.5;
    with_open_relay(quick, async |relay| {
        let (account, webhook, _) = relay.ready().await;
        let mut hello = account.hello();
        hello.window_bytes = 1 << 30;
        let hub = TestHub::connect_with(relay, &account, hello).await;
        let filler = "x".repeat(900_000);
        for n in 0..7 {
            let body = json!({"to": "a", "n": n, "filler": filler});
            assert_eq!(relay.post(webhook.id, body).await.status, 200);
        }
        until("the hub counts as away", || relay.relay.presence.is_empty()).await;
        drop(hub);
        let mut hub = TestHub::connect(relay, &account).await;
        for n in 0..7 {
            let msg = hub.message().await;
            assert_eq!(number(&msg), n);
            hub.ack(msg.seq).await;
        }
    });
}
