//! The log of a range.
//!
//! # Layout
//!
//! - [`pending`]: effects on their way to the writer.
//! - [`writer`]: takes what is pending in all ranges and writes it.
//! - [`reader`]: walks increments; [`tail`]: tells a torn tail from damage.
//! - [`rewrite`]: a log becomes a base. [`stretch`]: a piece of the log, for a replica.

pub(crate) mod pending;
pub(crate) mod reader;
pub(crate) mod rewrite;
pub(crate) mod stretch;
mod tail;
pub(crate) mod writer;

use std::path::{Path, PathBuf};

use shared::rt::fs::{File, OpenOptions};

use crate::disk;
use crate::error::{Doing, Error};

/// An increment, open for writing at its end.
#[derive(Debug)]
pub(crate) struct LogFile {
    pub(crate) file: File,
    pub(crate) path: PathBuf,
}

impl LogFile {
    /// A new, empty increment; its name is not durable yet.
    pub(crate) fn create(path: &Path) -> Result<LogFile, Error> {
        LogFile::open_with(path, OpenOptions::new().append(true).create_new(true), "cannot create")
    }

    /// An existing increment.
    pub(crate) fn open(path: &Path) -> Result<LogFile, Error> {
        LogFile::open_with(path, OpenOptions::new().append(true), "cannot open for writing")
    }

    fn open_with(path: &Path, options: &OpenOptions, doing: &'static str) -> Result<LogFile, Error> {
        let file = options.open(path).doing(doing, path)?;
        Ok(LogFile { file, path: path.to_path_buf() })
    }

    /// Makes the bytes durable.
    pub(crate) fn sync(&self) -> Result<(), Error> {
        #[cfg(feature = "sim")]
        if shared::rt::sim::strikes("skipped-fsync") {
            return Ok(());
        }
        disk::sync_data(&self.file, &self.path)
    }

    /// Cuts the file and makes that durable.
    pub(crate) fn cut(&self, length: u64) -> Result<(), Error> {
        disk::cut(&self.file, length, &self.path)?;
        disk::sync_all(&self.file, &self.path)
    }
}
