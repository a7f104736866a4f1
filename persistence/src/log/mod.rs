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

use std::io::Write;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

use shared::rt::fs::{File, OpenOptions};

use crate::disk;
use crate::error::{Doing, Error};

/// An increment, open for writing at its end.
#[derive(Debug)]
pub(crate) struct LogFile {
    pub(crate) file: File,
    pub(crate) path: PathBuf,
    /// The number in its name.
    pub(crate) number: u64,
    /// How many of its bytes are written.
    written: AtomicU64,
    /// How many of its bytes are durable, in it or in the journal.
    durable: AtomicU64,
}

impl LogFile {
    /// A new, empty increment; its name is not durable yet.
    pub(crate) fn create(path: &Path, number: u64) -> Result<LogFile, Error> {
        let file = OpenOptions::new().read(true).append(true).create_new(true).open(path);
        Ok(LogFile::new(file.doing("cannot create", path)?, path, number, 0))
    }

    /// An existing increment of this length, to be made durable before anything is added.
    pub(crate) fn open(path: &Path, number: u64, length: u64) -> Result<LogFile, Error> {
        let file = OpenOptions::new().read(true).append(true).open(path);
        Ok(LogFile::new(file.doing("cannot open for writing", path)?, path, number, length))
    }

    fn new(file: File, path: &Path, number: u64, length: u64) -> LogFile {
        let (written, durable) = (AtomicU64::new(length), AtomicU64::new(length));
        LogFile { file, path: path.to_path_buf(), number, written, durable }
    }

    /// Adds bytes at its end.
    pub(crate) fn write(&self, bytes: &[u8]) -> Result<(), Error> {
        (&self.file).write_all(bytes).doing("cannot write", &self.path)?;
        self.written.fetch_add(bytes.len() as u64, Ordering::Release);
        Ok(())
    }

    /// The bytes that are written and not durable.
    pub(crate) fn not_durable(&self) -> Range<u64> {
        self.durable.load(Ordering::Acquire)..self.written.load(Ordering::Acquire)
    }

    /// So many of its bytes are durable.
    pub(crate) fn durable_up_to(&self, bytes: u64) {
        self.durable.fetch_max(bytes, Ordering::AcqRel);
    }

    /// Makes the bytes durable, in itself.
    pub(crate) fn sync(&self) -> Result<(), Error> {
        let written = self.written.load(Ordering::Acquire);
        self.sync_file()?;
        self.durable_up_to(written);
        Ok(())
    }

    fn sync_file(&self) -> Result<(), Error> {
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
