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

/// A stored state as the store lends it while it reads.
#[derive(Debug, Clone, Copy)]
pub struct StateRow<'a> {
    /// As in [`StoredState`].
    pub entity_id: &'a str,
    /// As in [`StoredState`].
    pub state: &'a str,
    /// As in [`StoredState`].
    pub attributes: &'a str,
    /// As in [`StoredState`].
    pub last_changed: i64,
    /// As in [`StoredState`].
    pub last_updated: i64,
}

impl From<StateRow<'_>> for StoredState {
    fn from(row: StateRow<'_>) -> Self {
        Self {
            entity_id: row.entity_id.to_owned(),
            state: row.state.to_owned(),
            attributes: row.attributes.to_owned(),
            last_changed: row.last_changed,
            last_updated: row.last_updated,
        }
    }
}

pub(super) fn visit_all(
    connection: &Connection,
    mut visit: impl FnMut(StateRow<'_>),
) -> rusqlite::Result<()> {
    let mut statement = connection.prepare_cached(
        "SELECT entity_id, state, attributes, last_changed, last_updated
         FROM state ORDER BY entity_id",
    )?;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        visit(StateRow {
            entity_id: row.get_ref(0)?.as_str()?,
            state: row.get_ref(1)?.as_str()?,
            attributes: row.get_ref(2)?.as_str()?,
            last_changed: row.get(3)?,
            last_updated: row.get(4)?,
        });
    }
    Ok(())
}
