//! What happens to a node's side of the bus.

use std::net::IpAddr;

use shared::node_id::NodeId;

use super::message::Message;

/// One connection between two nodes, as one of them numbers it. Numbers are never used again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum LinkId {
    /// This node connected it, to ask. Numbered by the engine.
    Out(u64),
    /// A peer connected it, to ask this node. Numbered by the driver.
    In(u64),
}

/// What happened.
#[derive(Debug, Clone)]
#[expect(clippy::large_enum_variant, reason = "made and taken at once, never kept")]
pub enum Event {
    /// Time passed; about every [`super::engine::TICK_MS`].
    Tick,
    /// The outgoing link stands.
    Connected(u64),
    /// The outgoing link broke or never came to stand.
    Closed(u64),
    /// A message came, checked whole.
    Received {
        /// Over which link.
        link: LinkId,
        /// The IP of this node on that link.
        local: IpAddr,
        /// The peer's IP on that link.
        remote: IpAddr,
        /// Who says to have sent it.
        sender: NodeId,
        /// What it says.
        message: Message,
    },
}
