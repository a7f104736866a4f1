//! The client of a cluster (ours, Redis or Valkey) or of a server on its own.
//!
//! Calls of any number of tasks share one connection to each node and travel in one pipeline. A call follows `MOVED` and
//! `ASK`, waits out `TRYAGAIN`, `CLUSTERDOWN` and `LOADING`, and survives lost connections, with growing waits, until its
//! deadline. A command whose answer was lost is sent again only if it is idempotent; else the caller hears
//! [`ClientError::Unknown`]. Subscriptions survive reconnections and moves of their slot and say when messages may be missing.
//!
//! Measured on two shared cores against redis-server 7.0.15, 512 at once, client on one thread (`cargo bench -p shared --bench
//! client`): 267,000 SET of 100 bytes a second over one connection (2.5 µs of the client's CPU each), 122,000 edits a second
//! published and saved (4.4 µs each), 178,000 messages a second published and received.
//!
//! # Layout
//!
//! - [`Client`]: the handle. - [`config`], [`address`], [`error`], [`command`]: its vocabulary.
//! - `core`: delivery of one parcel: route, attempt, refusal, wait. - [`slot_map`], `topology`: who owns which slot, kept fresh.
//! - `redirect`, [`backoff`]: what a refusal means, how long to wait.
//! - `nodes`, `connection`: links to nodes, and the pipelines on them.
//! - [`subscription`]: channels. - [`fan_out`]: questions to every primary. - [`capabilities`]: what the servers can do.
//! - `watch`: transactions that depend on what was read. - [`document`]: the document's door: open, publish, *saved*.
//! - [`catalog`]: which documents there are.

pub mod address;
pub mod backoff;
pub mod capabilities;
#[cfg(feature = "document")]
pub mod catalog;
pub mod command;
pub mod config;
mod connection;
mod core;
pub mod document;
pub mod error;
pub mod fan_out;
mod handle;
mod nodes;
mod redirect;
pub mod slot_map;
pub mod subscription;
mod topology;
mod watch;

pub use address::Address;
pub use capabilities::Capabilities;
#[cfg(feature = "document")]
pub use catalog::Catalog;
pub use command::Command;
pub use config::ClientConfig;
pub use error::ClientError;
pub use handle::Client;
pub use slot_map::{Shard, SlotMap};
pub use subscription::{Event, Subscription};
pub use watch::Watched;
