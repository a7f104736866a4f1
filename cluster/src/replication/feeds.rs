//! All links to replicas, and what these have said that they hold: WAIT, WAITAOF, INFO.

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use parking_lot::Mutex;
use persistence::{Generation, Store};
use shared::rt::time::{self, Instant};
use tokio::sync::{oneshot, watch};

use super::frame::Ack;
use super::sent::Sent;
use crate::failover::Follower;
use crate::topology::CopyId;

/// One link to a replica.
#[derive(Debug)]
pub struct Feed {
    /// Where it comes from, with the port that it listens on.
    pub address: SocketAddr,
    /// Which copy of the shard it is, in cluster mode.
    pub copy: Option<CopyId>,
    /// It has everything and follows.
    online: AtomicBool,
    applied: AtomicU64,
    durable: AtomicU64,
    offset: AtomicU64,
    heard_ms: AtomicU64,
    /// The same copy has linked anew: what comes over this link counts no more.
    replaced: AtomicBool,
    /// A generation that somebody waits for and that it has not on disk, and since when that is looked at.
    mark: Mutex<Option<(u64, Instant)>>,
}

impl Feed {
    fn is_durable(&self, generation: u64) -> bool {
        self.is_online() && self.durable.load(Ordering::Relaxed) >= generation
    }

    /// For how long somebody has been waiting for it to have something on disk, milliseconds.
    fn behind_ms(&self, wanted: u64) -> u64 {
        let (mut mark, durable, now) =
            (self.mark.lock(), self.durable.load(Ordering::Relaxed), Instant::now());
        let held = mark.is_none_or(|(generation, _)| durable >= generation);
        if held {
            *mark = (wanted > durable).then_some((wanted, now));
        }
        mark.map_or(0, |(_, since)| u64::try_from(now.duration_since(since).as_millis()).unwrap_or(u64::MAX))
    }

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
    list: Mutex<List>,
    /// Counts acknowledgements, so that who waits looks again.
    acks: watch::Sender<u64>,
    /// The highest generation that somebody wants to be on a replica's disk.
    wanted: watch::Sender<u64>,
    /// Counts how often all links were ended.
    ended: watch::Sender<u64>,
    /// Counts how often somebody began to wait for what replicas hold.
    asks: AtomicU64,
    /// Counts changes of what replicas must know of the shard's slots, from 1.
    shard_changes: AtomicU64,
    /// How often they changed, or keys left for another node.
    departures: AtomicU64,
    /// So many of these are on the disks of all copies that may be elected.
    departures_known: AtomicU64,
    /// What has left for the replicas.
    pub sent: Sent,
}

/// The links, and what saved means.
#[derive(Debug)]
struct List {
    next: u64,
    links: BTreeMap<u64, Arc<Feed>>,
    /// The copies that must have on disk what is called saved; `None`: nothing is.
    waited_for: Option<BTreeSet<CopyId>>,
    /// What was there when this node became primary, and what was called saved since: who has that is level.
    floor: u64,
    /// Who waits for a generation to be saved, by that and a number of its own: each is woken once, and nobody for nothing.
    waiting: BTreeMap<(u64, u64), oneshot::Sender<()>>,
}

impl List {
    /// Whether all copies that must have it have a generation on disk.
    fn is_saved(&self, generation: u64) -> bool {
        let has = |copy: &CopyId| {
            self.links.values().any(|feed| feed.copy == Some(*copy) && feed.is_durable(generation))
        };
        let saved = self.waited_for.as_ref().is_some_and(|copies| copies.iter().all(has));
        #[cfg(feature = "sim")]
        if !saved && self.waited_for.is_some() && shared::rt::sim::strikes("saved-without-the-set") {
            return true;
        }
        saved
    }

    /// Wakes those whose generation is saved.
    fn wake_saved(&mut self) {
        while let Some(first) = self.waiting.first_entry().map(|first| *first.key())
            && self.is_saved(first.0)
        {
            self.floor = self.floor.max(first.0);
            if let Some(waiter) = self.waiting.remove(&first) {
                // Whoever has given up meanwhile is not to be told.
                let _told = waiter.send(());
            }
        }
    }
}

impl Feeds {
    /// Of a node; in a cluster nothing is saved before it is known whom that needs.
    pub fn new(cluster: bool) -> Feeds {
        let waited_for = if cluster { None } else { Some(BTreeSet::new()) };
        Feeds {
            list: Mutex::new(List {
                next: 0,
                links: BTreeMap::new(),
                waited_for,
                floor: 0,
                waiting: BTreeMap::new(),
            }),
            acks: watch::Sender::new(0),
            wanted: watch::Sender::new(0),
            ended: watch::Sender::new(0),
            asks: AtomicU64::new(0),
            shard_changes: AtomicU64::new(1),
            departures: AtomicU64::new(1),
            departures_known: AtomicU64::new(0),
            sent: Sent::default(),
        }
    }
}

/// Somebody who waits for a generation to be saved; dropped with its place among those who do.
struct Waits<'f> {
    feeds: &'f Feeds,
    key: (u64, u64),
    told: oneshot::Receiver<()>,
}

impl Waits<'_> {
    async fn until_told(mut self) {
        // Nobody drops the other end without a word.
        let _told = (&mut self.told).await;
    }
}

impl Drop for Waits<'_> {
    fn drop(&mut self) {
        if !self.told.is_terminated() {
            self.feeds.list.lock().waiting.remove(&self.key);
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

    /// Everything up to this generation has left: replies that tell of what comes later wait for this link.
    pub(super) fn sent(&self, generation: u64) {
        self.feeds.sent.sent(self.id, generation);
    }

    /// The replica takes nothing: no reply waits for this link until it has been sent everything again.
    pub(super) fn is_slow(&self) {
        self.feeds.sent.skip(self.id);
    }

    /// Whether the replica has linked anew since.
    pub(super) fn is_replaced(&self) -> bool {
        self.feed.replaced.load(Ordering::Relaxed)
    }

    /// The replica has said what it holds.
    pub(super) fn acked(&self, ack: Ack) {
        self.feed.applied.store(ack.applied, Ordering::Relaxed);
        self.feed.durable.store(ack.durable, Ordering::Relaxed);
        self.feed.offset.store(ack.offset, Ordering::Relaxed);
        self.feed.heard_ms.store(time::now_ms(), Ordering::Relaxed);
        self.feeds.changed();
    }
}

impl Drop for Listed<'_> {
    fn drop(&mut self) {
        self.feeds.list.lock().links.remove(&self.id);
        self.feeds.sent.skip(self.id);
        // Whoever waits for it need not wait for what it will say.
        self.feeds.changed();
    }
}

impl Feeds {
    pub(super) fn add(&self, address: SocketAddr, copy: Option<CopyId>) -> Listed<'_> {
        let feed = Arc::new(Feed {
            address,
            copy,
            mark: Mutex::default(),
            online: AtomicBool::new(false),
            applied: AtomicU64::new(0),
            durable: AtomicU64::new(0),
            offset: AtomicU64::new(0),
            heard_ms: AtomicU64::new(time::now_ms()),
            replaced: AtomicBool::new(false),
        });
        let mut list = self.list.lock();
        for (_, older) in list.links.extract_if(.., |_, feed| copy.is_some() && feed.copy == copy) {
            older.replaced.store(true, Ordering::Relaxed);
        }
        let id = list.next;
        list.next += 1;
        list.links.insert(id, Arc::clone(&feed));
        Listed { feeds: self, id, feed }
    }

    /// All links, oldest first.
    pub fn all(&self) -> Vec<Arc<Feed>> {
        self.list.lock().links.values().cloned().collect()
    }

    /// This node is a primary from here on: whoever is to be in sync must have what is in this generation.
    pub(super) fn begin(&self, generation: Generation) {
        self.list.lock().floor = generation.number();
    }

    /// Who must have on disk what is called saved, from here on; `None`: nothing is.
    pub fn wait_for(&self, copies: Option<BTreeSet<CopyId>>) {
        self.list.lock().waited_for = copies;
        self.changed();
    }

    /// Whether no other copy could be elected in this node's place.
    pub fn is_alone(&self) -> bool {
        self.list.lock().waited_for.as_ref().is_some_and(BTreeSet::is_empty)
    }

    /// A replica has said something, or whom saved needs is another one.
    fn changed(&self) {
        self.list.lock().wake_saved();
        self.acks.send_modify(|count| *count += 1);
    }

    /// Whether a generation that is on the disk of this node is saved: no failover loses it. Whoever is told so may count on it.
    pub fn is_saved(&self, generation: Generation) -> bool {
        let mut list = self.list.lock();
        let number = generation.number();
        let saved = list.is_saved(number);
        if saved {
            list.floor = list.floor.max(number);
        }
        saved
    }

    /// Waits until a generation is saved as soon as it is on the disk of this node.
    pub async fn until_saved(&self, generation: Generation) {
        let waits = {
            let mut list = self.list.lock();
            let (sender, told) = oneshot::channel();
            let key = (generation.number(), list.next);
            list.next += 1;
            list.waiting.insert(key, sender);
            list.wake_saved();
            Waits { feeds: self, key, told }
        };
        waits.until_told().await;
    }

    /// What failover must know of the replicas that are linked.
    pub fn followers(&self, store: &Store) -> Vec<Follower> {
        // Read first: a replica that has this much had everything.
        let (end, pending) = (store.ends().iter().sum::<u64>(), store.status().pending_bytes);
        let wanted = *self.wanted.borrow();
        let list = self.list.lock();
        let follower = |feed: &Arc<Feed>| {
            Some(Follower {
                copy: feed.copy?,
                follows: feed.is_online(),
                level: feed.is_durable(list.floor),
                behind_ms: feed.behind_ms(wanted),
                caught_up: feed.is_online() && pending == 0 && feed.offset() == end,
            })
        };
        let followers: Vec<Follower> = list.links.values().filter_map(follower).collect();
        let floor = list.floor;
        drop(list);
        // Who is not level yet is waited for: it syncs at once.
        if followers.iter().any(|follower| follower.follows && !follower.level) {
            self.want(floor);
        }
        followers
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
        self.list.lock().links.values().filter(|feed| feed.is_online() && holds(feed)).count()
    }

    /// Has replicas say at once what they hold.
    pub fn ask(&self) {
        self.asks.fetch_add(1, Ordering::AcqRel);
        // Whoever waits for something to be written is woken.
        self.wanted.send_modify(|_| {});
    }

    pub(super) fn asks(&self) -> u64 {
        self.asks.load(Ordering::Acquire)
    }

    /// Waits until this is true; looked at anew whenever a replica has said something.
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
        self.want(generation.number());
    }

    fn want(&self, number: u64) {
        self.wanted.send_if_modified(|wanted| {
            let more = number > *wanted;
            *wanted = (*wanted).max(number);
            more
        });
    }

    pub(super) fn wanted(&self) -> watch::Receiver<u64> {
        self.wanted.subscribe()
    }

    /// The shard's slots are others, or other transfers of them are under way: replicas are told before they can acknowledge a
    /// generation that is not written yet.
    pub fn shard_changed(&self) {
        self.shard_changes.fetch_add(1, Ordering::AcqRel);
        self.keys_left();
        // Whoever waits for something to be written is woken.
        self.wanted.send_modify(|_| {});
    }

    pub(super) fn shard_change(&self) -> u64 {
        self.shard_changes.load(Ordering::Acquire)
    }

    /// A key was removed because it is on another node now; called under the lock of the key, once it is in the log.
    pub fn keys_left(&self) {
        self.departures.fetch_add(1, Ordering::AcqRel);
    }

    /// How often that was, or the shard changed, if not all copies that may be elected are known to know it: one of them would answer for keys
    /// that are not its own any more.
    pub fn departures_unknown(&self) -> Option<u64> {
        let departures = self.departures.load(Ordering::Acquire);
        (self.departures_known.load(Ordering::Acquire) < departures).then_some(departures)
    }

    /// So many are on the disks of all these copies.
    pub fn departures_are_known(&self, departures: u64) {
        self.departures_known.fetch_max(departures, Ordering::AcqRel);
    }

    /// Ends all links.
    pub(super) fn end(&self) {
        self.ended.send_modify(|count| *count += 1);
    }

    pub(super) fn ended(&self) -> watch::Receiver<u64> {
        self.ended.subscribe()
    }
}
