//! What a connection remembers between requests.

use std::sync::Arc;

use persistence::Generation;
use shared::limits::{PROXY_BATCH_REQUESTS_MAX, TRANSFER_WAIT_MS};
use shared::resp::Protocol;
use shared::rt::time::{Duration, Instant};
use shared::slot::Slot;

use super::clients::Client;
use crate::command::Request;
use crate::command::table::Found;
use crate::keyspace::Keyspace;
use crate::keyspace::watch::WatchFlag;
use crate::proxy::claim::Written;
use crate::proxy::errand::Pinned;
use crate::proxy::mark::Mark;
use crate::pubsub::Subscription;
use crate::redirect::Said;

/// What a connection remembers between requests; only its own task touches it.
pub struct Session {
    /// The client as others see it.
    pub client: Arc<Client>,
    /// The protocol it speaks.
    pub protocol: Protocol,
    /// Whether it said the password, or none is asked for.
    pub authenticated: bool,
    /// What it listens to; made by its first SUBSCRIBE, dropped by RESET.
    pub subscription: Option<Subscription>,
    /// It wants to hear something new since its last turn: its replies wait until other nodes have heard of this version of what is
    /// wanted here.
    pub unheard: Option<u64>,
    /// What it queued since MULTI.
    pub transaction: Option<Transaction>,
    /// Keys it watches.
    pub watch: Watch,
    /// What its last write will be in: WAITAOF waits for it.
    pub generation: Option<Generation>,
    /// How often the node had become a primary then: if it did again since, what it wrote before may be gone.
    pub led: u64,
    /// CLIENT REPLY.
    pub replies: Replies,
    /// ASKING, for its next command, and READONLY.
    pub said: Said,
    /// CLIENT CONSISTENCY.
    pub consistency: Consistency,
    /// Since when its request waits for a slot that changes hands.
    pub waiting_since: Option<Instant>,
    /// Its requests were forwarded by another node (CLIENT PROXY).
    pub mark: Option<Box<Mark>>,
    /// What it wrote at other nodes: WAIT and WAITAOF ask them.
    pub written: Written,
    /// How many of its requests are forwarded together at most.
    pub forwarded_together_max: usize,
    /// CLIENT NO-TOUCH: its reads do not count as use of a key.
    pub no_touch: bool,
}

/// Whether a client wants replies.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Replies {
    /// Yes.
    On,
    /// No.
    Off,
    /// Not for the next request.
    SkipNext,
}

/// Requests between MULTI and EXEC.
#[derive(Default)]
pub struct Transaction {
    /// In the order they came.
    pub queue: Vec<(Found, Request)>,
    /// Bytes they take.
    pub bytes: usize,
    /// One was refused: EXEC will refuse all.
    pub failed: bool,
}

/// How many copies must hold what a reply tells of keys (CLIENT CONSISTENCY).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Consistency {
    /// This node alone, as in Redis: a failover may lose it.
    #[default]
    One,
    /// All that could be elected: no failover loses it. A read waits until they have confirmed, since it was asked, that this node
    /// is their primary, and that they hold what it shows: it is linearizable.
    Quorum,
    /// All replicas of the shard besides.
    All,
}

/// Keys that a transaction depends on.
#[derive(Default)]
pub struct Watch {
    /// Set when one was changed.
    pub flag: WatchFlag,
    /// The keys.
    pub keys: Vec<Box<[u8]>>,
    /// Keys of another node.
    pub elsewhere: Option<Pinned>,
}

impl Watch {
    /// Watches nothing any more.
    pub fn end(&mut self, keyspace: &Keyspace) {
        for key in self.keys.drain(..) {
            keyspace.lock(Slot::of_key(&key).partition()).watched.unwatch(&key, &self.flag);
        }
        self.flag = WatchFlag::default();
        self.elsewhere = None;
    }
}

impl Session {
    /// It wrote something that will be in this generation. The log is taken range by range: what is written later, in another
    /// range, may be in an earlier generation.
    pub fn wrote(&mut self, generation: Generation, led: u64) {
        let before = self.generation.filter(|_| self.led == led);
        (self.generation, self.led) = (before.max(Some(generation)), led);
    }

    /// A new connection's.
    pub fn new(client: Arc<Client>, authenticated: bool) -> Session {
        Session {
            client,
            protocol: Protocol::Resp2,
            authenticated,
            subscription: None,
            unheard: None,
            transaction: None,
            watch: Watch::default(),
            generation: None,
            led: 0,
            replies: Replies::On,
            said: Said::default(),
            consistency: Consistency::One,
            waiting_since: None,
            mark: None,
            written: Written::default(),
            forwarded_together_max: PROXY_BATCH_REQUESTS_MAX,
            no_touch: false,
        }
    }

    /// Whether no request may wait on it: others' come over the same connection, forwarded by a node that asks again.
    pub fn never_waits(&self) -> bool {
        self.mark.as_ref().is_some_and(|mark| mark.is_shared())
    }

    /// Until when its request waits for a slot that changes hands; none if it has waited that long.
    pub fn waits_for_transfer(&mut self) -> Option<Instant> {
        let since = *self.waiting_since.get_or_insert_with(Instant::now);
        let until = since + Duration::from_millis(TRANSFER_WAIT_MS);
        (Instant::now() < until).then_some(until)
    }

    /// Whether it listens to anything.
    pub fn subscribed(&self) -> bool {
        self.subscription.as_ref().is_some_and(|subscription| subscription.count() > 0)
    }
}

#[cfg(test)]
mod tests {
    use std::net::{Ipv4Addr, SocketAddr};

    use persistence::{Config, Store};
    use shared::testing::TempFolder;

    use super::*;
    use crate::server::clients::Clients;

    #[test]
    fn what_was_written_is_in_the_latest_generation_of_all_that_was() {
        let folder = TempFolder::new("session");
        let (store, _) = Store::open(&Config::new(folder.path()), &()).unwrap();
        let (mut writer, _syncer) = store.drivers().unwrap();
        let mut next = || {
            writer.step().unwrap();
            store.generation()
        };
        let (first, second) = (next(), next());
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, 1));
        let mut session = Session::new(Clients::default().add(address, address, 0), true);
        session.wrote(second, 1);
        // In a range that the writer had not come to yet.
        session.wrote(first, 1);
        assert_eq!((session.generation, session.led), (Some(second), 1));
        // As a primary anew: what was before is no more of its own.
        session.wrote(first, 2);
        assert_eq!((session.generation, session.led), (Some(first), 2));
    }
}
