//! The last state of an entity, as it is kept across restarts.

use rusqlite::Connection;

/// An entity's state as stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredState {
    /// Such as `sensor.phone_battery`.
    pub entity_id: String,
    /// The state's value.
    pub state: String,
    /// A compact JSON object.
    pub attributes: String,
    /// When the value last changed, in microseconds since the epoch.
    pub last_changed: i64,
    /// When value or attributes were last written, in microseconds since the epoch.
    pub last_updated: i64,
}

pub(super) fn load_all(connection: &Connection) -> rusqlite::Result<Vec<StoredState>> {
    connection
        .prepare_cached(
            "SELECT entity_id, state, attributes, last_changed, last_updated
             FROM state ORDER BY entity_id",
        )?
        .query_map([], |row| {
            Ok(StoredState {
                entity_id: row.get(0)?,
                state: row.get(1)?,
                attributes: row.get(2)?,
                last_changed: row.get(3)?,
                last_updated: row.get(4)?,
            })
        })?
        .collect()
}
