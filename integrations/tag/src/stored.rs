//! What is kept of a tag.

use hearth_core::time::Timestamp;
use serde::{Deserialize, Serialize};

/// A tag as stored. Its name stands in the entity registry.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct StoredTag {
    pub(crate) id: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) description: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) last_scanned: Option<Timestamp>,
    /// The device that scanned it last.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) device_id: Option<String>,
}

/// `2026-01-31T08:05:09.120+00:00`: the state of a tag has milliseconds.
pub(crate) fn milliseconds(at: Timestamp) -> String {
    let mut text = at.to_string();
    // Always 32 characters, the fraction has six digits: see `Timestamp`.
    text.replace_range(23..26, "");
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_scan_time_is_shown_with_milliseconds() {
        let at = Timestamp::from_micros(1_767_225_600_120_999);
        assert_eq!(milliseconds(at), "2026-01-01T00:00:00.120+00:00");
    }
}
