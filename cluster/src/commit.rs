//! The one write point: runs commands under the locks they need, and does at their end what has one order per slot.
//!
//! Under the lock: the handler changes the keyspace; what it did is appended to the log as an effect; waiting clients that can
//! be served now are served, and their effects follow. A transaction is the same with several handlers and one log record.

use std::sync::Arc;

use parking_lot::Mutex;
use shared::resp::Protocol;
use shared::rt::rng::Rng;
use shared::slot::Slot;
use tokio::sync::oneshot;

use crate::command::key_context::KeyContext;
use crate::command::spec::KeysHandler;
use crate::command::work::{WaitFor, Work};
use crate::command::{Args, CommandError, Handler, Reply, Request};
use crate::config::Config;
use crate::config::high::EvictBy;
use crate::keyspace::clock::{self, Lfu};
use crate::keyspace::entry::Entry;
use crate::keyspace::waiting::{Waiter, Wake};
use crate::keyspace::{Held, Keyspace, Partition, Partitions};
use crate::node::Shared;
use crate::pubsub::PubSub;
use crate::redirect::Route;

/// The clocks of one turn of a connection: one reading for all commands that arrived together.
#[derive(Debug, Clone, Copy)]
pub struct Clock {
    /// Unix milliseconds.
    pub now_ms: u64,
    /// The settings of LFU, if keys are evicted by that.
    pub lfu: Option<Lfu>,
    /// Whether looking at keys does not count as use: CLIENT NO-TOUCH.
    pub no_touch: bool,
}

impl Clock {
    /// The clocks at this moment.
    #[inline]
    pub fn at(now_ms: u64, config: &Config) -> Clock {
        let lfu = (config.maxmemory_policy.by == EvictBy::Lfu)
            .then_some(Lfu { log_factor: config.lfu_log_factor, decay_min: config.lfu_decay_min });
        Clock { now_ms, lfu, no_touch: false }
    }

    /// The access clock of a key that is made now.
    #[inline]
    pub fn new_key(&self) -> u32 {
        self.lfu.map_or_else(|| clock::lru(self.now_ms), |lfu| lfu.new_key(self.now_ms))
    }

    /// A key is used.
    #[inline]
    pub fn touch(&self, entry: &mut Entry, rng: &mut Rng) {
        if self.no_touch {
            return;
        }
        let clock = match self.lfu {
            None => clock::lru(self.now_ms),
            Some(lfu) => lfu.used(entry.clock(), self.now_ms, rng),
        };
        entry.set_clock(clock);
    }
}

/// A client that waits for keys: what its connection holds meanwhile.
pub struct Wait {
    /// Resolves when it was served.
    pub woken: oneshot::Receiver<Wake>,
    /// Its place in the queues, to leave them.
    pub waiter: Arc<Waiter>,
    /// The keys it waits for.
    pub keys: Vec<Box<[u8]>>,
    /// How long it waits; none for ever.
    pub timeout_ms: Option<u64>,
}

/// What became of a command.
pub enum Outcome {
    /// It is done, its reply made.
    Done,
    /// It waits for keys; nothing was replied.
    Waits(Wait),
}

/// Runs one command on keys.
pub fn run(
    shared: &Shared,
    work: &mut Work,
    (handler, args): (KeysHandler, Args<'_>),
    route: &Route,
    clock: Clock,
    reply: &mut Reply<'_>,
) -> Result<Outcome, CommandError> {
    let mut held = lock(&shared.keyspace, route);
    work.start(!matches!(route, Route::Slot(_)));
    let slot = slot_of(route);
    let mut context = KeyContext::new(&mut held, work, slot, clock, true, &shared.pubsub);
    let result = handler(&mut context, args, reply);
    settle(&mut held, work);
    if result.is_ok()
        && let Some(wait) = work.wait.take()
    {
        reply.cut();
        let wait = enqueue(&mut held, wait, &args, slot, reply.protocol());
        finish(shared, &mut held, work, slot, None, clock)?;
        return Ok(Outcome::Waits(wait));
    }
    let finished = finish(shared, &mut held, work, slot, Some(args), clock);
    drop(held);
    work.removed.clear();
    finished?;
    result.map(|()| Outcome::Done)
}

/// Runs the commands of a transaction as one: nothing comes between, and the log has all of it or none.
pub fn run_all(
    shared: &Shared,
    work: &mut Work,
    route: &Route,
    clock: Clock,
    each: impl FnOnce(&mut Transaction<'_>),
) -> Result<(), CommandError> {
    let mut held = lock(&shared.keyspace, route);
    work.start(!matches!(route, Route::Slot(_)));
    let slot = slot_of(route);
    each(&mut Transaction { held: &mut held, work, slot, clock, pubsub: &shared.pubsub });
    work.next_command();
    let finished = finish(shared, &mut held, work, slot, None, clock);
    drop(held);
    work.removed.clear();
    finished
}

/// Removes the keys of a partition that are due, at most about `limit`, and logs that; true if there may be more.
pub fn expire_due(shared: &Shared, work: &mut Work, index: usize, now_ms: u64, limit: usize) -> bool {
    let mut partition = shared.keyspace.lock(index);
    let mut due = Vec::new();
    let more = partition.due(index, now_ms, limit, &mut due);
    for (slot, key) in due {
        let Some(place) = partition.find(slot, &key) else { continue };
        partition.expire(slot, place);
        removed(shared, work, &mut partition, slot, &key);
    }
    more
}

/// Removes a key if its deadline has passed, and logs that.
pub fn expire_dead(shared: &Shared, work: &mut Work, key: &[u8], now_ms: u64) {
    let slot = Slot::of_key(key);
    let mut partition = shared.keyspace.lock(slot.partition());
    let Some(place) = partition.find(slot, key) else { return };
    if partition.at(slot, place).is_some_and(|entry| entry.deadline() < now_ms) {
        partition.expire(slot, place);
        removed(shared, work, &mut partition, slot, key);
    }
}

/// Removes a key to make room, and logs that; false if it was gone.
pub fn evict(shared: &Shared, work: &mut Work, slot: Slot, key: &[u8]) -> bool {
    let mut partition = shared.keyspace.lock(slot.partition());
    let Some(place) = partition.find(slot, key) else { return false };
    partition.remove(slot, place);
    removed(shared, work, &mut partition, slot, key);
    true
}

/// A key was removed by the node itself.
fn removed(shared: &Shared, work: &mut Work, partition: &mut Partition, slot: Slot, key: &[u8]) {
    partition.watched.changed(key);
    work.start(false);
    work.encode(&[b"DEL", key]);
    if let Err(error) = shared.log.append(slot, &work.payload) {
        // A store that takes nothing more says so to every write; here nobody asked.
        tracing::debug!(%error, "the removal of a key is not logged");
    }
}

/// A transaction that runs: its locks are held.
pub struct Transaction<'t> {
    held: &'t mut (dyn Partitions + 't),
    work: &'t mut Work,
    slot: Option<Slot>,
    clock: Clock,
    pubsub: &'t PubSub,
}

impl Transaction<'_> {
    /// Removes a key whose deadline has passed, so that who watches it is told.
    pub fn expire(&mut self, key: &[u8]) {
        self.work.next_command();
        KeyContext::new(self.held, self.work, self.slot, self.clock, false, self.pubsub).peek(key);
    }

    /// Runs one of its commands.
    pub fn run(
        &mut self,
        handler: KeysHandler,
        args: Args<'_>,
        reply: &mut Reply<'_>,
    ) -> Result<(), CommandError> {
        self.work.next_command();
        let mut context = KeyContext::new(self.held, self.work, self.slot, self.clock, false, self.pubsub);
        let result = handler(&mut context, args, reply);
        settle(self.held, self.work);
        note_verbatim(self.work, args);
        result
    }
}

fn lock<'k>(keyspace: &'k Keyspace, route: &Route) -> Held<'k> {
    match route {
        Route::Slot(slot) => Held::One(keyspace.lock(slot.partition())),
        Route::Several(partitions) => Held::several(keyspace, &mut partitions.clone()),
        Route::Whole => Held::all(keyspace),
        Route::Walk | Route::Nowhere => Held::walking(keyspace),
    }
}

fn slot_of(route: &Route) -> Option<Slot> {
    if let Route::Slot(slot) = route { Some(*slot) } else { None }
}

/// Measures the values that were handed out to be changed; removes those that are empty now.
#[inline]
pub(crate) fn settle(held: &mut (dyn Partitions + '_), work: &Work) {
    if !work.borrowed.is_empty() {
        for (slot, key) in work.borrowed.iter() {
            held.partition(slot.partition()).settle(slot, key);
        }
    }
}

/// Puts a command that said no effect of its own into the log as it came.
fn note_verbatim(work: &mut Work, args: Args<'_>) {
    if work.changes == 0 || work.explicit || work.each_key {
        return;
    }
    match args.raw() {
        [] => work.payload.extend_from_slice(Request::copy(&args).args().raw()),
        raw => work.payload.extend_from_slice(raw),
    }
}

/// Logs what was done, serves those who waited for it, and hands over what was published: in this order, so that whoever hears
/// of a change finds it, and still under the lock, so that messages have the order of the slot.
#[inline]
fn finish(
    shared: &Shared,
    held: &mut Held<'_>,
    work: &mut Work,
    slot: Option<Slot>,
    last: Option<Args<'_>>,
    clock: Clock,
) -> Result<(), CommandError> {
    log(shared, held, work, slot, last, clock)?;
    if !work.published.is_empty() {
        hand_over(&shared.pubsub, work);
    }
    if !work.served.is_empty() {
        // Only now is it known what their writes will be in.
        let generation = work.appended.map(|appended| appended.generation);
        for (waiter, reply) in work.served.drain(..) {
            waiter.wake(Wake::Served { reply, generation });
        }
    }
    Ok(())
}

/// Hands published messages to their subscribers.
#[cold]
fn hand_over(pubsub: &PubSub, work: &Work) {
    let mut published = work.published.iter();
    while let (Some((_, channel)), Some((_, message))) = (published.next(), published.next()) {
        pubsub.deliver_sharded(channel, message);
    }
}

#[inline]
fn log(
    shared: &Shared,
    held: &mut Held<'_>,
    work: &mut Work,
    slot: Option<Slot>,
    last: Option<Args<'_>>,
    clock: Clock,
) -> Result<(), CommandError> {
    // The common write: one command, no other effect. Its bytes go from the read buffer to the log.
    if let (Some(args), Some(slot)) = (last, slot)
        && work.changes > 0
        && !work.explicit
        && work.payload.is_empty()
        && work.ready.is_empty()
        && !args.raw().is_empty()
    {
        work.appended(shared.log.append(slot, args.raw())?);
        return Ok(());
    }
    if let Some(args) = last {
        note_verbatim(work, args);
    }
    if !work.ready.is_empty() {
        serve(shared, held, work, slot, clock);
    }
    if work.each_key {
        return log_each_key(shared, held, work);
    }
    match slot {
        Some(slot) if !work.payload.is_empty() => {
            work.appended(shared.log.append(slot, &work.payload)?);
            Ok(())
        }
        _ => Ok(()),
    }
}

/// Logs every changed key as what it holds now: right whatever the order in which the slots' logs are read back.
#[cold]
fn log_each_key(shared: &Shared, held: &mut Held<'_>, work: &mut Work) -> Result<(), CommandError> {
    for slot in std::mem::take(&mut work.flushed) {
        work.payload.clear();
        work.encode(&[b"FLUSHALL"]);
        work.appended(shared.log.append(slot, &work.payload)?);
    }
    let changed = std::mem::take(&mut work.changed);
    for (slot, key) in changed.iter() {
        work.payload.clear();
        let partition = held.partition(slot.partition());
        match partition.find(slot, key).and_then(|place| partition.at(slot, place)) {
            Some(entry) => crate::keyspace::dump::write_restore(entry, &mut work.payload),
            None => work.encode(&[b"DEL", key]),
        }
        work.appended(shared.log.append(slot, &work.payload)?);
    }
    Ok(())
}

/// Puts a client into the queues of the keys it waits for.
fn enqueue(
    held: &mut Held<'_>,
    wait: WaitFor,
    args: &Args<'_>,
    slot: Option<Slot>,
    protocol: Protocol,
) -> Wait {
    let (sender, woken) = oneshot::channel();
    let request = wait.again.unwrap_or_else(|| Request::copy(args));
    let waiter =
        Arc::new(Waiter { request, protocol, wake: Mutex::new(Some(sender)), retries: slot.is_none() });
    for key in &wait.keys {
        held.partition(slot.unwrap_or_else(|| Slot::of_key(key)).partition()).waiting.add(key, &waiter);
    }
    Wait { woken, waiter, keys: wait.keys, timeout_ms: wait.timeout_ms }
}

/// Takes a client out of the queues of the keys it waited for.
pub fn leave(keyspace: &Keyspace, wait: &Wait) {
    for key in &wait.keys {
        keyspace.lock(Slot::of_key(key).partition()).waiting.remove(key, &wait.waiter);
    }
}

/// Serves the clients that wait for keys that are ready now, the first come first.
#[cold]
fn serve(shared: &Shared, held: &mut Held<'_>, work: &mut Work, slot: Option<Slot>, clock: Clock) {
    while !work.ready.is_empty() {
        let ready = std::mem::take(&mut work.ready);
        for (slot_of_key, key) in ready.iter() {
            for waiter in held.partition(slot_of_key.partition()).waiting.of(key) {
                let served = waiter.is_done() || serve_one(shared, held, work, slot, clock, &waiter);
                if served {
                    held.partition(slot_of_key.partition()).waiting.remove(key, &waiter);
                }
            }
        }
    }
}

/// Runs a waiting command again; false if it still waits.
fn serve_one(
    shared: &Shared,
    held: &mut Held<'_>,
    work: &mut Work,
    slot: Option<Slot>,
    clock: Clock,
    waiter: &Arc<Waiter>,
) -> bool {
    // Over several locks only the client itself can take all that its command needs.
    if waiter.retries || slot.is_none() {
        waiter.wake(Wake::Retry);
        return true;
    }
    let args = waiter.request.args();
    let Some(Handler::Keys(handler)) =
        crate::command::table::find(args.at(0)).map(|found| found.spec.handler)
    else {
        return true;
    };
    let mut out = Vec::new();
    let mut reply = Reply::new(&mut out, waiter.protocol);
    work.next_command();
    work.serves = true;
    let mut context = KeyContext::new(held, work, slot, clock, true, &shared.pubsub);
    let result = handler(&mut context, args, &mut reply);
    settle(held, work);
    if result.is_ok() && work.wait.take().is_some() {
        return false;
    }
    if let Err(error) = result {
        reply.cut();
        reply.error(&error);
    }
    note_verbatim(work, args);
    shared.stats.unblocked();
    work.served.push((Arc::clone(waiter), out));
    true
}
