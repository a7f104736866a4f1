//! Reads back a piece of a range's log stream, for a replica that has what lies before it.

use std::io::Read;

use shared::rt::fs::File;

use crate::error::{Doing, Error};
use crate::header::{HEADER_BYTES, Header, Kind};
use crate::layout::RangeFolder;
use crate::manifest::Manifest;
use crate::record::RECORD_HEADER_BYTES;
use crate::record_reader::{Next, RecordReader};

/// A piece of the log stream, from a record on. Its files stay readable when a rewriting removes them.
#[derive(Debug)]
pub struct LogPiece {
    /// Readers of the increments, the one to be read next last.
    readers: Vec<RecordReader>,
}

impl LogPiece {
    /// The piece from `from` to `until`, both offsets at which records begin or end. None: the increments do not reach back so far,
    /// or no record begins there.
    pub(crate) fn open(
        folder: &RangeFolder,
        manifest: &Manifest,
        from: u64,
        until: u64,
    ) -> Result<Option<LogPiece>, Error> {
        if from < manifest.start || manifest.receiving {
            return Ok(None);
        }
        let mut readers = Vec::new();
        for number in manifest.logs.iter().rev() {
            let path = folder.log(*number);
            let mut file = File::open(&path).doing("cannot open", &path)?;
            let mut raw = Vec::with_capacity(HEADER_BYTES);
            (&mut file).take(HEADER_BYTES as u64).read_to_end(&mut raw).doing("cannot read", &path)?;
            // One without a header holds nothing yet.
            let Ok(Header { start, .. }) = Header::decode(Kind::Log, &raw) else { continue };
            if start >= until {
                continue;
            }
            let length = file.metadata().doing("cannot look at", &path)?.len();
            let length = length.min(HEADER_BYTES as u64 + (until - start));
            let mut reader = RecordReader::new(file, &path, length, start)?;
            if from > start {
                reader.skip_to(from)?;
                readers.push(reader);
                return Ok(Some(LogPiece { readers }));
            }
            readers.push(reader);
            if from == start {
                return Ok(Some(LogPiece { readers }));
            }
        }
        Ok(None)
    }

    /// Appends the next records to `into`, whole ones, at least about `bytes` if there are so many; false: there is nothing more.
    ///
    /// # Errors
    ///
    /// [`Error::Io`], [`Error::Damaged`]: what lies there is no record.
    pub fn read(&mut self, into: &mut Vec<u8>, bytes: usize) -> Result<bool, Error> {
        let before = into.len();
        while into.len() - before < bytes {
            let Some(reader) = self.readers.last_mut() else { break };
            match reader.next()? {
                Next::Record { header, payload, .. } => {
                    into.extend_from_slice(&header);
                    into.extend_from_slice(payload);
                }
                Next::End => {
                    self.readers.pop();
                }
                Next::Bad { at, what } => return Err(Error::damaged(reader.path(), at, what)),
            }
        }
        debug_assert!(into.len() == before || into.len() - before >= RECORD_HEADER_BYTES);
        Ok(into.len() > before)
    }
}
