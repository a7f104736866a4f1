//! A text: root `content` (Y.Text) and root `meta` (Y.Map), with LF line ends.
//!
//! # Layout
//!
//! - [`TextDocument`]: the document with its visible text, as a window holds it.
//! - [`visible`]: the visible text as a rope, and positions in it: scalars (GTK), UTF-16 units (Yjs), bytes (files), lines.
//! - [`delta`]: what a change does to the visible text.
//! - [`anchor`]: positions that stay with the letters around them; Yjs relative positions on the wire.
//! - `observed`: what the merge engine tells of a change, and how it becomes a delta.

pub mod anchor;
pub mod delta;
mod document;
mod observed;

pub mod visible;

pub use anchor::Anchor;
pub use delta::Delta;
pub use document::{TextChange, TextDocument};
pub use visible::VisibleText;

use super::Document;
use super::guard::Broken;
use yrs::{GetString, ReadTxn};

/// Name of the root type that holds the letters.
pub const CONTENT: &str = "content";

/// Stands in the visible text for an embedded value that is no letter, so that positions count it as Yjs does.
pub const EMBED: char = '\u{FFFC}';

/// The letters of a text, for a file or a readable snapshot: without embedded values.
pub fn plain(document: &Document) -> Result<String, Broken> {
    document.read(|txn| txn.get_text(CONTENT).map(|text| text.get_string(txn)).unwrap_or_default())
}

/// Line ends as the document keeps them: LF.
pub fn with_lf(text: &str) -> std::borrow::Cow<'_, str> {
    if text.contains('\r') { text.replace("\r\n", "\n").replace('\r', "\n").into() } else { text.into() }
}

#[cfg(test)]
mod tests;
