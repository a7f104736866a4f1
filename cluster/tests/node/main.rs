//! Real nodes, each a process, asked by real clients.

mod cluster_bus;
mod cluster_failing;
mod cluster_messages;
mod cluster_owning;
mod local;
mod redis_cli;
