//! The registry of clients: what CLIENT LIST tells, CLIENT KILL ends and CLIENT PAUSE holds back.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU64, AtomicUsize, Ordering};

use dashmap::DashMap;
use parking_lot::Mutex;
use shared::resp::Protocol;
use shared::rt::time::Instant;
use tokio::sync::{oneshot, watch};

use super::outbox::Outbox;
use super::session::Session;
use crate::command::{CommandSpec, flag};
use crate::pubsub::Scope;

/// One client as others see it.
pub struct Client {
    /// Unique and ascending within a node's life.
    pub id: u64,
    /// Where it comes from.
    pub peer: SocketAddr,
    /// Where it came to.
    pub local: SocketAddr,
    /// When it came, Unix milliseconds.
    pub since_ms: u64,
    /// When it last asked, Unix milliseconds.
    pub last_ms: AtomicU64,
    /// CLIENT SETNAME.
    pub name: Mutex<String>,
    /// CLIENT SETINFO: name and version of its library.
    pub library: Mutex<(String, String)>,
    /// CLIENT NO-EVICT.
    pub no_evict: AtomicBool,
    /// Messages pushed to it.
    pub outbox: Outbox,
    /// While it waits for keys: how CLIENT UNBLOCK reaches it (true answers an error).
    pub unblock: Mutex<Option<oneshot::Sender<bool>>>,
    /// Requests queued behind MULTI; -1 without MULTI.
    pub queued: AtomicI64,
    /// Channels, patterns and sharded channels it listens to.
    pub listens: [AtomicUsize; 3],
    /// Whether it speaks RESP3.
    pub resp3: AtomicBool,
    /// The row of its last command in the table, plus one.
    pub last_command: AtomicUsize,
}

impl Client {
    /// Takes over what its session says, after a turn; `last_command` is a row of the table plus one, 0 if none was run.
    #[inline]
    pub(super) fn seen(&self, now_ms: u64, last_command: usize, session: &Session) {
        self.last_ms.store(now_ms, Ordering::Relaxed);
        if last_command != 0 {
            self.last_command.store(last_command, Ordering::Relaxed);
        }
        let queued = session.transaction.as_ref().map_or(-1, |transaction| transaction.queue.len() as i64);
        self.queued.store(queued, Ordering::Relaxed);
        self.resp3.store(session.protocol == Protocol::Resp3, Ordering::Relaxed);
        if let Some(subscription) = &session.subscription {
            for (count, scope) in self.listens.iter().zip([Scope::Channel, Scope::Pattern, Scope::Shard]) {
                count.store(subscription.names(scope).len(), Ordering::Relaxed);
            }
        }
    }

    /// Whether it listens to anything.
    pub fn subscribed(&self) -> bool {
        self.listens.iter().any(|count| count.load(Ordering::Relaxed) > 0)
    }

    /// Whether it waits for keys.
    pub fn blocked(&self) -> bool {
        self.unblock.lock().is_some()
    }
}

/// CLIENT PAUSE.
#[derive(Debug, Clone, Copy)]
pub struct Paused {
    until: Instant,
    /// Whether reads are held back too.
    all: bool,
}

impl Paused {
    /// Its end, unless it is lifted before.
    pub fn until(&self) -> Instant {
        self.until
    }

    /// Until when a command is held back.
    pub fn holds(&self, spec: &CommandSpec, session: &Session) -> Option<Instant> {
        let writes = spec.has(flag::WRITE) || spec.name == "publish" || spec.name == "spublish";
        let queue = session.transaction.iter().flat_map(|transaction| &transaction.queue);
        let exec_writes =
            spec.name == "exec" && queue.into_iter().any(|(found, _)| found.spec.has(flag::WRITE));
        // The way out of a pause stays open.
        let always = matches!(spec.name, "client" | "shutdown" | "quit" | "replconf");
        let held = !always && (self.all || writes || exec_writes);
        (held && self.until > Instant::now()).then_some(self.until)
    }
}

/// All clients of a node.
pub struct Clients {
    by_id: DashMap<u64, Arc<Client>, foldhash::fast::RandomState>,
    last_id: AtomicU64,
    count: AtomicUsize,
    pausing: AtomicBool,
    pause: watch::Sender<Option<Paused>>,
}

impl Default for Clients {
    fn default() -> Clients {
        Clients {
            by_id: DashMap::default(),
            last_id: AtomicU64::new(0),
            count: AtomicUsize::new(0),
            pausing: AtomicBool::new(false),
            pause: watch::Sender::new(None),
        }
    }
}

impl Clients {
    /// Registers a client.
    pub fn add(&self, peer: SocketAddr, local: SocketAddr, now_ms: u64) -> Arc<Client> {
        let id = self.last_id.fetch_add(1, Ordering::Relaxed) + 1;
        let client = Arc::new(Client {
            id,
            peer,
            local,
            since_ms: now_ms,
            last_ms: AtomicU64::new(now_ms),
            name: Mutex::default(),
            library: Mutex::default(),
            no_evict: AtomicBool::new(false),
            outbox: Outbox::default(),
            unblock: Mutex::new(None),
            queued: AtomicI64::new(-1),
            listens: Default::default(),
            resp3: AtomicBool::new(false),
            last_command: AtomicUsize::new(0),
        });
        self.by_id.insert(id, Arc::clone(&client));
        self.count.fetch_add(1, Ordering::Relaxed);
        client
    }

    /// Forgets a client.
    pub fn remove(&self, id: u64) {
        #[cfg(feature = "sim")]
        if shared::rt::sim::strikes("client-not-forgotten") {
            return;
        }
        if self.by_id.remove(&id).is_some() {
            self.count.fetch_sub(1, Ordering::Relaxed);
        }
    }

    /// The client with this id.
    pub fn get(&self, id: u64) -> Option<Arc<Client>> {
        self.by_id.get(&id).map(|client| Arc::clone(&client))
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.count.load(Ordering::Relaxed)
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// All clients, by id.
    pub fn all(&self) -> Vec<Arc<Client>> {
        let mut all: Vec<_> = self.by_id.iter().map(|client| Arc::clone(&client)).collect();
        all.sort_unstable_by_key(|client| client.id);
        all
    }

    /// Holds back commands until a moment. Of two pauses the longer and the wider holds.
    pub fn pause(&self, until: Instant, all: bool) {
        self.pause.send_modify(|pause| {
            let old = pause.filter(|old| old.until > Instant::now());
            let until = old.map_or(until, |old| old.until.max(until));
            *pause = Some(Paused { until, all: all || old.is_some_and(|old| old.all) });
        });
        self.pausing.store(true, Ordering::Release);
    }

    /// Ends a pause.
    pub fn unpause(&self) {
        self.pausing.store(false, Ordering::Release);
        self.pause.send_replace(None);
    }

    /// The pause that holds now.
    #[inline]
    pub fn paused(&self) -> Option<Paused> {
        if !self.pausing.load(Ordering::Acquire) {
            return None;
        }
        let paused = *self.pause.borrow();
        if paused.is_none_or(|paused| paused.until <= Instant::now()) {
            self.pausing.store(false, Ordering::Release);
        }
        paused
    }

    /// Changes when a pause does.
    pub(super) fn pauses(&self) -> watch::Receiver<Option<Paused>> {
        self.pause.subscribe()
    }
}
