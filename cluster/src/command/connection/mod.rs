//! Commands about the connection.
//!
//! # Layout
//!
//! - [`basic`]: PING, ECHO, SELECT, RESET; [`auth`]: AUTH, HELLO; [`client`]: CLIENT; [`list`]: CLIENT LIST and KILL.

pub mod auth;
pub mod basic;
pub mod client;
pub mod list;

use super::flag::{FAST, LOADING, NO_AUTH, NOT_QUEUED, SECRET, STALE, WHILE_SUBSCRIBED};
use super::spec::SessionHandler;
use super::{CommandSpec, Group, Handler, KeySpec};

const fn row(
    name: &'static str,
    arity: i16,
    flags: u32,
    since: &'static str,
    summary: &'static str,
    handler: SessionHandler,
) -> CommandSpec {
    let (keys, group, handler) = (KeySpec::None, Group::Connection, Handler::Session(handler));
    CommandSpec { name, arity, flags: flags | LOADING | STALE, keys, group, since, summary, handler }
}

/// The rows of this module.
#[rustfmt::skip]
pub const COMMANDS: &[CommandSpec] = &[
    row("ping", -1, FAST | WHILE_SUBSCRIBED, "1.0.0", "Returns the server's liveliness response.", basic::ping),
    row("echo", 2, FAST, "1.0.0", "Returns the given string.", basic::echo),
    row("quit", -1, FAST | NO_AUTH | WHILE_SUBSCRIBED | NOT_QUEUED, "1.0.0", "Closes the connection.", basic::quit),
    row("reset", 1, FAST | NO_AUTH | WHILE_SUBSCRIBED | NOT_QUEUED, "6.2.0", "Resets the connection.", basic::reset),
    row("select", 2, FAST, "1.0.0", "Changes the selected database.", basic::select),
    row("readonly", 1, FAST, "3.0.0", "Enables read-only queries for a connection to a Redis Cluster replica node.", basic::cluster_only),
    row("readwrite", 1, FAST, "3.0.0", "Enables read-write queries for a connection to a Redis Cluster replica node.", basic::cluster_only),
    row("auth", -2, FAST | NO_AUTH | SECRET, "1.0.0", "Authenticates the connection.", auth::auth),
    row("hello", -1, FAST | NO_AUTH | SECRET, "6.0.0", "Handshakes with the Redis server.", auth::hello),
    row("client", -2, 0, "2.4.0", "A container for client connection commands.", client::client),
];
