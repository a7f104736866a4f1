//! The three kinds of channels.

use bytes::Bytes;

use crate::resp::write;
use crate::slot::Slot;

/// How a channel is subscribed to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Kind {
    /// By name, in the whole cluster.
    Plain,
    /// By glob pattern, in the whole cluster.
    Pattern,
    /// By name, on the owner of its slot.
    Sharded,
}

/// What one can subscribe to.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Topic {
    pub(crate) kind: Kind,
    /// The channel or the pattern.
    pub(crate) name: Bytes,
}

impl Topic {
    /// The slot that decides where it lives, if one does.
    pub(crate) fn slot(&self) -> Option<Slot> {
        (self.kind == Kind::Sharded).then(|| Slot::of_key(&self.name))
    }

    pub(super) fn write_subscribe(&self, out: &mut Vec<u8>) {
        let command = match self.kind {
            Kind::Plain => "SUBSCRIBE",
            Kind::Pattern => "PSUBSCRIBE",
            Kind::Sharded => "SSUBSCRIBE",
        };
        write::request(out, &[command.as_bytes(), &self.name]);
    }

    pub(super) fn write_unsubscribe(&self, out: &mut Vec<u8>) {
        let command = match self.kind {
            Kind::Plain => "UNSUBSCRIBE",
            Kind::Pattern => "PUNSUBSCRIBE",
            Kind::Sharded => "SUNSUBSCRIBE",
        };
        write::request(out, &[command.as_bytes(), &self.name]);
    }
}
