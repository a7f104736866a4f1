//! The WebSocket clients of one open document.

use std::collections::{BTreeMap, BTreeSet};

use bytes::Bytes;
use shared::protocol::StateVector;
use shared::protocol::state_vector::ClientId;

use crate::gateway::{CloseReason, Outbox};

/// One connection's name within its room; never given twice.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ParticipantId(pub u64);

/// One client and what the room remembers about it.
#[derive(Debug)]
pub struct Participant {
    outbox: Outbox,
    /// It asked for *saved* messages (`?saved=1`).
    pub wants_saved: bool,
    /// Yjs clients whose presence it announced: they leave with it.
    pub presence: BTreeSet<ClientId>,
    /// What it sent and is saved.
    pub saved: StateVector,
    /// How many edits it has sent, as it counts them: sync updates, not its answer to step 1.
    pub sent_edits: u64,
    /// How many of them are saved.
    pub saved_edits: u64,
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
        let (presence, saved) = Default::default();
        self.members
            .insert(id, Participant { outbox, wants_saved, presence, saved, sent_edits: 0, saved_edits: 0 });
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
