//! Connecting, staying connected, and connecting again.

use std::time::{Duration, Instant};

use hearth_core::prelude::*;
use hearth_core::settings::Settings;
use hearth_relay_protocol::{Drain, FromHub, FromRelay, Gap, Ping};
use hearth_testing::run;

use crate::home::{HUB_ID, home, notification, settings, until_cloud_is};
use crate::relay::{Relay, cursors, welcome};

#[test]
fn a_hub_without_a_relay_has_no_link() {
    run(async {
        let home = home(Settings::default()).await;
        let error = home.command("cloud/status", json!({})).await.unwrap_err();
        assert_eq!(error.code.as_str(), "unknown_command");
    });
}

#[test]
fn a_hub_greets_its_relay_and_answers_its_pings() {
    run(async {
        let relay = Relay::start().await;
        let home = home(settings(&relay)).await;
        let mut session = relay.greeted().await;
        assert_eq!(
            session.asked,
            ["/hub/v1", "Bearer the-hubs-token", "hearth-relay.v1"]
        );
        assert_eq!(session.hello.hub_id, HUB_ID);
        assert_eq!((session.hello.v, session.hello.window), (1, 32));
        assert_eq!(session.hello.cursors, cursors(&[]));
        until_cloud_is(&home, "connecting").await;
        session.welcome().await;
        until_cloud_is(&home, "connected").await;

        session.say(FromRelay::Ping(Ping { n: 7 })).await;
        assert_eq!(session.hears().await, FromHub::Pong(Ping { n: 7 }));
        session.say_text(r#"{"t":"of_tomorrow"}"#).await;
        session.say(FromRelay::Ping(Ping { n: 8 })).await;
        assert_eq!(session.hears().await, FromHub::Pong(Ping { n: 8 }));

        let hub_id = home.command("relay/hub_id", json!({})).await.unwrap();
        assert_eq!(hub_id, json!({"hub_id": HUB_ID}));
    });
}

#[test]
fn a_hub_pings_and_takes_a_silent_relay_for_dead() {
    run(async {
        let relay = Relay::start().await;
        let _home = home(settings(&relay)).await;
        let mut session = relay.greeted().await;
        let mut impatient = welcome();
        (impatient.ping_s, impatient.dead_s) = (1, 2);
        session.say(FromRelay::Welcome(impatient)).await;
        session.published().await;
        assert_eq!(session.hears().await, FromHub::Ping(Ping { n: 1 }));
        assert_eq!(session.close_code().await, 4008);
        relay.greeted().await;
    });
}

#[test]
fn a_frame_that_is_none_ends_the_connection_and_the_hub_comes_again() {
    run(async {
        let relay = Relay::start().await;
        let _home = home(settings(&relay)).await;
        let mut session = relay.welcomed().await;
        session.say_text(r#"{"t":"msg","shard":0}"#).await;
        assert_eq!(session.close_code().await, 4002);
        relay.greeted().await;
    });
}

#[test]
fn a_refused_token_is_told_and_not_tried_again() {
    run(async {
        let relay = Relay::start().await;
        let home = home(settings(&relay)).await;
        relay.refuse(401, None).await;
        until_cloud_is(&home, "stopped").await;
        let told = notification(&home, "relay_connection").await;
        assert!(told.contains("relay_link.token"), "{told}");
        let caller = Caller::inside(Context::new(&home.hub.env));
        let name = "relay/system_health";
        let health = home
            .hub
            .commands
            .call(name, Map::new(), caller)
            .await
            .unwrap();
        assert_eq!(health["connection"], "stopped");
    });
}

#[test]
fn a_hub_whose_place_was_taken_is_told_and_waits() {
    run(async {
        let relay = Relay::start().await;
        let home = home(settings(&relay)).await;
        relay.welcomed().await.close(4001).await;
        until_cloud_is(&home, "disconnected").await;
        let told = notification(&home, "relay_connection").await;
        assert!(told.contains("Another hub"), "{told}");
    });
}

#[test]
fn a_relay_that_is_full_is_given_the_time_it_asks_for() {
    run(async {
        let relay = Relay::start().await;
        let _home = home(settings(&relay)).await;
        relay.refuse(503, Some("2")).await;
        let refused = Instant::now();
        relay.greeted().await;
        assert!(refused.elapsed() > Duration::from_millis(1900));
    });
}

#[test]
fn a_relay_that_drains_says_when_to_come_again() {
    run(async {
        let relay = Relay::start().await;
        let _home = home(settings(&relay)).await;
        let mut session = relay.welcomed().await;
        let drain = Drain {
            reconnect_after_ms: 1000,
        };
        session.say(FromRelay::Drain(drain)).await;
        session.close(1012).await;
        let closed = Instant::now();
        relay.greeted().await;
        assert!(closed.elapsed() > Duration::from_millis(900));
    });
}

#[test]
fn messages_that_expired_are_told() {
    run(async {
        let relay = Relay::start().await;
        let home = home(settings(&relay)).await;
        let mut session = relay.greeted().await;
        let mut with_gap = welcome();
        with_gap.gap = vec![Gap {
            shard: 0,
            oldest_seq: 9,
        }];
        session.say(FromRelay::Welcome(with_gap)).await;
        let told = notification(&home, "relay_gap").await;
        assert!(told.contains("lost"), "{told}");
    });
}

#[test]
fn a_hub_that_stops_says_goodbye() {
    run(async {
        let relay = Relay::start().await;
        let home = home(settings(&relay)).await;
        let mut session = relay.welcomed().await;
        until_cloud_is(&home, "connected").await;
        let (code, ()) = tokio::join!(session.close_code(), home.hub.stop());
        assert_eq!(code, 1001);
    });
}
