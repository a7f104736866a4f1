//! WATCH: which keys of a partition somebody watches.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use hashbrown::HashMap;

/// Set when a watched key was changed: the transaction that watches it must not run.
pub type WatchFlag = Arc<AtomicBool>;

/// The watched keys of a partition.
#[derive(Default)]
pub struct Watched {
    keys: HashMap<Box<[u8]>, Vec<WatchFlag>, foldhash::quality::RandomState>,
}

impl Watched {
    /// Sets `flag` when the key is changed from now on.
    pub fn watch(&mut self, key: &[u8], flag: &WatchFlag) {
        let flags = self.keys.entry(key.into()).or_default();
        if !flags.iter().any(|other| Arc::ptr_eq(other, flag)) {
            flags.push(Arc::clone(flag));
        }
    }

    /// Ends it.
    pub fn unwatch(&mut self, key: &[u8], flag: &WatchFlag) {
        if let Some(flags) = self.keys.get_mut(key) {
            flags.retain(|other| !Arc::ptr_eq(other, flag));
            if flags.is_empty() {
                self.keys.remove(key);
            }
        }
    }

    /// A key was changed.
    #[inline]
    pub fn changed(&mut self, key: &[u8]) {
        if !self.keys.is_empty() {
            self.tell(key);
        }
    }

    /// Every key was removed.
    pub fn all_changed(&mut self) {
        self.keys.values().flatten().for_each(|flag| flag.store(true, Ordering::Release));
    }

    /// The keys that are watched.
    pub fn keys(&self) -> impl Iterator<Item = &[u8]> {
        self.keys.keys().map(AsRef::as_ref)
    }

    #[cold]
    fn tell(&self, key: &[u8]) {
        for flag in self.keys.get(key).into_iter().flatten() {
            flag.store(true, Ordering::Release);
        }
    }
}
