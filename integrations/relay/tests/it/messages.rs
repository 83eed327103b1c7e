//! Messages for webhooks that integrations registered.

use std::time::Duration;

use hearth_core::prelude::*;
use hearth_relay_protocol::{Ack, FromHub, Nack, Result as Outcome};
use hearth_testing::run;

use crate::home::{heard, home, kept_in, notification, register, settings, until_cloud_is};
use crate::relay::{Relay, cursors, within};

const WEBHOOK: &str = "56db7fb12dcf75604ea7977d";

fn ack(seq: u64) -> FromHub {
    FromHub::Ack(Ack { shard: 0, seq })
}

fn nack(seq: u64, retry_after_s: u64) -> FromHub {
    FromHub::Nack(Nack {
        shard: 0,
        seq,
        retry_after_s,
    })
}

#[test]
fn a_message_is_heard_once_and_acknowledged_as_often_as_it_comes() {
    run(async {
        let relay = Relay::start().await;
        let home = home(settings(&relay)).await;
        let mut session = relay.welcomed().await;
        until_cloud_is(&home, "connected").await;
        let data = json!({"$key": "a"});
        let (registered, ()) = tokio::join!(register(&home, WEBHOOK, "s", data.clone()), async {
            let (id, webhook_id, secret, given) = session.registration().await;
            assert_eq!(
                (&*webhook_id, &*secret, given),
                (WEBHOOK, "s", data.clone())
            );
            let warning = Some("key_never_matches".to_owned());
            session
                .answer(Outcome {
                    id,
                    ok: true,
                    warning,
                    ..Outcome::default()
                })
                .await;
        });
        let (answer, mut events) = registered;
        let expected = json!({"is_registered": true, "warning": "key_never_matches"});
        assert_eq!(answer.unwrap(), expected);

        session.deliver(5, WEBHOOK, "d1", 1).await;
        let message = heard(&mut events).await;
        assert_eq!(message["body"], "d1");
        assert_eq!(message["query"], json!({"a": "1"}));
        assert_eq!(
            (
                &message["delivery_id"],
                &message["attempt"],
                &message["webhook_id"]
            ),
            (&json!("d1"), &json!(1), &json!(WEBHOOK))
        );
        assert_eq!(session.hears().await, ack(5));

        session.deliver(5, WEBHOOK, "d1", 2).await;
        assert_eq!(session.hears().await, ack(5));
        session.deliver(6, WEBHOOK, "d2", 1).await;
        assert_eq!(heard(&mut events).await["body"], "d2");
        assert_eq!(session.hears().await, ack(6));
    });
}

#[test]
fn a_message_waits_at_the_relay_until_its_integration_is_back_after_a_restart() {
    let folder = tempfile::tempdir().unwrap();
    run(async {
        let relay = Relay::start().await;
        let home = kept_in(folder.path(), settings(&relay)).await;
        let mut session = relay.welcomed().await;
        until_cloud_is(&home, "connected").await;
        let (registered, ()) = tokio::join!(register(&home, WEBHOOK, "s", json!({})), async {
            let (id, ..) = session.registration().await;
            session.confirm(id).await;
        });
        let (_, mut events) = registered;
        session.deliver(3, WEBHOOK, "d1", 1).await;
        heard(&mut events).await;
        assert_eq!(session.hears().await, ack(3));
        home.hub.stop().await;

        let home = kept_in(folder.path(), settings(&relay)).await;
        let mut session = relay.greeted().await;
        assert_eq!(session.hello.cursors, cursors(&[(0, 3)]));
        session.welcome().await;
        session.deliver(3, WEBHOOK, "d1", 2).await;
        assert_eq!(
            session.hears().await,
            ack(3),
            "it was heard before the restart"
        );
        session.deliver(4, WEBHOOK, "d2", 1).await;
        assert_eq!(session.hears().await, nack(4, 2));
        session.deliver(5, "other", "d3", 1).await;
        session.deliver(6, WEBHOOK, "d4", 1).await;
        let mut answers = vec![session.hears().await, session.hears().await];
        answers.sort_by_key(|answer| matches!(answer, FromHub::Nack(_)));
        assert_eq!(
            answers,
            [ack(3), nack(6, 2)],
            "it may not overtake the one before it"
        );

        let (registered, ()) = tokio::join!(register(&home, WEBHOOK, "s", json!({})), async {
            let (id, ..) = session.registration().await;
            session.confirm(id).await;
        });
        let (_, mut events) = registered;
        session.deliver(4, WEBHOOK, "d2", 2).await;
        assert_eq!(heard(&mut events).await["body"], "d2");
        assert_eq!(session.hears().await, ack(5));
        session.deliver(6, WEBHOOK, "d4", 2).await;
        assert_eq!(heard(&mut events).await["body"], "d4");
        assert_eq!(session.hears().await, ack(6));
    });
}

#[test]
fn wrong_credentials_are_refused_and_the_right_ones_taken_afterwards() {
    run(async {
        let relay = Relay::start().await;
        let home = home(settings(&relay)).await;
        let mut session = relay.welcomed().await;
        until_cloud_is(&home, "connected").await;
        let (registered, ()) = tokio::join!(register(&home, WEBHOOK, "no", json!({})), async {
            let (id, ..) = session.registration().await;
            let error = Some("invalid_webhook_credentials".to_owned());
            session
                .answer(Outcome {
                    id,
                    error,
                    ..Outcome::default()
                })
                .await;
        });
        let error = registered.0.unwrap_err();
        assert_eq!(error.code.as_str(), "invalid_webhook_credentials");
        session.deliver(1, WEBHOOK, "d1", 1).await;
        assert_eq!(session.hears().await, ack(1), "nobody wants it");

        let (registered, ()) = tokio::join!(register(&home, WEBHOOK, "yes", json!({})), async {
            let (id, _, secret, _) = session.registration().await;
            assert_eq!(secret, "yes");
            session.confirm(id).await;
        });
        assert!(registered.0.is_ok());
    });
}

#[test]
fn two_integrations_with_one_webhook_both_hear_it_and_their_keys_are_joined() {
    run(async {
        let relay = Relay::start().await;
        let home = home(settings(&relay)).await;
        let mut session = relay.welcomed().await;
        until_cloud_is(&home, "connected").await;
        let mut all = Vec::new();
        for (key, joined) in [
            ("a", json!({"$key": "a"})),
            ("b", json!({"$keys": ["a", "b"]})),
        ] {
            let data = json!({"$key": key});
            let (registered, ()) = tokio::join!(register(&home, WEBHOOK, "s", data), async {
                let (id, _, _, data) = session.registration().await;
                assert_eq!(data, joined);
                session.confirm(id).await;
            });
            all.push(registered.1);
        }
        session.deliver(1, WEBHOOK, "d1", 1).await;
        for events in &mut all {
            assert_eq!(heard(events).await["body"], "d1");
        }
        assert_eq!(session.hears().await, ack(1));

        all.remove(0);
        let (.., data) = session.registration().await;
        assert_eq!(
            data,
            json!({"$key": "b"}),
            "who has gone wants nothing more"
        );
    });
}

#[test]
fn a_webhook_that_is_registered_while_the_relay_is_away_is_told_it_later() {
    run(async {
        let relay = Relay::start().await;
        let home = home(settings(&relay)).await;
        let mut session = relay.greeted().await;
        let (right, mut events) = register(&home, WEBHOOK, "s", json!({"$key": 1})).await;
        assert_eq!(right.unwrap()["is_registered"], false);
        let (_, mut refused) = register(&home, "wrong", "s", json!({})).await;
        session
            .say(hearth_relay_protocol::FromRelay::Welcome(
                crate::relay::welcome(),
            ))
            .await;
        for _ in 0..2 {
            let (id, webhook_id, ..) = session.registration().await;
            let ok = webhook_id == WEBHOOK;
            let error = (!ok).then(|| "invalid_webhook_credentials".to_owned());
            session
                .answer(Outcome {
                    id,
                    ok,
                    error,
                    ..Outcome::default()
                })
                .await;
        }
        session.published().await;
        assert_eq!(
            within(refused.next()).await,
            None,
            "its subscription has ended"
        );
        let told = notification(&home, "relay_webhook").await;
        assert!(told.contains("wrong"), "{told}");
        session.deliver(1, WEBHOOK, "d1", 1).await;
        assert_eq!(heard(&mut events).await["body"], "d1");
    });
}

#[test]
fn a_webhook_that_nobody_listens_to_for_long_is_unregistered() {
    run(async {
        let relay = Relay::start().await;
        let mut settings = settings(&relay);
        settings.relay_link.webhook_kept_s = 1;
        let home = home(settings).await;
        let mut session = relay.welcomed().await;
        until_cloud_is(&home, "connected").await;
        let (registered, ()) = tokio::join!(register(&home, WEBHOOK, "s", json!({})), async {
            let (id, ..) = session.registration().await;
            session.confirm(id).await;
        });
        drop(registered);
        match session.hears().await {
            FromHub::Unregister(unregister) => assert_eq!(unregister.webhook_id, WEBHOOK),
            other => panic!("{other:?}"),
        }
    });
}

#[test]
fn an_integration_that_takes_nothing_makes_messages_wait() {
    run(async {
        let relay = Relay::start().await;
        let home = home(settings(&relay)).await;
        let mut session = relay.welcomed().await;
        until_cloud_is(&home, "connected").await;
        let (registered, ()) = tokio::join!(register(&home, WEBHOOK, "s", json!({})), async {
            let (id, ..) = session.registration().await;
            session.confirm(id).await;
        });
        let (_, mut events) = registered;
        let mut taken = 0;
        let mut seq = 0;
        let put_off = loop {
            seq += 1;
            session.deliver(seq, WEBHOOK, &format!("d{seq}"), 1).await;
            match session.hears().await {
                FromHub::Ack(ack) => taken = ack.seq,
                FromHub::Nack(nack) => break nack.seq,
                other => panic!("{other:?}"),
            }
        };
        assert_eq!((taken, put_off), (1024, 1025));
        heard(&mut events).await;
        session.deliver(put_off, WEBHOOK, "d1025", 2).await;
        assert_eq!(session.hears().await, ack(put_off));
        for seq in 2..=put_off {
            assert_eq!(heard(&mut events).await["body"], format!("d{seq}"));
        }
    });
}

#[test]
fn messages_are_taken_in_their_order_however_fast_they_come() {
    run(async {
        let relay = Relay::start().await;
        let home = home(settings(&relay)).await;
        let mut session = relay.welcomed().await;
        until_cloud_is(&home, "connected").await;
        let (registered, ()) = tokio::join!(register(&home, WEBHOOK, "s", json!({})), async {
            let (id, ..) = session.registration().await;
            session.confirm(id).await;
        });
        let (_, mut events) = registered;
        for seq in 1..=500 {
            session.deliver(seq, WEBHOOK, &format!("d{seq}"), 1).await;
        }
        for seq in 1..=500 {
            assert_eq!(heard(&mut events).await["body"], format!("d{seq}"));
        }
        let mut acknowledged = 0;
        tokio::time::timeout(Duration::from_secs(10), async {
            while acknowledged < 500 {
                match session.hears().await {
                    FromHub::Ack(ack) => {
                        assert!(ack.seq > acknowledged);
                        acknowledged = ack.seq;
                    }
                    other => panic!("{other:?}"),
                }
            }
        })
        .await
        .unwrap();
    });
}
