//! What somebody waits for, made durable in one place for all ranges: FORMAT.md, "Journal".
//!
//! # Layout
//!
//! - [`format`]: bytes of the file. [`redo`]: puts into the increments what a crash left here only.

mod format;
pub(crate) mod redo;

use std::path::PathBuf;
use std::sync::Arc;

use shared::limits::{JOURNAL_BYTES_MAX, JOURNAL_BYTES_MIN};
use shared::rt::fs::{File, FileExt, OpenOptions};

use crate::disk;
use crate::error::{Doing, Error};
use crate::header::{Header, Kind};
use crate::layout::Layout;
use crate::log::LogFile;
use format::{FIRST_RECORD, PAGE_BYTES, Piece};

/// The journal of a store that runs.
#[derive(Debug)]
pub(crate) struct Journal {
    file: File,
    path: PathBuf,
    /// Of the file, bytes.
    length: u64,
    /// How often it was begun anew.
    pass: u64,
    /// Where the next record begins in the file.
    at: u64,
    /// Increments with bytes that are durable here only.
    behind: Vec<Arc<LogFile>>,
    /// A record in the making.
    record: Vec<u8>,
}

impl Journal {
    /// Makes it, empty.
    pub(crate) fn create(layout: &Layout) -> Result<Journal, Error> {
        let created = Journal::prepare(layout);
        if created.is_err() {
            // What is left of it takes room; recovery removes it else.
            let _there = disk::remove(&layout.journal_new());
        }
        created
    }

    fn prepare(layout: &Layout) -> Result<Journal, Error> {
        let (path, new) = (layout.journal(), layout.journal_new());
        let mut options = OpenOptions::new();
        let file = options.write(true).create(true).truncate(true).open(&new).doing("cannot create", &new)?;
        let (behind, record) = (Vec::new(), Vec::new());
        let mut journal = Journal { file, path: new, length: 0, pass: 0, at: FIRST_RECORD, behind, record };
        journal.lengthen(JOURNAL_BYTES_MIN as u64)?;
        journal.write_header()?;
        disk::rename(&journal.path, &path)?;
        disk::sync_dir(layout.dir())?;
        journal.path = path;
        Ok(journal)
    }

    /// Makes durable what is written to these increments; `false`: it is full, and nothing was done. Each is given with its range.
    pub(crate) fn commit(&mut self, logs: &[(usize, Arc<LogFile>)]) -> Result<bool, Error> {
        let stretches: Vec<_> = logs.iter().map(|(range, log)| (*range, log, log.not_durable())).collect();
        let pieces = || stretches.iter().filter(|(_, _, stretch)| !stretch.is_empty());
        if pieces().next().is_none() {
            return Ok(true);
        }
        let bytes = pieces().map(|(_, _, stretch)| Piece::encoded_len(stretch.end - stretch.start)).sum();
        let Some(length) = format::record_len(bytes).filter(|length| self.at + length <= self.length) else {
            return Ok(false);
        };
        self.record.clear();
        format::begin_record(&mut self.record, format::offset_at(self.pass, self.at), bytes);
        for (range, log, stretch) in pieces() {
            let room = Piece::begin(&mut self.record, *range, log.number, stretch);
            let read = log.file.read_exact_at(&mut self.record[room..], stretch.start);
            read.doing("cannot read", &log.path)?;
        }
        format::end_record(&mut self.record, length);
        self.write(self.at)?;
        self.at += length;
        for (_, log, stretch) in pieces() {
            log.durable_up_to(stretch.end);
            if !self.behind.iter().any(|behind| Arc::ptr_eq(behind, log)) {
                self.behind.push(Arc::clone(log));
            }
        }
        Ok(true)
    }

    /// Increments that must be durable themselves before it begins anew.
    pub(crate) fn behind(&self) -> &[Arc<LogFile>] {
        &self.behind
    }

    /// Begins anew: what it held is durable elsewhere. One that was full becomes longer, as long as it may.
    pub(crate) fn begin_anew(&mut self) -> Result<(), Error> {
        self.behind.clear();
        self.lengthen((self.length * 2).min(JOURNAL_BYTES_MAX as u64))?;
        self.pass += 1;
        self.at = FIRST_RECORD;
        self.write_header()
    }

    /// Removes it, once everything is durable elsewhere.
    pub(crate) fn remove(self) -> Result<(), Error> {
        disk::remove(&self.path)
    }

    /// Fills it with zeros up to this length: what is written over later needs no new space, and so one write to the disk.
    fn lengthen(&mut self, length: u64) -> Result<(), Error> {
        if length <= self.length {
            return Ok(());
        }
        let zeros = vec![0; usize::try_from(length - self.length).unwrap_or(JOURNAL_BYTES_MAX)];
        self.file.write_all_at(&zeros, self.length).doing("cannot write", &self.path)?;
        self.length = length;
        disk::sync_all(&self.file, &self.path)
    }

    /// One of two places holds the header of this pass, the other one that of the pass before.
    fn write_header(&mut self) -> Result<(), Error> {
        let start = format::offset_at(self.pass, FIRST_RECORD);
        let header = Header { kind: Kind::Journal, range: 0, number: self.pass, start };
        self.record.clear();
        self.record.extend_from_slice(&header.encode());
        self.record.resize(PAGE_BYTES, 0);
        self.write(format::header_at(self.pass))
    }

    fn write(&self, at: u64) -> Result<(), Error> {
        self.file.write_all_at(&self.record, at).doing("cannot write", &self.path)?;
        #[cfg(feature = "sim")]
        if shared::rt::sim::strikes("skipped-fsync") {
            return Ok(());
        }
        disk::sync_data(&self.file, &self.path)
    }
}
