//! Slots that go to another node: as a stream, and, moved by hand, how they change hands.
//!
//! `CLUSTER MIGRATESLOTS` (Valkey 9, atomic slot migration): the old node serves until the hand-over: it sends what the slots hold, slot by slot, and then what is written meanwhile. Nobody is
//! sent after single keys (ASK), and commands on several keys go on. At the hand-over requests for the slots wait for some ten
//! milliseconds and are then sent to the new node, which has everything on its disk and on those of its replicas in sync.
//!
//! # Layout
//!
//! - [`agreement`]: how the two shards agree on who has the slots, whatever fails in between: pure, part of the gossip engine.
//! - [`export`]: the old node's side; [`import`]: the new node's; [`frame`]: what travels between them.
//! - [`job`]: one migration as `CLUSTER GETSLOTMIGRATIONS` shows it.
//! - [`consent`]: how a slot changes hands whose keys came one by one (`CLUSTER SETSLOT`, `MIGRATE`): pure, part of the gossip engine.
//! - [`claims`]: the new node's side of that; [`answers`]: the old node's.

mod agreement;
mod answers;
mod claims;
mod consent;
mod export;
pub mod frame;
pub mod import;
pub mod job;

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use parking_lot::Mutex;
use shared::limits::{SLOTS, TRANSFERS_MAX, TRANSFERS_SHOWN_MAX};
use shared::node_id::NodeId;
use shared::rt::time::{self, Duration};
use shared::slot::Slot;
use shared::slot_set::SlotSet;
use tokio::sync::{Notify, watch};

pub(crate) use self::agreement::Agreement;
pub use self::agreement::ShardSlots;
use self::answers::Asked;
pub use self::answers::{run_answers, settled};
use self::claims::Claims;
pub use self::claims::run_claims;
use self::job::{Job, Operation, State};
use crate::bus::Bus;
pub use crate::bus::bus::new_name;
use crate::commit;
use crate::node::Shared;
use crate::server::hold::node_timeouts;

/// How often transfers that nobody drives are looked for, milliseconds.
const LOOK_MS: u64 = 200;

/// How long what one slot needs on the disk waits for that of others, where nobody waits for it.
const TOGETHER: Duration = Duration::from_millis(5);

/// Slots that are emptied before others have their turn.
const EMPTIED_AT_ONCE: usize = 64;

/// How often it is looked whether slots are empty by now, milliseconds.
const EMPTY_LOOK_MS: u64 = 5;

const NO_PRIMARY: &str = "this node is no primary any more";

/// The migrations of a node.
#[derive(Default)]
pub struct SlotMigrations {
    /// Those under way and some that are over, oldest first.
    jobs: Mutex<VecDeque<Arc<Job>>>,
    /// Bit `n % 64` of word `n / 64`: slot `n` is coming.
    importing: ImportingBits,
    /// Slots that went away and whose keys are being removed.
    emptied: Mutex<SlotSet>,
    /// A migration waits to begin.
    waiting: Notify,
    /// Keys that were on their way by MIGRATE are not any more.
    pub settled: watch::Sender<()>,
    /// Who wants to claim slots that went to it key by key.
    pub asked: Asked,
    /// Slots that came key by key and are to be claimed.
    pub claims: Claims,
}

struct ImportingBits([AtomicU64; SLOTS / 64]);

impl Default for ImportingBits {
    fn default() -> ImportingBits {
        ImportingBits([const { AtomicU64::new(0) }; SLOTS / 64])
    }
}

/// A node takes part in as many migrations as it can.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("Too many slot migrations at once")]
pub struct TooMany;

impl SlotMigrations {
    /// Adds migrations, all or none; those of this node's slots begin one after another.
    ///
    /// # Errors
    /// There are too many.
    pub fn add(&self, new: Vec<Arc<Job>>) -> Result<(), TooMany> {
        let mut jobs = self.jobs.lock();
        let active = jobs.iter().filter(|job| job.state().is_active()).count();
        if active + new.len() > TRANSFERS_MAX {
            return Err(TooMany);
        }
        jobs.extend(new);
        let mut over = jobs.iter().filter(|job| !job.state().is_active()).count();
        jobs.retain(|job| {
            let drops = over > TRANSFERS_SHOWN_MAX && !job.state().is_active();
            over -= usize::from(drops);
            !drops
        });
        drop(jobs);
        self.waiting.notify_one();
        Ok(())
    }

    /// All that are shown, oldest first.
    pub fn all(&self) -> Vec<Arc<Job>> {
        self.jobs.lock().iter().cloned().collect()
    }

    /// Whether slots are part of a migration that is under way or waits to begin.
    pub fn overlaps(&self, slots: &SlotSet) -> Option<Slot> {
        let jobs = self.jobs.lock();
        let active = jobs.iter().filter(|job| job.state().is_active());
        active.flat_map(|job| job.slots.iter()).find(|slot| slots.contains(*slot))
    }

    fn next_export(&self) -> Option<Arc<Job>> {
        let waits = |job: &&Arc<Job>| job.operation == Operation::Export && job.state() == State::Waiting;
        self.jobs.lock().iter().find(waits).cloned()
    }

    /// Whether a slot is coming: what it holds here is not served, and not changed by this node itself.
    #[inline]
    pub fn is_importing(&self, slot: Slot) -> bool {
        let word = &self.importing.0[slot.index() / 64];
        word.load(Ordering::Relaxed) & (1 << (slot.index() % 64)) != 0
    }

    fn set_importing(&self, slots: &SlotSet, importing: bool) {
        for slot in slots.iter() {
            let (word, bit) = (&self.importing.0[slot.index() / 64], 1 << (slot.index() % 64));
            if importing {
                word.fetch_or(bit, Ordering::Relaxed);
            } else {
                word.fetch_and(!bit, Ordering::Relaxed);
            }
        }
    }

    /// FLUSHALL has removed what a slot held; a migration that was bringing it has to begin anew.
    pub fn flushed(&self, slot: Slot) {
        if self.is_importing(slot) {
            for job in self.jobs.lock().iter().filter(|job| job.slots.contains(slot)) {
                job.cancel();
            }
        }
    }

    /// Removes what is left of a slot that went away, unless that is done: nothing that comes into it afterwards is removed with it.
    pub fn empty(&self, shared: &Shared, slot: Slot) {
        let mut emptied = self.emptied.lock();
        if emptied.contains(slot) {
            commit::forget(shared, std::iter::once(slot));
            emptied.remove(slot);
        }
    }

    /// Whether keys of these slots are being removed still.
    fn is_emptying(&self, slots: &SlotSet) -> bool {
        let emptied = self.emptied.lock();
        !emptied.is_empty() && slots.iter().any(|slot| emptied.contains(slot))
    }
}

/// Removes what is here of slots that went away, a few at a time.
pub fn forget(node: &Arc<Shared>, slots: SlotSet) {
    slots.iter().for_each(|slot| {
        node.slot_migrations.emptied.lock().insert(slot);
    });
    let shared = Arc::clone(node);
    node.workers.spawn(async move {
        let slots: Vec<Slot> = slots.iter().collect();
        for some in slots.chunks(EMPTIED_AT_ONCE) {
            some.iter().for_each(|slot| shared.slot_migrations.empty(&shared, *slot));
            time::sleep(Duration::ZERO).await;
        }
    });
}

/// Waits until no key of these slots is being removed any more.
async fn emptied(shared: &Shared, slots: &SlotSet) {
    while shared.slot_migrations.is_emptying(slots) {
        time::sleep(Duration::from_millis(EMPTY_LOOK_MS)).await;
    }
}

/// Runs the migrations of this node's slots one after another, until the node stops.
pub async fn run(shared: Arc<Shared>) {
    let Some(bus) = shared.bus.clone() else { return };
    loop {
        match shared.slot_migrations.next_export() {
            Some(job) => export::run(&shared, &bus, &job).await,
            None => shared.slot_migrations.waiting.notified().await,
        }
    }
}

/// Completes the transfers that this node takes and that nobody drives any more, until the node stops.
pub async fn run_takings(shared: Arc<Shared>) {
    let Some(bus) = shared.bus.clone() else { return };
    loop {
        time::sleep(Duration::from_millis(LOOK_MS)).await;
        for id in bus.look(|engine| engine.takings()) {
            let patience = node_timeouts(&shared);
            let (marked, noted) =
                tokio::join!(marks_known(&shared, patience), noted_by_all(&shared, patience));
            let completed = match marked.and(noted) {
                Ok(()) => bus.order(|engine, _, _| {
                    // Whose old owner has not answered yet is asked again.
                    engine.ask_to_claim(id);
                    engine.complete(id).map_err(|error| error.to_string())
                }),
                Err(why) => Err(why),
            };
            match completed {
                Ok(Ok(_)) => tracing::info!(transfer = %id, "completed a transfer of slots"),
                Ok(Err(why)) | Err(why) => tracing::debug!(transfer = %id, why, "not completed yet"),
            }
        }
    }
}

/// Waits until everything that this node has now, and what it has noted of transfers, is on its disk and on those of all copies of
/// its shard that could be elected.
///
/// # Errors
/// It is not in this time, or this node is no primary any more.
async fn noted_by_all(shared: &Shared, patience: Duration) -> Result<(), String> {
    let Some(store) = shared.log.store() else { return Ok(()) };
    let generation = store.generation();
    store.want_durable(generation);
    let durable = async {
        let durable = time::timeout(patience, store.wait_durable(generation)).await;
        durable
            .map_err(|_| "the disk of this node is too slow".to_owned())?
            .map_err(|error| error.to_string())
    };
    let led = shared.replication.led_count();
    let (durable, noted) = tokio::join!(durable, noted_by_others(shared, patience));
    durable.and(noted)?;
    if shared.replication.leads_since(led) { Ok(()) } else { Err(NO_PRIMARY.to_owned()) }
}

/// The same for the other copies alone.
async fn noted_by_others(shared: &Shared, patience: Duration) -> Result<(), String> {
    let Some(store) = shared.log.store() else { return Ok(()) };
    let (feeds, led) = (&shared.replication.feeds, shared.replication.led_count());
    let generation = store.generation();
    feeds.want_on_disk(generation);
    let noted = async {
        if !feeds.is_alone() {
            // What is not written here is told to nobody.
            store.wait_written(generation).await.map_err(|error| error.to_string())?;
        }
        feeds.until(|feeds| feeds.is_saved(generation)).await;
        Ok::<(), String>(())
    };
    time::timeout(patience, noted).await.map_err(|_| "too few copies have confirmed".to_owned())??;
    if shared.replication.leads_since(led) { Ok(()) } else { Err(NO_PRIMARY.to_owned()) }
}

/// Waits until `nodes.conf` says on the disk which slots move and which are about to be claimed, and all copies that may be elected in
/// this node's place know it too.
///
/// # Errors
/// They do not in this time, or this node is no primary any more.
pub(crate) async fn marks_known(shared: &Shared, patience: Duration) -> Result<(), String> {
    let Some(bus) = &shared.bus else { return Ok(()) };
    let text = bus.marks.unsynced().unwrap_or(0);
    let others = async {
        match shared.replication.feeds.departures_unknown() {
            Some(_) => noted_by_others(shared, patience).await,
            None => Ok(()),
        }
    };
    let (marked, others) = tokio::join!(bus.marks.durable(text, patience), others);
    marked.and(others)
}

/// Waits until all copies that may be elected in this node's place know which slots move from here, and which keys have left.
///
/// # Errors
/// They do not in this time, or this node is no primary any more.
pub(crate) async fn known_to_copies(shared: &Shared, patience: Duration) -> Result<(), String> {
    let feeds = &shared.replication.feeds;
    if let Some(departures) = feeds.departures_unknown() {
        noted_by_all(shared, patience).await?;
        feeds.departures_are_known(departures);
    }
    Ok(())
}

/// The other node in the words of logs and errors.
fn named(bus: &Bus, id: NodeId) -> String {
    bus.look(|engine| engine.topology().member(id).and_then(|member| member.address))
        .map_or_else(|| id.to_string(), |address| address.to_string())
}
