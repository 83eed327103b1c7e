use serde::{Deserialize, Serialize};

use super::named::{NamedRegistry, named};
use crate::time::Timestamp;

/// The registry of labels.
pub type LabelRegistry = NamedRegistry<Label>;

/// A label that a person puts on things.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Label {
    /// Made from the name, stays when it changes.
    pub label_id: String,
    /// Unique.
    pub name: String,
    /// A colour name or `#rrggbb`.
    pub color: Option<String>,
    /// For a person.
    pub description: Option<String>,
    /// `mdi:…`
    pub icon: Option<String>,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it last changed.
    pub modified_at: Timestamp,
}

named!(Label, label_id, "core.labels", "label_registry_updated");
