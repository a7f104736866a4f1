//! Commands about the node.
//!
//! # Layout
//!
//! - [`config`]: CONFIG; [`catalog`]: COMMAND; [`acl`]: ACL; [`info`]: INFO; [`observe`]: SLOWLOG, LATENCY, TIME, DEBUG.
//! - [`disk`]: SAVE and its kin, SHUTDOWN; [`memory`]: MEMORY.
//! - [`replication`]: REPLICAOF, ROLE, WAIT, WAITAOF, REPLSYNC.

pub mod acl;
pub mod catalog;
pub mod config;
pub mod disk;
pub mod info;
pub mod memory;
pub mod observe;
pub mod replication;

use super::cluster::migrations::slotsync;
use super::flag::{ADMIN, BLOCKING, FAST, NO_MULTI, READ, SECRET, WALKS, WRITE};
use super::{Args, CommandSpec, Group, Handler, KeySpec};

/// The key of MEMORY USAGE.
fn memory_key(args: &Args<'_>, found: &mut dyn FnMut(usize)) {
    if args.is(1, "usage") && args.len() > 2 {
        found(2);
    }
}

const SERVER: Group = Group::Server;

/// The rows of this module.
#[rustfmt::skip]
pub const COMMANDS: &[CommandSpec] = &[
    SERVER.session_row("config", -2, ADMIN | SECRET, "2.0.0", "A container for server configuration commands.", config::config),
    SERVER.session_row("command", -1, 0, "2.8.13", "Returns detailed information about all commands.", catalog::command),
    SERVER.session_row("acl", -2, ADMIN | SECRET, "6.0.0", "A container for Access List Control commands.", acl::acl),
    SERVER.session_row("info", -1, 0, "1.0.0", "Returns information and statistics about the server.", info::info),
    SERVER.session_row("time", 1, FAST, "2.6.0", "Returns the server time.", observe::time),
    SERVER.session_row("role", 1, FAST, "2.8.12", "Returns the replication role.", replication::role),
    SERVER.session_row("slowlog", -2, ADMIN, "2.2.12", "A container for slow log commands.", observe::slowlog),
    SERVER.session_row("latency", -2, ADMIN, "2.8.13", "A container for latency diagnostics commands.", observe::latency),
    SERVER.session_row("debug", -2, ADMIN | NO_MULTI, "1.0.0", "A container for debugging commands.", observe::debug),
    SERVER.session_row("swapdb", 3, WRITE | FAST, "4.0.0", "Swaps two Redis databases.", observe::swapdb),
    SERVER.session_row("save", 1, ADMIN | NO_MULTI, "1.0.0", "Synchronously saves the database(s) to disk.", disk::save),
    SERVER.session_row("bgsave", -1, ADMIN, "1.0.0", "Asynchronously saves the database(s) to disk.", disk::bgsave),
    SERVER.session_row("bgrewriteaof", 1, ADMIN, "1.0.0", "Asynchronously rewrites the append-only file to disk.", disk::bgrewriteaof),
    SERVER.session_row("lastsave", 1, FAST, "1.0.0", "Returns the Unix timestamp of the last successful save to disk.", disk::lastsave),
    SERVER.session_row("wait", 3, BLOCKING, "3.0.0", "Blocks until the asynchronous replication of all preceding write commands sent by the connection is completed.", replication::wait),
    SERVER.session_row("waitaof", 4, BLOCKING, "7.2.0", "Blocks until all of the preceding write commands sent by the connection are written to the append-only file of the master and/or replicas.", replication::waitaof),
    SERVER.session_row("replicaof", 3, ADMIN | NO_MULTI, "5.0.0", "Configures a server as replica of another, or promotes it to a master.", replication::replicaof),
    SERVER.session_row("slaveof", 3, ADMIN | NO_MULTI, "1.0.0", "Sets a Redis server as a replica of another, or promotes it to being a master.", replication::replicaof),
    SERVER.session_row("replsync", -2, ADMIN | NO_MULTI, "7.0.0", "A replica asks for what it lacks of the logs; frames follow.", replication::replsync),
    SERVER.session_row("slotsync", -2, ADMIN | NO_MULTI, "7.0.0", "A node offers slots to another one; frames follow.", slotsync),
    SERVER.session_row("shutdown", -1, ADMIN | NO_MULTI, "1.0.0", "Synchronously saves the database(s) to disk and shuts down the Redis server.", disk::shutdown),
    CommandSpec {
        name: "memory",
        arity: -2,
        flags: READ | WALKS,
        keys: KeySpec::Found { find: memory_key, told: 0 },
        group: Group::Server,
        since: "4.0.0",
        summary: "A container for memory diagnostics commands.",
        handler: Handler::Keys(memory::memory),
    },
];
