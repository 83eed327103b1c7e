//! What is kept of a person.

use hearth_core::ids::{EntityId, UserId};
use serde::{Deserialize, Serialize};

/// A person as stored and as `person/list` shows it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct StoredPerson {
    pub(crate) id: String,
    pub(crate) name: String,
    /// The user that this person signs in as.
    pub(crate) user_id: Option<UserId>,
    pub(crate) device_trackers: Vec<EntityId>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) picture: Option<String>,
}
