//! What one command, or one transaction, leaves to be done at its end: effects to log, values to measure, clients to serve.
//!
//! One lives with each connection and is used again, so that a command allocates nothing here.

use std::sync::Arc;

use persistence::Appended;
use shared::resp::write;
use shared::rt::rng::Rng;
use shared::slot::Slot;

use super::Request;
use crate::keyspace::slot_table::SlotTable;
use crate::keyspace::waiting::Waiter;

/// Keys with their slots, side by side in one buffer.
#[derive(Default)]
pub(crate) struct Keys {
    bytes: Vec<u8>,
    ends: Vec<(Slot, usize)>,
}

impl Keys {
    fn push(&mut self, slot: Slot, key: &[u8]) {
        self.bytes.extend_from_slice(key);
        self.ends.push((slot, self.bytes.len()));
    }

    fn clear(&mut self) {
        self.bytes.clear();
        self.ends.clear();
    }

    /// Whether there are none.
    #[inline]
    pub(crate) fn is_empty(&self) -> bool {
        self.ends.is_empty()
    }

    /// The keys, in the order they came.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (Slot, &[u8])> {
        let mut start = 0;
        self.ends.iter().map(move |&(slot, end)| (slot, &self.bytes[std::mem::replace(&mut start, end)..end]))
    }
}

/// What a command waits for.
pub(crate) struct WaitFor {
    pub(crate) keys: Vec<Box<[u8]>>,
    pub(crate) timeout_ms: Option<u64>,
    /// What is run when a key is ready, if not the command as it came.
    pub(crate) again: Option<Request>,
}

/// What is left to be done at the end of a command or a transaction.
pub struct Work {
    /// Effects so far: requests as RESP arrays, one after another.
    pub(crate) payload: Vec<u8>,
    /// Values handed out to be changed: measured anew at the end of the command.
    pub(crate) borrowed: Keys,
    /// Keys changed: filled only if each is logged by itself.
    pub(crate) changed: Keys,
    /// Keys that waiting clients may take from.
    pub(crate) ready: Keys,
    /// Changes by the command that runs now.
    pub(crate) changes: usize,
    /// Whether the command that runs now said its own effect.
    pub(crate) explicit: bool,
    /// Whether keys of several slots are changed: then each changed key is logged by itself, as what it holds afterwards, since
    /// the slots' logs are read independently.
    pub(crate) each_key: bool,
    /// Slots whose keys were all removed, before those in `changed` were changed.
    pub(crate) flushed: Vec<Slot>,
    /// What was removed with them: dropped when the locks are given back, as that takes long.
    pub(crate) removed: Vec<Box<[SlotTable]>>,
    /// Sharded channels and messages, one after the other, to be handed over once everything is logged.
    pub(crate) published: Keys,
    /// For what is left to chance: RANDOMKEY, LFU.
    pub(crate) rng: Rng,
    /// What the command that runs now waits for.
    pub(crate) wait: Option<WaitFor>,
    /// Waiting clients that were served, with their replies.
    pub(crate) served: Vec<(Arc<Waiter>, Vec<u8>)>,
    /// What was last appended to the log; taken by the connection.
    pub(crate) appended: Option<Appended>,
    /// It met a slot on the move whose mark may not be on the disk yet: which one, and 0 if only other copies of the shard must hear something
    /// before the answer leaves; taken by the connection.
    pub(crate) mark: Option<u64>,
    /// Whether the command that runs now waited before and is run again by whoever made a key ready.
    pub(crate) serves: bool,
}

impl Default for Work {
    fn default() -> Work {
        Work {
            payload: Vec::new(),
            borrowed: Keys::default(),
            changed: Keys::default(),
            ready: Keys::default(),
            changes: 0,
            explicit: false,
            each_key: false,
            flushed: Vec::new(),
            removed: Vec::new(),
            published: Keys::default(),
            rng: Rng::from_system(),
            wait: None,
            appended: None,
            mark: None,
            served: Vec::new(),

            serves: false,
        }
    }
}

impl Work {
    /// Empties it for a new command or transaction.
    #[inline]
    pub(crate) fn start(&mut self, each_key: bool) {
        self.payload.clear();
        self.ready.clear();
        self.changed.clear();
        self.published.clear();
        self.each_key = each_key;
        self.flushed.clear();
        self.next_command();
    }

    /// Readies it for the next command of a transaction.
    #[inline]
    pub(crate) fn next_command(&mut self) {
        self.borrowed.clear();
        self.changes = 0;
        self.explicit = false;
        self.wait = None;
        self.serves = false;
    }

    /// Effects went to the log.
    #[inline]
    pub(crate) fn appended(&mut self, appended: Option<Appended>) {
        if let Some(new) = appended {
            let pressed = new.pressed || self.appended.is_some_and(|old| old.pressed);
            self.appended = Some(Appended { pressed, ..new });
        }
    }

    #[inline]
    pub(crate) fn changed(&mut self, slot: Slot, key: &[u8]) {
        self.changes += 1;
        if self.each_key {
            self.changed.push(slot, key);
        }
    }

    /// All keys of these slots were removed.
    pub(crate) fn flushed(&mut self, slots: Vec<Slot>, removed: Box<[SlotTable]>) {
        self.flushed.extend(slots);
        self.removed.push(removed);
        self.changed.clear();
        self.changes += 1;
        self.explicit = true;
    }

    pub(crate) fn borrowed(&mut self, slot: Slot, key: &[u8]) {
        self.borrowed.push(slot, key);
    }

    pub(crate) fn ready(&mut self, slot: Slot, key: &[u8]) {
        self.ready.push(slot, key);
    }

    pub(crate) fn publish(&mut self, slot: Slot, channel: &[u8], message: &[u8]) {
        self.published.push(slot, channel);
        self.published.push(slot, message);
    }

    /// A key's deadline had passed and it was removed: logged before the command's own effect.
    pub(crate) fn expired(&mut self, slot: Slot, key: &[u8]) {
        if self.each_key {
            self.changed.push(slot, key);
        } else {
            self.encode(&[b"DEL", key]);
        }
    }

    pub(crate) fn effect(&mut self, words: &[&[u8]]) {
        self.explicit = true;
        if !self.each_key {
            self.encode(words);
        }
    }

    /// Appends a request to the effects.
    pub(crate) fn encode(&mut self, words: &[&[u8]]) {
        write::array(&mut self.payload, words.len());
        for word in words {
            write::bulk(&mut self.payload, word);
        }
    }
}
