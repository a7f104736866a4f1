//! What each command does, and the one table that says so.
//!
//! # Layout
//!
//! - [`table`]: every command by name; [`spec`]: the shape of a row.
//! - [`args`], [`reply`], [`error`]: what a handler is given and what it answers.
//! - [`key_context`]: the keyspace as a handler sees it, under the lock of its slot; `work`: what it leaves to be done.
//! - [`session_context`]: the connection and the node as a handler sees them.
//! - [`deadline`]: times to live; [`decimal`]: sums of decimal numbers.
//! - one module for each group of commands, each with its rows in `COMMANDS`.

pub mod args;
pub mod cluster;
pub mod collection;
pub mod connection;
pub mod deadline;
pub mod decimal;
pub mod error;
pub mod hash;
pub mod key_context;
pub mod keys;
pub mod list;
pub mod pubsub;
pub mod reply;
pub mod server;
pub mod session_context;
pub mod set;
pub mod sorted_set;
pub mod spec;
pub mod stream;
pub mod string;
pub mod subcommand;
pub mod table;
pub mod transaction;
pub(crate) mod work;

pub use args::{Args, Request};
pub use error::CommandError;
pub use key_context::KeyContext;
pub use reply::Reply;
pub use session_context::SessionContext;
pub use spec::{CommandSpec, Group, Handler, KeySpec, flag};
