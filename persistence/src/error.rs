//! What can go wrong, in words that name the file and the place.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// An error of a store.
#[derive(Debug, Clone, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The system refused.
    #[error("{}: {doing}: {source}", file.display())]
    Io {
        /// What was being done.
        doing: &'static str,
        /// On which file or folder.
        file: PathBuf,
        /// What the system said; shared, as everybody who waits hears it.
        source: Arc<io::Error>,
    },
    /// Another process (or another store of this one) has the directory open.
    #[error("{}: in use by another process{}", dir.display(), owner.as_deref().map(|id| format!(" ({id})")).unwrap_or_default())]
    InUse {
        /// The directory.
        dir: PathBuf,
        /// The process id found in the lock file.
        owner: Option<String>,
    },
    /// A file is not what was written, in a place where a crash does not explain it.
    #[error("{}: damaged at byte {offset}: {what}", file.display())]
    Damaged {
        /// The file.
        file: PathBuf,
        /// Byte of the file, from 0.
        offset: u64,
        /// What is wrong there.
        what: String,
    },
    /// The file was written by a version this one does not know.
    #[error("{}: format version {found} is not known (known: {known})", file.display())]
    Version {
        /// The file.
        file: PathBuf,
        /// The version it names.
        found: u16,
        /// The version known here.
        known: u16,
    },
    /// The caller refused an entry or effect while it was recovered.
    #[error("{}: cannot replay what lies at byte {offset}: {reason}", file.display())]
    Replay {
        /// The file.
        file: PathBuf,
        /// Byte of the file at which the record begins.
        offset: u64,
        /// What the caller said.
        reason: String,
    },
    /// A write or fsync failed before, or the store was closed: it takes nothing and acknowledges nothing.
    #[error("the store takes no more writes: {reason}")]
    Poisoned {
        /// What happened first.
        reason: Arc<str>,
    },
    /// The range is being rewritten already.
    #[error("range {range} is being rewritten already")]
    RewriteRunning {
        /// The range, 0 to 15.
        range: usize,
    },
    /// The caller's dump of a slot did not begin: its cut is missing.
    #[error("slot {slot} was not dumped")]
    SlotNotDumped {
        /// The slot.
        slot: u16,
    },
    /// The follower was cut off: it fell too far behind, or the log it followed begins anew.
    #[error("fell too far behind what was written")]
    Behind,
    /// Records that do not continue the log stream of the range, or are not whole.
    #[error("range {range}: {what}")]
    Unfit {
        /// The range, 0 to 15.
        range: usize,
        /// What is wrong.
        what: &'static str,
    },
    /// There is no such range.
    #[error("there is no range {range}")]
    NoSuchRange {
        /// What was asked for.
        range: usize,
    },
}

impl Error {
    pub(crate) fn damaged(file: &Path, offset: u64, what: impl Into<String>) -> Error {
        Error::Damaged { file: file.to_path_buf(), offset, what: what.into() }
    }
}

/// Names what was done, on which file, when the system refuses.
pub(crate) trait Doing<T> {
    fn doing(self, doing: &'static str, file: &Path) -> Result<T, Error>;
}

impl<T> Doing<T> for io::Result<T> {
    fn doing(self, doing: &'static str, file: &Path) -> Result<T, Error> {
        self.map_err(|error| Error::Io { doing, file: file.to_path_buf(), source: Arc::new(error) })
    }
}
