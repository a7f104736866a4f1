//! The local document that a page edits.
//!
//! A replica lives on the thread of its page: a key becomes an edit of it inside the signal that reports the key, so that no
//! remote edit can come between a position and its use. It hears of remote edits in batches, applies a batch in one
//! transaction, and tells the page what changed as few insertions and deletions.
//!
//! # Layout
//!
//! - [`text`]: a text and its undo, on `shared::document::TextDocument`.
//! - [`sheet`]: a sheet document and its undo, on `shared::document::SheetDocument`.
//! - [`change`]: what a page has to do to its view.

pub mod change;
pub mod sheet;
pub mod text;

pub use change::Change;
pub use sheet::SheetReplica;
pub use text::{Broken, TextReplica, Undone};
