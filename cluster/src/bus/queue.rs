//! What waits to be sent on one link.

use std::collections::VecDeque;

use bytes::Bytes;
use parking_lot::Mutex;
use shared::limits::BUS_QUEUE_BYTES_MAX;
use tokio::sync::Notify;

/// Why a packet waits: who may be dropped when the queue is full.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Load {
    /// The next one says the same: the oldest is dropped first.
    Gossip,
    /// A message for subscribers: if it cannot be queued, the link is reset, so that the loss is seen.
    Published,
}

/// What became of a packet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pushed {
    /// It waits, or the link is closed already.
    Queued,
    /// There was no room: the link should be reset.
    Full,
}

/// Packets in order, bounded by bytes.
#[derive(Debug, Default)]
pub struct SendQueue {
    inner: Mutex<Inner>,
    filled: Notify,
}

#[derive(Debug, Default)]
struct Inner {
    packets: VecDeque<(Load, Bytes)>,
    bytes: usize,
    closed: bool,
}

impl SendQueue {
    /// Appends a packet; makes room by dropping the oldest gossip.
    pub fn push(&self, load: Load, packet: Bytes) -> Pushed {
        let mut inner = self.inner.lock();
        if inner.closed {
            return Pushed::Queued;
        }
        while inner.bytes + packet.len() > BUS_QUEUE_BYTES_MAX {
            let Some(oldest) = inner.packets.iter().position(|(load, _)| *load == Load::Gossip) else {
                // Without room gossip is only late: the next heartbeat says it again.
                return if load == Load::Gossip { Pushed::Queued } else { Pushed::Full };
            };
            if let Some((_, dropped)) = inner.packets.remove(oldest) {
                inner.bytes -= dropped.len();
            }
        }
        inner.bytes += packet.len();
        inner.packets.push_back((load, packet));
        let first = inner.packets.len() == 1;
        drop(inner);
        if first {
            self.filled.notify_one();
        }
        Pushed::Queued
    }

    /// Ends the link: nothing is queued any more, what waits is dropped.
    pub fn close(&self) {
        let mut inner = self.inner.lock();
        inner.closed = true;
        inner.packets.clear();
        inner.bytes = 0;
        drop(inner);
        self.filled.notify_one();
    }

    /// Bytes that wait.
    pub fn bytes(&self) -> usize {
        self.inner.lock().bytes
    }

    /// Waits for packets and takes all into `out`, in order; false once the link is closed.
    pub async fn take(&self, out: &mut Vec<Bytes>) -> bool {
        loop {
            let filled = self.filled.notified();
            {
                let mut inner = self.inner.lock();
                if inner.closed {
                    return false;
                }
                if !inner.packets.is_empty() {
                    inner.bytes = 0;
                    out.extend(inner.packets.drain(..).map(|(_, packet)| packet));
                    return true;
                }
            }
            filled.await;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(bytes: usize) -> Bytes {
        vec![0; bytes].into()
    }

    #[tokio::test]
    async fn packets_leave_in_order_and_a_closed_queue_says_so() {
        let queue = SendQueue::default();
        queue.push(Load::Gossip, of(1));
        queue.push(Load::Published, of(2));
        let mut out = Vec::new();
        assert!(queue.take(&mut out).await);
        assert_eq!(out.iter().map(Bytes::len).collect::<Vec<_>>(), vec![1, 2]);
        assert_eq!(queue.bytes(), 0);
        queue.close();
        assert!(!queue.take(&mut out).await);
        assert_eq!(queue.push(Load::Published, of(1)), Pushed::Queued);
    }

    #[test]
    fn the_oldest_gossip_makes_room_and_a_message_without_room_is_told() {
        let queue = SendQueue::default();
        let half = BUS_QUEUE_BYTES_MAX / 2;
        queue.push(Load::Gossip, of(1));
        queue.push(Load::Published, of(half));
        assert_eq!(queue.push(Load::Published, of(half)), Pushed::Queued, "the gossip made room");
        assert_eq!(queue.bytes(), 2 * half);
        assert_eq!(queue.push(Load::Gossip, of(1)), Pushed::Queued);
        assert_eq!(queue.bytes(), 2 * half, "gossip without room is dropped");
        assert_eq!(queue.push(Load::Published, of(1)), Pushed::Full);
    }
}
