//! The base of a range: the entries of all its slots, and the cut of each.
//!
//! # Layout
//!
//! - [`writer`]: writes a base, slot by slot.
//! - [`reader`]: restores a base.
//! - [`new`]: a base that becomes the one that counts.

pub(crate) mod new;
pub(crate) mod reader;
pub(crate) mod writer;

pub use writer::SlotEntries;
