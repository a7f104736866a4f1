//! Connections to nodes: each carries many calls at once.
//!
//! # Layout
//!
//! - [`link`]: the lasting link to a node: connects when there is something to send, again after a loss.
//! - [`pipeline`]: one connection while it lasts: requests out, replies in, in order.
//! - [`handshake`]: the introduction: RESP3 if the server knows it, AUTH.
//! - [`request`]: what travels through a link, and how it ends.

mod handshake;
mod link;
mod pipeline;
mod request;

pub(crate) use handshake::{Introduced, connect};
pub(crate) use link::Link;
pub(crate) use request::{Failure, Order};
