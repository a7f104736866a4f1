//! The edits that this room has published and that are not yet *seen* (heard on the channel) or not yet *saved*.

use std::collections::{HashMap, VecDeque};

use bytes::Bytes;
use shared::protocol::StateVector;
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

    /// The document was loaded anew: what comes back may be news to it.
    pub fn reloaded(&mut self) {
        self.unseen.clear();
    }

    /// Forgets what has not come back for so long: it was lost on the channel, and is in the log.
    pub fn forget_unseen(&mut self, now: Instant) {
        self.unseen.retain(|_, at| now.saturating_duration_since(*at) < LOST_AFTER);
    }

    /// The place of the last publication.
    pub fn published(&self) -> Place {
        self.published
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
        own.forget_unseen(now + LOST_AFTER);
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
