//! The node of the cache cluster: `rustidocs-node`.
//!
//! # Layout
//!
//! - [`process`]: the program, from its arguments to its exit code; [`logging`]: what it tells people.
//! - [`config`]: settings as typed and as validated.
//! - [`node`]: a node as a value; several live in one process.
//! - [`local`]: several nodes in one process that form a cluster by themselves.
//! - [`rebalance`]: spreads the slots of a cluster evenly.
//! - [`server`]: listener, workers, connections, the registry of clients.
//! - [`command`]: the one table of commands, and what each does.
//! - [`peer`]: a connection to another node's port for clients; [`migrate`]: keys go to another node.
//! - [`redirect`]: whether this node serves a slot, and what is answered when not; [`proxy`]: or the command is forwarded.
//! - [`commit`]: the one write point: keyspace, log, watchers, in one order per slot.
//! - [`replication`]: the log goes to replicas.
//! - [`slot_migration`]: slots go to another node as a stream.
//! - [`maxmemory`]: what happens when the data outgrows it.
//! - [`keyspace`]: partitions, slot tables, entries, values, expiry.
//! - [`topology`]: who is in the cluster and who owns which slot; `nodes.conf`.
//! - [`gossip`]: how nodes find each other, agree, and notice who is gone. Pure.
//! - [`failover`]: who is primary of a shard, so that nothing that was called saved is lost. Pure.
//! - [`bus`]: the connections between nodes, and the driver of what gossip decides.
//! - [`pubsub`]: channels and who listens.
//! - [`glob`]: patterns of names; [`log`]: where effects go; [`replay`]: how they come back; [`stats`]: what is counted; [`slowlog`]: what was slow.
//!
//! A request walks `server::connection` → `command::table` → `redirect` → `commit` → a handler → the reply buffer.

pub mod bus;
pub mod command;
pub mod commit;
pub mod config;
pub mod failover;
pub mod glob;
pub mod gossip;
pub mod keyspace;
pub mod local;
pub mod log;
pub mod logging;
pub mod maxmemory;
pub mod migrate;
pub mod node;
pub mod peer;
pub mod process;
pub mod proxy;
pub mod pubsub;
pub mod rebalance;
pub mod redirect;
pub mod replay;
pub mod replication;
pub mod server;
pub mod slot_migration;
pub mod slowlog;
pub mod stats;
pub mod topology;
