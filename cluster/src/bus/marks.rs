//! The marks of slots that begin to move, on their way to the disk.
//!
//! `CLUSTER SETSLOT … IMPORTING` and `MIGRATING` are answered when the mark is handed to the system: a mark that is forgotten leaves the
//! slot with its old owner, and nothing was done yet. The driver of the bus syncs it at once; whatever depends on it waits for that:
//! replies about slots on the move ([`Hold::Marked`](crate::server::hold::Hold)), and keys that are removed because they have moved.

use std::sync::atomic::{AtomicU64, Ordering};

use shared::rt::time::{self, Duration};
use tokio::sync::{Notify, watch};

use crate::topology::nodes_conf::file::NodesConf;

/// How far the texts of `nodes.conf` have come.
pub struct Marks {
    written: AtomicU64,
    durable: watch::Sender<u64>,
    wanted: Notify,
}

impl Default for Marks {
    fn default() -> Marks {
        Marks { written: AtomicU64::new(0), durable: watch::Sender::new(0), wanted: Notify::new() }
    }
}

impl Marks {
    /// Tells how far it has come, before anybody sees what it says.
    pub(super) fn publish(&self, nodes_conf: &NodesConf) {
        self.written.store(nodes_conf.texts(), Ordering::Release);
        self.durable.send_if_modified(|durable| {
            std::mem::replace(durable, nodes_conf.durable()) != nodes_conf.durable()
        });
        if nodes_conf.noted().is_some() {
            self.wanted.notify_one();
        }
    }

    /// Waits until something is to be synced.
    pub(super) async fn wanted(&self) {
        self.wanted.notified().await;
    }

    /// The text that what this node shows now depends on, if it is not on the disk yet.
    pub fn unsynced(&self) -> Option<u64> {
        let written = self.written.load(Ordering::Acquire);
        (*self.durable.borrow() < written).then_some(written)
    }

    /// Waits until this text, or a later one, is on the disk.
    ///
    /// # Errors
    /// It is not in this time.
    pub async fn durable(&self, text: u64, patience: Duration) -> Result<(), String> {
        let mut durable = self.durable.subscribe();
        // The sender lives as long as this.
        let durable = async { durable.wait_for(|durable| *durable >= text).await.map(drop).ok() };
        let durable = time::timeout(patience, durable).await;
        durable.map(drop).map_err(|_| "nodes.conf is not on the disk".to_owned())
    }
}

#[cfg(test)]
mod tests {
    use shared::slot::Slot;
    use shared::testing::{TempFolder, Wire, wait};

    use super::*;
    use crate::bus::Bus;
    use crate::config::Settings;
    use crate::node::Node;

    impl Marks {
        /// As if `nodes.conf` said more than the disk has, and then as if it had that.
        fn pretend(&self, is_durable: bool) {
            self.written.store(u64::MAX, Ordering::Release);
            if is_durable {
                self.durable.send_replace(u64::MAX);
            }
        }
    }

    /// A node of a cluster in this process, and its files.
    struct Started {
        node: Node,
        _folder: TempFolder,
    }

    impl Started {
        fn new(name: &str) -> Started {
            let folder = TempFolder::new(name);
            let mut settings = Settings::default();
            let dir = folder.path().display().to_string();
            let pairs = [("port", "0"), ("dir", &dir), ("io-threads", "1"), ("appendonly", "yes")];
            let more = [("cluster-enabled", "yes"), ("cluster-node-timeout", "1000")];
            pairs.iter().chain(&more).for_each(|(name, value)| settings.put(name, &[value]).unwrap());
            Started { node: Node::start(settings).unwrap(), _folder: folder }
        }

        fn bus(&self) -> &Bus {
            self.node.shared().bus.as_ref().unwrap()
        }

        fn wire(&self) -> Wire {
            Wire::connect(self.node.shared().port)
        }

        fn port(&self) -> String {
            self.node.shared().port.to_string()
        }

        fn is_up(&self) -> bool {
            self.node.shared().view.up()
        }
    }

    /// A node with all slots, of which one with a key goes to another node; and that slot.
    fn moving() -> (Started, Started, String) {
        let (source, target) = (Started::new("source"), Started::new("target"));
        let (mut old, mut new) = (source.wire(), target.wire());
        assert!(old.call(&["CLUSTER", "ADDSLOTSRANGE", "0", "16383"]).is_ok());
        assert!(new.call(&["CLUSTER", "MEET", "127.0.0.1", &source.port()]).is_ok());
        let knows = |node: &Started, other: &Started| node.bus().knows(other.bus().my_id());
        wait::until("they know each other", || {
            knows(&source, &target) && knows(&target, &source) && source.is_up() && target.is_up()
        });
        assert!(old.call(&["SET", "k", "1"]).is_ok());
        let slot = Slot::of_key(b"k").to_string();
        let (from, to) = (source.bus().my_id().to_string(), target.bus().my_id().to_string());
        assert!(new.call(&["CLUSTER", "SETSLOT", &slot, "IMPORTING", &from]).is_ok());
        assert!(old.call(&["CLUSTER", "SETSLOT", &slot, "MIGRATING", &to]).is_ok());
        wait::until("the marks are on the disk", || {
            source.bus().marks.unsynced().is_none() && target.bus().marks.unsynced().is_none()
        });
        (source, target, slot)
    }

    #[test]
    fn what_depends_on_a_mark_is_not_said_before_that_is_on_the_disk() {
        let (source, target, slot) = moving();
        source.bus().marks.pretend(false);
        let mut sent_away = source.wire();
        assert!(sent_away.try_call(&["GET", "{k}none"]).is_none(), "closed without ASK");
        let mut others = source.wire();
        assert!(others.call(&["GET", "elsewhere"]).is_null(), "other slots are served");
        source.bus().marks.pretend(true);
        let asked = source.wire().call(&["GET", "{k}none"]);
        assert_eq!(asked.as_error().unwrap().code(), "ASK");

        target.bus().marks.pretend(false);
        let mut asking = target.wire();
        assert!(asking.call(&["ASKING"]).is_ok());
        assert!(asking.try_call(&["SET", "{k}none", "2"]).is_none(), "closed without OK");
        target.bus().marks.pretend(true);
        let mut asking = target.wire();
        assert!(asking.call(&["ASKING"]).is_ok());
        assert_eq!(asking.call(&["GET", "{k}none"]).as_str(), Some("2"), "slot {slot}");
    }

    #[test]
    fn a_key_leaves_when_the_marks_of_both_sides_are_on_the_disk() {
        let (source, target, slot) = moving();
        let mut wire = source.wire();
        let port = target.port();
        let mut migrate = || wire.call(&["MIGRATE", "127.0.0.1", &port, "k", "0", "300", "REPLACE"]);
        // The other node takes the key as soon as it has its own mark: then it is only on its way from here.
        for (node, takes) in [(&source, true), (&target, false)] {
            node.bus().marks.pretend(false);
            let answer = migrate();
            assert_eq!(answer.is_ok(), takes, "{answer}");
            let failed = answer.as_error().is_some_and(|error| error.code() == "IOERR");
            assert_eq!(failed, !takes, "{answer}");
            let mut counting = source.wire();
            wait::until("it stays here", || {
                counting.call(&["CLUSTER", "COUNTKEYSINSLOT", &slot]).as_int() == Some(1)
            });
            node.bus().marks.pretend(true);
            assert_eq!(source.wire().call(&["GET", "k"]).as_str(), Some("1"), "it is still here");
        }
        assert!(migrate().is_ok());
    }
}
