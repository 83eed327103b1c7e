use std::collections::HashSet;
use std::sync::Arc;

use parking_lot::Mutex;

/// Texts that many entries share (manufacturers, models, platforms) are kept once.
#[derive(Default)]
pub struct Interner(Mutex<HashSet<Arc<str>>>);

/// Beyond this many different texts new ones are not shared: the set must not grow for ever.
const KEPT: usize = 4096;

impl Interner {
    /// The shared copy of `text`.
    pub fn intern(&self, text: &str) -> Arc<str> {
        let mut kept = self.0.lock();
        if let Some(known) = kept.get(text) {
            return Arc::clone(known);
        }
        let new: Arc<str> = text.into();
        if kept.len() < KEPT {
            kept.insert(Arc::clone(&new));
        }
        new
    }

    /// The shared copy of an optional text.
    pub fn share(&self, text: &mut Option<Arc<str>>) {
        if let Some(text) = text {
            *text = self.intern(text);
        }
    }
}
