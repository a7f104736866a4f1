//! What both ends of a socket must agree on.
//!
//! # Layout
//!
//! - [`limits`]: every bound by name, with its unit.
//! - [`slot`], [`slot_set`], [`epoch`], [`node_id`], [`offset`]: the words of the Redis Cluster specification.
//! - [`names`]: names of keys and channels of a document.
//! - [`resp`]: the protocol between clients and nodes.
//! - [`protocol`]: the messages of a document's channel: y-protocols, byte for byte, and *saved*.
//! - [`document`] (feature `document`): texts and sheets on yrs, guarded against hostile updates; feature `calc` adds values of formulas.
//! - [`client`] (feature `client`): the client of a cluster, and the document's door.
//! - [`rt`] (feature `rt`): the only door to sockets, files, clocks and randomness.
//! - [`testing`] (feature `testing`): real servers for tests.

#[cfg(feature = "client")]
pub mod client;
#[cfg(feature = "document")]
pub mod document;
pub mod epoch;
pub mod limits;
pub mod names;
pub mod node_id;
pub mod offset;
pub mod protocol;
pub mod resp;
#[cfg(feature = "rt")]
pub mod rt;
pub mod slot;
pub mod slot_set;
#[cfg(feature = "testing")]
pub mod testing;
