//! The one write point: runs commands under the locks they need, and does at their end what has one order per slot.
//!
//! Under the lock: the handler changes the keyspace; what it did is appended to the log as an effect; waiting clients that can
//! be served now are served, and their effects follow. A transaction is the same with several handlers and one log record.
//!
//! # Layout
//!
//! - [`clock`]: what time it is for a command.
//! - [`effects`]: what was done, into the log; [`waiting`]: clients that wait for keys, served in between.
//! - [`moving`]: slots that move between nodes: which commands run here, and keys that leave.
//! - [`removal`]: keys that the node removes by itself.

mod clock;
mod effects;
mod moving;
mod removal;
mod waiting;

use shared::slot::Slot;

pub use self::clock::Clock;
pub use self::moving::{Leaving, LeavingKey, check_queued, redirect_waiting};
pub use self::removal::{empty, evict, expire_dead, expire_due, forget, forget_all};
pub use self::waiting::{Wait, leave};

use self::effects::{log, note_verbatim};
use self::moving::Here;
use self::waiting::enqueue;
use crate::command::key_context::KeyContext;
use crate::command::spec::KeysHandler;
use crate::command::table::Found;
use crate::command::work::{WaitFor, Work};
use crate::command::{Args, CommandError, CommandSpec, Reply, Request, flag};
use crate::keyspace::waiting::Wake;
use crate::keyspace::{Held, Keyspace, Partitions};
use crate::node::Shared;
use crate::pubsub::PubSub;
use crate::redirect::Route;

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
    (spec, handler, args): (&CommandSpec, KeysHandler, Args<'_>),
    route: &Route,
    clock: Clock,
    reply: &mut Reply<'_>,
) -> Result<Outcome, CommandError> {
    let mut held = lock(&shared.keyspace, route);
    // Under the lock: once the node follows another one, nobody changes a key here but what comes from there.
    let replica = shared.replication.is_replica();
    if replica && spec.has(flag::WRITE) {
        return Err(CommandError::ReadOnly);
    }
    let clock = Clock { keeps_dead: replica, ..clock };
    work.start(!matches!(route, Route::Slot(_)));
    let slot = slot_of(route);
    if let Some(slot) = slot.filter(|slot| !shared.view.is_mine(*slot)) {
        match moving::may_run(shared, work, &mut held, (spec, &args), slot, clock)? {
            Here::Run => {}
            Here::Leaving(key) => {
                let again = Some(Request::copy(&args));
                let wait = WaitFor { keys: vec![key], timeout_ms: None, again };
                return Ok(Outcome::Waits(enqueue(&mut held, wait, &args, None, reply.protocol())));
            }
        }
    }
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
    queue: &[(Found, Request)],
    route: &Route,
    clock: Clock,
    each: impl FnOnce(&mut Transaction<'_>),
) -> Result<(), CommandError> {
    let mut held = lock(&shared.keyspace, route);
    let replica = shared.replication.is_replica();
    if replica && queue.iter().any(|(found, _)| found.spec.has(flag::WRITE)) {
        return Err(CommandError::ReadOnly);
    }
    let clock = Clock { keeps_dead: replica, ..clock };
    work.start(!matches!(route, Route::Slot(_)));
    let slot = slot_of(route);
    if let Some(slot) = slot.filter(|slot| !shared.view.is_mine(*slot)) {
        moving::may_run_all(shared, work, &mut held, queue, slot, clock)?;
    }
    each(&mut Transaction { held: &mut held, work, slot, clock, pubsub: &shared.pubsub });
    work.next_command();
    let finished = finish(shared, &mut held, work, slot, None, clock);
    drop(held);
    work.removed.clear();
    finished
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
    if let (Some(slot), Some(_)) = (slot, work.appended) {
        moving::changed(shared, slot);
    }
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
