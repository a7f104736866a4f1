//! The document's door: how a service and a window enter a document in the cluster.
//!
//! [`DocumentDoor::open`] subscribes first and reads state and log then, so nothing falls in between. An edit is one
//! transaction (`XADD` to the log, `SPUBLISH` of the same update) in one round trip; publishes of any number of documents
//! travel in one pipeline. *Saved* is told by barriers, one for all edits of at most 20 ms.
//!
//! # Gaps
//!
//! A message on the channel is exactly one y-protocols message and carries no number, so a receiver does not see from one
//! message that another is missing. It learns it in two ways, and reads the log then
//! ([`DocumentDoor::read_log_since`], from the last log id that it has applied):
//!
//! - the subscription says [`Event::Lost`](super::Event::Lost) and later `Resumed`: read the log after `Resumed`, for only
//!   from there on no message is missing;
//! - the document holds pending updates (yrs: `has_missing_updates`): an update came before one that it builds on.
//!
//! Applying an edit twice changes nothing, so reading too much is harmless.
//!
//! # Layout
//!
//! - [`DocumentDoor`]: open, publish, saved. - [`log_id`], [`log`]: the log and places in it. - [`state`]: the byte form of
//!   `doc:{ID}:state`. - `publisher`, `barrier`, `segment`: edits on their way to *saved*. - `unsaved`: which edits are not there yet.

mod barrier;
mod door;
pub mod log;
pub mod log_id;
pub(crate) mod publisher;
mod segment;
pub mod state;
mod unsaved;

pub use door::{CatchUp, DocumentDoor, Opened};
pub use log::LogEntry;
pub use log_id::LogId;
pub use state::State;
