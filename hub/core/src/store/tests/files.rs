use std::fs;

use rusqlite::Connection;

use super::{
    super::schema::{self, APPLICATION_ID, MIGRATIONS},
    *,
};

/// What a power cut or `kill -9` leaves: the files as they are while the store is open.
fn copy_of_the_files(place: &Place) -> Place {
    let copy = Place::file();
    fs::create_dir_all(copy.path().parent().unwrap()).unwrap();
    for suffix in ["", "-wal"] {
        let name = |p: PathBuf| PathBuf::from(format!("{}{suffix}", p.display()));
        fs::copy(name(place.path()), name(copy.path())).unwrap();
    }
    copy
}

fn refusal(place: &Place) -> StoreError {
    Store::open(&place.location, StoreSettings::default()).unwrap_err()
}

/// A place with a file that some other program made.
fn place_with(make: impl FnOnce(&PathBuf)) -> Place {
    let place = Place::file();
    fs::create_dir_all(place.path().parent().unwrap()).unwrap();
    make(&place.path());
    place
}

#[actix_rt::test]
async fn what_was_acknowledged_survives_a_crash() {
    let place = Place::file();
    let store = place.open();
    let notes = store.collection::<Note>("note");
    notes.put("a", &note("put")).await.unwrap();
    notes.put("b", &note("put")).await.unwrap();
    notes.delete("b").await.unwrap();
    let saved = vec![state("sensor.a", "1")];
    store.save_states(saved.clone(), vec![]).await.unwrap();

    let copy = copy_of_the_files(&place);
    let after = copy.open();
    let notes = after.collection::<Note>("note");
    assert_eq!(notes.load_all().unwrap(), [named("a", "put")]);
    assert_eq!(after.load_states().unwrap(), saved);
}

#[actix_rt::test]
async fn a_crash_during_writes_leaves_whole_batches() {
    let place = Place::file();
    let store = place.open();
    // Copying is not of one moment as a crash is. Without checkpoints the log only grows, so
    // that what the copy misses is its end.
    let no_checkpoints =
        |c: &Connection| c.pragma_update_and_check(None, "wal_autocheckpoint", 0, |_| Ok(()));
    no_checkpoints(&store.connections.writer.lock()).unwrap();
    let writing = actix_rt::spawn({
        let store = store.clone();
        async move {
            for n in 0.. {
                let mut batch = store.batch();
                for part in ["a", "b", "c"] {
                    batch.put("note", part, &note(n)).unwrap();
                }
                if batch.commit().await.is_err() {
                    break;
                }
            }
        }
    });
    let notes = store.collection::<Note>("note");
    until(|| notes.get("c").unwrap().is_some()).await;
    for _ in 0..20 {
        let seen = notes.get("a").unwrap().unwrap();
        let copy = copy_of_the_files(&place);
        let all = copy.open().collection::<Note>("note").load_all().unwrap();
        let [(_, a), (_, b), (_, c)] = all.as_slice() else {
            panic!("{all:?}");
        };
        assert!(a == b && b == c, "{all:?}");
        let (kept, seen) = (a.text.parse::<u64>(), seen.text.parse::<u64>());
        assert!(kept.unwrap() >= seen.unwrap());
        let before = notes.get("a").unwrap();
        until(|| notes.get("a").unwrap() != before).await;
    }
    store.close().await.unwrap();
    writing.await.unwrap();
}

#[actix_rt::test]
async fn a_closed_store_is_one_whole_file() {
    let place = Place::file();
    let store = place.open();
    let notes = store.collection("note");
    notes.put("a", &note("put")).await.unwrap();
    store.close().await.unwrap();

    let log = PathBuf::from(format!("{}-wal", place.path().display()));
    assert_eq!(fs::metadata(log).unwrap().len(), 0);
    let copy = place_with(|path| {
        fs::copy(place.path(), path).unwrap();
    });
    let notes = copy.open().collection::<Note>("note");
    assert_eq!(notes.load_all().unwrap(), [named("a", "put")]);
}

#[actix_rt::test]
async fn the_last_handle_to_go_takes_what_is_queued_to_the_file() {
    let place = Place::file();
    let store = place.open();
    let connections = Arc::downgrade(&store.connections);
    {
        let notes = store.collection("note");
        let writer = Arc::clone(&store.connections.writer);
        let connection = writer.lock();
        let tasks = [("a", "first"), ("b", "second")]
            .map(|(id, text)| actix_rt::spawn(notes.put(id, &note(text))));
        until(|| store.queue.waiting() + store.queue.taken_but_unanswered() == 2).await;
        for task in tasks {
            task.abort();
        }
        drop((notes, store, connection));
    }
    until(|| connections.strong_count() == 0).await;
    let all = place.open().collection::<Note>("note").load_all().unwrap();
    assert_eq!(all, [named("a", "first"), named("b", "second")]);
}

#[actix_rt::test]
async fn a_newer_schema_is_refused_and_named() {
    let place = Place::file();
    place.open().close().await.unwrap();
    let newer = MIGRATIONS.len() as i64 + 4;
    let connection = Connection::open(place.path()).unwrap();
    connection
        .pragma_update(None, "user_version", newer)
        .unwrap();
    drop(connection);

    let error = refusal(&place);
    let known = MIGRATIONS.len() as i64;
    assert!(
        matches!(error, StoreError::NewerSchema { found, known: k, .. }
        if found == newer && k == known)
    );
    let message = error.to_string();
    assert!(
        message.contains("was written by a newer Hearth"),
        "{message}"
    );
    assert!(message.contains(&format!("schema {newer}; this one knows {known}")));
}

#[actix_rt::test]
async fn a_file_of_another_program_is_refused_and_left_as_it_is() {
    let another_sqlite = place_with(|path| {
        let connection = Connection::open(path).unwrap();
        connection
            .execute_batch("CREATE TABLE contact (name TEXT)")
            .unwrap();
    });
    let another_application = place_with(|path| {
        let connection = Connection::open(path).unwrap();
        connection.pragma_update(None, "application_id", 7).unwrap();
    });
    let text = place_with(|path| fs::write(path, "Dear diary, ".repeat(1000)).unwrap());
    for place in [another_sqlite, another_application, text] {
        let before = fs::read(place.path()).unwrap();
        let error = refusal(&place);
        assert!(matches!(error, StoreError::Foreign { .. }), "{error:?}");
        assert!(error.to_string().contains("is not a Hearth store"));
        assert_eq!(fs::read(place.path()).unwrap(), before);
        assert_eq!(
            fs::read_dir(place.path().parent().unwrap())
                .unwrap()
                .count(),
            1
        );
    }
}

#[actix_rt::test]
async fn a_path_that_cannot_hold_a_store_is_named() {
    let folder = place_with(|path| fs::create_dir(path).unwrap());
    let below_a_file = place_with(|path| fs::write(path, "").unwrap());
    let below = Location::File(below_a_file.path().join("hearth.db"));
    for location in [folder.location, below] {
        let error = Store::open(&location, StoreSettings::default()).unwrap_err();
        let Location::File(path) = location else {
            continue;
        };
        let named = error.to_string();
        let path = path.display().to_string();
        let parent = path.trim_end_matches("/hearth.db");
        assert!(named.contains(parent), "{named}");
    }
}

#[actix_rt::test]
async fn a_damaged_document_is_named_without_its_content() {
    let place = Place::file();
    let store = place.open();
    let texts = store.collection::<String>("note");
    texts
        .put("0123456789abcdef", &"hunter2".to_owned())
        .await
        .unwrap();
    let notes = store.collection::<Note>("note");
    for error in [
        notes.load_all().unwrap_err(),
        notes.get("0123456789abcdef").unwrap_err(),
    ] {
        assert!(matches!(
            error,
            StoreError::Decode {
                collection: "note",
                ..
            }
        ));
        let shown = format!("{error} {error:?}");
        assert!(shown.contains("01234567"), "{shown}");
        assert!(!shown.contains("012345678"), "{shown}");
        assert!(!shown.contains("hunter2"), "{shown}");
    }
}

#[test]
fn an_older_schema_is_brought_up_to_date_step_by_step() {
    let path = PathBuf::from(":memory:");
    let mut connection = Connection::open_in_memory().unwrap();
    let first = "CREATE TABLE area (name TEXT); INSERT INTO area VALUES ('kitchen')";
    let second = "ALTER TABLE area ADD COLUMN floor INTEGER DEFAULT 0";
    let third = "UPDATE area SET floor = 2";
    schema::migrate(&mut connection, &path, &[first]).unwrap();
    schema::migrate(&mut connection, &path, &[first, second, third]).unwrap();
    schema::migrate(&mut connection, &path, &[first, second, third]).unwrap();

    let area = connection
        .query_row("SELECT name, floor FROM area", [], |row| {
            Ok((row.get::<_, String>(0)?, row.get::<_, i64>(1)?))
        })
        .unwrap();
    assert_eq!(area, ("kitchen".to_owned(), 2));
}

#[test]
fn a_migration_that_fails_leaves_the_old_schema() {
    let path = PathBuf::from(":memory:");
    let mut connection = Connection::open_in_memory().unwrap();
    let first = "CREATE TABLE area (name TEXT)";
    let second = "CREATE TABLE floor (level INTEGER)";
    schema::migrate(&mut connection, &path, &[first]).unwrap();
    let outcome = schema::migrate(&mut connection, &path, &[first, second, "nonsense"]);
    assert!(matches!(
        outcome,
        Err(StoreError::Migrate { version: 3, .. })
    ));

    let count = |sql| connection.query_row(sql, [], |row| row.get::<_, i64>(0));
    assert_eq!(count("SELECT user_version FROM pragma_user_version"), Ok(1));
    assert_eq!(count("SELECT count(*) FROM sqlite_schema"), Ok(1));
}

#[test]
fn a_copy_of_the_old_schema_is_kept_before_a_migration() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("hearth.db");
    let mut connection = Connection::open(&path).unwrap();
    let first = "CREATE TABLE area (name TEXT); INSERT INTO area VALUES ('kitchen')";
    let second = "DELETE FROM area";
    schema::keep_copy(&connection, &path, &[first]).unwrap();
    schema::migrate(&mut connection, &path, &[first]).unwrap();
    schema::keep_copy(&connection, &path, &[first]).unwrap();
    let copy = folder.path().join("hearth.db.schema-1");
    assert!(!copy.exists(), "nothing was migrated that holds anything");

    for _ in 0..2 {
        schema::keep_copy(&connection, &path, &[first, second]).unwrap();
    }
    schema::migrate(&mut connection, &path, &[first, second]).unwrap();
    let copied = Connection::open(&copy).unwrap();
    let count = |sql: &str| copied.query_row(sql, [], |row| row.get::<_, i64>(0));
    assert_eq!(count("SELECT count(*) FROM area"), Ok(1));
    assert_eq!(count("SELECT user_version FROM pragma_user_version"), Ok(1));
    assert_eq!(
        count("SELECT application_id FROM pragma_application_id"),
        Ok(APPLICATION_ID.into())
    );
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        let mode = fs::metadata(&copy).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
    }
}

#[actix_rt::test]
async fn a_store_whose_file_was_emptied_is_refused_and_its_log_left() {
    let place = Place::file();
    let store = place.open();
    store
        .collection("note")
        .put("a", &note("put"))
        .await
        .unwrap();
    let copy = copy_of_the_files(&place);
    let log = PathBuf::from(format!("{}-wal", copy.path().display()));
    let length = fs::metadata(&log).unwrap().len();
    for damage in [
        |path: &PathBuf| fs::write(path, ""),
        |path: &PathBuf| fs::remove_file(path),
    ] {
        damage(&copy.path()).unwrap();
        let error = refusal(&copy);
        assert!(matches!(error, StoreError::Lost { .. }), "{error}");
        assert_eq!(fs::metadata(&log).unwrap().len(), length);
    }
}

#[actix_rt::test]
async fn what_is_not_valid_is_left_out_and_stays() {
    let place = Place::file();
    let store = place.open();
    let texts = store.collection::<String>("note");
    texts.put("b", &"no note".to_owned()).await.unwrap();
    let notes = store.collection::<Note>("note");
    notes.put("a", &note("put")).await.unwrap();
    notes.put("c", &note("put")).await.unwrap();
    let mut seen = Vec::new();
    notes.visit_valid(|id, _| seen.push(id.to_owned())).unwrap();
    assert_eq!(seen, ["a", "c"]);
    assert!(texts.get("b").unwrap().is_some());
}

#[actix_rt::test]
async fn many_may_open_a_new_store_at_once() {
    let place = Place::file();
    let system = System::current();
    let threads: Vec<_> = (0..8)
        .map(|_| {
            let (system, location) = (system.clone(), place.location.clone());
            thread::spawn(move || {
                System::set_current(system);
                Store::open(&location, StoreSettings::default())
            })
        })
        .collect();
    let stores: Vec<_> = threads
        .into_iter()
        .map(|t| t.join().unwrap().unwrap())
        .collect();
    for (n, store) in stores.iter().enumerate() {
        store
            .collection("note")
            .put(&n.to_string(), &note(n))
            .await
            .unwrap();
    }
    assert_eq!(
        stores[0]
            .collection::<Note>("note")
            .load_all()
            .unwrap()
            .len(),
        8
    );
}

#[cfg(unix)]
#[actix_rt::test]
async fn only_the_owner_may_read_the_files() {
    use std::os::unix::fs::PermissionsExt;
    let mode = |path: PathBuf| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    let place = Place::file();
    let store = place.open();
    store.collection("note").put("a", &note("")).await.unwrap();
    assert_eq!(mode(place.path().parent().unwrap().into()), 0o700);
    for suffix in ["", "-wal", "-shm"] {
        let file = format!("{}{suffix}", place.path().display());
        assert_eq!(mode(file.into()), 0o600, "{suffix}");
    }

    store.close().await.unwrap();
    fs::set_permissions(place.path(), fs::Permissions::from_mode(0o644)).unwrap();
    let _reopened = place.open();
    assert_eq!(mode(place.path()), 0o600);
}

#[actix_rt::test]
async fn the_file_says_whose_it_is_and_keeps_a_log() {
    let place = Place::file();
    let store = place.open();
    let connection = store.connections.writer.lock();
    let pragma = |name| connection.pragma_query_value(None, name, |row| row.get::<_, i64>(0));
    assert_eq!(pragma("application_id"), Ok(i64::from(APPLICATION_ID)));
    assert_eq!(pragma("user_version"), Ok(MIGRATIONS.len() as i64));
    assert_eq!(pragma("foreign_keys"), Ok(1));
    let mode = connection.pragma_query_value(None, "journal_mode", |row| row.get::<_, String>(0));
    assert_eq!(mode.as_deref(), Ok("wal"));
}

#[actix_rt::test]
async fn a_group_with_a_document_is_synced_and_one_of_states_alone_is_not() {
    const NORMAL: i64 = 1;
    const FULL: i64 = 2;
    let place = Place::file();
    let store = place.open();
    let synchronous = || {
        let connection = store.connections.writer.lock();
        connection.pragma_query_value(None, "synchronous", |row| row.get::<_, i64>(0))
    };
    for _ in 0..2 {
        let states = vec![state("sensor.a", "1")];
        store.save_states(states, vec![]).await.unwrap();
        assert_eq!(synchronous(), Ok(NORMAL));
        store.collection("note").put("a", &note("")).await.unwrap();
        assert_eq!(synchronous(), Ok(FULL));
    }
}

#[actix_rt::test]
async fn a_damaged_document_hides_no_other_and_may_be_replaced() {
    for place in Place::both() {
        let store = place.open();
        let notes = store.collection::<Note>("note");
        let numbers = store.collection::<u32>("note");
        notes.put("good", &note("good")).await.unwrap();
        numbers.put("bad", &5).await.unwrap();
        assert_eq!(
            notes.load_valid().unwrap(),
            [("good".to_owned(), note("good"))]
        );
        assert_eq!(notes.get_valid("bad").unwrap(), None);
        assert_eq!(notes.get_valid("good").unwrap(), Some(note("good")));
        assert_eq!(numbers.get("bad").unwrap(), Some(5), "it stays");
        notes.put("bad", &note("mended")).await.unwrap();
        assert_eq!(notes.get_valid("bad").unwrap(), Some(note("mended")));
    }
}
