//! Who may connect, and how connections end.

use hearth_relay_protocol::{FromHub, FromRelay, SUBPROTOCOL, close};
use tokio_tungstenite::tungstenite::Error;
use tokio_tungstenite::tungstenite::http::Response;

use super::*;

fn refused(outcome: Result<WebSocketStream<TcpStream>, Error>) -> (u16, Response<Option<Vec<u8>>>) {
    match outcome {
        Err(Error::Http(response)) => (response.status().as_u16(), *response),
        Err(other) => panic!("expected a refusal, not {other}"),
        Ok(_) => panic!("expected a refusal"),
    }
}

#[test]
fn a_hub_is_welcomed_with_what_it_may_do() {
    with_open_relay(
        |settings| settings.public_url = Some("https://relay.example/".to_owned()),
        async |relay| {
            let account = relay.account().await;
            let hub = TestHub::connect(relay, &account).await;
            assert_eq!(hub.welcome.cloudhook_base, "https://relay.example/c/");
            assert_eq!((hub.welcome.ping_s, hub.welcome.dead_s), (30, 75));
            assert_eq!(hub.welcome.limits.data_bytes, 16 * 1024);
            assert!(hub.welcome.gap.is_empty());
            assert!(relay.relay.presence.is_connected(account.id));
            hub.vanish();
            until("the hub is gone", || relay.relay.presence.is_empty()).await;
            until("its last sight is noted", || {
                let hub = relay.relay.hubs.get(account.id).unwrap();
                hub.last_seen.is_some()
            })
            .await;
        },
    );
}

#[test]
fn strangers_and_hubs_that_are_shut_out_are_told_so() {
    with_open_relay(
        |_| {},
        async |relay| {
            let account = relay.account().await;
            assert_eq!(refused(dial(relay, "nonsense", SUBPROTOCOL).await).0, 401);
            assert_eq!(refused(dial(relay, "", SUBPROTOCOL).await).0, 401);
            assert_eq!(refused(dial(relay, &account.token, "chat").await).0, 400);

            let mut hub = TestHub::connect(relay, &account).await;
            let id = account.id;
            let disable = json!({"id": id, "disabled": true});
            relay.admin("hub/disable", disable).await;
            assert_eq!(hub.closed().await, 1008);
            assert_eq!(
                refused(dial(relay, &account.token, SUBPROTOCOL).await).0,
                403
            );

            relay.admin("hub/revoke", json!({"id": id})).await;
            assert_eq!(
                refused(dial(relay, &account.token, SUBPROTOCOL).await).0,
                401
            );
        },
    );
}

#[test]
fn a_rotated_token_holds_beside_the_old_one() {
    with_open_relay(
        |_| {},
        async |relay| {
            let account = relay.account().await;
            let rotated = relay.admin("hub/rotate", json!({"id": account.id})).await;
            let token = rotated["token"].as_str().unwrap().to_owned();
            let fresh = Account { token, ..account };
            TestHub::connect(relay, &account).await.vanish();
            TestHub::connect(relay, &fresh).await.vanish();
        },
    );
}

#[test]
fn a_second_connection_takes_the_place_of_the_first() {
    with_open_relay(
        |_| {},
        async |relay| {
            let account = relay.account().await;
            let mut first = TestHub::connect(relay, &account).await;
            let mut second = TestHub::connect(relay, &account).await;
            assert_eq!(first.closed().await, close::REPLACED);
            second.hears_nothing_more().await;
            assert!(relay.relay.presence.is_connected(account.id));
        },
    );
}

#[test]
fn a_hub_that_connects_too_often_is_told_when_to_come_again() {
    let limit = |settings: &mut RelaySettings| {
        settings.hub_connect_rate = 0.1;
        settings.hub_connect_burst = 2.0;
    };
    with_open_relay(limit, async |relay| {
        let (account, other) = (relay.account().await, relay.account().await);
        for _ in 0..2 {
            TestHub::connect(relay, &account).await.vanish();
        }
        let (status, response) = refused(dial(relay, &account.token, SUBPROTOCOL).await);
        assert_eq!(status, 429);
        let retry_after = response.headers()["retry-after"].to_str().unwrap();
        assert!((1..=11).contains(&retry_after.parse::<u64>().unwrap()));
        TestHub::connect(relay, &other).await.vanish();
    });
}

#[test]
fn tokens_cannot_be_tried_quickly() {
    let limit = |settings: &mut RelaySettings| {
        settings.hub_address_rate = 0.1;
        settings.hub_address_burst = 20.0;
    };
    with_open_relay(limit, async |relay| {
        for _ in 0..4 {
            assert_eq!(refused(dial(relay, "guess", SUBPROTOCOL).await).0, 401);
        }
        assert_eq!(refused(dial(relay, "guess", SUBPROTOCOL).await).0, 429);
    });
}

#[test]
fn a_relay_that_stops_says_when_to_come_again() {
    with_open_relay(
        |_| {},
        async |relay| {
            let account = relay.account().await;
            let mut hub = TestHub::connect(relay, &account).await;
            relay
                .relay
                .presence
                .dismiss_all(hearth_relay::presence::Farewell::Draining);
            let FromRelay::Drain(drain) = hub.next().await else {
                panic!("expected a drain");
            };
            assert!((500..2000).contains(&drain.reconnect_after_ms));
            assert_eq!(hub.closed().await, 1012);
            let (status, response) = refused(dial(relay, &account.token, SUBPROTOCOL).await);
            assert_eq!(status, 503);
            assert!(response.headers().contains_key("retry-after"));
        },
    );
}

#[test]
fn a_hub_that_says_nothing_is_dead_and_one_that_answers_lives() {
    let quick = |settings: &mut RelaySettings| {
        settings.ping_s = 1;
        settings.dead_s = 3;
    };
    with_open_relay(quick, async |relay| {
        let (silent, lively) = (relay.account().await, relay.account().await);
        let mut silent = TestHub::connect(relay, &silent).await;
        let mut lively = TestHub::connect(relay, &lively).await;
        let mut pings = 0;
        let code = loop {
            tokio::select! {
                code = silent.closed() => break code,
                message = lively.socket.next() => {
                    let Some(Ok(Message::Text(text))) = message else { panic!("{message:?}") };
                    if let Some(FromRelay::Ping(ping)) = FromRelay::read(&text).unwrap() {
                        pings += 1;
                        lively.say(FromHub::Pong(ping)).await;
                    }
                }
            }
        };
        assert_eq!(code, close::DEAD);
        assert!(pings >= 2, "{pings}");
        lively.hears_nothing_more().await;
    });
}
