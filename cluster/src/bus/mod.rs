//! The cluster bus: the connections over which the nodes of a cluster speak, and the driver that performs what [`crate::gossip`]
//! decides. Messages for subscribers have links of their own, served by the workers: gossip never waits behind them.
//!
//! # Layout
//!
//! - [`packet`]: one message as bytes, checked whole before any of it is used; [`wire`]: its numbers and texts.
//! - [`queue`]: what waits to be sent on one link, bounded; [`links`]: the links of a node that carry gossip; [`connection`]: one of them
//!   at work.
//! - [`marks`]: marks of slots that move, on their way to the disk.
//! - [`messages`]: the links that carry what is published.
//! - [`bus`]: the node's side of the bus: the engine behind one lock, and its effects performed in order.
//! - [`place`]: what a node's place in its shard asks of it.
//! - [`driver`]: the task that accepts, connects and lets time pass.
//! - [`counters`]: what `CLUSTER INFO` counts.

#[allow(clippy::module_inception)]
pub mod bus;
mod connection;
pub mod counters;
pub mod driver;
pub mod links;
pub mod marks;
pub mod messages;
pub mod packet;
mod place;
pub mod queue;
mod wire;

pub use bus::{Bus, StartError, port};
pub use packet::{BadPacket, Packet};
