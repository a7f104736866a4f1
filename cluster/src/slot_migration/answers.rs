//! The old owner's side of a claim ([`consent`](super::consent)): it lets go of slots that have gone to another node key by key.

use std::collections::BTreeMap;
use std::sync::Arc;

use parking_lot::Mutex;
use shared::node_id::NodeId;
use shared::rt::time::{self, Duration, Instant};
use shared::slot::Slot;
use tokio::sync::Notify;

use super::{LOOK_MS, TOGETHER, marks_known, noted_by_all};
use crate::bus::Bus;
use crate::gossip::admin::Refused;
use crate::gossip::{ClaimAsk, Engine};
use crate::keyspace::{Keyspace, Left};
use crate::node::Shared;
use crate::server::hold::node_timeouts;
use crate::topology::TransferId;

/// How long a question may be old before it is answered.
const ASKING_MAX: Duration = Duration::from_millis(3 * LOOK_MS);

/// Waits until no key of a slot is on its way by MIGRATE any more.
pub async fn settled(shared: &Shared, slot: Slot) {
    let mut settled = shared.slot_migrations.settled.subscribe();
    while shared.keyspace.is_leaving(slot) && settled.changed().await.is_ok() {}
}

/// Who last asked to claim a slot that went to it key by key, by slot, until it is answered.
#[derive(Default)]
pub struct Asked {
    by_slot: Mutex<BTreeMap<Slot, Asking>>,
    wakes: Notify,
}

/// A question that waits to be answered.
#[derive(Clone, Copy)]
struct Asking {
    by: NodeId,
    claim: TransferId,
    since: Instant,
}

impl Asked {
    /// A node wants to claim a slot.
    pub fn add(&self, by: NodeId, ask: ClaimAsk) {
        let asking = Asking { by, claim: ask.id, since: Instant::now() };
        self.by_slot.lock().insert(ask.slot, asking);
        self.wakes.notify_one();
    }

    /// Takes out what can be answered: no key of these slots is on its way by MIGRATE. Who has not asked again for long has given up.
    fn take(&self, keyspace: &Keyspace) -> Vec<(Slot, Asking)> {
        let mut asked = self.by_slot.lock();
        asked.retain(|_, asking| asking.since.elapsed() < ASKING_MAX);
        let ready = asked.extract_if(.., |slot, _| !keyspace.is_leaving(*slot));
        ready.collect()
    }

    fn is_empty(&self) -> bool {
        self.by_slot.lock().is_empty()
    }
}

/// Answers nodes that want to claim slots that are migrating to them, until the node stops.
pub async fn run_answers(shared: Arc<Shared>) {
    let Some(bus) = shared.bus.clone() else { return };
    loop {
        shared.slot_migrations.asked.wakes.notified().await;
        loop {
            // Nobody waits for it, and one fsync is for many.
            time::sleep(TOGETHER).await;
            answer(&shared, &bus).await;
            if shared.slot_migrations.asked.is_empty() {
                break;
            }
            let mut settled = shared.slot_migrations.settled.subscribe();
            time::timeout(TOGETHER, settled.changed()).await.ok();
        }
    }
}

/// Answers yes for slots of which no key is left here, when that is on the disks of this node and of all copies that could be elected in
/// its place; no where there are keys. What cannot be known is not answered, and asked again.
async fn answer(shared: &Shared, bus: &Bus) {
    let asked = shared.slot_migrations.asked.take(&shared.keyspace);
    if asked.is_empty() {
        return;
    }
    let let_go = bus.order(|engine, _, _| {
        let let_go = |&(slot, asking): &(Slot, Asking)| {
            // No key comes into it in between. Behind the lock of the bus, as when a node that is moved to another place locks all.
            let partition = shared.keyspace.lock(slot.partition());
            let left = partition.left(slot);
            match engine.let_go(slot, asking.by, left) {
                Ok(()) if left == Left::Nothing => Some((slot, asking, true)),
                Err(Refused::HoldsKeys(_)) => Some((slot, asking, false)),
                _ => None,
            }
        };
        let answers: Vec<(Slot, Asking, bool)> = asked.iter().filter_map(let_go).collect();
        let (yes, no): (Vec<_>, Vec<_>) = answers.into_iter().partition(|(_, _, may)| *may);
        say(engine, no);
        engine.note_now();
        yes
    });
    let Ok(yes) = let_go else { return };
    if yes.is_empty() {
        return;
    }
    // A crash must not bring a key back that this node has told to be gone.
    let patience = node_timeouts(shared);
    let (marked, noted) = tokio::join!(marks_known(shared, patience), noted_by_all(shared, patience));
    if let Err(why) = marked.and(noted) {
        tracing::debug!(why, "not all know that slots were let go");
        return;
    }
    if let Err(why) = bus.order(|engine, _, _| say(engine, yes)) {
        tracing::warn!(why, "cannot write nodes.conf");
    }
}

fn say(engine: &mut Engine, answers: Vec<(Slot, Asking, bool)>) {
    for (slot, Asking { by, claim, .. }, may) in answers {
        engine.answer_claim(by, ClaimAsk { id: claim, slot }, may);
    }
}
