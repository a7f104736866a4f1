//! What stands between an update and the merge engine.
//!
//! The merge engine is fed only with updates that an honest client could have sent: whole, in order, building on what is known,
//! referring to places that exist. What waits for an edit it builds on waits here, in bytes, bounded; yrs's own waiting list and
//! its holes between clocks are never used.
//!
//! # Layout
//!
//! - [`Document`]: the guarded document. [`rebuild`]: a new one from a snapshot and a log, without the updates that break it.
//! - `structure`: for every known edit the place it lies in; refuses what does not fit.
//! - `order`: in which order edits lie in their lists; refuses neighbours that nobody can have seen side by side.
//! - `pending`: updates that wait.
//! - `engine`: yrs under `catch_unwind`.

mod document;
mod engine;
mod order;
mod pending;
mod rebuild;
mod structure;

pub use document::{Applied, Document};
pub use engine::Broken;
pub(crate) use engine::{LOCAL, new_doc};
pub use rebuild::{Rebuilt, rebuild};

#[cfg(test)]
mod honest;
#[cfg(test)]
mod hostile;
#[cfg(test)]
mod misplaced;
#[cfg(test)]
mod tests;
