"""The store file, seen with another SQLite than the hub's own."""

import sqlite3
import subprocess

from hub_process import binary


def database(hub):
    """The one SQLite file in the data folder."""
    found = [
        path for path in hub.data_dir.rglob("*")
        if path.is_file() and path.read_bytes()[:15] == b"SQLite format 3"
    ]
    assert len(found) == 1, found
    return found[0]


def test_the_store_is_sound_after_kill_9(hub):
    hub.kill()
    with sqlite3.connect(database(hub)) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        assert connection.execute("PRAGMA journal_mode").fetchone() == ("wal",)
    connection.close()


def test_a_newer_schema_is_refused_with_a_clear_message(hub):
    assert hub.stop() == 0
    path = database(hub)
    with sqlite3.connect(path) as connection:
        known = connection.execute("PRAGMA user_version").fetchone()[0]
        assert known >= 1
        connection.execute(f"PRAGMA user_version = {known + 1000}")
    connection.close()
    before = path.read_bytes()
    refused = subprocess.run(
        [binary(), "run", "--config", hub.config, "--data-dir", hub.data_dir, "--listen", "127.0.0.1:0"],
        cwd=hub.home, capture_output=True, text=True, timeout=30,
    )
    assert refused.returncode != 0
    assert refused.stdout == ""
    assert str(known + 1000) in refused.stderr and "schema" in refused.stderr, refused.stderr
    assert path.read_bytes() == before, "the store was not touched"


def test_the_data_folder_is_the_owners_alone(hub):
    for path in [hub.data_dir, database(hub)]:
        assert path.stat().st_mode & 0o007 == 0, path
