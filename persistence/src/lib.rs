//! The bytes of slot ranges on disk: logs, bases, manifests, recovery. Knows no command and no peer.
//!
//! The format, what is assumed of the disk, and why rewriting is right: `FORMAT.md` beside this crate.
//!
//! # Layout
//!
//! - [`Store`] (`store`): the door: open, append, wait, close. [`Config`] (`config`), [`Error`] (`error`).
//! - `layout`: names of files and folders; `lock`: one process a directory; `manifest`: what counts in a range.
//! - `record`: records and their items; `record_buffer`: many items, encoded in place; `record_reader`; `header`: first bytes of a file.
//! - `log`: the pending buffer of a range, the writer that empties it, the reader, the rewriting into a new base.
//! - `base`: writer and reader of a base.
//! - `recovery`: from a directory to a store; [`RecoveryReport`].
//! - `follow`: who follows the log while it is written. `history`: which primaries wrote it. `receive`: a range that comes from another node; `unapplied`: its log.
//! - `generation`: what is written, what is durable, who waits for it; `sync`: group commit, in the `journal` or in the logs themselves (`sync_threads`: several files at once); `signal`: waking the threads (`threads`; tasks where everything is simulated).
//! - `disk`: the steps on which a crash is survived. `poison`: after a failed write or fsync nothing is taken and nothing is acknowledged.
//!
//! # A write, from the caller's lock to the disk
//!
//! [`Store::append`] encodes the effect in place into the range's pending buffer, under one uncontended mutex, and answers with the
//! [`Generation`] it will be in. A thread ([`Store::start`]) takes all buffers, writes them, and publishes the generation as written; another
//! one calls fdatasync by policy, or as soon as anybody waits, and publishes it as durable. [`Store::wait_durable`] ends there.
//!
//! `examples/append_cost.rs` on two shared cores (AMD EPYC, Linux 6.18, ext4, `appendfsync everysec`), effects of 157 bytes over all slots, 500,000 a second of each thread:
//! median 32 ns an append, 13 of them the encoding itself; mean 45 ns, with one thread as with two.

mod base;
mod config;
mod disk;
mod error;
mod follow;
mod generation;
mod header;
mod history;
mod journal;
mod layout;
mod lock;
mod log;
mod manifest;
mod poison;
mod range;
mod receive;
mod record;
mod record_buffer;
mod record_reader;
mod recovery;
#[cfg_attr(feature = "sim", path = "signal_sim.rs")]
mod signal;
mod store;
mod store_id;
mod sync;
mod sync_threads;
#[cfg_attr(feature = "sim", path = "threads_sim.rs")]
mod threads;
mod unapplied;

pub use base::SlotEntries;
pub use config::{Config, Fsync, Rewriting};
pub use error::Error;
pub use follow::{Batch, Follower, Written};
pub use generation::Generation;
pub use history::{History, Offsets, STRETCH_ID_CHARS, Stretch};
pub use log::rewrite::{Rewrite, RewriteReport, RewriteStep, SlotDump};
pub use log::stretch::LogPiece;
pub use log::writer::Writer;
pub use range::RangeStatus;
pub use receive::Receive;
pub use recovery::{RangeReport, RecoveryReport, Replay, TornTail};
pub use store::{Appended, Status, Store};
pub use store_id::StoreId;
pub use sync::{Syncer, When};
pub use unapplied::Unapplied;

/// What fuzz targets and property tests parse with; no part of the promised interface.
#[doc(hidden)]
pub mod parsing {
    pub use crate::manifest::Manifest;
    pub use crate::record::{Item, Items};
}
