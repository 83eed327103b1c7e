use std::hash::{BuildHasher, Hash};
use std::sync::Arc;

use foldhash::quality::RandomState;
use hashbrown::HashTable;

/// Entries by something that stands in them. It holds no keys of its own, so a hundred thousand
/// entries cost it a megabyte. Several entries may have one key.
pub(super) struct Index<E> {
    entries: HashTable<Arc<E>>,
    hasher: RandomState,
    /// The hash of an entry's key.
    hash: fn(&RandomState, &E) -> u64,
}

impl<E> Index<E> {
    /// An empty index. `hash` hashes an entry's key as the lookups give it.
    pub(super) fn new(hash: fn(&RandomState, &E) -> u64) -> Self {
        Self {
            entries: HashTable::new(),
            hasher: RandomState::default(),
            hash,
        }
    }

    /// Adds an entry beside those that have the same key.
    pub(super) fn insert(&mut self, entry: Arc<E>) {
        let hash_of = |entry: &Arc<E>| (self.hash)(&self.hasher, entry);
        self.entries.insert_unique(hash_of(&entry), entry, hash_of);
    }

    /// Takes out this very entry.
    pub(super) fn remove(&mut self, entry: &Arc<E>) {
        let hash = (self.hash)(&self.hasher, entry);
        let is_it = |other: &Arc<E>| Arc::ptr_eq(entry, other);
        if let Ok(found) = self.entries.find_entry(hash, is_it) {
            found.remove();
        }
    }

    /// The entry of that key; `is_it` compares.
    pub(super) fn find(&self, key: impl Hash, is_it: impl Fn(&E) -> bool) -> Option<&Arc<E>> {
        let hash = self.hasher.hash_one(key);
        self.entries.find(hash, |entry| is_it(entry))
    }

    /// Every entry of that key; `is_it` compares.
    pub(super) fn find_all(&self, key: impl Hash, is_it: impl Fn(&E) -> bool) -> Vec<Arc<E>> {
        let candidates = self.entries.iter_hash(self.hasher.hash_one(key));
        candidates.filter(|entry| is_it(entry)).cloned().collect()
    }

    /// Every entry, in no order.
    pub(super) fn all(&self) -> Vec<Arc<E>> {
        self.entries.iter().cloned().collect()
    }

    /// How many there are.
    pub(super) fn len(&self) -> usize {
        self.entries.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn entries_of_one_key_stay_apart() {
        let mut index = Index::<(u32, u32)>::new(|hasher, entry| hasher.hash_one(entry.0));
        let entries: Vec<_> = (0..300).map(|n| Arc::new((n / 3, n))).collect();
        for entry in &entries {
            index.insert(Arc::clone(entry));
        }
        index.remove(&entries[4]);
        index.remove(&entries[4]);
        let mut found = index.find_all(1u32, |entry| entry.0 == 1);
        found.sort_unstable();
        assert_eq!(found, [Arc::new((1, 3)), Arc::new((1, 5))]);
        assert_eq!(index.len(), 299);
        assert!(index.find(100u32, |entry| entry.0 == 100).is_none());
        assert_eq!(index.all().len(), 299);
    }
}
