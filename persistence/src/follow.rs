//! Who follows the log while it is written: replicas.
//!
//! The writer hands every run of records that it has written to all followers through one short list, kept only while there is
//! a follower. One that falls further behind than [`FOLLOWED_BYTES_MAX`] is cut off: it begins anew from the files.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use parking_lot::Mutex;
use shared::limits::FOLLOWED_BYTES_MAX;
use shared::slot::Slot;

use crate::error::Error;
use crate::generation::Generation;
use crate::history::Offsets;
use crate::record::records_of;
use crate::store::Core;

/// Records of one range, sealed and written.
#[derive(Debug, PartialEq, Eq)]
pub struct Written {
    /// The range, 0 to 15.
    pub range: usize,
    /// Offset of the first record.
    pub start: u64,
    /// The records.
    pub bytes: Box<[u8]>,
    generation: Generation,
}

impl Written {
    /// Hands over each effect in order: its slot, its position in the log stream of the range, its bytes.
    ///
    /// # Errors
    ///
    /// [`Error::Unfit`]: these are no whole records.
    pub fn each(&self, mut each: impl FnMut(Slot, u64, &[u8])) -> Result<(), Error> {
        let items = records_of(self.range, self.start, &self.bytes);
        let items = items.map_err(|what| Error::Unfit { range: self.range, what })?;
        items.into_iter().for_each(|(slot, position, bytes)| each(slot, position, bytes));
        Ok(())
    }
}

/// What the writer and all followers share.
#[derive(Debug)]
pub(crate) struct Followers {
    list: Mutex<List>,
}

#[derive(Debug)]
struct List {
    /// What was written and not taken by every follower; the first has the number `first`.
    runs: VecDeque<Arc<Written>>,
    first: u64,
    bytes: usize,
    /// Where the log stream of each range ends, as written.
    ends: Offsets,
    /// The number of the run that each follower takes next.
    followers: BTreeMap<u64, u64>,
    next_follower: u64,
}

impl Followers {
    pub(crate) fn new(ends: Offsets) -> Followers {
        let list = List {
            runs: VecDeque::new(),
            first: 0,
            bytes: 0,
            ends,
            followers: BTreeMap::new(),
            next_follower: 0,
        };
        Followers { list: Mutex::new(list) }
    }

    /// The writer has written these records.
    pub(crate) fn wrote(&self, range: usize, generation: Generation, bytes: &[u8]) {
        let mut list = self.list.lock();
        let start = list.ends[range];
        list.ends[range] = start + bytes.len() as u64;
        if !list.followers.is_empty() {
            list.bytes += bytes.len();
            list.runs.push_back(Arc::new(Written { range, start, bytes: bytes.into(), generation }));
            list.cut_off_slow();
        }
    }

    /// The log stream of a range begins anew at this offset: nobody can follow it from what they have.
    pub(crate) fn restarted(&self, range: usize, start: u64) {
        let mut list = self.list.lock();
        list.ends[range] = start;
        list.followers.clear();
        list.trim();
    }

    /// Where the log stream of each range ends, as written.
    pub(crate) fn ends(&self) -> Offsets {
        self.list.lock().ends
    }
}

impl List {
    fn cut_off_slow(&mut self) {
        while self.bytes > FOLLOWED_BYTES_MAX
            && let Some(slowest) = self.followers.values().min().copied()
        {
            self.followers.retain(|_, next| *next > slowest);
            self.trim();
        }
    }

    /// Drops what every follower has taken.
    fn trim(&mut self) {
        let end = self.first + self.runs.len() as u64;
        let needed = self.followers.values().min().copied().unwrap_or(end);
        for _ in self.first..needed {
            if let Some(run) = self.runs.pop_front() {
                self.bytes -= run.bytes.len();
                self.first += 1;
            }
        }
    }
}

/// What a follower is told.
#[derive(Debug)]
pub struct Batch {
    /// What was written since the last batch, in order.
    pub runs: Vec<Arc<Written>>,
    /// Everything up to this generation was in this or an earlier batch.
    pub generation: Generation,
}

/// Follows the log from the moment at which it was made.
#[derive(Debug)]
pub struct Follower {
    core: Arc<Core>,
    id: u64,
    starts: Offsets,
    told: Generation,
}

impl Follower {
    pub(crate) fn new(core: &Arc<Core>) -> Follower {
        let mut list = core.followers.list.lock();
        let (id, next) = (list.next_follower, list.first + list.runs.len() as u64);
        list.next_follower += 1;
        list.followers.insert(id, next);
        Follower { core: Arc::clone(core), id, starts: list.ends, told: Generation::NONE }
    }

    /// Where what it will be told begins in each range: what lies before is in the files.
    pub fn starts(&self) -> &Offsets {
        &self.starts
    }

    /// What was written meanwhile; empty if nothing was.
    ///
    /// # Errors
    ///
    /// [`Error::Behind`]: it was cut off. [`Error::Poisoned`].
    pub fn take(&mut self) -> Result<Batch, Error> {
        self.core.poison.check()?;
        // Read before the list: the list then holds every run of this generation.
        let generation = self.core.written.reached();
        self.told = generation;
        let mut list = self.core.followers.list.lock();
        let next = *list.followers.get(&self.id).ok_or(Error::Behind)?;
        let skip = (next - list.first) as usize;
        let runs: Vec<_> =
            list.runs.iter().skip(skip).take_while(|run| run.generation <= generation).cloned().collect();
        list.followers.insert(self.id, next + runs.len() as u64);
        list.trim();
        Ok(Batch { runs, generation })
    }

    /// Waits until something was written that was not taken.
    ///
    /// # Errors
    ///
    /// [`Error::Poisoned`].
    pub async fn written(&self) -> Result<(), Error> {
        self.core.written.wait(Generation(self.told.0 + 1), &self.core.poison).await
    }
}

impl Drop for Follower {
    fn drop(&mut self) {
        let mut list = self.core.followers.list.lock();
        list.followers.remove(&self.id);
        list.trim();
    }
}
