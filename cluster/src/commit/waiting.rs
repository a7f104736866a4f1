//! Clients that wait for keys: into the queues, out of them, and served by whoever makes a key ready.

use std::sync::Arc;

use parking_lot::Mutex;
use shared::resp::Protocol;
use shared::slot::Slot;
use tokio::sync::oneshot;

use super::effects::note_verbatim;
use super::{Clock, settle};
use crate::command::key_context::KeyContext;
use crate::command::work::{WaitFor, Work};
use crate::command::{Args, Handler, Reply, Request};
use crate::keyspace::waiting::{Waiter, Wake};
use crate::keyspace::{Held, Keyspace, Partitions};
use crate::node::Shared;

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

/// Puts a client into the queues of the keys it waits for.
pub(super) fn enqueue(
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
pub(super) fn serve(shared: &Shared, held: &mut Held<'_>, work: &mut Work, slot: Option<Slot>, clock: Clock) {
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
