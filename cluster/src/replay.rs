//! The way back from the log to the keyspace.
//!
//! An effect is one or more requests as RESP arrays, run by the same handlers as when they came, with a clock that lets no key
//! expire: every removal was logged. An entry of a base is its deadline (8 bytes, little-endian, all ones for none), the length
//! of its key (4 bytes), its key, and what [`dump`] makes of it.

use std::cell::RefCell;
use std::ops::Range;

use persistence::Replay;
use shared::resp::Protocol;
use shared::resp::request::{Decoded, decode};
use shared::slot::Slot;

use crate::command::key_context::KeyContext;
use crate::command::work::Work;
use crate::command::{Args, Handler, Reply, table};
use crate::commit::Clock;
use crate::keyspace::entry::Entry;
use crate::keyspace::{Held, Keyspace, Partitions, dump};
use crate::pubsub::PubSub;

thread_local! {
    static BUFFERS: RefCell<(Work, Vec<u8>, Vec<Range<usize>>)> = RefCell::default();
}

/// Appends an entry in the form of base files.
pub fn write_base_entry(entry: &Entry, out: &mut Vec<u8>) {
    out.extend_from_slice(&entry.deadline().to_le_bytes());
    out.extend_from_slice(&(entry.key().len() as u32).to_le_bytes());
    out.extend_from_slice(entry.key());
    dump::dump(entry, out);
}

/// An entry of a base: its deadline, its key, and what it holds, dumped.
fn base_entry(entry: &[u8]) -> Option<(u64, &[u8], &[u8])> {
    let (deadline, rest) = entry.split_first_chunk()?;
    let (len, rest) = rest.split_first_chunk()?;
    let (key, dumped) = rest.split_at_checked(u32::from_le_bytes(*len) as usize)?;
    Some((u64::from_le_bytes(*deadline), key, dumped))
}

/// Appends the effect that makes a key what an entry of a base says; none if it is none.
pub fn write_restore_of(entry: &[u8], out: &mut Vec<u8>) -> Option<()> {
    let (deadline, key, dumped) = base_entry(entry)?;
    dump::write_restore_of(key, deadline, dumped.to_vec(), out);
    Some(())
}

/// Fills a keyspace from a log. Ranges are replayed in parallel; each touches its own partitions.
pub struct KeyspaceReplay<'k> {
    /// What is filled.
    pub keyspace: &'k Keyspace,
    /// What handlers are given; nobody listens yet.
    pub pubsub: &'k PubSub,
    /// The access clock of entries: they were not used yet.
    pub clock: Clock,
}

impl Replay for KeyspaceReplay<'_> {
    fn base_entry(&self, slot: Slot, entry: &[u8]) -> Result<(), String> {
        let entry = self.restored(entry)?;
        self.keyspace.lock(slot.partition()).insert(slot, entry);
        Ok(())
    }

    fn effect(&self, slot: Slot, effect: &[u8]) -> Result<(), String> {
        self.effect_under(&mut Held::One(self.keyspace.lock(slot.partition())), slot, effect)
    }
}

impl KeyspaceReplay<'_> {
    /// What an entry of a base is.
    pub fn restored(&self, entry: &[u8]) -> Result<Entry, String> {
        let (deadline, key, dumped) = base_entry(entry).ok_or("an entry is cut short")?;
        dump::restore(key, dumped, deadline, self.clock.new_key())
    }

    /// The same by who holds the slot's partition.
    pub fn effect_under(&self, held: &mut Held<'_>, slot: Slot, effect: &[u8]) -> Result<(), String> {
        BUFFERS.with_borrow_mut(|(work, reply, words)| {
            let mut at = 0;
            while at < effect.len() {
                match decode(&effect[at..], words) {
                    Ok(Decoded::Request { consumed }) if !words.is_empty() => {
                        let args = Args::new(&effect[at..], words, &[]);
                        self.run(held, slot, args, (work, reply))?;
                        at += consumed;
                    }
                    _ => return Err("an effect is no request".into()),
                }
            }
            Ok(())
        })
    }

    fn run(
        &self,
        held: &mut Held<'_>,
        slot: Slot,
        args: Args<'_>,
        (work, out): (&mut Work, &mut Vec<u8>),
    ) -> Result<(), String> {
        let name = String::from_utf8_lossy(args.at(0)).into_owned();
        if args.is(0, "flushall") {
            drop(held.partition(slot.partition()).take_slot(slot));
            return Ok(());
        }
        let found = table::find(args.at(0)).filter(|found| found.spec.takes(args.len()));
        let Some(Handler::Keys(handler)) = found.map(|found| found.spec.handler) else {
            return Err(format!("no command on keys is called {name}"));
        };
        out.clear();
        work.start(false);
        let clock = Clock { now_ms: 0, ..self.clock };
        let mut context = KeyContext::new(held, work, Some(slot), clock, false, self.pubsub);
        // A command that changed something and failed then (none should) was logged too, and fails again in the same way.
        if let Err(error) = handler(&mut context, args, &mut Reply::new(out, Protocol::Resp2)) {
            tracing::warn!(%slot, command = name, %error, "an effect of the log failed");
        }
        crate::commit::settle(held, work);
        Ok(())
    }
}
