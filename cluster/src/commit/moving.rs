//! Slots that move between nodes (Redis Cluster specification, live resharding): which commands run here, asked under the lock of
//! the keys, and keys that are on their way to another node.
//!
//! Redis moves a key while nothing else happens. Here other clients go on meanwhile, so a key that leaves is marked: in a slot
//! that is migrating whoever wants it waits until it has arrived, and is then sent after it.

use shared::slot::Slot;

use super::Clock;
use crate::command::table::{self, Found};
use crate::command::work::Work;
use crate::command::{Args, CommandError, CommandSpec, Request, flag};
use crate::keyspace::waiting::Wake;
use crate::keyspace::{Held, Partition, Partitions, dump};
use crate::node::Shared;
use crate::redirect::{self, Route, Said};
use crate::topology::view::Ownership;

const MULTIPLE_KEYS: CommandError =
    CommandError::text("TRYAGAIN Multiple keys request during rehashing of slot");

/// What the client has said was asked when its request was routed.
const ROUTED: Said = Said { asking: true, readonly: true };

/// Whether a command on a slot that is not wholly this node's may run.
pub(super) enum Here {
    /// It may.
    Run,
    /// This key of it is on its way to another node: wait until it has arrived there.
    Leaving(Box<[u8]>),
}

/// What is here of the keys of a request or a transaction.
#[derive(Default)]
struct Presence {
    found: bool,
    missing: bool,
    several: bool,
    leaving: Option<Box<[u8]>>,
}

impl Presence {
    fn look(&mut self, partition: &Partition, spec: &CommandSpec, args: &Args<'_>, slot: Slot, now_ms: u64) {
        let mut seen = usize::from(self.found || self.missing);
        spec.keys.each(args, &mut |index| {
            let key = args.at(index);
            let entry = partition.find(slot, key).and_then(|place| partition.at(slot, place));
            let alive = entry.is_some_and(|entry| entry.deadline() >= now_ms);
            self.found |= alive;
            self.missing |= !alive;
            seen += 1;
            if self.leaving.is_none() && partition.leaving.iter().any(|leaving| **leaving == *key) {
                self.leaving = Some(key.into());
            }
        });
        self.several |= seen > 1;
    }

    /// Whether it may run here as the slot stands.
    fn judge(self, slot: Slot, owner: Ownership) -> Result<Here, CommandError> {
        match owner {
            Ownership::Migrating(_) if self.leaving.is_some() => {
                Ok(self.leaving.map_or(Here::Run, Here::Leaving))
            }
            Ownership::Migrating(_) if self.missing && self.found => Err(MULTIPLE_KEYS),
            Ownership::Migrating(to) if self.missing => Err(CommandError::Ask(slot, to)),
            Ownership::Importing { .. } if self.several && self.missing => Err(MULTIPLE_KEYS),
            _ => Ok(Here::Run),
        }
    }
}

/// Asked under the lock, as the slot may have moved since the request was routed.
#[cold]
pub(super) fn may_run(
    shared: &Shared,
    work: &mut Work,
    held: &mut Held<'_>,
    (spec, args): (&CommandSpec, &Args<'_>),
    slot: Slot,
    clock: Clock,
) -> Result<Here, CommandError> {
    // Looked up once: what one look lets through another one must not take for something else.
    let owner = shared.view.owner(slot);
    redirect::serves_owned(&shared.config(), &shared.view, (slot, owner), spec.flags, ROUTED)?;
    // Sharded channels move with the slot, not key by key.
    if spec.has(flag::CHANNEL_KEYS) {
        return Ok(Here::Run);
    }
    let mut presence = Presence::default();
    presence.look(held.partition(slot.partition()), spec, args, slot, clock.now_ms);
    note_mark(shared, work, presence.judge(slot, owner))
}

/// The same for a command that is queued behind MULTI: it is refused now rather than at EXEC, or waits.
#[inline]
pub fn check_queued(
    shared: &Shared,
    work: &mut Work,
    (spec, args): (&CommandSpec, &Args<'_>),
    route: &Route,
    clock: Clock,
) -> Result<(), CommandError> {
    let Route::Slot(slot) = route else { return Ok(()) };
    if shared.view.is_mine(*slot) {
        return Ok(());
    }
    let mut held = Held::One(shared.keyspace.lock(slot.partition()));
    match may_run(shared, work, &mut held, (spec, args), *slot, clock)? {
        Here::Run => Ok(()),
        Here::Leaving(_) => Err(CommandError::InTransfer(*slot)),
    }
}

/// The same for all commands of a transaction.
#[cold]
pub(super) fn may_run_all(
    shared: &Shared,
    work: &mut Work,
    held: &mut Held<'_>,
    queue: &[(Found, Request)],
    slot: Slot,
    clock: Clock,
) -> Result<(), CommandError> {
    let (config, owner) = (shared.config(), shared.view.owner(slot));
    let mut presence = Presence::default();
    for (found, request) in queue {
        redirect::serves_owned(&config, &shared.view, (slot, owner), found.spec.flags, ROUTED)?;
        if !found.spec.has(flag::CHANNEL_KEYS) {
            let partition = held.partition(slot.partition());
            presence.look(partition, found.spec, &request.args(), slot, clock.now_ms);
        }
    }
    match note_mark(shared, work, presence.judge(slot, owner))? {
        Here::Run => Ok(()),
        Here::Leaving(_) => Err(CommandError::InTransfer(slot)),
    }
}

/// What is answered about a slot on the move depends on its mark: who is sent after a key, and who is served with ASKING, relies on it.
/// Looked at when the answer is known, as a mark is noted before the answer can follow from it.
fn note_mark(
    shared: &Shared,
    work: &mut Work,
    here: Result<Here, CommandError>,
) -> Result<Here, CommandError> {
    let Some(bus) = &shared.bus else { return here };
    // Who is elected in this node's place must send clients after the key as well.
    let is_sent = matches!(here, Err(CommandError::Ask(..)));
    let untold = (is_sent && shared.replication.feeds.departures_unknown().is_some()).then_some(0);
    work.mark = work.mark.max(bus.marks.unsynced()).max(untold);
    here
}

/// Something was changed in a slot that may be moving: if a key is gone by that, who asks for it is sent after it, and must not be before
/// all copies that may be elected know that it is gone. From a slot that is coming nobody is sent anywhere. Called under the lock, once
/// it is in the log.
#[inline]
pub(super) fn changed(shared: &Shared, slot: Slot) {
    if !shared.view.is_mine(slot) && !matches!(shared.view.owner(slot), Ownership::Importing { .. }) {
        shared.replication.feeds.keys_left();
    }
}

/// Keys that are on their way to another node. Dropped, those that have not arrived stay, and whoever waited for them goes on.
pub struct Leaving<'s> {
    shared: &'s Shared,
    work: Work,
    keys: Vec<LeavingKey>,
}

/// A key on its way.
pub struct LeavingKey {
    /// Its name.
    pub key: Box<[u8]>,
    /// What it holds, as RESTORE takes it.
    pub dump: Vec<u8>,
    /// For how long still, milliseconds; 0 for ever.
    pub ttl_ms: u64,
}

impl<'s> Leaving<'s> {
    /// Marks those of the keys that are there.
    ///
    /// # Errors
    /// One of them is leaving already.
    pub fn mark(shared: &'s Shared, keys: &[&[u8]], now_ms: u64) -> Result<Leaving<'s>, CommandError> {
        let mut leaving = Leaving { shared, work: Work::default(), keys: Vec::new() };
        for &key in keys {
            if leaving.keys.iter().any(|marked| *marked.key == *key) {
                continue;
            }
            let slot = Slot::of_key(key);
            let mut partition = shared.keyspace.lock(slot.partition());
            if partition.leaving.iter().any(|other| **other == *key) {
                return Err(CommandError::text("TRYAGAIN The key is being migrated already"));
            }
            let entry = partition.find(slot, key).and_then(|place| partition.at(slot, place));
            let Some(entry) = entry.filter(|entry| entry.deadline() >= now_ms) else { continue };
            let ttl_ms = match entry.deadline() {
                crate::keyspace::entry::NEVER => 0,
                at => (at - now_ms).max(1),
            };
            let (key, dump) = (Box::from(key), dump::with_checksum(dumped(entry)));
            partition.leaving.push(Box::clone(&key));
            leaving.keys.push(LeavingKey { key, dump, ttl_ms });
        }
        Ok(leaving)
    }

    /// The keys on their way.
    pub fn keys(&self) -> &[LeavingKey] {
        &self.keys
    }

    /// The first key has arrived, or has not: it is gone here, or stays. `Err` if it has changed meanwhile, and so stays: only
    /// in a slot that is not migrating.
    pub fn settle(&mut self, arrived: bool) -> Result<(), CommandError> {
        if self.keys.is_empty() {
            return Ok(());
        }
        let LeavingKey { key, dump, .. } = self.keys.remove(0);
        let slot = Slot::of_key(&key);
        let mut partition = self.shared.keyspace.lock(slot.partition());
        let place = partition.find(slot, &key);
        let mut outcome = Ok(());
        // Behind it stands its checksum, which would say no more.
        let (sent, _) = dump.split_last_chunk::<2>().unwrap_or((&dump, &[0; 2]));
        if let (true, Some(place)) = (arrived, place) {
            if self.shared.replication.is_replica() {
                outcome = Err(CommandError::ReadOnly);
            } else if partition.at(slot, place).is_some_and(|entry| dumped(entry) == sent) {
                partition.remove(slot, place);
                super::removal::removed(self.shared, &mut self.work, &mut partition, slot, &key);
                self.shared.replication.feeds.keys_left();
            } else {
                outcome =
                    Err(CommandError::text("ERR The key changed while it was migrated: it is still here"));
            }
        }
        stay(&mut partition, &key);
        outcome
    }
}

impl Drop for Leaving<'_> {
    fn drop(&mut self) {
        for LeavingKey { key, .. } in &self.keys {
            stay(&mut self.shared.keyspace.lock(Slot::of_key(key).partition()), key);
        }
        self.shared.slot_migrations.settled.send_replace(());
    }
}

/// A key is on its way no longer: whoever waited for it tries again.
fn stay(partition: &mut Partition, key: &[u8]) {
    partition.leaving.retain(|other| **other != *key);
    for waiter in partition.waiting.of(key) {
        waiter.wake(Wake::Retry);
    }
}

fn dumped(entry: &crate::keyspace::entry::Entry) -> Vec<u8> {
    let mut bytes = Vec::new();
    dump::dump(entry, &mut bytes);
    bytes
}

/// Has whoever waits for a key of a slot that this node does not serve any more try again: it is sent to who does. So is told
/// that nothing can be changed here who waits for that on a node that has become a replica.
pub fn redirect_waiting(shared: &Shared, index: usize) {
    let replica = shared.replication.is_replica();
    if shared.bus.is_none() && !replica {
        return;
    }
    let partition = shared.keyspace.lock(index);
    if partition.waiting.is_empty() {
        return;
    }
    let gone = |key: &&[u8]| {
        let slot = Slot::of_key(key);
        let here = |owner| {
            matches!(owner, Ownership::Migrating(_) | Ownership::Importing { .. } | Ownership::InTransfer)
        };
        !shared.view.is_mine(slot) && !here(shared.view.owner(slot))
    };
    let changes = |request: &Request| {
        table::find(request.args().at(0)).is_some_and(|found| found.spec.has(flag::WRITE))
    };
    for key in partition.waiting.keys() {
        let gone = gone(&key);
        for waiter in partition.waiting.of(key) {
            if gone || replica && changes(&waiter.request) {
                waiter.wake(Wake::Retry);
            }
        }
    }
}
