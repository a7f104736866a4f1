//! Messages for whoever listens: channels, patterns, sharded channels.
//!
//! A message is encoded once for each protocol version and shared by all its subscribers. A channel's messages pass under its
//! lock, so all its subscribers on a node see them in one order.
//!
//! # Layout
//!
//! - [`registry`]: who listens to what, and handing messages over.
//! - [`subscriber`]: one connection that listens; [`channel`]: all who listen to one name.
//! - [`message`]: what subscribers are sent, as bytes.
//! - [`interest`]: what other nodes are told of who listens here.
//! - `limit`: how far a subscriber may fall behind.

pub mod channel;
pub mod interest;
mod limit;
pub mod message;
pub mod registry;
pub mod subscriber;

pub use registry::PubSub;
pub use subscriber::{Scope, Subscriber, Subscription};

#[cfg(test)]
mod tests;
