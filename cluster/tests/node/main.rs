//! Real nodes, each a process, asked by real clients.
//!
//! # Layout
//!
//! - [`server`]: one node; [`raw`]: a connection that keeps every byte of a reply's shape; [`contents`]: all that a node holds.
//! - [`differential`]: random commands on our node and on redis-server must be answered alike; [`templates`] says which. [`scripts`]: the
//!   same for scripts of several clients.
//! - [`transactions`], [`passwords`], [`clients`], [`waiting`], [`scanning`], [`configuration`], [`observing`], [`command_table`]: what the commands do that
//!   are not about values.
//! - [`expiring`], [`eviction`], [`full_disk`], [`broken_disk`], [`recovery`], [`bad_input`]: bounds, damage, kills.
//! - [`replication`], [`digests`], [`catch_up`]: a primary and its replicas. `cluster_*`, [`local`]: several nodes; [`machines`]: with a network that can be cut; [`redis_cli`], [`redis_py`], [`ioredis`]: foreign clients.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test that cannot go on ends")]

mod bad_input;
mod broken_disk;
mod catch_up;
mod clients;
mod cluster_bus;
mod cluster_failing;
mod cluster_failover;
mod cluster_interest;
mod cluster_messages;
mod cluster_migrating;
mod cluster_moving;
mod cluster_moving_cli;
mod cluster_moving_copies;
mod cluster_owning;
mod cluster_partition;
mod cluster_proxy;
mod cluster_proxy_changes;
mod cluster_replicas;
mod cluster_replies;
mod cluster_troubles;
mod cluster_twins;
mod command_table;
mod configuration;
mod contents;
mod differential;
mod digests;
mod dumps;
mod eviction;
mod expiring;
mod full_disk;
mod ioredis;
mod local;
mod machines;
mod observing;
mod passwords;
mod raw;
mod recovery;
mod redis_cli;
mod redis_py;
mod replication;
mod scanning;
mod scripts;
mod server;
mod templates;
mod transactions;
mod waiting;
