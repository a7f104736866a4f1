//! Walks the records of a log or base file.

use std::io::{BufReader, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};

use shared::rt::fs::File;

use crate::error::{Doing, Error};
use crate::header::HEADER_BYTES;
use crate::record::{RECORD_HEADER_BYTES, RecordHeader, crc_of, offset_at};

/// How much is read from a file at once, bytes.
const READ_BYTES: usize = 256 * 1024;

/// The records of a file from its header to the length it had when it was opened.
#[derive(Debug)]
pub(crate) struct RecordReader {
    path: PathBuf,
    input: BufReader<File>,
    /// Byte of the file that is read next.
    at: u64,
    /// Length of the file.
    length: u64,
    /// Offset of the first record.
    start: u64,
    payload: Vec<u8>,
}

/// What stands next in a file.
#[derive(Debug)]
pub(crate) enum Next<'a> {
    Record {
        /// Byte of the file at which the record begins.
        at: u64,
        /// Offset of the first byte of the payload.
        offset: u64,
        /// Its first bytes, as they lie there.
        header: [u8; RECORD_HEADER_BYTES],
        payload: &'a [u8],
    },
    End,
    Bad {
        at: u64,
        what: &'static str,
    },
}

impl RecordReader {
    /// Reads a file whose header is read already.
    pub(crate) fn new(mut file: File, path: &Path, length: u64, start: u64) -> Result<RecordReader, Error> {
        file.seek(SeekFrom::Start(HEADER_BYTES as u64)).doing("cannot seek", path)?;
        let input = BufReader::with_capacity(READ_BYTES, file);
        let at = HEADER_BYTES as u64;
        Ok(RecordReader { path: path.to_path_buf(), input, at, length, start, payload: Vec::new() })
    }

    /// The offset of the byte that is read next.
    pub(crate) fn offset(&self) -> u64 {
        offset_at(self.at, self.start)
    }

    /// The next record. After [`Next::Bad`] there is nothing more to read.
    pub(crate) fn next(&mut self) -> Result<Next<'_>, Error> {
        let (at, offset) = (self.at, self.offset());
        let left = self.length.saturating_sub(at);
        if left == 0 {
            return Ok(Next::End);
        }
        let Some(left) = left.checked_sub(RECORD_HEADER_BYTES as u64) else {
            return Ok(Next::Bad { at, what: "the record's header is cut" });
        };
        let mut raw = [0; RECORD_HEADER_BYTES];
        self.input.read_exact(&mut raw).doing("cannot read", &self.path)?;
        let header = RecordHeader::decode(&raw);
        if let Some(what) = header.refuse(offset, left) {
            return Ok(Next::Bad { at, what });
        }
        self.payload.clear();
        let mut payload = (&mut self.input).take(u64::from(header.length));
        let read = payload.read_to_end(&mut self.payload).doing("cannot read", &self.path)?;
        if read != header.length as usize || crc_of(&raw, &self.payload) != header.crc {
            return Ok(Next::Bad { at, what: "the record's CRC is wrong" });
        }
        self.at += (RECORD_HEADER_BYTES + read) as u64;
        let offset = offset + RECORD_HEADER_BYTES as u64;
        Ok(Next::Record { at, offset, header: raw, payload: &self.payload })
    }

    /// Goes on at this offset, at which a record must begin.
    pub(crate) fn skip_to(&mut self, offset: u64) -> Result<(), Error> {
        self.at = HEADER_BYTES as u64 + (offset - self.start);
        self.input.seek(SeekFrom::Start(self.at)).doing("cannot seek", &self.path)?;
        Ok(())
    }

    /// The path of the file.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// The file, to look at what is bad in it.
    pub(crate) fn file(&self) -> &File {
        self.input.get_ref()
    }
}
