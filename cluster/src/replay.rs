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
use crate::keyspace::{Held, Keyspace, dump};
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
        let short = || "an entry is cut short".to_owned();
        let (deadline, rest) = entry.split_first_chunk().ok_or_else(short)?;
        let (len, rest) = rest.split_first_chunk().ok_or_else(short)?;
        let (key, dumped) = rest.split_at_checked(u32::from_le_bytes(*len) as usize).ok_or_else(short)?;
        let entry = dump::restore(key, dumped, u64::from_le_bytes(*deadline), self.clock.new_key())?;
        self.keyspace.lock(slot.partition()).insert(slot, entry);
        Ok(())
    }

    fn effect(&self, slot: Slot, effect: &[u8]) -> Result<(), String> {
        BUFFERS.with_borrow_mut(|(work, reply, words)| {
            let mut at = 0;
            while at < effect.len() {
                match decode(&effect[at..], words) {
                    Ok(Decoded::Request { consumed }) if !words.is_empty() => {
                        let args = Args::new(&effect[at..], words, &[]);
                        self.run(slot, args, work, reply)?;
                        at += consumed;
                    }
                    _ => return Err("an effect is no request".into()),
                }
            }
            Ok(())
        })
    }
}

impl KeyspaceReplay<'_> {
    fn run(&self, slot: Slot, args: Args<'_>, work: &mut Work, out: &mut Vec<u8>) -> Result<(), String> {
        let name = String::from_utf8_lossy(args.at(0)).into_owned();
        if args.is(0, "flushall") {
            self.keyspace.lock(slot.partition()).take_slot(slot);
            return Ok(());
        }
        let found = table::find(args.at(0)).filter(|found| found.spec.takes(args.len()));
        let Some(Handler::Keys(handler)) = found.map(|found| found.spec.handler) else {
            return Err(format!("no command on keys is called {name}"));
        };
        out.clear();
        work.start(false);
        let mut held = Held::One(self.keyspace.lock(slot.partition()));
        let clock = Clock { now_ms: 0, ..self.clock };
        let mut context = KeyContext::new(&mut held, work, Some(slot), clock, false, self.pubsub);
        // A command that changed something and failed then (none should) was logged too, and fails again in the same way.
        if let Err(error) = handler(&mut context, args, &mut Reply::new(out, Protocol::Resp2)) {
            tracing::warn!(%slot, command = name, %error, "an effect of the log failed");
        }
        crate::commit::settle(&mut held, work);
        Ok(())
    }
}
