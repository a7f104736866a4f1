//! Snapshots: when one is taken, what it holds, who writes it, and how a document is read back.
//!
//! # Layout
//!
//! - [`ticker`]: when. - [`lease`]: by whom. - [`snapshot`]: what. - [`job`]: one save from start to end.
//! - [`basis`]: the room's document as bytes, which snapshots are made of.
//! - [`load`]: a document from its snapshot and log, without the entries that break it.
//!
//! # Why nothing is lost
//!
//! A snapshot covers what was *read from the log*, not what was heard: before each save the log is read from the last covered
//! entry to its end. So an edit whose message was lost, or whose publication had no answer, is in the snapshot before its entry is
//! trimmed. What was published without a log entry was heard, is in the room's document, and so in the snapshot as well.
//!
//! State, readable snapshot and trimming are one transaction, executed only if the state is still the one that this save started
//! from (`WATCH`). A service that was stopped for a while and comes back late finds another state, merges it, reads the log behind
//! it, and only then writes.
//!
//! # Why nobody waits
//!
//! The room's document is changed with every keystroke, so it cannot be encoded beside them, and encoding all of a long one takes
//! longer than a keystroke may wait. So a save works on a copy: the state of the last snapshot and the updates since, which the
//! room notes and hands over. Merging them again is cheap (about a microsecond each), and happens on another thread. That the copy
//! has every edit that the room has is checked before anything is written.

pub mod basis;
pub mod job;
pub mod lease;
pub mod load;
pub mod snapshot;
pub mod ticker;
