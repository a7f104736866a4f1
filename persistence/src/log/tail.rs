//! Tells a torn tail, of which a crash explains every bit, from damage. FORMAT.md, "What is a torn tail and what is damage".

use std::path::Path;

use shared::rt::fs::{File, FileExt};

use crate::error::{Doing, Error};
use crate::header::HEADER_BYTES;
use crate::record::{RECORD_HEADER_BYTES, RecordHeader, crc_with_length, offset_at};

/// What a disk loses as a whole, bytes.
const SECTOR_BYTES: u64 = 512;

/// How much is searched for a valid record at once, bytes.
const SEARCH_BYTES: u64 = 256 * 1024;

/// An increment in which something is not as it should be.
#[derive(Debug)]
pub(crate) struct Tail<'a> {
    pub(crate) path: &'a Path,
    pub(crate) file: &'a File,
    /// Length of the file, bytes.
    pub(crate) length: u64,
    /// Offset in the log stream of the byte behind the header.
    pub(crate) start: u64,
    /// A later increment holds something.
    pub(crate) followed: bool,
}

impl Tail<'_> {
    /// An error unless a crash explains why the header, which must be these bytes, cannot be read.
    pub(crate) fn judge_header(&self, expected: &[u8; HEADER_BYTES], what: &str) -> Result<(), Error> {
        // The byte before the first record is the last one of the header.
        self.refuse_what_follows(0, HEADER_BYTES as u64 - 1, what)?;
        let found = self.read(0, self.length.min(HEADER_BYTES as u64))?;
        if expected.starts_with(&found) || self.has_zero_sector(0, 1)? {
            return Ok(());
        }
        Err(self.unexplained(0, what))
    }

    /// An error unless a crash explains why no valid record begins at this byte.
    pub(crate) fn judge_record(&self, at: u64, what: &str) -> Result<(), Error> {
        self.refuse_what_follows(at, at, what)?;
        let header_end = self.length.min(at + RECORD_HEADER_BYTES as u64);
        let raw = self.read(at, header_end)?;
        let mut end = header_end;
        if RecordHeader::may_begin_with(&raw, offset_at(at, self.start)) {
            let Some(raw) = raw.first_chunk() else { return Ok(()) };
            end = header_end + u64::from(RecordHeader::decode(raw).length);
            if end > self.length {
                return self.refuse_whole(at, raw);
            }
        }
        if self.has_zero_sector(at, end)? { Ok(()) } else { Err(self.unexplained(at, what)) }
    }

    /// What was durable before something that follows was written is no tail.
    fn refuse_what_follows(&self, at: u64, after: u64, what: &str) -> Result<(), Error> {
        if self.followed {
            return Err(self.damaged(at, format!("{what}, and a later increment holds something")));
        }
        match self.valid_after(after)? {
            Some(later) => Err(self.damaged(at, format!("{what}, but byte {later} begins a valid record"))),
            None => Ok(()),
        }
    }

    /// A record that says to be longer than the rest of the file, and is whole without that, was not cut by a crash.
    fn refuse_whole(&self, at: u64, raw: &[u8; RECORD_HEADER_BYTES]) -> Result<(), Error> {
        let payload = self.read(at + RECORD_HEADER_BYTES as u64, self.length)?;
        if crc_with_length(payload.len() as u32, raw, &payload) == RecordHeader::decode(raw).crc {
            return Err(self.damaged(at, "the length of the record is wrong".to_owned()));
        }
        Ok(())
    }

    /// A sector that begins or goes on between these bytes of the file reads as zeros from there to its end.
    fn has_zero_sector(&self, from: u64, to: u64) -> Result<bool, Error> {
        let mut at = from;
        while at < to {
            let end = self.length.min((at / SECTOR_BYTES + 1) * SECTOR_BYTES);
            if self.read(at, end)?.iter().all(|byte| *byte == 0) {
                return Ok(true);
            }
            at = end;
        }
        Ok(false)
    }

    /// The first byte after `from` at which a valid record begins, if there is one.
    ///
    /// Each byte of a file has one offset at which a record there would be valid, so candidates are rare and each is checked whole.
    fn valid_after(&self, from: u64) -> Result<Option<u64>, Error> {
        let mut at = from + 1;
        while at + RECORD_HEADER_BYTES as u64 <= self.length {
            let window = self.read(at, self.length.min(at + SEARCH_BYTES))?;
            for (candidate, raw) in (at..).zip(window.windows(RECORD_HEADER_BYTES)) {
                let Some(raw) = raw.first_chunk() else { continue };
                if self.is_valid(candidate, raw)? {
                    return Ok(Some(candidate));
                }
            }
            at += (window.len() - RECORD_HEADER_BYTES + 1) as u64;
        }
        Ok(None)
    }

    fn is_valid(&self, at: u64, raw: &[u8; RECORD_HEADER_BYTES]) -> Result<bool, Error> {
        let (header, behind) = (RecordHeader::decode(raw), at + RECORD_HEADER_BYTES as u64);
        if header.refuse(offset_at(at, self.start), self.length - behind).is_some() {
            return Ok(false);
        }
        let payload = self.read(behind, behind + u64::from(header.length))?;
        Ok(crc_with_length(header.length, raw, &payload) == header.crc)
    }

    /// The bytes of the file from one to before another.
    fn read(&self, from: u64, to: u64) -> Result<Vec<u8>, Error> {
        let mut bytes = vec![0; (to - from) as usize];
        self.file.read_exact_at(&mut bytes, from).doing("cannot read", self.path)?;
        Ok(bytes)
    }

    fn unexplained(&self, at: u64, what: &str) -> Error {
        self.damaged(at, format!("{what}, and no crash leaves such bytes"))
    }

    fn damaged(&self, at: u64, what: String) -> Error {
        Error::damaged(self.path, at, what)
    }
}
