//! The keyspace as a command sees it, under the locks that the command holds.

use shared::slot::Slot;

use super::work::{WaitFor, Work};
use super::{CommandError, Request};
use crate::commit::Clock;
use crate::keyspace::Partitions;
use crate::keyspace::clock::Lfu;
use crate::keyspace::entry::{Deadline, Entry, NEVER};
use crate::keyspace::slot_table::Place;
use crate::keyspace::value::Collection;
use crate::pubsub::{PubSub, Scope};

/// The keyspace as a command sees it.
///
/// A key past its deadline is not there: whoever asks for it removes it, and its removal is logged before the command's own
/// effect. What changes a key says so (the methods here do, and [`KeyContext::changed`] after changes through
/// [`KeyContext::find_mut`]); then watchers are told and the command is logged: as it came, or as [`KeyContext::effect`] says
/// when running it again could give another result. A command that returns an error has changed nothing.
pub struct KeyContext<'c> {
    partitions: &'c mut (dyn Partitions + 'c),
    work: &'c mut Work,
    slot: Option<Slot>,
    clock: Clock,
    may_wait: bool,
    pubsub: &'c PubSub,
}

impl<'c> KeyContext<'c> {
    /// A view of these partitions. `slot` is the slot of all keys if they share one. A clock of 0 lets no key expire (replay).
    pub(crate) fn new(
        partitions: &'c mut (dyn Partitions + 'c),
        work: &'c mut Work,
        slot: Option<Slot>,
        clock: Clock,
        may_wait: bool,
        pubsub: &'c PubSub,
    ) -> KeyContext<'c> {
        KeyContext { partitions, work, slot, clock, may_wait, pubsub }
    }

    /// Publishes on a sharded channel: handed over when everything the command or transaction did is logged, in the order of the
    /// slot. Returns how many listen now.
    pub fn publish(&mut self, channel: &[u8], message: &[u8]) -> usize {
        let slot = self.slot_of(channel);
        self.work.publish(slot, channel, message);
        self.pubsub.listeners(Scope::Shard, channel)
    }

    /// The clock of this command, Unix milliseconds: one reading for all it does. 0 while the log is replayed.
    pub fn now_ms(&self) -> u64 {
        self.clock.now_ms
    }

    /// The access clock of a key that is made now.
    pub fn clock(&self) -> u32 {
        self.clock.new_key()
    }

    /// The settings of LFU, if the policy of eviction is that.
    pub fn lfu(&self) -> Option<Lfu> {
        self.clock.lfu
    }

    /// A random number below `bound`.
    pub fn random_below(&mut self, bound: u64) -> u64 {
        self.work.rng.below(bound)
    }

    /// The slot of a key.
    #[inline]
    pub fn slot_of(&self, key: &[u8]) -> Slot {
        self.slot.unwrap_or_else(|| Slot::of_key(key))
    }

    /// The locked partitions, for commands that look at more than keys.
    pub(crate) fn partitions(&mut self) -> &mut (dyn Partitions + 'c) {
        self.partitions
    }

    /// The entry of a key.
    #[inline]
    pub fn entry(&mut self, key: &[u8]) -> Option<&Entry> {
        let (slot, place) = self.locate(key, true)?;
        self.partitions.partition(slot.partition()).at(slot, place)
    }

    /// The entry of a key; looking does not count as use.
    pub fn peek(&mut self, key: &[u8]) -> Option<&Entry> {
        let (slot, place) = self.locate(key, false)?;
        self.partitions.partition(slot.partition()).at(slot, place)
    }

    /// Whether the key is there.
    pub fn exists(&mut self, key: &[u8]) -> bool {
        self.locate(key, true).is_some()
    }

    /// The string a key holds.
    #[inline]
    pub fn string(&mut self, key: &[u8]) -> Result<Option<&[u8]>, CommandError> {
        match self.entry(key) {
            None => Ok(None),
            Some(entry) => entry.as_string().map(Some).ok_or(CommandError::WrongType),
        }
    }

    /// Makes a key hold a string, whatever it held before.
    #[inline]
    pub fn set_string(&mut self, key: &[u8], value: &[u8], deadline: Deadline) {
        let found = self.locate(key, true);
        let slot = self.slot_of(key);
        let clock = self.clock.new_key();
        let partition = self.partitions.partition(slot.partition());
        match found {
            Some((_, place)) => partition.put_string(slot, place, key, value, deadline, clock),
            None => {
                let deadline = if let Deadline::At(at) = deadline { at } else { NEVER };
                partition.insert(slot, Entry::string(key, value, deadline, clock));
            }
        }
        self.changed(key);
    }

    /// Changes a string in place, or makes one of zero bytes first: `change` gets it `len` bytes long at least.
    pub fn edit_string<R>(
        &mut self,
        key: &[u8],
        len: usize,
        change: impl FnOnce(&mut [u8]) -> R,
    ) -> Result<R, CommandError> {
        let (slot, place) = match self.locate(key, true) {
            Some(found) => found,
            None => {
                let slot = self.slot_of(key);
                let partition = self.partitions.partition(slot.partition());
                partition.insert(slot, Entry::string(key, b"", NEVER, self.clock.new_key()));
                (slot, partition.find(slot, key).ok_or(CommandError::NoSuchKey)?)
            }
        };
        let edit = |entry: &mut Entry| match entry {
            Entry::Str(string) => {
                if string.value().len() < len {
                    string.resize(len);
                }
                Ok(change(string.value_mut()))
            }
            Entry::Object(_) => Err(CommandError::WrongType),
        };
        let partition = self.partitions.partition(slot.partition());
        let result = partition.change(slot, place, edit).ok_or(CommandError::NoSuchKey)??;
        self.changed(key);
        Ok(result)
    }

    /// The collection a key holds, to read.
    pub fn find<C: Collection>(&mut self, key: &[u8]) -> Result<Option<&C>, CommandError> {
        match self.entry(key) {
            None => Ok(None),
            Some(entry) => entry.as_object().and_then(C::of).map(Some).ok_or(CommandError::WrongType),
        }
    }

    /// The collection a key holds, to change. After the command it is measured anew, and the key removed if it is empty.
    pub fn find_mut<C: Collection>(&mut self, key: &[u8]) -> Result<Option<&mut C>, CommandError> {
        let Some((slot, place)) = self.locate(key, true) else { return Ok(None) };
        let partition = self.partitions.partition(slot.partition());
        self.work.borrowed(slot, key);
        match partition.at_mut(slot, place) {
            None => Ok(None),
            Some(Entry::Object(object)) => {
                C::of_mut(&mut object.value).map(Some).ok_or(CommandError::WrongType)
            }
            Some(Entry::Str(_)) => Err(CommandError::WrongType),
        }
    }

    /// As [`KeyContext::find_mut`], with an empty collection if the key is not there.
    pub fn find_or_create<C: Collection>(&mut self, key: &[u8]) -> Result<&mut C, CommandError> {
        if self.locate(key, false).is_none() {
            let slot = self.slot_of(key);
            let entry = Entry::object(key, C::default().into(), NEVER, self.clock.new_key());
            self.partitions.partition(slot.partition()).insert(slot, entry);
        }
        self.find_mut(key)?.ok_or(CommandError::NoSuchKey)
    }

    /// Puts an entry in the place of whatever its key held.
    pub fn put(&mut self, entry: Entry) {
        let key: Box<[u8]> = entry.key().into();
        let slot = self.slot_of(&key);
        let partition = self.partitions.partition(slot.partition());
        if let Some(place) = partition.find(slot, &key) {
            partition.remove(slot, place);
        }
        partition.insert(slot, entry);
        self.changed(&key);
    }

    /// Makes a key hold this value, whatever it held before; it does not expire.
    pub fn set_collection<C: Collection>(&mut self, key: &[u8], value: C) {
        self.put(Entry::object(key, value.into(), NEVER, self.clock.new_key()));
    }

    /// Removes a key; what it held, if it was there.
    pub fn take(&mut self, key: &[u8]) -> Option<Entry> {
        let (slot, place) = self.locate(key, false)?;
        let entry = self.partitions.partition(slot.partition()).remove(slot, place)?;
        self.changed(key);
        Some(entry)
    }

    /// Removes a key; true if it was there.
    pub fn remove(&mut self, key: &[u8]) -> bool {
        self.take(key).is_some()
    }

    /// When a key expires, Unix milliseconds or [`NEVER`]; none if it is not there.
    pub fn deadline(&mut self, key: &[u8]) -> Option<u64> {
        self.peek(key).map(Entry::deadline)
    }

    /// Sets when a key expires; [`NEVER`] persists it. False if it is not there.
    pub fn set_deadline(&mut self, key: &[u8], deadline: u64) -> bool {
        let Some((slot, place)) = self.locate(key, false) else { return false };
        self.partitions.partition(slot.partition()).set_deadline(slot, place, key, deadline);
        self.changed(key);
        true
    }

    /// Removes all keys of a partition.
    pub(crate) fn flush_partition(&mut self, index: usize) {
        let partition = self.partitions.partition(index);
        let slots = partition.slots_in_use(index);
        self.work.flushed(slots, partition.take_all());
    }

    /// Says that a key was changed: watchers are told, and the command will be logged.
    #[inline]
    pub fn changed(&mut self, key: &[u8]) {
        let slot = self.slot_of(key);
        self.partitions.partition(slot.partition()).watched.changed(key);
        self.work.changed(slot, key);
    }

    /// Says that a key now holds what a waiting client may take: such clients are served when the command is done.
    pub fn signal_ready(&mut self, key: &[u8]) {
        let slot = self.slot_of(key);
        if self.partitions.partition(slot.partition()).waiting.has(key) {
            self.work.ready(slot, key);
        }
    }

    /// Whether the command may wait. If not (inside MULTI), it answers at once what it would answer at its deadline.
    pub fn may_wait(&self) -> bool {
        self.may_wait
    }

    /// What a command that looks at several keys does about one of another type: it is refused, but while it is served after
    /// waiting such a key is passed over, as it would have been when it waited.
    pub fn or_pass_over<T>(&self, found: Result<Option<T>, CommandError>) -> Result<Option<T>, CommandError> {
        match found {
            Err(CommandError::WrongType) if self.work.serves => Ok(None),
            found => found,
        }
    }

    /// Makes the client wait until one of these keys is ready, and then runs `again` (or the command as it came) under the lock
    /// of whoever made it ready. `timeout_ms` none waits for ever; at the deadline the client is answered null. What the
    /// handler replied is cut off.
    pub fn wait<'k>(
        &mut self,
        keys: impl Iterator<Item = &'k [u8]>,
        timeout_ms: Option<u64>,
        again: Option<Request>,
    ) {
        let keys = keys.map(Into::into).collect();
        self.work.wait = Some(WaitFor { keys, timeout_ms, again });
    }

    /// Logs these words instead of the command as it came. Called several times, it logs several commands. Without any change
    /// of a key nothing is logged.
    pub fn effect(&mut self, words: &[&[u8]]) {
        self.work.effect(words);
    }

    /// The place of a live key. A dead one is removed.
    #[inline]
    fn locate(&mut self, key: &[u8], used: bool) -> Option<(Slot, Place)> {
        let slot = self.slot_of(key);
        let partition = self.partitions.partition(slot.partition());
        let Some(place) = partition.find(slot, key) else {
            partition.misses += 1;
            return None;
        };
        let entry = partition.at_mut(slot, place)?;
        if entry.deadline() < self.clock.now_ms {
            if self.clock.keeps_dead {
                return None;
            }
            partition.expire(slot, place);
            self.work.expired(slot, key);
            self.partitions.partition(slot.partition()).watched.changed(key);
            return None;
        }
        if used {
            self.clock.touch(entry, &mut self.work.rng);
            partition.hits += 1;
        }
        Some((slot, place))
    }
}
