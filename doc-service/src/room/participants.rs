//! The WebSocket clients of one open document.

use std::collections::BTreeMap;

use bytes::Bytes;
use shared::protocol::StateVector;
use shared::rt::time::{Duration, Instant};

use crate::gateway::{CloseReason, Outbox};

/// How often a client is asked for what its edits build on: it may have come by another way meanwhile.
const ASK_EVERY: Duration = Duration::from_secs(1);

/// One connection's name within its room; never given twice.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ParticipantId(pub u64);

/// One client and what the room remembers about it.
#[derive(Debug)]
pub struct Participant {
    outbox: Outbox,
    /// It asked for *saved* messages (`?saved=1`).
    pub wants_saved: bool,
    /// What it sent and is saved.
    pub saved: StateVector,
    /// How many edits it has sent, as it counts them: sync updates, not its answer to step 1.
    pub sent_edits: u64,
    /// How many of them are saved.
    pub saved_edits: u64,
    /// It sent what builds on an unknown edit.
    pub gap: Option<Gap>,
}

/// What a client sent and builds on an edit that is unknown here was not taken: its next answer to step 1 brings it again, with
/// what was missing.
#[derive(Debug, Clone)]
pub struct Gap {
    /// How many edits it had sent before: as many may be called saved until then.
    pub edits_before: u64,
    /// What was not taken: an answer that does not bring all of it closes no gap.
    pub untaken: StateVector,
    /// When it was last asked.
    pub asked_at: Instant,
}

impl Participant {
    /// How many of its edits are saved when all that was taken from it is.
    pub fn taken_edits(&self) -> u64 {
        self.gap.as_ref().map_or(self.sent_edits, |gap| gap.edits_before)
    }
}

/// All of them, in order of arrival: whatever goes to everybody goes in this order.
#[derive(Debug, Default)]
pub struct Participants {
    members: BTreeMap<ParticipantId, Participant>,
    joined: u64,
}

impl Participants {
    /// Adds a client.
    pub fn join(&mut self, outbox: Outbox, wants_saved: bool) -> ParticipantId {
        self.joined += 1;
        let id = ParticipantId(self.joined);
        let (saved, sent_edits, saved_edits, gap) = Default::default();
        self.members.insert(id, Participant { outbox, wants_saved, saved, sent_edits, saved_edits, gap });
        id
    }

    /// Takes a client out, if it is still there.
    pub fn leave(&mut self, id: ParticipantId) -> Option<Participant> {
        self.members.remove(&id)
    }

    /// One of them.
    pub fn of(&mut self, id: ParticipantId) -> Option<&mut Participant> {
        self.members.get_mut(&id)
    }

    /// Those with a gap whom it is time to ask again; they count as asked.
    pub fn ask_again(&mut self, now: Instant) -> Vec<ParticipantId> {
        let mut asked = Vec::new();
        for (id, participant) in &mut self.members {
            let due = |gap: &&mut Gap| now.saturating_duration_since(gap.asked_at) >= ASK_EVERY;
            if let Some(gap) = participant.gap.as_mut().filter(due) {
                gap.asked_at = now;
                asked.push(*id);
            }
        }
        asked
    }

    /// Most bytes that wait for one of them.
    #[cfg(feature = "sim")]
    pub fn bytes_most(&self) -> usize {
        self.members.values().map(|participant| participant.outbox.bytes()).max().unwrap_or(0)
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.members.len()
    }

    /// Whether nobody is here.
    pub fn is_empty(&self) -> bool {
        self.members.is_empty()
    }

    /// Queues messages for everybody. A client whose outbox refuses them hangs up by itself: its connection then leaves.
    pub fn send_all(&self, messages: &[Bytes]) {
        if messages.is_empty() {
            return;
        }
        for participant in self.members.values() {
            #[cfg(feature = "sim")]
            if shared::rt::sim::is_planted("fan-out-dropped")
                && shared::rt::rng::random_u64().is_multiple_of(1_000)
                && shared::rt::sim::strikes("fan-out-dropped")
            {
                continue;
            }
            participant.outbox.push(messages);
        }
    }

    /// Queues messages for one of them, if it is still there.
    pub fn send(&self, id: ParticipantId, messages: &[Bytes]) {
        if let Some(participant) = self.members.get(&id) {
            participant.outbox.push(messages);
        }
    }

    /// Hangs up on one of them.
    pub fn close(&self, id: ParticipantId, reason: CloseReason) {
        if let Some(participant) = self.members.get(&id) {
            participant.outbox.close(reason);
        }
    }

    /// Hangs up on everybody.
    pub fn close_all(&self, reason: &CloseReason) {
        for participant in self.members.values() {
            participant.outbox.close(reason.clone());
        }
    }
}
