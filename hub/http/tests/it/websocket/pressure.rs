use std::thread::JoinHandle;
use std::time::Duration;

use hearth_core::prelude::*;
use serde_json::json;
use tokio::sync::oneshot;

use super::{End, Socket, set, until};
use crate::home::{Home, with_home, with_settings};

const CHANGES: usize = 100_000;

/// Writes changes of one entity as fast as the hub takes them.
async fn publish(home: &Home, changes: usize) {
    for count in 1..=changes {
        set(
            home,
            "sensor.counter",
            &count.to_string(),
            Attributes::empty(),
        )
        .await;
    }
}

async fn subscribed(home: &Home) -> Socket {
    let mut socket = Socket::admin(home).await;
    socket
        .result("subscribe_events", json!({"event_type": "state_changed"}))
        .await;
    socket
}

/// The number in the text of a change, without the price of parsing it whole.
fn count(text: &str) -> usize {
    let new = text.split("\"new_state\":").nth(1).unwrap();
    let state = new.split("\"state\":\"").nth(1).unwrap();
    state.split('"').next().unwrap().parse().unwrap()
}

/// Reads changes until `wanted` have come, in order and none left out; how many came, and how it
/// ended.
async fn read(socket: &mut Socket, wanted: usize) -> (usize, Option<End>) {
    for expected in 1..=wanted {
        match socket.next_text().await {
            Ok(text) => assert_eq!(count(&text), expected),
            Err(end) => return (expected - 1, Some(end)),
        }
    }
    (wanted, None)
}

/// A subscriber on a thread of its own, as a client would be.
async fn start_reader(home: &Home, wanted: usize) -> JoinHandle<(usize, Option<End>)> {
    let (address, token) = (home.address(), home.admin.clone());
    let (ready, is_ready) = oneshot::channel();
    let reader = std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .unwrap();
        runtime.block_on(async {
            let mut socket = Socket::signed_in_at(address, &token).await;
            socket
                .result("subscribe_events", json!({"event_type": "state_changed"}))
                .await;
            ready.send(()).unwrap();
            read(&mut socket, wanted).await
        })
    });
    is_ready.await.unwrap();
    reader
}

pub(super) async fn cut_off_so_far(home: &Home) -> usize {
    let metrics = home.plain("GET", "/metrics", "", "").await;
    let line = metrics
        .text()
        .lines()
        .find_map(|line| line.strip_prefix("hearth_slow_readers_total "));
    line.unwrap().trim().parse().unwrap()
}

#[test]
fn readers_that_keep_up_get_every_one_of_100000_changes_in_order() {
    with_home(|home| async move {
        let mut readers = Vec::new();
        for _ in 0..3 {
            readers.push(start_reader(&home, CHANGES).await);
        }
        publish(&home, CHANGES).await;
        for reader in readers {
            assert_eq!(reader.join().unwrap(), (CHANGES, None));
        }
    });
}

#[test]
fn a_reader_that_does_not_read_is_cut_off_and_told_and_harms_no_other() {
    with_home(|home| async move {
        let mut slow = subscribed(&home).await;
        let fast = start_reader(&home, CHANGES).await;
        publish(&home, CHANGES).await;
        assert_eq!(fast.join().unwrap(), (CHANGES, None));
        assert_eq!(cut_off_so_far(&home).await, 1);
        // What it got before is in order and without a gap.
        let (read, end) = read(&mut slow, CHANGES).await;
        assert!(read < CHANGES, "{read}");
        match end {
            Some(End::Closed(1008, reason)) => {
                assert_eq!(reason, "too slow: 4097 messages were waiting");
            }
            other => panic!("{other:?}"),
        }
    });
}

#[test]
fn a_reader_that_never_reads_again_loses_its_connection() {
    with_home(|home| async move {
        let slow = subscribed(&home).await;
        publish(&home, CHANGES).await;
        until(|| home.door.auth.open_sessions() == 0).await;
        assert_eq!(cut_off_so_far(&home).await, 1);
        drop(slow);
    });
}

#[test]
fn a_reader_that_is_behind_for_too_long_is_cut_off() {
    with_settings(
        |settings| {
            settings.websocket.slow_queue = 10;
            settings.websocket.slow_s = 1;
        },
        |home| async move {
            let mut slow = subscribed(&home).await;
            let fill = "x".repeat(100_000);
            // More than the system keeps for one connection, and fewer than `queue` messages.
            for count in 0..300 {
                let attributes =
                    Attributes::build(|attributes| attributes.value("fill", fill.as_str()));
                set(&home, "sensor.counter", &count.to_string(), attributes).await;
            }
            tokio::time::timeout(Duration::from_secs(20), async {
                while cut_off_so_far(&home).await == 0 {
                    tokio::time::sleep(Duration::from_millis(20)).await;
                }
            })
            .await
            .unwrap();
            let end = loop {
                if let Err(end) = slow.next_text().await {
                    break end;
                }
            };
            assert!(
                matches!(&end, End::Closed(1008, reason) if reason.starts_with("too slow: ")),
                "{end:?}"
            );
        },
    );
}
