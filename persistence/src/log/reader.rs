//! Walks the increments of a range in order. FORMAT.md, "Recovery".

use std::io::{ErrorKind, Read};
use std::path::{Path, PathBuf};

use shared::rt::fs::File;
use shared::slot::Slot;

use crate::error::{Doing, Error};
use crate::header::{BadHeader, HEADER_BYTES, Header, Kind, VERSION};
use crate::layout::RangeFolder;
use crate::log::tail::Tail;
use crate::manifest::Manifest;
use crate::record::{Item, Items};
use crate::record_reader::{Next, RecordReader};

/// One increment as found.
#[derive(Debug)]
pub(crate) struct Found {
    pub(crate) number: u64,
    pub(crate) path: PathBuf,
    /// Length as found, bytes.
    pub(crate) length: u64,
    /// Length of what is valid, header included; 0: not even a header.
    pub(crate) valid: u64,
}

/// All increments of a range, walked.
#[derive(Debug)]
pub(crate) struct Walked {
    pub(crate) increments: Vec<Found>,
    /// The end of the valid log stream.
    pub(crate) end: u64,
}

/// An effect and its position in the log stream.
pub(crate) struct Effect<'a> {
    pub(crate) slot: Slot,
    pub(crate) position: u64,
    pub(crate) bytes: &'a [u8],
}

/// Hands every effect of the range to `each`, in order. Changes nothing on disk.
pub(crate) fn walk(
    folder: &RangeFolder,
    manifest: &Manifest,
    mut each: impl FnMut(Effect<'_>) -> Result<(), String>,
) -> Result<Walked, Error> {
    let mut increments = find(folder, manifest)?;
    let mut end = manifest.start;
    let mut before: Option<(PathBuf, u64)> = None;
    for index in 0..increments.len() {
        let followed = increments[index + 1..].iter().any(|later| later.length > 0);
        let increment = &mut increments[index];
        // Nothing in it: the writer never switched to it. (Had it held something, the next one would not start where it should.)
        if increment.length > 0 {
            let place = Place { folder, before: before.as_ref(), start: end, followed };
            end = walk_one(&place, increment, &mut each)?;
            before = Some((increment.path.clone(), increment.valid));
        }
    }
    if end < manifest.reaches {
        let last = increments.iter().rev().find(|increment| increment.length > 0).or(increments.first());
        let (path, valid) =
            last.map_or_else(|| (folder.manifest(), 0), |last| (last.path.clone(), last.valid));
        let what = format!("the log ends at offset {end}, but was durable up to {}", manifest.reaches);
        return Err(Error::damaged(&path, valid, what));
    }
    Ok(Walked { increments, end })
}

fn find(folder: &RangeFolder, manifest: &Manifest) -> Result<Vec<Found>, Error> {
    let found = |number: &u64| {
        let path = folder.log(*number);
        match shared::rt::fs::metadata(&path) {
            Ok(metadata) => Ok(Found { number: *number, path, length: metadata.len(), valid: 0 }),
            Err(error) if error.kind() == ErrorKind::NotFound => {
                Err(Error::damaged(&path, 0, "the file is missing, but the manifest names it"))
            }
            Err(error) => Err(error).doing("cannot look at", &path),
        }
    };
    manifest.logs.iter().map(found).collect()
}

/// Where an increment stands.
struct Place<'a> {
    folder: &'a RangeFolder,
    /// The increment before it that holds something, and its length.
    before: Option<&'a (PathBuf, u64)>,
    /// The offset at which it must start.
    start: u64,
    /// A later increment holds something.
    followed: bool,
}

/// Walks one increment; the offset at which what is valid of it ends.
fn walk_one(
    place: &Place<'_>,
    increment: &mut Found,
    each: &mut impl FnMut(Effect<'_>) -> Result<(), String>,
) -> Result<u64, Error> {
    let &Place { folder, start, .. } = place;
    let path = &increment.path;
    let mut file = File::open(path).doing("cannot open", path)?;
    let mut raw = Vec::with_capacity(HEADER_BYTES);
    (&mut file).take(HEADER_BYTES as u64).read_to_end(&mut raw).doing("cannot read", path)?;
    let mut reader = RecordReader::new(file, path, increment.length, start)?;
    match Header::decode(Kind::Log, &raw) {
        Ok(header) => place.check(increment, header)?,
        Err(BadHeader::Version(found)) => {
            return Err(Error::Version { file: path.clone(), found, known: VERSION });
        }
        Err(BadHeader::Unreadable) => {
            place
                .tail(increment, reader.file())
                .judge_header(&place.header(increment).encode(), "the header is not readable")?;
            return Ok(start);
        }
    }
    loop {
        match reader.next()? {
            Next::Record { at, offset, payload, .. } => walk_items(folder, path, at, offset, payload, each)?,
            Next::End => {
                increment.valid = increment.length;
                return Ok(reader.offset());
            }
            Next::Bad { at, what } => {
                place.tail(increment, reader.file()).judge_record(at, what)?;
                increment.valid = at;
                return Ok(reader.offset());
            }
        }
    }
}

impl Place<'_> {
    /// The header that the increment must have.
    fn header(&self, increment: &Found) -> Header {
        Header {
            kind: Kind::Log,
            range: self.folder.range as u16,
            number: increment.number,
            start: self.start,
        }
    }

    fn tail<'a>(&self, increment: &'a Found, file: &'a File) -> Tail<'a> {
        Tail {
            path: &increment.path,
            file,
            length: increment.length,
            start: self.start,
            followed: self.followed,
        }
    }

    fn check(&self, increment: &Found, header: Header) -> Result<(), Error> {
        let expected = self.header(increment);
        if (header.range, header.number) != (expected.range, expected.number) {
            let what = format!("the header is that of log {} of range {}", header.number, header.range);
            return Err(Error::damaged(&increment.path, 0, what));
        }
        match self.before {
            _ if header.start == self.start => Ok(()),
            Some((path, end)) if header.start > self.start => {
                let what = format!(
                    "the increment ends at offset {}, but {} starts at {}",
                    self.start,
                    increment.path.display(),
                    header.start
                );
                Err(Error::damaged(path, *end, what))
            }
            _ => {
                let what = format!("the header says offset {}, but it must be {}", header.start, self.start);
                Err(Error::damaged(&increment.path, 0, what))
            }
        }
    }
}

fn walk_items(
    folder: &RangeFolder,
    path: &Path,
    at: u64,
    offset: u64,
    payload: &[u8],
    each: &mut impl FnMut(Effect<'_>) -> Result<(), String>,
) -> Result<(), Error> {
    for item in Items::new(payload) {
        let Ok(Item { slot, at: item_at, bytes }) = item else {
            return Err(Error::damaged(path, at, "the items do not fill the record"));
        };
        let Some(slot) = Slot::new(slot).filter(|slot| slot.range() == folder.range) else {
            return Err(Error::damaged(path, at, format!("slot {slot} does not belong to the range")));
        };
        let effect = Effect { slot, position: offset + item_at as u64, bytes };
        each(effect).map_err(|reason| Error::Replay { file: path.to_path_buf(), offset: at, reason })?;
    }
    Ok(())
}
