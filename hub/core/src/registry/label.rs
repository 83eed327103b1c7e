use serde::{Deserialize, Serialize};

use super::named::{Named, NamedRegistry};
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

impl Named for Label {
    const COLLECTION: &'static str = "core.labels";
    const EVENT: &'static str = "label_registry_updated";
    const ID_KEY: &'static str = "label_id";

    fn id(&self) -> &str {
        &self.label_id
    }

    fn name(&self) -> &str {
        &self.name
    }

    fn created(self, id: String, at: Timestamp) -> Self {
        Self {
            label_id: id,
            created_at: at,
            modified_at: at,
            ..self
        }
    }

    fn modified(self, at: Timestamp) -> Self {
        Self {
            modified_at: at,
            ..self
        }
    }
}
