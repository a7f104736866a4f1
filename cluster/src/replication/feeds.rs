//! All links to replicas, and what these have said that they hold: WAIT, WAITAOF, INFO.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use parking_lot::Mutex;
use persistence::Generation;
use shared::rt::time;
use tokio::sync::watch;

use super::frame::Ack;

/// One link to a replica.
#[derive(Debug)]
pub struct Feed {
    /// Where it comes from, with the port that it listens on.
    pub address: SocketAddr,
    /// It has everything and follows.
    online: AtomicBool,
    applied: AtomicU64,
    durable: AtomicU64,
    offset: AtomicU64,
    heard_ms: AtomicU64,
}

impl Feed {
    /// Whether it has everything and follows.
    pub fn is_online(&self) -> bool {
        self.online.load(Ordering::Relaxed)
    }

    /// Sum of the offsets at which its logs end.
    pub fn offset(&self) -> u64 {
        self.offset.load(Ordering::Relaxed)
    }

    /// Seconds since it was heard.
    pub fn lag_s(&self) -> u64 {
        time::now_ms().saturating_sub(self.heard_ms.load(Ordering::Relaxed)) / 1_000
    }
}

/// All links to replicas.
#[derive(Debug)]
pub struct Feeds {
    list: Mutex<(u64, BTreeMap<u64, Arc<Feed>>)>,
    /// Counts acknowledgements, so that who waits looks again.
    acks: watch::Sender<u64>,
    /// The highest generation that somebody wants to be on a replica's disk.
    wanted: watch::Sender<u64>,
    /// Counts how often all links were ended.
    ended: watch::Sender<u64>,
}

impl Default for Feeds {
    fn default() -> Feeds {
        Feeds {
            list: Mutex::default(),
            acks: watch::Sender::new(0),
            wanted: watch::Sender::new(0),
            ended: watch::Sender::new(0),
        }
    }
}

/// A link in the list; dropped with it.
pub(super) struct Listed<'f> {
    feeds: &'f Feeds,
    id: u64,
    feed: Arc<Feed>,
}

impl Listed<'_> {
    /// The replica has everything that was there when it came.
    pub(super) fn online(&self) {
        self.feed.online.store(true, Ordering::Relaxed);
    }

    /// The replica has said what it holds.
    pub(super) fn acked(&self, ack: Ack) {
        self.feed.applied.store(ack.applied, Ordering::Relaxed);
        self.feed.durable.store(ack.durable, Ordering::Relaxed);
        self.feed.offset.store(ack.offset, Ordering::Relaxed);
        self.feed.heard_ms.store(time::now_ms(), Ordering::Relaxed);
        self.feeds.acks.send_modify(|count| *count += 1);
    }
}

impl Drop for Listed<'_> {
    fn drop(&mut self) {
        self.feeds.list.lock().1.remove(&self.id);
    }
}

impl Feeds {
    pub(super) fn add(&self, address: SocketAddr) -> Listed<'_> {
        let feed = Arc::new(Feed {
            address,
            online: AtomicBool::new(false),
            applied: AtomicU64::new(0),
            durable: AtomicU64::new(0),
            offset: AtomicU64::new(0),
            heard_ms: AtomicU64::new(time::now_ms()),
        });
        let mut list = self.list.lock();
        let id = list.0;
        list.0 += 1;
        list.1.insert(id, Arc::clone(&feed));
        Listed { feeds: self, id, feed }
    }

    /// All links, oldest first.
    pub fn all(&self) -> Vec<Arc<Feed>> {
        self.list.lock().1.values().cloned().collect()
    }

    /// How many replicas hold everything up to this generation.
    pub fn holding(&self, generation: Generation) -> usize {
        self.count(|feed| feed.applied.load(Ordering::Relaxed) >= generation.number())
    }

    /// How many have it on disk.
    pub fn on_disk(&self, generation: Generation) -> usize {
        self.count(|feed| feed.durable.load(Ordering::Relaxed) >= generation.number())
    }

    /// How many follow and were heard within so many seconds.
    pub fn good(&self, lag_s_max: u64) -> usize {
        self.count(|feed| feed.lag_s() <= lag_s_max)
    }

    fn count(&self, holds: impl Fn(&Feed) -> bool) -> usize {
        self.list.lock().1.values().filter(|feed| feed.is_online() && holds(feed)).count()
    }

    /// Waits until this is true; asked anew whenever a replica has said something.
    pub async fn until(&self, is_true: impl Fn(&Feeds) -> bool) {
        let mut acks = self.acks.subscribe();
        while !is_true(self) {
            // The sender lives as long as this.
            if acks.changed().await.is_err() {
                return;
            }
        }
    }

    /// Has replicas make this generation durable at once.
    pub fn want_on_disk(&self, generation: Generation) {
        self.wanted.send_if_modified(|wanted| {
            let more = generation.number() > *wanted;
            *wanted = (*wanted).max(generation.number());
            more
        });
    }

    pub(super) fn wanted(&self) -> watch::Receiver<u64> {
        self.wanted.subscribe()
    }

    /// Ends all links.
    pub(super) fn end(&self) {
        self.ended.send_modify(|count| *count += 1);
    }

    pub(super) fn ended(&self) -> watch::Receiver<u64> {
        self.ended.subscribe()
    }
}
