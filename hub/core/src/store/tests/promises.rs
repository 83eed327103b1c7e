use super::*;

#[actix_rt::test]
async fn what_was_put_is_loaded_in_the_order_of_ids() {
    for place in Place::both() {
        let store = place.open();
        let notes = store.collection::<Note>("note");
        notes.put("b", &note("second")).await.unwrap();
        notes.put("a", &note("first")).await.unwrap();
        notes.put("c", &note("third")).await.unwrap();
        notes.put("b", &note("replaced")).await.unwrap();
        notes.delete("c").await.unwrap();
        notes.delete("never there").await.unwrap();

        let all = notes.load_all().unwrap();
        assert_eq!(all, [named("a", "first"), named("b", "replaced")]);
        assert_eq!(notes.get("b").unwrap(), Some(note("replaced")));
        assert_eq!(notes.get("c").unwrap(), None);
    }
}

#[actix_rt::test]
async fn collections_do_not_see_each_other() {
    for place in Place::both() {
        let store = place.open();
        let (one, two) = (store.collection("one"), store.collection("two"));
        one.put("id", &note("1")).await.unwrap();
        two.put("id", &note("2")).await.unwrap();
        one.delete("id").await.unwrap();
        assert_eq!(one.load_all().unwrap(), []);
        assert_eq!(two.load_all().unwrap(), [named("id", "2")]);
    }
}

#[actix_rt::test]
async fn a_batch_applies_its_changes_in_order_and_with_those_appended() {
    for place in Place::both() {
        let store = place.open();
        let mut batch = store.batch();
        assert!(batch.is_empty());
        batch.put("note", "a", &note("put, then deleted")).unwrap();
        batch.delete("note", "a");
        batch.delete("note", "b");
        let mut more = store.batch();
        more.put("note", "b", &note("deleted, then put")).unwrap();
        batch.append(more);
        assert!(!batch.is_empty());
        batch.commit().await.unwrap();
        let all = store.collection::<Note>("note").load_all().unwrap();
        assert_eq!(all, [named("b", "deleted, then put")]);
    }
}

#[actix_rt::test]
async fn an_empty_batch_and_a_dropped_one_change_nothing() {
    for place in Place::both() {
        let store = place.open();
        store.batch().commit().await.unwrap();
        let mut dropped = store.batch();
        dropped.put("note", "a", &note("never")).unwrap();
        drop(dropped);
        assert_eq!(store.collection::<Note>("note").load_all().unwrap(), []);
    }
}

#[actix_rt::test]
async fn states_are_saved_replaced_and_removed() {
    for place in Place::both() {
        let store = place.open();
        let saved = vec![state("sensor.b", "1"), state("sensor.a", "2")];
        store.save_states(saved, vec![]).await.unwrap();
        let changed = vec![state("sensor.a", "3"), state("sensor.c", "4")];
        let removed = vec!["sensor.b".to_owned(), "sensor.unknown".to_owned()];
        store.save_states(changed, removed).await.unwrap();
        let expected = [state("sensor.a", "3"), state("sensor.c", "4")];
        assert_eq!(store.load_states().unwrap(), expected);
    }
}

#[actix_rt::test]
async fn writes_of_one_id_keep_their_order_also_while_they_wait_for_room() {
    for place in Place::both() {
        let store = place.open_with(StoreSettings {
            queue: 3,
            ..StoreSettings::default()
        });
        let notes = store.collection::<Note>("note");
        for round in 0..20 {
            let tasks = (0..50).map(|n| actix_rt::spawn(notes.put("same", &note(n))));
            for outcome in join_all(tasks.collect::<Vec<_>>()).await {
                outcome.unwrap().unwrap();
            }
            assert_eq!(notes.get("same").unwrap(), Some(note(49)), "{round}");
        }
    }
}

#[actix_rt::test]
async fn sixty_four_writers_on_many_threads_lose_nothing() {
    for place in Place::both() {
        let store = place.open();
        let notes = store.collection::<Note>("note");
        let arbiters: Vec<_> = (0..4).map(|_| actix_rt::Arbiter::new()).collect();
        let (sender, mut done) = tokio::sync::mpsc::unbounded_channel();
        for writer in 0..64 {
            let (notes, sender) = (notes.clone(), sender.clone());
            arbiters[writer % 4].spawn(async move {
                for n in 0..50 {
                    let id = format!("{writer:02}-{n:02}");
                    let outcome = notes.put(&id, &note(n)).await;
                    // Acknowledged, so there for every reader.
                    let seen = notes.get(&id);
                    sender.send((outcome, seen, n)).unwrap();
                }
            });
        }
        drop(sender);
        while let Some((outcome, seen, n)) = done.recv().await {
            outcome.unwrap();
            assert_eq!(seen.unwrap(), Some(note(n)));
        }
        assert_eq!(notes.load_all().unwrap().len(), 64 * 50);
        for arbiter in arbiters {
            arbiter.stop();
            arbiter.join().unwrap();
        }
    }
}

#[actix_rt::test]
async fn callers_beyond_the_limit_wait_for_room() {
    for place in Place::both() {
        let store = place.open_with(StoreSettings {
            queue: 4,
            ..StoreSettings::default()
        });
        let notes = store.collection::<Note>("note");
        let connection = store.connections.writer.lock();
        let first = actix_rt::spawn(notes.put("first", &note("")));
        until(|| store.queue.taken_but_unanswered() == 1).await;
        let rest: Vec<_> = (0..20)
            .map(|n| actix_rt::spawn(notes.put(&n.to_string(), &note(n))))
            .collect();
        until(|| store.queue.waiting() == 3).await;
        for _ in 0..100 {
            tokio::task::yield_now().await;
        }
        assert_eq!(store.queue.waiting(), 3);
        drop(connection);
        for task in rest.into_iter().chain([first]) {
            task.await.unwrap().unwrap();
        }
        assert_eq!(notes.load_all().unwrap().len(), 21);
    }
}

#[actix_rt::test]
async fn a_batch_larger_than_the_queue_is_stored() {
    for place in Place::both() {
        let store = place.open_with(StoreSettings {
            queue: 2,
            ..StoreSettings::default()
        });
        let mut batch = store.batch();
        for n in 0..50 {
            batch.put("note", &n.to_string(), &note(n)).unwrap();
        }
        batch.commit().await.unwrap();
        let all = store.collection::<Note>("note").load_all().unwrap();
        assert_eq!(all.len(), 50);
    }
}

#[actix_rt::test]
async fn a_queued_write_happens_though_its_caller_has_gone() {
    for place in Place::both() {
        let store = place.open();
        let notes = store.collection::<Note>("note");
        let connection = store.connections.writer.lock();
        let caller = actix_rt::spawn(notes.put("a", &note("kept")));
        until(|| store.queue.taken_but_unanswered() == 1).await;
        caller.abort();
        assert!(caller.await.unwrap_err().is_cancelled());
        drop(connection);
        // Behind it in the queue, so answered after it.
        notes.put("b", &note("")).await.unwrap();
        assert_eq!(notes.get("a").unwrap(), Some(note("kept")));
    }
}

#[actix_rt::test]
async fn closing_stores_what_is_queued_and_refuses_what_comes_later() {
    for place in Place::both() {
        let store = place.open();
        let notes = store.collection::<Note>("note");
        let connection = store.connections.writer.lock();
        let tasks: Vec<_> = (0..10)
            .map(|n| actix_rt::spawn(notes.put(&n.to_string(), &note(n))))
            .collect();
        until(|| store.queue.waiting() + store.queue.taken_but_unanswered() == 10).await;
        let closing = actix_rt::spawn(store.close());
        tokio::task::yield_now().await;
        drop(connection);
        closing.await.unwrap().unwrap();
        for task in tasks {
            task.await.unwrap().unwrap();
        }
        let late = notes.put("late", &note("")).await;
        assert!(matches!(late, Err(StoreError::Closed)), "{late:?}");
        assert_eq!(notes.load_all().unwrap().len(), 10);
        store.close().await.unwrap();
    }
}

#[test]
fn a_store_outside_an_actor_system_is_refused() {
    let outcome = Store::open(&Location::Memory, StoreSettings::default());
    assert!(matches!(outcome, Err(StoreError::NoSystem)));
}

#[test]
fn a_write_after_the_system_has_ended_is_answered() {
    for place in Place::both() {
        let store = actix::System::new().block_on(async { place.open() });
        let notes = store.collection::<Note>("note");
        let runtime = tokio::runtime::Builder::new_current_thread()
            .build()
            .unwrap();
        // Stored or refused, depending on how far the writer has gone; but never left waiting.
        let outcome = runtime.block_on(notes.put("a", &note("a")));
        let stored = notes.get("a").unwrap().is_some();
        assert_eq!(outcome.is_ok(), stored, "{outcome:?}");
    }
}

#[actix_rt::test]
async fn a_range_is_read_in_order_within_its_bounds_and_limits() {
    for place in Place::both() {
        let store = place.open();
        let notes = store.collection::<Note>("note");
        let other = store.collection::<Note>("other");
        for id in ["a01", "a02", "a03", "b01"] {
            notes.put(id, &note(id)).await.unwrap();
            other.put(id, &note("another")).await.unwrap();
        }
        let read = |after: &str, before: &str, documents, bytes| {
            let range = notes
                .range(after, before, RangeLimits { documents, bytes })
                .unwrap();
            let ids: Vec<String> = range.documents.into_iter().map(|(id, _)| id).collect();
            (ids.join(" "), range.has_more)
        };
        let length = serde_json::to_string(&note("a01")).unwrap().len();
        for (after, before, documents, bytes, expected, has_more) in [
            ("a", "b", 10, 1000, "a01 a02 a03", false),
            ("a01", "a03", 10, 1000, "a02", false),
            ("a", "b", 2, 1000, "a01 a02", true),
            ("a", "b", 3, 1000, "a01 a02 a03", false),
            ("a", "b", 10, 2 * length, "a01 a02", true),
            ("a", "b", 10, 1, "a01", true),
            ("b01", "c", 10, 1000, "", false),
        ] {
            let found = read(after, before, documents, bytes);
            assert_eq!(found, (expected.to_owned(), has_more), "{after}..{before}");
        }
    }
}

#[actix_rt::test]
async fn a_range_is_deleted_without_its_ends() {
    for place in Place::both() {
        let store = place.open();
        let notes = store.collection::<Note>("note");
        for id in ["1", "2", "3", "4"] {
            notes.put(id, &note(id)).await.unwrap();
        }
        let mut batch = store.batch();
        batch.delete_range("note", "1", "4");
        batch.commit().await.unwrap();
        let mut left = Vec::new();
        let visited = notes.visit_ids("0", "5", |id| left.push(id.to_owned()));
        visited.unwrap();
        assert_eq!(left, ["1", "4"]);
        notes.visit_ids("1", "4", |id| panic!("{id}")).unwrap();
    }
}
