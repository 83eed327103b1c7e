//! What phones of one kind have in common: kept once for all of them.

use std::collections::HashSet;
use std::sync::Arc;

use parking_lot::Mutex;
use serde::{Deserialize, Serialize};

/// The app and the model of a phone, in the app's words.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub(crate) struct Make {
    pub(crate) app_id: Arc<str>,
    pub(crate) app_name: Arc<str>,
    pub(crate) app_version: Arc<str>,
    pub(crate) manufacturer: Arc<str>,
    pub(crate) model: Arc<str>,
    pub(crate) os_name: Arc<str>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) os_version: Option<Arc<str>>,
}

/// Beyond this many different ones new ones are not shared: the set must not grow for ever.
const KEPT: usize = 4096;

/// The makes that phones share. Cheap to clone.
#[derive(Clone, Default)]
pub(crate) struct Makes(Arc<Mutex<HashSet<Arc<Make>>>>);

impl Makes {
    /// The shared copy.
    pub(crate) fn share(&self, make: Make) -> Arc<Make> {
        let mut kept = self.0.lock();
        if let Some(known) = kept.get(&make) {
            return Arc::clone(known);
        }
        let new = Arc::new(make);
        if kept.len() >= KEPT {
            // Those of phones that have moved on to a newer app make room.
            kept.retain(|make| Arc::strong_count(make) > 1);
        }
        if kept.len() < KEPT {
            kept.insert(Arc::clone(&new));
        }
        new
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn make(app_version: &str) -> Make {
        Make {
            app_id: "a".into(),
            app_name: "a".into(),
            app_version: app_version.into(),
            manufacturer: "m".into(),
            model: "m".into(),
            os_name: "o".into(),
            os_version: None,
        }
    }

    #[test]
    fn phones_of_one_kind_share_and_unused_kinds_make_room() {
        let makes = Makes::default();
        let kept = makes.share(make("kept"));
        assert!(Arc::ptr_eq(&kept, &makes.share(make("kept"))));
        for n in 0..2 * KEPT {
            makes.share(make(&n.to_string()));
        }
        assert!(makes.0.lock().len() <= KEPT);
        assert!(Arc::ptr_eq(&kept, &makes.share(make("kept"))));
    }
}
