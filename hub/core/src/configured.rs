//! What the configuration file says of things that integrations make from it: the sections
//! `[input_boolean.guests]`, `scene:` and so on, and how to read them again while the hub runs.

use std::collections::BTreeMap;
use std::sync::{Arc, OnceLock};

use parking_lot::RwLock;
use serde_json::Value;

/// Sections by the domain that they are of.
pub type Sections = BTreeMap<String, Value>;

/// Reads the file again, blocking; the error is for a person.
type Reader = Arc<dyn Fn() -> Result<Sections, String> + Send + Sync>;

/// The sections of all domains.
pub struct Configured {
    sections: RwLock<Sections>,
    reader: OnceLock<Reader>,
}

impl Configured {
    /// As it was read at the start.
    pub fn new(sections: Sections) -> Self {
        Self {
            sections: RwLock::new(sections),
            reader: OnceLock::new(),
        }
    }

    /// Tells how to read the file again. Without this a reload finds what the start found.
    pub fn read_with(&self, read: impl Fn() -> Result<Sections, String> + Send + Sync + 'static) {
        // Told once, by whoever puts the hub together.
        let _ = self.reader.set(Arc::new(read));
    }

    /// The section of a domain; null where there is none.
    pub fn section(&self, domain: &str) -> Value {
        self.sections
            .read()
            .get(domain)
            .cloned()
            .unwrap_or_default()
    }

    /// The section of a domain as the file has it now. The error is for a person; then all stays
    /// as it was.
    pub async fn section_again(&self, domain: &str) -> Result<Value, String> {
        if let Some(reader) = self.reader.get().cloned() {
            let read = tokio::task::spawn_blocking(move || reader());
            *self.sections.write() = read.await.map_err(|error| error.to_string())??;
        }
        Ok(self.section(domain))
    }
}
