//! What waits to be sent on one link.

use std::collections::VecDeque;

use bytes::Bytes;
use parking_lot::Mutex;
use shared::limits::BUS_QUEUE_BYTES_MAX;
use tokio::sync::Notify;

/// Packets in order, bounded by bytes.
#[derive(Debug, Default)]
pub struct SendQueue {
    inner: Mutex<Inner>,
    filled: Notify,
}

#[derive(Debug, Default)]
struct Inner {
    packets: VecDeque<Bytes>,
    bytes: usize,
    closed: bool,
}

impl SendQueue {
    /// Appends a packet of gossip. The next one says the same, so the oldest make room for it.
    pub fn push_gossip(&self, packet: Bytes) {
        let mut inner = self.inner.lock();
        while inner.bytes + packet.len() > BUS_QUEUE_BYTES_MAX {
            let Some(oldest) = inner.packets.pop_front() else { return };
            inner.bytes -= oldest.len();
        }
        self.append(inner, packet);
    }

    /// Appends a packet that nothing may be dropped for; false if there is no room.
    #[must_use]
    pub fn push(&self, packet: Bytes) -> bool {
        let inner = self.inner.lock();
        let fits = inner.bytes + packet.len() <= BUS_QUEUE_BYTES_MAX;
        if fits {
            self.append(inner, packet);
        }
        fits
    }

    fn append(&self, mut inner: parking_lot::MutexGuard<'_, Inner>, packet: Bytes) {
        if inner.closed {
            return;
        }
        inner.bytes += packet.len();
        inner.packets.push_back(packet);
        let first = inner.packets.len() == 1;
        drop(inner);
        if first {
            self.filled.notify_one();
        }
    }

    /// Drops what waits.
    pub fn clear(&self) {
        let mut inner = self.inner.lock();
        (inner.packets, inner.bytes) = (VecDeque::new(), 0);
    }

    /// Ends the link: nothing is queued any more, what waits is dropped.
    pub fn close(&self) {
        self.inner.lock().closed = true;
        self.clear();
        self.filled.notify_one();
    }

    /// Whether the link has ended.
    pub fn is_closed(&self) -> bool {
        self.inner.lock().closed
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
                    out.extend(inner.packets.drain(..));
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
        queue.push_gossip(of(1));
        assert!(queue.push(of(2)));
        let mut out = Vec::new();
        assert!(queue.take(&mut out).await);
        assert_eq!(out.iter().map(Bytes::len).collect::<Vec<_>>(), vec![1, 2]);
        assert_eq!(queue.bytes(), 0);
        queue.close();
        assert!(!queue.take(&mut out).await);
        assert!(queue.push(of(1)) && queue.bytes() == 0, "nobody waits for it");
    }

    #[test]
    fn the_oldest_gossip_makes_room_and_a_message_without_room_is_refused() {
        let queue = SendQueue::default();
        let half = BUS_QUEUE_BYTES_MAX / 2;
        queue.push_gossip(of(1));
        queue.push_gossip(of(half));
        queue.push_gossip(of(half));
        assert_eq!(queue.bytes(), 2 * half, "the oldest is gone");
        assert!(!queue.push(of(1)));
        queue.clear();
        assert!(queue.push(of(2 * half)) && !queue.push(of(1)));
    }
}
