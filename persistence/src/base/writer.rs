//! Writes a base, slot by slot.

use std::io::Write;
use std::path::{Path, PathBuf};

use shared::limits::{RECORD_BYTES_TARGET, SLOTS_PER_RANGE};
use shared::rt::fs::{File, OpenOptions};
use shared::slot::Slot;

use crate::disk;
use crate::error::{Doing, Error};
use crate::header::{HEADER_BYTES, Header, Kind};
use crate::record::{CUTS_SLOT, seal};
use crate::record_buffer::{BadItem, RecordBuffer};

/// A base in the making. Dropped before [`BaseWriter::finish`], its file is removed.
#[derive(Debug)]
pub(crate) struct BaseWriter {
    file: File,
    path: PathBuf,
    first_slot: u16,
    records: RecordBuffer,
    taken: Vec<u8>,
    /// The cut of each slot that was dumped.
    cuts: Vec<Option<u64>>,
    bad: Option<u16>,
    entries: u64,
    finished: bool,
}

/// A base that is whole; its bytes are durable, its name is not yet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Written {
    /// Length of the file, bytes.
    pub(crate) length: u64,
    pub(crate) entries: u64,
}

impl BaseWriter {
    pub(crate) fn create(path: &Path, range: usize, number: u64) -> Result<BaseWriter, Error> {
        let file = OpenOptions::new().write(true).create_new(true).open(path).doing("cannot create", path)?;
        let mut writer = BaseWriter {
            file,
            path: path.to_path_buf(),
            first_slot: (range * SLOTS_PER_RANGE) as u16,
            records: RecordBuffer::new(0),
            taken: Vec::new(),
            cuts: vec![None; SLOTS_PER_RANGE],
            bad: None,
            entries: 0,
            finished: false,
        };
        let header = Header { kind: Kind::Base, range: range as u16, number, start: 0 };
        writer.file.write_all(&header.encode()).doing("cannot write", path)?;
        Ok(writer)
    }

    /// Takes the entries of a slot, dumped at this offset of the log stream.
    pub(crate) fn begin_slot(&mut self, slot: Slot, cut: u64) -> SlotEntries<'_> {
        self.cuts[slot.index() - usize::from(self.first_slot)] = Some(cut);
        SlotEntries { slot, base: self }
    }

    /// Goes on taking the entries of the slot that was begun last.
    pub(crate) fn same_slot(&mut self, slot: Slot) -> SlotEntries<'_> {
        SlotEntries { slot, base: self }
    }

    /// Writes what is gathered, if that is enough; `slot` must have been dumped.
    pub(crate) fn end_slot(&mut self, slot: Slot) -> Result<(), Error> {
        if self.cuts[slot.index() - usize::from(self.first_slot)].is_none() || self.bad.is_some() {
            return Err(Error::SlotNotDumped { slot: slot.number() });
        }
        if self.records.len() >= RECORD_BYTES_TARGET { self.flush() } else { Ok(()) }
    }

    /// Writes the table of cuts and waits until everything is durable.
    pub(crate) fn finish(&mut self) -> Result<Written, Error> {
        let mut table = Vec::with_capacity(SLOTS_PER_RANGE * 8);
        for (slot, cut) in (self.first_slot..).zip(&self.cuts) {
            let cut = cut.ok_or(Error::SlotNotDumped { slot })?;
            table.extend_from_slice(&cut.to_le_bytes());
        }
        self.push(CUTS_SLOT, |bytes| bytes.extend_from_slice(&table));
        self.flush()?;
        disk::sync_all(&self.file, &self.path)?;
        Ok(Written { length: HEADER_BYTES as u64 + self.records.end(), entries: self.entries })
    }

    /// The highest cut so far.
    pub(crate) fn highest_cut(&self) -> u64 {
        self.cuts.iter().flatten().copied().max().unwrap_or_default()
    }

    /// A manifest names the file: it stays.
    pub(crate) fn keep(&mut self) {
        self.finished = true;
    }

    fn push(&mut self, slot: u16, encode: impl FnOnce(&mut Vec<u8>)) {
        if let Err(BadItem) = self.records.push(slot, encode) {
            self.bad.get_or_insert(slot);
        }
    }

    fn flush(&mut self) -> Result<(), Error> {
        self.records.take(&mut self.taken);
        seal(&mut self.taken);
        self.file.write_all(&self.taken).doing("cannot write", &self.path)
    }
}

impl Drop for BaseWriter {
    fn drop(&mut self) {
        if !self.finished
            && let Err(error) = disk::remove(&self.path)
        {
            tracing::warn!(%error, "recovery will remove an unfinished base");
        }
    }
}

/// Takes the entries of one slot, in memory.
#[derive(Debug)]
pub struct SlotEntries<'a> {
    slot: Slot,
    base: &'a mut BaseWriter,
}

impl SlotEntries<'_> {
    /// Adds an entry: `encode` appends its bytes to what the buffer holds.
    pub fn push(&mut self, encode: impl FnOnce(&mut Vec<u8>)) {
        self.base.push(self.slot.number(), encode);
        self.base.entries += 1;
    }
}
