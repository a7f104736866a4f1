//! Which edits one barrier covers: those of a segment, all on one connection of one shard.
//!
//! Edits enter the open segment. A barrier closes it and opens the next one on the other connection; when the edits in
//! flight have ended, `WAITAOF` on the closed segment's connection covers them all. Pure: the driver is `barrier`.

use std::sync::Weak;

use bytes::Bytes;
use tokio::sync::OwnedSemaphorePermit;

use super::unsaved::Unsaved;
use crate::names::DocumentId;

/// An edit that is published and not saved yet.
#[derive(Debug)]
pub(super) struct Draft {
    pub(super) document: DocumentId,
    /// One Yjs v1 update.
    pub(super) update: Bytes,
    /// Told when it is saved; gone when nobody asks any more.
    pub(super) unsaved: Weak<Unsaved>,
    pub(super) number: u64,
    /// Its share of the bytes that may be unsaved.
    pub(super) _room: OwnedSemaphorePermit,
}

impl Drop for Draft {
    fn drop(&mut self) {
        if let Some(unsaved) = self.unsaved.upgrade() {
            unsaved.close(self.number);
        }
    }
}

/// The segments of one shard: one that edits enter, and while a barrier runs the one that it covers.
#[derive(Debug, Default)]
pub(super) struct Segments {
    open: Segment,
    closed: Option<Segment>,
}

/// Edits between two barriers.
#[derive(Debug, Default)]
pub(super) struct Segment {
    number: u64,
    in_flight: usize,
    /// Published edits, each with the number of the connection that carried it.
    drafts: Vec<(u64, Draft)>,
}

impl Segments {
    /// An edit sets out; the segment that it belongs to.
    pub(super) fn enter(&mut self) -> u64 {
        self.open.in_flight += 1;
        self.open.number
    }

    /// An edit of this segment is published.
    pub(super) fn publish(&mut self, number: u64, connection: u64, draft: Draft) {
        if let Some(segment) = self.segment(number) {
            segment.drafts.push((connection, draft));
        }
    }

    /// An edit of this segment has ended, published or not. Whether a waiting barrier may go on.
    pub(super) fn leave(&mut self, number: u64) -> bool {
        let Some(segment) = self.segment(number) else { return false };
        segment.in_flight -= 1;
        segment.in_flight == 0
    }

    /// Whether the open segment has something to save.
    pub(super) fn has_work(&self) -> bool {
        self.open.in_flight > 0 || !self.open.drafts.is_empty()
    }

    /// Closes the open segment, for a barrier; edits enter the next one.
    pub(super) fn close(&mut self) {
        let next = Segment { number: self.open.number + 1, ..Segment::default() };
        debug_assert!(self.closed.is_none());
        self.closed = Some(std::mem::replace(&mut self.open, next));
    }

    /// The drafts of the closed segment, once none of its edits is in flight.
    pub(super) fn take_closed(&mut self) -> Option<Vec<(u64, Draft)>> {
        self.closed.take_if(|segment| segment.in_flight == 0).map(|segment| segment.drafts)
    }

    /// The connection of a segment: 0 or 1.
    pub(super) fn lane(number: u64) -> u8 {
        (number % 2) as u8
    }

    /// The number of the closed segment.
    pub(super) fn closed_number(&self) -> Option<u64> {
        self.closed.as_ref().map(|segment| segment.number)
    }

    fn segment(&mut self, number: u64) -> Option<&mut Segment> {
        if self.open.number == number {
            return Some(&mut self.open);
        }
        self.closed.as_mut().filter(|segment| segment.number == number)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use tokio::sync::Semaphore;

    use super::*;

    fn draft(unsaved: &Arc<Unsaved>) -> Draft {
        Draft {
            document: "notes".parse().unwrap(),
            update: Bytes::new(),
            unsaved: Arc::downgrade(unsaved),
            number: unsaved.begin(),
            _room: Arc::new(Semaphore::new(1)).try_acquire_owned().unwrap(),
        }
    }

    #[test]
    fn a_barrier_covers_what_entered_before_it_and_waits_for_what_is_in_flight() {
        let unsaved = Arc::new(Unsaved::default());
        let mut segments = Segments::default();
        let (a, b) = (segments.enter(), segments.enter());
        segments.publish(a, 7, draft(&unsaved));
        assert!(!segments.leave(a) && segments.has_work());
        segments.close();
        let c = segments.enter();
        assert_ne!(Segments::lane(a), Segments::lane(c), "edits behind a barrier take the other connection");
        assert!(segments.take_closed().is_none(), "one of its edits is in flight");
        segments.publish(b, 7, draft(&unsaved));
        assert!(segments.leave(b));
        assert_eq!(segments.take_closed().map(|drafts| drafts.len()), Some(2));
        assert!(segments.has_work() && segments.closed_number().is_none());
        assert_eq!(unsaved.count(), 0, "a draft that is dropped is closed");
    }
}
