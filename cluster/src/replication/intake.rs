//! What comes from the primary becomes log and keys.
//!
//! Records are appended as they are, and their effects applied, under one lock a range that the rewriting of the range takes as
//! well: between the two a dump would miss what the log already holds.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use persistence::{Appended, History, Receive, Store, Unapplied};
use shared::limits::{RANGES, SLOTS_PER_RANGE};
use shared::rt::time;
use shared::slot::Slot;

use super::digests::{Told, Waiting};
use super::entries;
use super::frame::{Frame, Way};
use crate::commit::Clock;
use crate::node::Shared;
use crate::replay::{KeyspaceReplay, write_base_entry};

use persistence::Replay;

/// Why what came cannot be taken.
#[derive(Debug, thiserror::Error)]
pub enum IntakeError {
    /// The log refuses.
    #[error("{0}")]
    Store(#[from] persistence::Error),
    /// It makes no sense where it stands.
    #[error("the primary sent {0}")]
    Protocol(&'static str),
    /// It would replace more by less.
    #[error(
        "the primary lacks what this replica holds (its log ends before this one's, or was written by others): not synchronised. \
         REPLICAOF said anew has this replica take over what the primary holds"
    )]
    WouldLose,
    /// It holds something else at the same offset.
    #[error("range {0} differs from the primary's: it is received anew")]
    Differs(usize),
}

/// How far a range is.
enum Range {
    /// Nothing of it may come.
    Closed,
    /// Its log is followed.
    Log,
    /// It comes whole.
    Whole(Box<Whole>),
}

struct Whole {
    receive: Receive,
    /// Where each slot was dumped, once it has come.
    cuts: Vec<Option<u64>>,
    /// How many slots came by their entries; in the others the same was here.
    came: u64,
    /// All slots have come.
    ended: bool,
}

/// Takes in what a link brings.
pub(super) struct Intake<'i> {
    shared: &'i Arc<Shared>,
    store: &'i Store,
    clock: Clock,
    ranges: [Range; RANGES],
    /// What is to be compared when the log is here so far.
    waiting: Waiting,
}

impl<'i> Intake<'i> {
    /// Takes the primary's plan: `may_replace` says whether it may leave less here than there was.
    pub(super) fn begin(
        shared: &'i Arc<Shared>,
        store: &'i Store,
        plan: &Frame<'_>,
        may_replace: bool,
    ) -> Result<Intake<'i>, IntakeError> {
        let Frame::Plan { history, ends, ways } = plan else {
            return Err(IntakeError::Protocol("something before its plan"));
        };
        let history = History::decode(history).map_err(IntakeError::Protocol)?;
        let mine = store.ends();
        let agreed = history.agreed(ends, &store.history(), &mine);
        for range in 0..RANGES {
            if store.is_receiving(range) {
                // A part is nothing that could be lost, and nothing that could be gone on with.
                match ways[range] {
                    Way::Whole => continue,
                    Way::Log => return Err(IntakeError::Protocol("the log of a range that is here in part")),
                }
            }
            let agreed = if mine[range] == 0 { 0 } else { agreed.map_or(0, |agreed| agreed[range]) };
            match ways[range] {
                Way::Log if agreed != mine[range] => {
                    return Err(IntakeError::Protocol(
                        "the log of a range from where this one's does not end",
                    ));
                }
                // What both hold, the primary holds still: it only comes by another way.
                Way::Whole if agreed != mine[range] && !may_replace => return Err(IntakeError::WouldLose),
                // From here on the history says who wrote this range, and it was somebody else.
                Way::Whole if agreed != mine[range] => {
                    shared.replication.replacing();
                    drop(store.receive(range, 0)?);
                }
                _ => {}
            }
        }
        store.set_history(history)?;
        let clock = Clock::at(time::now_ms(), &shared.config());
        let ranges = ways.map(|way| if way == Way::Log { Range::Log } else { Range::Closed });
        Ok(Intake { shared, store, clock, ranges, waiting: Waiting::default() })
    }

    /// Whether every range is followed.
    pub(super) fn is_whole(&self) -> bool {
        self.ranges.iter().all(|range| matches!(range, Range::Log))
    }

    /// The ranges that do not come by their log, and have not begun.
    pub(super) fn to_come(&self) -> impl Iterator<Item = usize> {
        (0..RANGES).filter(|range| matches!(self.ranges[*range], Range::Closed))
    }

    /// Takes one frame; [`Frame::Generation`] and [`Frame::Shard`] are not for here.
    pub(super) fn take(&mut self, frame: &Frame<'_>) -> Result<(), IntakeError> {
        match frame {
            Frame::Records { range, bytes } => self.records(&[(*range, *bytes)], || ()),
            Frame::Begin { range, start } => self.open(*range, *start),
            Frame::Slot { slot, cut, entries } => self.slot(*slot, *cut, entries),
            Frame::Same { slot, cut } => self.same(*slot, *cut),
            Frame::End { range } => {
                match &mut self.ranges[*range] {
                    Range::Whole(whole) => whole.ended = true,
                    _ => return Err(IntakeError::Protocol("the end of a range that it did not begin")),
                }
                self.finish(*range)
            }
            Frame::Digest { slot, cut, held, digest, keys } => {
                let (slot, cut, held, digest) = (*slot, *cut, *held, *digest);
                self.told(Told { slot, cut, held, digest, keys: keys.to_vec() })
            }
            Frame::Plan { .. } => Err(IntakeError::Protocol("a second plan")),
            Frame::Generation { .. } | Frame::Shard { .. } => Ok(()),
        }
    }

    /// Takes records, of one range or of several different ones. All are in the log before the first effect is applied: `appended`
    /// is called between the two, and what it has made durable becomes so meanwhile.
    pub(super) fn records(
        &mut self,
        records: &[(usize, &[u8])],
        appended: impl FnOnce(),
    ) -> Result<(), IntakeError> {
        let (mut unapplied, mut unfit) = (Vec::with_capacity(records.len()), Ok(()));
        for (range, bytes) in records {
            if matches!(self.ranges[*range], Range::Closed) {
                unfit = Err(IntakeError::Protocol("records of a range that it did not begin"));
                break;
            }
            let intake = self.shared.log.intake(*range);
            match self.store.append_records(*range, bytes) {
                Ok(effects) => unapplied.push((*range, intake, effects)),
                Err(error) => {
                    unfit = Err(error.into());
                    break;
                }
            }
        }
        appended();
        // What is in the log is applied, whatever comes behind it.
        let mut taken = Vec::with_capacity(unapplied.len());
        for (range, intake, effects) in unapplied {
            taken.push((range, self.apply(range, effects)?));
            drop(intake);
        }
        for (range, appended) in taken {
            if appended.pressed {
                // The disk is slower than the link: nothing more is read until it has caught up.
                self.store.wait_written_blocking(appended.generation)?;
            }
            self.finish(range)?;
            self.reached(range)?;
        }
        unfit
    }

    fn apply(&mut self, range: usize, effects: Unapplied<'_>) -> Result<Appended, IntakeError> {
        let (node, replay, waiting) = (self.shared, self.replay(), &mut self.waiting);
        let mut effect = |slot: Slot, position: u64, effect: &[u8]| {
            if !waiting.is_empty() {
                waiting.before_effect(node, slot, position);
            }
            #[cfg(feature = "sim")]
            if shared::rt::sim::is_planted("replica-leaves-out-effects")
                && shared::rt::rng::random_u64().is_multiple_of(1_000)
            {
                return Ok(());
            }
            replay.effect(slot, effect)
        };
        let applied = match &self.ranges[range] {
            Range::Closed | Range::Log => self.store.apply(effects, effect),
            Range::Whole(whole) => self.store.apply(effects, |slot, position, bytes| {
                // Before the slot has come, and before its cut, the effect is in its entries.
                match whole.cuts[slot.index() % SLOTS_PER_RANGE] {
                    Some(cut) if position >= cut => effect(slot, position, bytes),
                    _ => Ok(()),
                }
            }),
        };
        Ok(applied?)
    }

    /// The primary has told what a slot holds.
    fn told(&mut self, told: Told) -> Result<(), IntakeError> {
        let (slot, cut) = (told.slot, told.cut);
        if matches!(self.ranges[slot.range()], Range::Closed) || self.store.cut(slot) > cut {
            return Err(IntakeError::Protocol("a digest of what is not here, or not any more"));
        }
        if !self.waiting.add(told) {
            return Err(IntakeError::Protocol("more digests than it may"));
        }
        self.reached(slot.range())
    }

    /// Compares what the log of a range has reached.
    fn reached(&mut self, range: usize) -> Result<(), IntakeError> {
        if !self.waiting.is_empty() {
            let end = self.store.ends()[range];
            self.waiting.reached(self.shared, range, end);
        }
        self.waiting.differs.map_or(Ok(()), |range| Err(IntakeError::Differs(range)))
    }

    fn open(&mut self, range: usize, start: u64) -> Result<(), IntakeError> {
        if !matches!(self.ranges[range], Range::Closed) {
            return Err(IntakeError::Protocol("a range twice"));
        }
        let _intake = self.shared.log.intake(range);
        self.shared.replication.replacing();
        // What is here stays until its slot comes: the primary may hold the same.
        let receive = self.store.receive(range, start)?;
        let whole = Whole { receive, cuts: vec![None; SLOTS_PER_RANGE], came: 0, ended: false };
        self.ranges[range] = Range::Whole(Box::new(whole));
        Ok(())
    }

    fn slot(&mut self, slot: Slot, cut: u64, entries: &[u8]) -> Result<(), IntakeError> {
        let replay = self.replay();
        let Range::Whole(whole) = &mut self.ranges[slot.range()] else {
            return Err(IntakeError::Protocol("a slot of a range that it did not begin"));
        };
        let known = &mut whole.cuts[slot.index() % SLOTS_PER_RANGE];
        let mut taker = match known {
            Some(known) if *known == cut => whole.receive.same_slot(slot),
            Some(_) => return Err(IntakeError::Protocol("a slot twice")),
            None => {
                *known = Some(cut);
                whole.came += 1;
                let other = self.shared.keyspace.lock(slot.partition()).take_slot(slot);
                drop(other);
                whole.receive.begin_slot(slot, cut)
            }
        };
        for entry in entries::each(entries) {
            let entry = entry.map_err(|_| IntakeError::Protocol("an entry that is cut short"))?;
            replay.base_entry(slot, entry).map_err(|_| IntakeError::Protocol("what is no entry"))?;
            taker.push(|buffer| buffer.extend_from_slice(entry));
        }
        whole.receive.end_slot(slot)?;
        Ok(())
    }

    /// What a slot holds here is what it holds at the primary: it goes to the new base from here.
    fn same(&mut self, slot: Slot, cut: u64) -> Result<(), IntakeError> {
        let Range::Whole(whole) = &mut self.ranges[slot.range()] else {
            return Err(IntakeError::Protocol("a slot of a range that it did not begin"));
        };
        if whole.cuts[slot.index() % SLOTS_PER_RANGE].replace(cut).is_some() {
            return Err(IntakeError::Protocol("a slot twice"));
        }
        let partition = self.shared.keyspace.lock(slot.partition());
        let mut taker = whole.receive.begin_slot(slot, cut);
        for entry in partition.table(slot).iter() {
            taker.push(|buffer| write_base_entry(entry, buffer));
        }
        drop(partition);
        whole.receive.end_slot(slot)?;
        Ok(())
    }

    /// Has a range count that has come whole, once its log has reached everything that its entries hold.
    fn finish(&mut self, range: usize) -> Result<(), IntakeError> {
        let Range::Whole(whole) = &self.ranges[range] else { return Ok(()) };
        if !whole.ended || !whole.receive.is_reached() {
            return Ok(());
        }
        if let Range::Whole(whole) = std::mem::replace(&mut self.ranges[range], Range::Log) {
            let (report, replication) = (whole.receive.finish()?, &self.shared.replication);
            let count =
                if whole.came == 0 { &replication.ranges_equal } else { &replication.ranges_received };
            count.fetch_add(1, Ordering::Relaxed);
            replication.slots_received.fetch_add(whole.came, Ordering::Relaxed);
            replication.digests.received(range);
            tracing::info!(range, entries = report.entries, slots = whole.came, "received a range");
        }
        Ok(())
    }

    fn replay(&self) -> KeyspaceReplay<'i> {
        KeyspaceReplay { keyspace: &self.shared.keyspace, pubsub: &self.shared.pubsub, clock: self.clock }
    }
}
