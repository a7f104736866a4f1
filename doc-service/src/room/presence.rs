//! Who is here: the awareness of a document, and which connection speaks for which Yjs client.
//!
//! Awareness has no author: whoever sends a higher clock for somebody's id replaces what that person said, and with the highest
//! clock of all silences them for good. So an id belongs to the connection that announced it first, for as long as that lives.
//! What others say for it is dropped without a word: an honest y-websocket client sends back all that it hears about others.
//! Ids that are here by the channel belong to whoever announced them there. An id of somebody who is away is nobody's.

use std::collections::BTreeMap;

use bytes::Bytes;
use shared::limits::{AWARENESS_CLIENTS_MAX, CONNECTION_PRESENCES_MAX};
use shared::protocol::awareness::{self, Awareness, BadAwareness, Report};
use shared::protocol::state_vector::ClientId;

use super::participants::ParticipantId;

/// Everybody who is here, as this service knows it.
#[derive(Debug, Default)]
pub struct Presence {
    awareness: Awareness,
    /// The connection that announced each Yjs client.
    speakers: BTreeMap<ClientId, ParticipantId>,
}

impl Presence {
    /// What of an awareness update this connection may say; `None` if nothing.
    pub fn announce(&mut self, from: ParticipantId, update: &Bytes) -> Option<Bytes> {
        let reports = awareness::decode(update).ok()?;
        let allowed: Vec<Report<'_>> =
            reports.iter().filter(|report| self.may_say(from, report)).cloned().collect();
        match allowed.len() {
            0 => None,
            all if all == reports.len() => Some(update.clone()),
            _ => Some(awareness::encode(&allowed).into()),
        }
    }

    /// Takes what was heard on the channel: whom it speaks for.
    pub fn heard(&mut self, update: &[u8], now_ms: u64) -> Result<Vec<ClientId>, BadAwareness> {
        let clients = awareness::decode(update)?.iter().map(|report| report.client).collect();
        self.awareness.apply(update, None, now_ms)?;
        Ok(clients)
    }

    /// A connection has left, and with it the Yjs clients that it spoke for: what is to be told of them.
    pub fn leave(&mut self, id: ParticipantId, now_ms: u64) -> Option<Bytes> {
        let clients: Vec<ClientId> =
            self.speakers.extract_if(.., |_, speaker| *speaker == id).map(first).collect();
        let gone = self.awareness.remove(&clients, now_ms);
        (!gone.is_empty()).then(|| self.awareness.encode(&gone).into())
    }

    /// Forgets whoever was silent for long.
    pub fn forget_outdated(&mut self, now_ms: u64) {
        self.awareness.expire(None, now_ms);
    }

    /// Whether anybody is here.
    pub fn is_empty(&self) -> bool {
        self.awareness.states().next().is_none()
    }

    /// The update that tells about everybody.
    pub fn everybody(&self) -> Vec<u8> {
        self.awareness.encode_all()
    }

    /// The update that tells about these Yjs clients.
    pub fn of(&self, clients: &[ClientId]) -> Vec<u8> {
        self.awareness.encode(clients)
    }

    fn may_say(&mut self, from: ParticipantId, report: &Report<'_>) -> bool {
        if let Some(speaker) = self.speakers.get(&report.client) {
            return *speaker == from;
        }
        // What is no news is an echo, and whoever echoes it must not own it.
        let is_free = self.awareness.state(report.client).is_none();
        let announces = !report.leaves() && self.awareness.is_news(report);
        let own = self.speakers.values().filter(|speaker| **speaker == from).count();
        let has_room = own < CONNECTION_PRESENCES_MAX && self.speakers.len() < AWARENESS_CLIENTS_MAX;
        let may = is_free && announces && has_room;
        if may {
            self.speakers.insert(report.client, from);
        }
        may
    }
}

fn first<A, B>(pair: (A, B)) -> A {
    pair.0
}

#[cfg(test)]
mod tests {
    use super::*;
    use shared::protocol::lib0::NUMBER_MAX;

    const ANA: ParticipantId = ParticipantId(1);
    const MALLORY: ParticipantId = ParticipantId(2);

    fn said(client: ClientId, clock: u64, state: &str) -> Bytes {
        awareness::encode(&[Report { client, clock, state }]).into()
    }

    /// A room where Ana's connection has announced Yjs client 5.
    fn with_ana() -> Presence {
        let mut presence = Presence::default();
        let update = said(5, 1, "{}");
        assert_eq!(presence.announce(ANA, &update), Some(update.clone()));
        presence.heard(&update, 0).unwrap();
        presence
    }

    #[test]
    fn nobody_else_speaks_for_a_client_whose_connection_lives() {
        let mut presence = with_ana();
        assert_eq!(presence.announce(MALLORY, &said(5, NUMBER_MAX, "{}")), None);
        assert_eq!(presence.announce(MALLORY, &said(5, NUMBER_MAX, "null")), None);
        let both = [(5, NUMBER_MAX), (6, 0)].map(|(client, clock)| Report { client, clock, state: "{}" });
        let both = awareness::encode(&both).into();
        assert_eq!(presence.announce(MALLORY, &both), Some(said(6, 0, "{}")), "its own client only");
        let moved = said(5, 2, "{\"a\":1}");
        assert_eq!(presence.announce(ANA, &moved), Some(moved.clone()));
    }

    #[test]
    fn an_announcement_that_has_not_come_back_yet_is_owned_too() {
        let mut presence = Presence::default();
        presence.announce(ANA, &said(5, 1, "{}"));
        assert_eq!(presence.announce(MALLORY, &said(5, 9, "{}")), None);
    }

    #[test]
    fn a_connection_that_leaves_takes_its_own_clients_along_and_frees_their_ids() {
        let mut presence = with_ana();
        presence.announce(MALLORY, &said(5, 1, "{}"));
        assert_eq!(presence.leave(MALLORY, 1), None, "what it echoed stays");
        assert_eq!(presence.leave(ANA, 1), Some(said(5, 2, "null")));
        assert!(presence.is_empty());
        let back = said(5, 3, "{}");
        assert_eq!(presence.announce(MALLORY, &said(5, 1, "{}")), None, "a late echo is no announcement");
        assert_eq!(presence.announce(ParticipantId(3), &back), Some(back.clone()), "it came back");
    }

    #[test]
    fn who_is_here_by_the_channel_is_not_to_be_spoken_for_before_they_are_gone() {
        let mut presence = Presence::default();
        presence.heard(&said(7, 1, "{}"), 0).unwrap();
        assert_eq!(presence.announce(MALLORY, &said(7, NUMBER_MAX, "{}")), None);
        presence.forget_outdated(awareness::OUTDATED_MS);
        let moved_here = said(7, 2, "{}");
        assert_eq!(presence.announce(ANA, &moved_here), Some(moved_here.clone()));
    }

    #[test]
    fn a_connection_speaks_for_so_many_clients_and_no_more() {
        let mut presence = Presence::default();
        for client in 0..CONNECTION_PRESENCES_MAX as ClientId {
            assert!(presence.announce(MALLORY, &said(client, 1, "{}")).is_some());
        }
        assert_eq!(presence.announce(MALLORY, &said(99, 1, "{}")), None);
        assert!(presence.announce(ANA, &said(99, 1, "{}")).is_some());
    }
}
