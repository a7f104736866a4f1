//! What has left for the replicas, and replies that wait for it.
//!
//! A reply at consistency ONE leaves when the write that it tells of was handed to the sockets of the replicas that follow: from there it
//! arrives also when this process is stopped or killed. A replica that takes nothing is not waited for, as in Redis.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::Waker;

use parking_lot::Mutex;

/// What has left for the replicas.
#[derive(Debug)]
pub struct Sent {
    /// Up to here everything has left for every link that counts; the greatest number where none does.
    reached: AtomicU64,
    inner: Mutex<Inner>,
}

#[derive(Debug, Default)]
struct Inner {
    /// The links that count, by their numbers, and up to which generation each was sent everything.
    links: BTreeMap<u64, u64>,
    /// Nobody waits for these any more.
    given_up: u64,
    /// Whom to wake, by the ids of their clients.
    waiting: BTreeMap<u64, Waker>,
}

/// What [`Sent::look`] found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Look {
    /// It has left.
    Left,
    /// It has not; who looked is woken, and was the first: it sees to it that what was appended is written.
    First,
    /// It has not; who looked is woken, and another one sees to it.
    Another,
    /// It has not, and nothing has changed since the same client looked last.
    Still,
}

impl Default for Sent {
    fn default() -> Sent {
        Sent { reached: AtomicU64::new(u64::MAX), inner: Mutex::default() }
    }
}

impl Sent {
    /// Whether a generation has left for every link that counts.
    #[inline]
    pub fn has_left(&self, generation: u64) -> bool {
        self.reached.load(Ordering::Acquire) >= generation
    }

    /// Looks whether a generation has left; if not, the client is woken when it is worth another look.
    pub fn look(&self, client: u64, generation: u64, waker: &Waker) -> Look {
        let mut inner = self.inner.lock();
        // Under the lock: who changes it wakes those that are listed then.
        if self.has_left(generation) {
            inner.waiting.remove(&client);
            return Look::Left;
        }
        let first = inner.waiting.is_empty();
        match inner.waiting.insert(client, waker.clone()) {
            Some(_) => Look::Still,
            None if first => Look::First,
            None => Look::Another,
        }
    }

    /// This much is waited for no longer: the disk is too slow.
    pub fn give_up(&self, generation: u64) {
        self.change(|inner| inner.given_up = inner.given_up.max(generation));
    }

    /// A client waits no more. All others look again, so that one of them sees to what this one may have seen to.
    pub fn leave(&self, client: u64) {
        self.change(|inner| _ = inner.waiting.remove(&client));
    }

    /// A link counts, and was sent everything up to this generation.
    pub(super) fn sent(&self, link: u64, generation: u64) {
        self.change(|inner| _ = inner.links.insert(link, generation));
    }

    /// A link does not count: it is gone, or its replica takes nothing.
    pub(super) fn skip(&self, link: u64) {
        self.change(|inner| _ = inner.links.remove(&link));
    }

    fn change(&self, change: impl FnOnce(&mut Inner)) {
        let mut inner = self.inner.lock();
        change(&mut inner);
        let reached = inner.links.values().copied().min().unwrap_or(u64::MAX);
        self.reached.store(reached.max(inner.given_up), Ordering::Release);
        let waiting = std::mem::take(&mut inner.waiting);
        drop(inner);
        waiting.into_values().for_each(Waker::wake);
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::task::Wake;

    use super::*;

    /// Counts how often it was woken.
    #[derive(Default)]
    struct Count(AtomicU64);

    impl Wake for Count {
        fn wake(self: Arc<Self>) {
            self.0.fetch_add(1, Ordering::Relaxed);
        }
    }

    struct Client {
        id: u64,
        count: Arc<Count>,
    }

    impl Client {
        fn new(id: u64) -> Client {
            Client { id, count: Arc::default() }
        }

        fn look(&self, sent: &Sent, generation: u64) -> Look {
            sent.look(self.id, generation, &Waker::from(Arc::clone(&self.count)))
        }

        fn woken(&self) -> u64 {
            self.count.0.load(Ordering::Relaxed)
        }
    }

    #[test]
    fn a_reply_waits_for_the_slowest_link_that_counts() {
        let (sent, client) = (Sent::default(), Client::new(1));
        assert!(sent.has_left(7), "there is no replica");
        sent.sent(0, 7);
        sent.sent(1, 6);
        assert_eq!(client.look(&sent, 7), Look::First);
        assert_eq!(client.look(&sent, 7), Look::Still);
        sent.sent(1, 7);
        assert_eq!((client.woken(), client.look(&sent, 7)), (1, Look::Left));
        assert_eq!(client.look(&sent, 8), Look::First);
        sent.sent(0, 8);
        assert_eq!(client.look(&sent, 8), Look::First, "listed anew when it was woken");
        sent.skip(1);
        assert_eq!((client.woken(), client.look(&sent, 8)), (3, Look::Left));
    }

    #[test]
    fn one_of_those_that_wait_sees_to_it_and_another_one_when_it_is_gone() {
        let (sent, first, second) = (Sent::default(), Client::new(1), Client::new(2));
        sent.sent(0, 0);
        assert_eq!((first.look(&sent, 1), second.look(&sent, 1)), (Look::First, Look::Another));
        sent.leave(1);
        assert_eq!((first.woken(), second.woken()), (0, 1));
        assert_eq!(second.look(&sent, 1), Look::First);
        sent.give_up(1);
        assert_eq!((second.look(&sent, 1), second.look(&sent, 2)), (Look::Left, Look::First));
    }
}
