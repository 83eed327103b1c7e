use std::collections::HashSet;
use std::hash::BuildHasher;
use std::sync::Arc;

use foldhash::quality::RandomState;
use parking_lot::Mutex;

/// Texts that several entries share are kept once.
///
/// Some are common (manufacturers, models, platforms): [`Interner::intern`]. Others belong to one
/// thing, such as the name of a device that its config entry and its entities have too:
/// [`Interner::share_own`] finds those that came at about the same time.
pub struct Interner {
    common: Mutex<HashSet<Arc<str>>>,
    own: Mutex<Own>,
}

/// Beyond this many different texts new ones are not shared: the set must not grow for ever.
const KEPT: usize = 4096;

/// How many of the texts of single things are remembered.
const RECENT: usize = 1024;

struct Own {
    hasher: RandomState,
    /// Each text has one place, by its hash, and gives way to the next one there.
    recent: Box<[Option<Arc<str>>]>,
    /// While the registries are read: all of them.
    loading: Option<HashSet<Arc<str>, RandomState>>,
}

impl Interner {
    /// For registries that are about to be read, until [`Interner::loaded`].
    pub(super) fn loading() -> Self {
        Self {
            common: Mutex::default(),
            own: Mutex::new(Own {
                hasher: RandomState::default(),
                recent: Box::default(),
                loading: Some(HashSet::default()),
            }),
        }
    }

    /// The registries are read: from now on only the latest texts of single things are known.
    pub(super) fn loaded(&self) {
        let mut own = self.own.lock();
        own.loading = None;
        own.recent = vec![None; RECENT].into();
    }

    /// The shared copy of a common text.
    pub fn intern(&self, text: &str) -> Arc<str> {
        let mut kept = self.common.lock();
        if let Some(known) = kept.get(text) {
            return Arc::clone(known);
        }
        let new: Arc<str> = text.into();
        if kept.len() < KEPT {
            kept.insert(Arc::clone(&new));
        }
        new
    }

    /// The shared copy of an optional common text.
    pub fn share(&self, text: &mut Option<Arc<str>>) {
        if let Some(text) = text {
            *text = self.intern(text);
        }
    }

    /// Puts the copy of a single thing's text in the place of `text` that another of its entries
    /// has already, where that is still known.
    pub fn share_own(&self, text: &mut Arc<str>) {
        let mut own = self.own.lock();
        if let Some(all) = &mut own.loading {
            match all.get(&**text) {
                Some(known) => *text = Arc::clone(known),
                None => _ = all.insert(Arc::clone(text)),
            }
            return;
        }
        let hash = own.hasher.hash_one(&**text);
        let places = own.recent.len().max(1);
        // Less than the number of places, which is an usize.
        let place = usize::try_from(hash % places as u64).unwrap_or(0);
        match own.recent.get_mut(place) {
            Some(Some(known)) if **known == **text => *text = Arc::clone(known),
            Some(other) => *other = Some(Arc::clone(text)),
            None => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_of_one_thing_are_kept_once_while_loading_and_after() {
        let names = Interner::loading();
        let (first, mut second): (Arc<str>, Arc<str>) = ("phone 1".into(), "phone 1".into());
        names.share_own(&mut Arc::clone(&first));
        for n in 2..10 * RECENT {
            names.share_own(&mut format!("phone {n}").into());
        }
        names.share_own(&mut second);
        assert!(Arc::ptr_eq(&first, &second));

        names.loaded();
        assert_eq!(Arc::strong_count(&first), 2);
        let mut third: Arc<str> = "phone 1".into();
        names.share_own(&mut third);
        names.share_own(&mut second);
        assert!(Arc::ptr_eq(&third, &second));
    }
}
