//! What every [`RelayStore`] has to do. A store is tested through a [`Place`], which can open it
//! again and again on what it has kept.
#![allow(clippy::unwrap_used)]

use std::time::Duration;

use futures_util::future::join_all;
use hearth_core::env::Env;
use hearth_core::store::{Location, Store, StoreSettings};
use tempfile::TempDir;

use super::*;
use crate::testing::{LIMITS, ManualClock, delivery};

/// Where a store keeps what it keeps.
trait Place {
    /// Opens the store; the one before must be closed.
    fn open(&self, limits: QueueLimits) -> Box<dyn RelayStore>;
    /// The clock that it goes by.
    fn clock(&self) -> &ManualClock;
}

struct File {
    folder: TempDir,
    clock: ManualClock,
}

impl Place for File {
    fn open(&self, limits: QueueLimits) -> Box<dyn RelayStore> {
        let path = self.folder.path().join("relay.db");
        let store = Store::open(&Location::File(path), StoreSettings::default()).unwrap();
        Box::new(Embedded::open(store, self.clock.env(), limits, 3).unwrap())
    }

    fn clock(&self) -> &ManualClock {
        &self.clock
    }
}

/// Runs a test on each kind of store.
fn each(test: impl AsyncFn(&dyn Place)) {
    hearth_testing::run(async {
        let file = File {
            folder: tempfile::tempdir().unwrap(),
            clock: ManualClock::default(),
        };
        test(&file).await;
    });
}

const TTL: Duration = Duration::from_secs(3600);
const ALL: ReadLimits = ReadLimits {
    messages: 10_000,
    bytes: usize::MAX,
};

fn append_to(env: &Env, hubs: &[HubId], text: &str) -> Append {
    let expires = env.now().as_micros() + i64::try_from(TTL.as_micros()).unwrap();
    Append {
        delivery: delivery(env, text),
        hubs: hubs.to_vec(),
        expires_at: Timestamp::from_micros(expires),
        seen: None,
    }
}

async fn put(store: &dyn RelayStore, env: &Env, hub: HubId, text: &str) -> Appended {
    let appended = store.append(append_to(env, &[hub], text)).await.unwrap();
    appended[0]
}

async fn texts(store: &dyn RelayStore, hub: HubId, after: Seq) -> Vec<String> {
    let page = store.read(hub, after, ALL).await.unwrap();
    let messages = page.messages.iter();
    messages
        .map(|queued| serde_json::from_str(queued.delivery.message.get()).unwrap())
        .collect()
}

#[test]
fn messages_are_read_in_the_order_in_which_they_were_appended() {
    each(async |place| {
        let (store, env) = (place.open(LIMITS), place.clock().env());
        let (one, two) = (HubId::random(&env), HubId::random(&env));
        let a = put(&*store, &env, one, "a").await;
        put(&*store, &env, two, "other").await;
        let b = put(&*store, &env, one, "b").await;
        assert!(a.seq > 0 && a.seq < b.seq);
        assert_eq!((a.previous, b.previous), (0, a.seq));
        assert_eq!(texts(&*store, one, 0).await, ["a", "b"]);
        assert_eq!(texts(&*store, one, a.seq).await, ["b"]);
        assert_eq!(texts(&*store, one, b.seq).await, [""; 0]);
        assert_eq!(texts(&*store, two, 0).await, ["other"]);
    });
}

#[test]
fn who_reads_a_message_finds_all_before_it() {
    each(async |place| {
        let (store, env) = (place.open(LIMITS), place.clock().env());
        let hub = HubId::random(&env);
        let appends = (0..200).map(|n| {
            let (store, env) = (&*store, &env);
            async move {
                let appended = put(store, env, hub, &n.to_string()).await;
                let before = store.read(hub, 0, ALL).await.unwrap().messages;
                let index = before.iter().position(|queued| queued.seq == appended.seq);
                let previous = index.unwrap().checked_sub(1).map_or(0, |at| before[at].seq);
                assert_eq!(previous, appended.previous);
            }
        });
        join_all(appends).await;
        assert_eq!(texts(&*store, hub, 0).await.len(), 200);
    });
}

#[test]
fn a_delivery_to_many_hubs_is_in_all_queues() {
    each(async |place| {
        let (store, env) = (place.open(LIMITS), place.clock().env());
        let hubs: Vec<HubId> = (0..50).map(|_| HubId::random(&env)).collect();
        let appended = store.append(append_to(&env, &hubs, "all")).await.unwrap();
        assert_eq!(appended.len(), 50);
        for hub in hubs {
            assert_eq!(texts(&*store, hub, 0).await, ["all"]);
        }
    });
}

#[test]
fn a_page_has_its_limits() {
    each(async |place| {
        let (store, env) = (place.open(LIMITS), place.clock().env());
        let hub = HubId::random(&env);
        for text in ["a", "b", "c"] {
            put(&*store, &env, hub, text).await;
        }
        for (messages, bytes, count, has_more) in [
            (2, usize::MAX, 2, true),
            (3, usize::MAX, 3, false),
            (10, 1, 1, true),
        ] {
            let limits = ReadLimits { messages, bytes };
            let page = store.read(hub, 0, limits).await.unwrap();
            assert_eq!((page.messages.len(), page.has_more), (count, has_more));
        }
    });
}

#[test]
fn what_was_acknowledged_goes_and_numbers_grow_over_a_restart() {
    each(async |place| {
        let env = place.clock().env();
        let hub = HubId::random(&env);
        let store = place.open(LIMITS);
        let a = put(&*store, &env, hub, "a").await;
        let b = put(&*store, &env, hub, "b").await;
        store.acked(hub, a.seq);
        assert_eq!(store.position(hub).oldest, Some(b.seq));
        store.acked(hub, b.seq);
        store.close().await.unwrap();
        drop(store);

        let store = place.open(LIMITS);
        let position = store.position(hub);
        assert_eq!((position.acked, position.oldest), (b.seq, None));
        assert_eq!(texts(&*store, hub, 0).await, [""; 0]);
        let c = put(&*store, &env, hub, "c").await;
        assert!(c.seq > b.seq);
        assert_eq!(texts(&*store, hub, b.seq).await, ["c"]);
    });
}

#[test]
fn what_was_appended_outlives_a_restart() {
    each(async |place| {
        let env = place.clock().env();
        let hub = HubId::random(&env);
        let store = place.open(LIMITS);
        let a = put(&*store, &env, hub, "a").await;
        store.close().await.unwrap();
        drop(store);

        let store = place.open(LIMITS);
        assert_eq!(texts(&*store, hub, 0).await, ["a"]);
        assert_eq!(store.position(hub).oldest, Some(a.seq));
        assert_eq!(store.position(hub).newest, a.seq);
        assert_eq!(store.usage().messages, 1);
    });
}

#[test]
fn acknowledging_the_past_the_future_or_for_another_changes_nothing() {
    each(async |place| {
        let (store, env) = (place.open(LIMITS), place.clock().env());
        let (hub, other) = (HubId::random(&env), HubId::random(&env));
        let a = put(&*store, &env, hub, "a").await;
        let b = put(&*store, &env, other, "b").await;
        store.acked(hub, b.seq + 1);
        store.acked(hub, u64::MAX);
        store.acked(HubId::random(&env), b.seq);
        store.flush().await.unwrap();
        assert_eq!(texts(&*store, hub, 0).await, ["a"]);
        store.acked(hub, a.seq);
        store.acked(hub, 1);
        assert_eq!(store.position(hub).acked, a.seq);
        assert_eq!(texts(&*store, other, 0).await, ["b"]);
    });
}

#[test]
fn a_full_queue_pushes_out_the_oldest_and_says_so() {
    each(async |place| {
        let env = place.clock().env();
        let hub = HubId::random(&env);
        let limits = QueueLimits {
            messages: 2,
            ..LIMITS
        };
        let store = place.open(limits);
        let a = put(&*store, &env, hub, "a").await;
        put(&*store, &env, hub, "b").await;
        put(&*store, &env, hub, "c").await;
        assert_eq!(texts(&*store, hub, 0).await, ["b", "c"]);
        assert_eq!(store.position(hub).lost, a.seq);
        assert_eq!(store.usage().displaced, 1);
        store.close().await.unwrap();
        drop(store);
        let store = place.open(limits);
        assert_eq!(store.position(hub).lost, a.seq);
        assert_eq!(texts(&*store, hub, 0).await, ["b", "c"]);
    });
}

#[test]
fn a_queue_has_a_limit_in_bytes_too_but_always_room_for_one() {
    each(async |place| {
        let env = place.clock().env();
        let hub = HubId::random(&env);
        let limits = QueueLimits {
            bytes: 1000,
            ..LIMITS
        };
        let store = place.open(limits);
        let large = "x".repeat(500);
        put(&*store, &env, hub, &large).await;
        put(&*store, &env, hub, "small").await;
        put(&*store, &env, hub, &large).await;
        assert_eq!(texts(&*store, hub, 0).await, ["small", &large]);
        let huge = "x".repeat(5000);
        put(&*store, &env, hub, &huge).await;
        assert_eq!(texts(&*store, hub, 0).await, [huge.as_str()]);
    });
}

#[test]
fn what_is_too_old_is_not_read_and_then_swept() {
    each(async |place| {
        let (store, env) = (place.open(LIMITS), place.clock().env());
        let hub = HubId::random(&env);
        let a = put(&*store, &env, hub, "a").await;
        place.clock().advance(TTL / 2);
        put(&*store, &env, hub, "b").await;
        place.clock().advance(TTL / 2);
        assert_eq!(texts(&*store, hub, 0).await, ["b"]);
        store.sweep().await.unwrap();
        assert_eq!(store.position(hub).lost, a.seq);
        assert_eq!(store.usage().expired, 1);
        assert_eq!(store.usage().messages, 1);
    });
}

#[test]
fn a_message_that_is_set_aside_can_be_sent_again() {
    each(async |place| {
        let (store, env) = (place.open(LIMITS), place.clock().env());
        let hub = HubId::random(&env);
        let a = put(&*store, &env, hub, "a").await;
        put(&*store, &env, hub, "b").await;
        store.bury(hub, a.seq).await.unwrap();
        store.bury(hub, a.seq + 1000).await.unwrap();
        assert_eq!(texts(&*store, hub, 0).await, ["b"]);
        let buried = store.buried(hub).await.unwrap();
        assert_eq!((buried.len(), buried[0].seq), (1, a.seq));
        assert_eq!(store.usage().dead_letters, 1);

        assert_eq!(store.replay(hub, a.seq + 1).await.unwrap(), None);
        let again = store.replay(hub, a.seq).await.unwrap().unwrap();
        assert!(again.seq > a.seq);
        assert_eq!(texts(&*store, hub, 0).await, ["b", "a"]);
        assert!(store.buried(hub).await.unwrap().is_empty());
    });
}

#[test]
fn a_hub_that_is_forgotten_leaves_nothing() {
    each(async |place| {
        let (store, env) = (place.open(LIMITS), place.clock().env());
        let (hub, other) = (HubId::random(&env), HubId::random(&env));
        let a = put(&*store, &env, hub, "a").await;
        put(&*store, &env, hub, "b").await;
        put(&*store, &env, other, "c").await;
        store.bury(hub, a.seq).await.unwrap();
        store.forget(hub).await.unwrap();
        assert_eq!(texts(&*store, hub, 0).await, [""; 0]);
        assert!(store.buried(hub).await.unwrap().is_empty());
        assert_eq!(store.position(hub), Position::default());
        assert_eq!(texts(&*store, other, 0).await, ["c"]);
    });
}

#[test]
fn a_repeat_is_known_for_a_while_also_after_a_restart() {
    each(async |place| {
        let env = place.clock().env();
        let hub = HubId::random(&env);
        let store = place.open(LIMITS);
        let key = SeenKey(7);
        assert_eq!(store.seen(key), None);
        let until = Timestamp::from_micros(env.now().as_micros() + 60_000_000);
        let append = Append {
            seen: Some((key, until)),
            ..append_to(&env, &[hub], "a")
        };
        let id = append.delivery.id;
        store.append(append).await.unwrap();
        assert_eq!(store.seen(key), Some(id));
        assert_eq!(store.seen(SeenKey(8)), None);
        store.close().await.unwrap();
        drop(store);

        let store = place.open(LIMITS);
        assert_eq!(store.seen(key), Some(id));
        place.clock().advance(Duration::from_secs(60));
        assert_eq!(store.seen(key), None);
        store.sweep().await.unwrap();
    });
}

#[test]
fn only_so_many_repeats_are_known() {
    each(async |place| {
        let (store, env) = (place.open(LIMITS), place.clock().env());
        for n in 0..5 {
            let until = Timestamp::from_micros(env.now().as_micros() + 60_000_000);
            let append = Append {
                seen: Some((SeenKey(n), until)),
                ..append_to(&env, &[], "a")
            };
            store.append(append).await.unwrap();
        }
        let known = (0..5).filter(|n| store.seen(SeenKey(*n)).is_some());
        assert_eq!(known.collect::<Vec<_>>(), [2, 3, 4]);
    });
}

#[test]
fn records_are_changed_together_and_loaded() {
    each(async |place| {
        let store = place.open(LIMITS);
        let record = |text: &str| RawValue::from_string(text.to_owned()).unwrap();
        let put = |id: &str, text: &str| RecordChange::Put(Kind::Hub, id.to_owned(), record(text));
        let changes = vec![put("a", "1"), put("b", "2")];
        store.change(changes).await.unwrap();
        let delete = RecordChange::Delete(Kind::Hub, "a".to_owned());
        store.change(vec![delete, put("b", "3")]).await.unwrap();
        let mut found = Vec::new();
        store
            .load(Kind::Hub, &mut |id, record| {
                found.push((id.to_owned(), record.get().to_owned()));
            })
            .unwrap();
        assert_eq!(found, [("b".to_owned(), "3".to_owned())]);
        store
            .load(Kind::Webhook, &mut |_, _| panic!("none"))
            .unwrap();
    });
}
