//! The new owner's side of a claim ([`consent`](super::consent)): slots that came key by key are claimed, several at once where they come
//! one after another, so that one fsync and one message to each node are for them all.

use std::sync::Arc;

use parking_lot::Mutex;
use shared::limits::TRANSFERS_MAX;
use shared::rt::time::{self, Duration, Instant};
use shared::slot::Slot;
use tokio::sync::{Notify, OwnedSemaphorePermit, Semaphore};

use super::{LOOK_MS, TOGETHER, marks_known};
use crate::bus::Bus;
use crate::node::Shared;
use crate::server::hold::node_timeouts;
use crate::topology::TransferId;

/// How often the old owner is asked again, as what was asked may have been lost.
const ASK_EVERY: Duration = Duration::from_millis(LOOK_MS);

/// Claims that are made at the same time; who orders another one waits.
const CLAIMS_MAX: usize = TRANSFERS_MAX / 2;

/// Claims that this node was told to make.
pub struct Claims {
    added: Mutex<Vec<Pending>>,
    room: Arc<Semaphore>,
    wakes: Notify,
}

/// A claim that is not made yet.
struct Pending {
    id: TransferId,
    slot: Slot,
    since: Instant,
    asked: Option<Instant>,
    _room: OwnedSemaphorePermit,
}

impl Default for Claims {
    fn default() -> Claims {
        Claims { added: Mutex::default(), room: Arc::new(Semaphore::new(CLAIMS_MAX)), wakes: Notify::new() }
    }
}

impl Claims {
    /// Room for another claim.
    pub fn room(&self) -> Arc<Semaphore> {
        Arc::clone(&self.room)
    }

    /// Makes a claim that the engine has noted.
    pub fn add(&self, id: TransferId, slot: Slot, room: OwnedSemaphorePermit) {
        self.added.lock().push(Pending { id, slot, since: Instant::now(), asked: None, _room: room });
        self.wakes.notify_one();
    }

    /// An old owner has answered.
    pub fn answered(&self) {
        self.wakes.notify_one();
    }
}

impl Pending {
    fn fails(&self, why: &str) {
        tracing::warn!(slot = %self.slot, why, "the slot is not claimed yet");
    }
}

/// Makes the claims that this node was told to make, until the node stops.
pub async fn run_claims(shared: Arc<Shared>) {
    let Some(bus) = shared.bus.clone() else { return };
    let claims = &shared.slot_migrations.claims;
    let mut pending = Vec::new();
    loop {
        if pending.is_empty() {
            claims.wakes.notified().await;
        } else {
            time::timeout(ASK_EVERY, claims.wakes.notified()).await.ok();
        }
        // Nobody waits for it, and what it needs on the disk mostly gets there with what comes after it.
        time::sleep(TOGETHER).await;
        pending.append(&mut claims.added.lock());
        if !pending.is_empty() {
            pending = make(&shared, &bus, pending).await;
        }
    }
}

/// Makes those of the claims whose slots were let go, once the disk of this node and the copies that may be elected in its place say that
/// it will; asks about the others, and returns them.
async fn make(shared: &Shared, bus: &Bus, mut pending: Vec<Pending>) -> Vec<Pending> {
    // Longer than the old owner takes to answer.
    let patience = 2 * node_timeouts(shared);
    let marked = match bus.order(|engine, _, _| engine.note_now()) {
        Ok(()) => marks_known(shared, patience).await,
        Err(why) => Err(why),
    };
    let late: Vec<bool> = pending.iter().map(|claim| claim.since.elapsed() >= patience).collect();
    let made = bus.order(|engine, _, _| {
        let made = match &marked {
            Ok(()) => engine.complete_claims(pending.iter().map(|claim| claim.id)),
            Err(_) => Vec::new(),
        };
        for (claim, late) in pending.iter_mut().zip(&late) {
            let is_due = claim.asked.is_none_or(|asked| asked.elapsed() >= ASK_EVERY);
            if marked.is_ok() && is_due && engine.awaits_answer(claim.id) {
                engine.ask_to_claim(claim.id);
                claim.asked = Some(Instant::now());
            }
            if *late {
                engine.claim_not(claim.id);
            }
        }
        let open: Vec<bool> = pending.iter().map(|claim| engine.is_claiming(claim.id)).collect();
        (made, open)
    });
    let (made, open) = match made {
        Ok(outcome) => outcome,
        Err(why) => {
            // What was not made is made when nodes.conf can be written again.
            let left = bus.order(|engine, _, _| pending.iter().for_each(|claim| engine.left_alone(claim.id)));
            tracing::debug!(?left, "claims are left alone");
            pending.iter().for_each(|claim| claim.fails(&why));
            return Vec::new();
        }
    };
    let mut left = Vec::new();
    for ((claim, is_open), late) in pending.into_iter().zip(open).zip(late) {
        match &marked {
            _ if made.contains(&claim.id) => {}
            Err(why) if late => claim.fails(why),
            _ if late => claim.fails("its owner does not answer"),
            _ if is_open => left.push(claim),
            _ => claim.fails("its owner has keys of it, or it is to be claimed no more"),
        }
    }
    left
}
