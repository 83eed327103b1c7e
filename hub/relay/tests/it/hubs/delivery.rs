//! Messages: at least once, in order, within the window, over any number of connections.

use hearth_core::env::Env;
use hearth_core::store::{Location, Store, StoreSettings};
use hearth_relay::Relay;
use hearth_relay::store::{Embedded, QueueLimits};

use super::*;

#[test]
fn a_message_says_what_was_sent() {
    with_open_relay(
        |_| {},
        async |relay| {
            let (_, webhook, mut hub) = relay.ready().await;
            let reply = relay.post(webhook.id, json!({"to": "a", "n": 1})).await;
            let msg = hub.message().await;
            assert_eq!(reply.json()["id"], json!(msg.delivery_id));
            assert_eq!((msg.shard, msg.attempt), (0, 1));
            assert_eq!(msg.webhook_id, webhook.id.to_string());
            let message: Value = serde_json::from_str(msg.message.get()).unwrap();
            assert_eq!(message["body"], json!({"to": "a", "n": 1}));
            assert_eq!(message["method"], "POST");
            assert_eq!(message["body_type"], "json");
        },
    );
}

#[test]
fn messages_come_in_the_order_in_which_they_were_accepted() {
    with_open_relay(
        |_| {},
        async |relay| {
            let (_, webhook, mut hub) = relay.ready().await;
            let sending = relay.send_numbers(&webhook, 0..300);
            let taking = async {
                for number in 0..300 {
                    let seq = hub.takes(number..number + 1).await;
                    hub.ack(seq).await;
                }
            };
            tokio::join!(sending, taking);
            hub.hears_nothing_more().await;
            assert_eq!(relay.relay.metrics.redeliveries.get(), 0);
        },
    );
}

#[test]
fn what_came_while_the_hub_was_away_comes_when_it_is_back() {
    with_open_relay(
        |_| {},
        async |relay| {
            let (account, webhook, hub) = relay.ready().await;
            hub.vanish();
            until("the hub is gone", || relay.relay.presence.is_empty()).await;
            relay.send_numbers(&webhook, 0..100).await;
            let mut hub = TestHub::connect(relay, &account).await;
            for number in 0..100 {
                let seq = hub.takes(number..number + 1).await;
                hub.ack(seq).await;
            }
            hub.hears_nothing_more().await;
        },
    );
}

#[test]
fn a_hub_goes_on_behind_its_cursor_and_repeats_are_counted() {
    with_open_relay(
        |_| {},
        async |relay| {
            let (account, webhook, mut hub) = relay.ready().await;
            relay.send_numbers(&webhook, 0..3).await;
            let first = hub.message().await;
            hub.takes(1..3).await;
            // It has taken one durably, and said so to nobody.
            hub.vanish();
            let mut hub =
                TestHub::connect_with(relay, &account, account.hello_after(first.seq)).await;
            let second = hub.message().await;
            assert_eq!((number(&second), second.attempt), (1, 2));
            let third = hub.message().await;
            assert_eq!((number(&third), third.attempt), (2, 2));
            hub.ack(third.seq).await;
            hub.hears_nothing_more().await;
            // Without a cursor it is the relay's memory that counts.
            let mut hub = TestHub::connect(relay, &account).await;
            hub.hears_nothing_more().await;
            relay.send_numbers(&webhook, 3..4).await;
            assert_eq!(hub.message().await.attempt, 1);
        },
    );
}

#[test]
fn what_a_hub_took_over_the_connection_before_can_be_acknowledged_here() {
    with_open_relay(
        |_| {},
        async |relay| {
            let (account, webhook, mut hub) = relay.ready().await;
            relay.send_numbers(&webhook, 0..3).await;
            let last = hub.takes(0..3).await;
            let mut hub = TestHub::connect(relay, &account).await;
            hub.takes(0..3).await;
            hub.ack(last).await;
            hub.hears_nothing_more().await;
            assert_eq!(relay.relay.store.position(account.id).acked, last);
        },
    );
}

#[test]
fn no_more_is_sent_than_the_window_takes() {
    with_open_relay(
        |_| {},
        async |relay| {
            let (account, webhook, _hub) = relay.ready().await;
            let mut hello = account.hello();
            hello.window = 2;
            let mut hub = TestHub::connect_with(relay, &account, hello).await;
            relay.send_numbers(&webhook, 0..5).await;
            let second = hub.takes(0..2).await;
            hub.hears_nothing_more().await;
            hub.ack(second - 1).await;
            hub.takes(2..3).await;
            hub.hears_nothing_more().await;
            hub.ack(second + 1).await;
            hub.takes(3..5).await;

            let mut hello = account.hello();
            hello.window_bytes = 1;
            let mut hub = TestHub::connect_with(relay, &account, hello).await;
            for number in 3..5 {
                let seq = hub.takes(number..number + 1).await;
                hub.hears_nothing_more().await;
                hub.ack(seq).await;
            }
            assert!(relay.relay.metrics.window_stalls.get() >= 2);
        },
    );
}

#[test]
fn what_is_not_acknowledged_in_time_comes_again() {
    let quick = |settings: &mut RelaySettings| settings.redeliver_s = 0.2;
    with_open_relay(quick, async |relay| {
        let (_, webhook, mut hub) = relay.ready().await;
        relay.send_numbers(&webhook, 0..1).await;
        for attempt in 1..4 {
            let msg = hub.message().await;
            assert_eq!((number(&msg), msg.attempt), (0, attempt));
        }
        let seq = hub.message().await.seq;
        hub.ack(seq).await;
        relay.send_numbers(&webhook, 1..2).await;
        let mut msg = hub.message().await;
        // One may have been on its way.
        if number(&msg) == 0 {
            msg = hub.message().await;
        }
        assert_eq!((number(&msg), msg.attempt), (1, 1));
        assert!(relay.relay.metrics.redeliveries.get() >= 3);
    });
}

#[test]
fn what_is_put_off_comes_again_later_and_holds_nothing_else_up() {
    with_open_relay(
        |_| {},
        async |relay| {
            let (account, webhook, mut hub) = relay.ready().await;
            relay.send_numbers(&webhook, 0..2).await;
            let first = hub.message().await;
            hub.nack(first.seq, 1).await;
            hub.takes(1..2).await;
            relay.send_numbers(&webhook, 2..3).await;
            let last = hub.takes(2..3).await;
            let again = hub.message().await;
            assert_eq!((again.seq, again.attempt), (first.seq, 2));
            hub.ack(last).await;
            until("all is acknowledged", || {
                relay.relay.store.position(account.id).acked == last
            })
            .await;
        },
    );
}

#[test]
fn a_message_that_is_put_off_too_often_is_set_aside_and_can_be_replayed() {
    let few = |settings: &mut RelaySettings| settings.nacks = 3;
    with_open_relay(few, async |relay| {
        let (account, webhook, mut hub) = relay.ready().await;
        relay.send_numbers(&webhook, 0..2).await;
        let bad = hub.message().await.seq;
        let good = hub.takes(1..2).await;
        hub.nack(bad, 0).await;
        assert_eq!(hub.message().await.attempt, 2);
        hub.nack(bad, 0).await;
        // Another connection changes nothing about it.
        assert_eq!(hub.message().await.attempt, 3);
        let mut hub = TestHub::connect(relay, &account).await;
        assert_eq!(hub.message().await.attempt, 4);
        hub.takes(1..2).await;
        hub.nack(bad, 0).await;
        until("it is set aside", || {
            relay.relay.store.usage().dead_letters == 1
        })
        .await;
        hub.ack(good).await;
        hub.hears_nothing_more().await;

        let id = account.id;
        let letters = relay.admin("hub/dead_letters", json!({"id": id})).await;
        assert_eq!(letters[0]["seq"], json!(bad));
        relay
            .admin("hub/replay", json!({"id": id, "seq": bad}))
            .await;
        let replayed = hub.message().await;
        assert_eq!((number(&replayed), replayed.attempt), (0, 1));
        assert!(replayed.seq > good);
        hub.ack(replayed.seq).await;
        hub.hears_nothing_more().await;
    });
}

#[test]
fn a_hub_learns_that_messages_were_displaced() {
    let narrow = |settings: &mut RelaySettings| settings.queue = 3;
    with_open_relay(narrow, async |relay| {
        let (account, webhook, hub) = relay.ready().await;
        hub.vanish();
        until("the hub is gone", || relay.relay.presence.is_empty()).await;
        relay.send_numbers(&webhook, 0..5).await;
        let mut hub = TestHub::connect(relay, &account).await;
        let oldest = hub.welcome.gap[0].oldest_seq;
        let first = hub.message().await;
        assert_eq!((number(&first), first.seq), (2, oldest));
        let last = hub.takes(3..5).await;
        hub.ack(last).await;
        hub.hears_nothing_more().await;

        // Also while it is connected: it is asked to come again, and then told.
        relay.send_numbers(&webhook, 5..6).await;
        hub.takes(5..6).await;
        let mut hello = account.hello_after(last);
        hello.window = 1;
        let mut hub = TestHub::connect_with(relay, &account, hello.clone()).await;
        assert!(hub.welcome.gap.is_empty());
        let taken = hub.takes(5..6).await;
        relay.send_numbers(&webhook, 6..12).await;
        hub.ack(taken).await;
        assert_eq!(hub.closed().await, 1012);
        hello.cursors = BTreeMap::from([(0, taken)]);
        hello.window = 32;
        let mut hub = TestHub::connect_with(relay, &account, hello).await;
        assert_eq!(hub.welcome.gap.len(), 1);
        hub.takes(9..12).await;
    });
}

#[test]
fn large_messages_pass_whole() {
    with_open_relay(
        |_| {},
        async |relay| {
            let (_, webhook, mut hub) = relay.ready().await;
            let filler = "x".repeat(900_000);
            for n in 0..3 {
                let body = json!({"to": "a", "n": n, "filler": filler});
                assert_eq!(relay.post(webhook.id, body).await.status, 200);
            }
            for n in 0..3 {
                let msg = hub.message().await;
                assert_eq!(number(&msg), n);
                let message: Value = serde_json::from_str(msg.message.get()).unwrap();
                assert_eq!(message["body"]["filler"], json!(filler));
                hub.ack(msg.seq).await;
            }
        },
    );
}

#[test]
fn a_slow_hub_delays_no_other() {
    with_open_relay(
        |_| {},
        async |relay| {
            let (slow, webhook, _hub) = relay.ready().await;
            let mut hello = slow.hello();
            hello.window = 1;
            let mut slow = TestHub::connect_with(relay, &slow, hello).await;
            let quick = relay.account().await;
            let mut quick = TestHub::connect(relay, &quick).await;
            quick.registers(&webhook, json!({"$key": "a"})).await;
            relay.send_numbers(&webhook, 0..50).await;
            for number in 0..50 {
                let seq = quick.takes(number..number + 1).await;
                quick.ack(seq).await;
            }
            slow.takes(0..1).await;
            slow.hears_nothing_more().await;
        },
    );
}

#[test]
fn nothing_that_was_accepted_is_lost_over_a_restart_of_the_relay() {
    let folder = tempfile::tempdir().unwrap();
    let location = Location::File(folder.path().join("relay.db"));
    let settings = RelaySettings {
        listen: "127.0.0.1:0".to_owned(),
        admin_listen: "127.0.0.1:0".to_owned(),
        workers: 1,
        ..RelaySettings::default()
    };
    let open = || {
        let env = Env::system();
        let store = Store::open(&location, StoreSettings::default()).unwrap();
        let limits = QueueLimits {
            messages: settings.queue,
            bytes: settings.queue_bytes,
        };
        let store = Embedded::open(store, env.clone(), limits, settings.seen).unwrap();
        let relay = Relay::open(env, settings.clone(), std::sync::Arc::new(store)).unwrap();
        let serving = hearth_relay::serve(relay.clone()).unwrap();
        TestRelay { relay, serving }
    };
    hearth_testing::run(async {
        let relay = open();
        let (account, webhook, mut hub) = relay.ready().await;
        relay.send_numbers(&webhook, 0..10).await;
        let third = hub.takes(0..3).await;
        hub.ack(third).await;
        until("it is acknowledged", || {
            relay.relay.store.position(account.id).acked == third
        })
        .await;
        relay.serving.stop().await.unwrap();
        drop((hub, relay.relay));

        let relay = open();
        let mut hub = TestHub::connect(&relay, &account).await;
        let last = hub.takes(3..10).await;
        hub.ack(last).await;
        relay.send_numbers(&webhook, 10..11).await;
        assert!(hub.takes(10..11).await > last);
        relay.serving.stop().await.unwrap();
    });
}

#[test]
fn what_is_accepted_while_the_hub_connects_comes_too() {
    with_open_relay(
        |_| {},
        async |relay| {
            let (account, webhook, mut last) = relay.ready().await;
            let mut cursor = 0;
            for round in 0..50 {
                let from = round * 4;
                let hello = account.hello_after(cursor);
                let sending = relay.send_numbers(&webhook, from..from + 4);
                let connecting = TestHub::connect_with(relay, &account, hello);
                let (mut hub, ()) = tokio::join!(connecting, sending);
                cursor = hub.takes(from..from + 4).await;
                hub.ack(cursor).await;
                std::mem::replace(&mut last, hub).vanish();
            }
            last.hears_nothing_more().await;
        },
    );
}
