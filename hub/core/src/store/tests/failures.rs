use std::collections::BTreeMap;

use rusqlite::Connection;

use super::*;

/// Leaves the database room for `pages` more pages, as a disk that is nearly full would.
fn leave_room_for(store: &Store, pages: i64) {
    let connection = store.connections.writer.lock();
    let used = connection
        .pragma_query_value(None, "page_count", |row| row.get::<_, i64>(0))
        .unwrap();
    connection
        .pragma_update_and_check(None, "max_page_count", used + pages, |_| Ok(()))
        .unwrap();
}

fn one_put(store: &Store, id: &str, text: &str) -> Batch {
    let mut batch = store.batch();
    batch.put("note", id, &note(text)).unwrap();
    batch
}

#[actix_rt::test]
async fn a_batch_that_panics_stores_nothing_and_harms_no_neighbour() {
    for place in Place::both() {
        let store = place.open();
        let mut bad = one_put(&store, "bad", "never");
        bad.panic();
        let batches = vec![
            one_put(&store, "before", "kept"),
            bad,
            one_put(&store, "after", "kept"),
        ];
        let outcomes = commit_as_one_group(&store, batches).await;
        assert!(outcomes[0].is_ok() && outcomes[2].is_ok(), "{outcomes:?}");
        let Err(StoreError::Panicked { message }) = &outcomes[1] else {
            panic!("{outcomes:?}");
        };
        assert_eq!(message, "a defect");

        one_put(&store, "later", "kept").commit().await.unwrap();
        let all = store.collection::<Note>("note").load_all().unwrap();
        let ids: Vec<_> = all.iter().map(|(id, _)| id.as_str()).collect();
        assert_eq!(ids, ["after", "before", "later"]);
    }
}

#[actix_rt::test]
async fn a_batch_too_large_for_the_disk_stores_nothing_and_harms_no_neighbour() {
    for place in Place::both() {
        let store = place.open();
        leave_room_for(&store, 20);
        let mut large = one_put(&store, "first", "never");
        large
            .put("note", "large", &note("x".repeat(200_000)))
            .unwrap();
        let batches = vec![
            one_put(&store, "before", "kept"),
            large,
            one_put(&store, "after", "kept"),
        ];
        let outcomes = commit_as_one_group(&store, batches).await;
        assert!(outcomes[0].is_ok() && outcomes[2].is_ok(), "{outcomes:?}");
        assert!(
            matches!(outcomes[1], Err(StoreError::DiskFull { .. })),
            "{outcomes:?}"
        );

        let all = store.collection::<Note>("note").load_all().unwrap();
        assert_eq!(all, [named("after", "kept"), named("before", "kept")]);
    }
}

#[actix_rt::test]
async fn a_disk_with_room_again_takes_writes_again() {
    for place in Place::both() {
        let store = place.open();
        let notes = store.collection::<Note>("note");
        leave_room_for(&store, 0);
        let outcome = notes.put("a", &note("x".repeat(20_000))).await;
        assert!(
            matches!(outcome, Err(StoreError::DiskFull { .. })),
            "{outcome:?}"
        );
        assert!(matches!(store.trouble(), Some(StoreError::DiskFull { .. })));
        leave_room_for(&store, 100);
        store.try_again().await.unwrap();
        assert!(store.trouble().is_none());
        notes.put("a", &note("x".repeat(20_000))).await.unwrap();
        assert_eq!(notes.load_all().unwrap().len(), 1);
    }
}

#[actix_rt::test]
async fn a_lock_held_by_another_program_fails_the_group_once_and_later_writes_work() {
    let place = Place::file();
    let store = place.open_with(StoreSettings {
        lock_wait: Duration::from_millis(20),
        ..StoreSettings::default()
    });
    let other = Connection::open(place.path()).unwrap();
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    let tasks = (0..500).map(|n| actix_rt::spawn(one_put(&store, &n.to_string(), "x").commit()));
    let started = Instant::now();
    for outcome in join_all(tasks.collect::<Vec<_>>()).await {
        let outcome = outcome.unwrap();
        assert!(matches!(outcome, Err(StoreError::Busy)), "{outcome:?}");
    }
    assert!(
        started.elapsed() < Duration::from_secs(5),
        "each waited for the lock"
    );

    other.execute_batch("ROLLBACK").unwrap();
    one_put(&store, "later", "kept").commit().await.unwrap();
    let all = store.collection::<Note>("note").load_all().unwrap();
    assert_eq!(all, [named("later", "kept")]);
}

#[actix_rt::test]
async fn a_document_without_json_form_is_refused_before_it_is_queued() {
    for place in Place::both() {
        let store = place.open();
        let pairs = store.collection::<BTreeMap<(u8, u8), u8>>("pair");
        let document = BTreeMap::from([((1, 2), 3)]);
        let outcome = pairs.put("0123456789", &document).await;
        let Err(StoreError::Encode { collection, id, .. }) = outcome else {
            panic!("{outcome:?}");
        };
        assert_eq!((collection, id.as_str()), ("pair", "01234567"));

        let mut batch = one_put(&store, "a", "kept");
        assert!(batch.put("pair", "p", &document).is_err());
        batch.commit().await.unwrap();
        assert_eq!(pairs.get("0123456789").unwrap(), None);
        assert_eq!(
            store.collection::<Note>("note").load_all().unwrap().len(),
            1
        );
    }
}

#[actix_rt::test]
async fn a_batch_shows_neither_ids_nor_bodies() {
    let store = Place::memory().open();
    let batch = one_put(&store, "0123456789abcdef", "hunter2");
    let shown = format!("{batch:?} {store:?}");
    assert!(shown.contains("changes: 1"), "{shown}");
    assert!(
        !shown.contains("hunter2") && !shown.contains("0123"),
        "{shown}"
    );
}
