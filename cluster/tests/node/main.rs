//! Real nodes, each a process, asked by real clients.
//!
//! # Layout
//!
//! - `cluster_*`, [`local`]: several nodes; [`redis_cli`], [`redis_py`]: foreign clients.
//! - [`differential`]: random commands on our node and on redis-server must be answered alike; [`templates`] says which.
//! - [`waiting`]: clients that wait for keys.
//! - [`raw`]: a connection that keeps every byte of a reply's shape.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test that cannot go on ends")]

mod cluster_bus;
mod cluster_failing;
mod cluster_messages;
mod cluster_owning;
mod differential;
mod local;
mod raw;
mod redis_cli;
mod redis_py;
mod templates;
mod waiting;
