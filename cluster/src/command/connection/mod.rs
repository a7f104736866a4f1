//! Commands about the connection.
//!
//! # Layout
//!
//! - [`basic`]: PING, ECHO, SELECT, RESET; [`auth`]: AUTH, HELLO; [`client`]: CLIENT; [`list`]: CLIENT LIST and KILL;
//!   [`proxy`]: CLIENT PROXY.

pub mod auth;
pub mod basic;
pub mod client;
pub mod list;
pub mod proxy;

use super::flag::{FAST, NO_AUTH, NOT_QUEUED, SECRET, WHILE_SUBSCRIBED};
use super::{CommandSpec, Group};

const CONNECTION: Group = Group::Connection;

/// The rows of this module.
#[rustfmt::skip]
pub const COMMANDS: &[CommandSpec] = &[
    CONNECTION.session_row("ping", -1, FAST | WHILE_SUBSCRIBED, "1.0.0", "Returns the server's liveliness response.", basic::ping),
    CONNECTION.session_row("echo", 2, FAST, "1.0.0", "Returns the given string.", basic::echo),
    CONNECTION.session_row("quit", -1, FAST | NO_AUTH | WHILE_SUBSCRIBED | NOT_QUEUED, "1.0.0", "Closes the connection.", basic::quit),
    CONNECTION.session_row("reset", 1, FAST | NO_AUTH | WHILE_SUBSCRIBED | NOT_QUEUED, "6.2.0", "Resets the connection.", basic::reset),
    CONNECTION.session_row("select", 2, FAST, "1.0.0", "Changes the selected database.", basic::select),
    CONNECTION.session_row("asking", 1, FAST, "3.0.0", "Signals that a cluster client is following an -ASK redirect.", basic::asking),
    CONNECTION.session_row("readonly", 1, FAST, "3.0.0", "Enables read-only queries for a connection to a Redis Cluster replica node.", basic::readonly),
    CONNECTION.session_row("readwrite", 1, FAST, "3.0.0", "Enables read-write queries for a connection to a Redis Cluster replica node.", basic::readwrite),
    CONNECTION.session_row("auth", -2, FAST | NO_AUTH | SECRET, "1.0.0", "Authenticates the connection.", auth::auth),
    CONNECTION.session_row("hello", -1, FAST | NO_AUTH | SECRET, "6.0.0", "Handshakes with the Redis server.", auth::hello),
    CONNECTION.session_row("client", -2, 0, "2.4.0", "A container for client connection commands.", client::client),
];
