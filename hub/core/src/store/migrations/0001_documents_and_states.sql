-- Documents: one JSON object each, found by collection and id.
CREATE TABLE document (
    collection TEXT NOT NULL,
    id         TEXT NOT NULL,
    body       TEXT NOT NULL,
    PRIMARY KEY (collection, id)
) STRICT, WITHOUT ROWID;

-- The last known state of each entity; times are microseconds since the epoch.
CREATE TABLE state (
    entity_id    TEXT NOT NULL PRIMARY KEY,
    state        TEXT NOT NULL,
    attributes   TEXT NOT NULL,
    last_changed INTEGER NOT NULL,
    last_updated INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
