//! What waits to be written to one client: bounded, filled by the room, emptied by the client's own task.
//!
//! A room never waits for a client. A client that reads too slowly fills its outbox; the outbox then closes itself with a reason,
//! and nobody else notices.

use std::collections::VecDeque;
use std::sync::Arc;

use bytes::Bytes;
use parking_lot::Mutex;
use shared::limits::OUTBOX_BYTES_MAX;
use tokio::sync::Notify;

use super::CloseReason;

/// What one queued message costs beside its bytes: its place in the queue and its frame header.
const MESSAGE_OVERHEAD_BYTES: usize = 64;

/// One end of a client's queue; clones share it.
#[derive(Debug, Clone, Default)]
pub struct Outbox {
    shared: Arc<Shared>,
}

#[derive(Debug, Default)]
struct Shared {
    queue: Mutex<Queue>,
    filled: Notify,
    shut: Notify,
}

#[derive(Debug, Default)]
struct Queue {
    frames: VecDeque<Frame>,
    bytes: usize,
    closed: Option<CloseReason>,
}

/// One frame to write.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Frame {
    /// A message of the protocol.
    Message(Bytes),
    /// A ping, to hear whether the client is alive.
    Ping,
}

/// What the writer of a client has to do.
#[derive(Debug, PartialEq, Eq)]
pub enum Waiting {
    /// Write these, in order.
    Frames(VecDeque<Frame>),
    /// Say why and hang up.
    Close(CloseReason),
}

impl Outbox {
    /// An empty one.
    pub fn new() -> Outbox {
        Outbox::default()
    }

    /// Queues messages, in order; false if it is closed, or is closed by this because the client was too slow.
    ///
    /// It is full when [`OUTBOX_BYTES_MAX`] wait already: so one message of any length always fits into an empty one.
    pub fn push(&self, messages: &[Bytes]) -> bool {
        let mut queue = self.shared.queue.lock();
        if queue.closed.is_some() {
            return false;
        }
        if queue.bytes > OUTBOX_BYTES_MAX {
            drop(queue);
            self.close(CloseReason::TooSlow);
            return false;
        }
        for message in messages {
            queue.bytes += message.len() + MESSAGE_OVERHEAD_BYTES;
            queue.frames.push_back(Frame::Message(message.clone()));
        }
        drop(queue);
        self.shared.filled.notify_one();
        true
    }

    /// Bytes that wait.
    #[cfg(feature = "sim")]
    pub fn bytes(&self) -> usize {
        self.shared.queue.lock().bytes
    }

    /// Queues a ping.
    pub fn ping(&self) {
        let mut queue = self.shared.queue.lock();
        if queue.closed.is_none() {
            queue.bytes += MESSAGE_OVERHEAD_BYTES;
            queue.frames.push_back(Frame::Ping);
        }
        drop(queue);
        self.shared.filled.notify_one();
    }

    /// Tells the writer to hang up. The first reason stays; what was queued is given up.
    pub fn close(&self, reason: CloseReason) {
        self.shared.queue.lock().close(reason);
        self.shared.filled.notify_one();
        self.shared.shut.notify_one();
    }

    /// Waits until it is closed: what is being written then is given up. One task at a time may wait.
    pub async fn closed(&self) -> CloseReason {
        loop {
            if let Some(reason) = &self.shared.queue.lock().closed {
                return reason.clone();
            }
            self.shared.shut.notified().await;
        }
    }

    /// Waits for something to do and takes all of it. Cancel safe. One task at a time may wait.
    pub async fn wait(&self) -> Waiting {
        loop {
            if let Some(waiting) = self.take() {
                return waiting;
            }
            self.shared.filled.notified().await;
        }
    }

    fn take(&self) -> Option<Waiting> {
        let mut queue = self.shared.queue.lock();
        if let Some(reason) = &queue.closed {
            return Some(Waiting::Close(reason.clone()));
        }
        if queue.frames.is_empty() {
            return None;
        }
        queue.bytes = 0;
        Some(Waiting::Frames(std::mem::take(&mut queue.frames)))
    }
}

impl Queue {
    fn close(&mut self, reason: CloseReason) {
        if self.closed.is_none() {
            self.closed = Some(reason);
            self.frames = VecDeque::new();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_queued_comes_out_at_once_and_in_order() {
        let outbox = Outbox::new();
        assert_eq!(outbox.take(), None);
        assert!(outbox.push(&["a".into(), "b".into()]) && outbox.push(&["c".into()]));
        outbox.ping();
        let frames =
            ["a", "b", "c"].map(|message| Frame::Message(message.into())).into_iter().chain([Frame::Ping]);
        assert_eq!(outbox.take(), Some(Waiting::Frames(frames.collect())));
        assert_eq!(outbox.take(), None);
    }

    #[test]
    fn a_client_that_does_not_read_is_closed_and_frees_what_waited() {
        let outbox = Outbox::new();
        let message = Bytes::from(vec![0; OUTBOX_BYTES_MAX / 4]);
        let pushed = (0..10).take_while(|_| outbox.push(std::slice::from_ref(&message))).count();
        assert_eq!(pushed, 4, "full when more than the bound waits");
        assert_eq!(outbox.take(), Some(Waiting::Close(CloseReason::TooSlow)));
        assert!(outbox.shared.queue.lock().frames.is_empty());
    }

    #[test]
    fn a_reader_in_time_is_never_closed() {
        let outbox = Outbox::new();
        let message = Bytes::from(vec![0; 2 * OUTBOX_BYTES_MAX]);
        for _ in 0..3 {
            assert!(outbox.push(std::slice::from_ref(&message)), "one long message fits");
            assert!(matches!(outbox.take(), Some(Waiting::Frames(_))));
        }
    }

    #[test]
    fn the_first_reason_to_close_stays() {
        let outbox = Outbox::new();
        outbox.close(CloseReason::GoingAway);
        outbox.close(CloseReason::TooSlow);
        assert!(!outbox.push(&["a".into()]));
        assert_eq!(outbox.take(), Some(Waiting::Close(CloseReason::GoingAway)));
    }
}
