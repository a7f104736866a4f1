//! The edits that this room has published and that are not yet *seen* (heard on the channel) or not yet *saved*.

use std::collections::{HashMap, VecDeque};

use bytes::Bytes;
use shared::document::validate;
use shared::protocol::StateVector;
use shared::protocol::state_vector::ClientId;
use shared::rt::time::{Duration, Instant};

use super::participants::ParticipantId;

/// What has not come back after so long is not waited for any more.
const LOST_AFTER: Duration = Duration::from_secs(30);

/// A place in the order of this room's publications.
pub type Place = u64;

/// What was published, in order.
#[derive(Debug, Default)]
pub struct Own {
    published: Place,
    /// By their bytes: two connections carry a room's edits, and what is published again after a loss comes back twice.
    unseen: HashMap<Bytes, Instant>,
    unsaved: VecDeque<Unsaved>,
}

/// An edit whose author waits to hear that it is saved.
#[derive(Debug)]
pub struct Unsaved {
    place: Place,
    /// Who sent it.
    pub author: ParticipantId,
    /// What is saved when it is.
    pub saves: StateVector,
    /// How many edits its author had sent with it.
    pub edits: u64,
    /// When it was published.
    pub at: Instant,
}

impl Own {
    /// Notes that this update goes out now.
    pub fn publish(&mut self, update: Bytes, now: Instant) -> Place {
        self.published += 1;
        self.unseen.insert(update, now);
        self.published
    }

    /// Notes that an author waits for what was published last to be saved.
    pub fn await_saved(&mut self, author: ParticipantId, saves: StateVector, edits: u64, now: Instant) {
        self.unsaved.push_back(Unsaved { place: self.published, author, saves, edits, at: now });
    }

    /// Whether a heard update is one of ours that comes back, and after how long. Then the document has it already.
    pub fn seen(&mut self, update: &[u8], now: Instant) -> Option<Duration> {
        self.unseen.remove(update).map(|at| now.saturating_duration_since(at))
    }

    /// Of what the document knows that which has been relayed: without what has not come back yet.
    pub fn relayed(&self, known: &StateVector) -> StateVector {
        let mut unseen: HashMap<ClientId, u32> = HashMap::new();
        for update in self.unseen.keys() {
            let Ok(facts) = validate(update) else { return StateVector::new() };
            for range in facts.clocks {
                let first = unseen.entry(range.client).or_insert(range.start);
                *first = range.start.min(*first);
            }
        }
        let relayed = |(client, clock): (ClientId, u32)| {
            (client, unseen.get(&client).map_or(clock, |first| clock.min(*first)))
        };
        known.iter().map(relayed).collect()
    }

    /// The document was loaded anew, and relayed: what comes back is old, or news to it.
    pub fn reloaded(&mut self) {
        self.unseen.clear();
    }

    /// What has not come back for so long, in the order of its publication: it was lost on the channel, and is in the log.
    pub fn take_lost(&mut self, now: Instant) -> Vec<Bytes> {
        let is_lost = |_: &Bytes, at: &mut Instant| now.saturating_duration_since(*at) >= LOST_AFTER;
        let mut lost: Vec<_> = self.unseen.extract_if(is_lost).collect();
        lost.sort_by_key(|(_, at)| *at);
        lost.into_iter().map(|(update, _)| update).collect()
    }

    /// The place of the last publication.
    pub fn published(&self) -> Place {
        self.published
    }

    /// How many edits are not seen, and how many not saved.
    #[cfg(feature = "sim")]
    pub fn held(&self) -> (usize, usize) {
        (self.unseen.len(), self.unsaved.len())
    }

    /// Whether an author waits to hear that an edit is saved.
    pub fn has_unsaved(&self) -> bool {
        !self.unsaved.is_empty()
    }

    /// Everything published up to this place is saved: the edits whose authors want to know.
    pub fn saved(&mut self, place: Place) -> impl Iterator<Item = Unsaved> + '_ {
        let saved = self.unsaved.iter().take_while(|unsaved| unsaved.place <= place).count();
        self.unsaved.drain(..saved)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_comes_back_is_known_once_in_any_order() {
        let (mut own, now) = (Own::default(), Instant::now());
        own.publish("a".into(), now);
        own.publish("b".into(), now);
        own.publish("c".into(), now);
        let later = now + Duration::from_millis(3);
        assert_eq!(own.seen(b"foreign", later), None);
        assert_eq!(own.seen(b"b", later), Some(Duration::from_millis(3)));
        assert_eq!(own.seen(b"a", later), Some(Duration::from_millis(3)));
        assert_eq!(own.seen(b"a", later), None);
        assert_eq!(own.take_lost(now + LOST_AFTER), [Bytes::from("c")]);
        assert_eq!(own.seen(b"c", later), None);
    }

    #[test]
    fn a_barrier_covers_what_was_published_before_it_began() {
        let (mut own, now) = (Own::default(), Instant::now());
        own.publish("a".into(), now);
        own.await_saved(ParticipantId(1), StateVector::new(), 1, now);
        let barrier = own.published();
        own.publish("b".into(), now);
        own.await_saved(ParticipantId(2), StateVector::new(), 1, now);
        let told: Vec<_> = own.saved(barrier).map(|unsaved| unsaved.author).collect();
        assert_eq!(told, [ParticipantId(1)]);
        assert!(own.has_unsaved());
    }
}
