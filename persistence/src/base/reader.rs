//! Restores a base. Anything that is not as it was written is damage: a base is never cut.

use std::io::{ErrorKind, Read};
use std::path::Path;

use shared::limits::SLOTS_PER_RANGE;
use shared::rt::fs::File;
use shared::slot::Slot;

use crate::error::{Doing, Error};
use crate::header::{BadHeader, HEADER_BYTES, Header, Kind, VERSION};
use crate::layout::RangeFolder;
use crate::record::{CUTS_SLOT, Items};
use crate::record_reader::{Next, RecordReader};

/// Where each slot of a range was dumped: offsets in the log stream.
#[derive(Debug)]
pub(crate) struct Cuts {
    first_slot: usize,
    cuts: Vec<u64>,
}

impl Cuts {
    /// Of a range without a base: every effect counts.
    pub(crate) fn none(range: usize) -> Cuts {
        Cuts { first_slot: range * SLOTS_PER_RANGE, cuts: vec![0; SLOTS_PER_RANGE] }
    }

    /// The base holds what an effect at this position did to this slot.
    #[inline]
    pub(crate) fn cover(&self, slot: Slot, position: u64) -> bool {
        position < self.cuts[slot.index() - self.first_slot]
    }

    pub(crate) fn highest(&self) -> u64 {
        self.cuts.iter().copied().max().unwrap_or_default()
    }
}

/// Hands every entry of the base with this number and length to `each`, and answers with its cuts.
pub(crate) fn restore(
    folder: &RangeFolder,
    number: u64,
    length: u64,
    mut each: impl FnMut(Slot, &[u8]) -> Result<(), String>,
) -> Result<Cuts, Error> {
    let path = folder.base(number);
    let mut reader = open(folder, &path, number, length)?;
    let mut table: Option<Cuts> = None;
    loop {
        let (at, payload) = match reader.next()? {
            Next::Record { at, payload, .. } => (at, payload),
            Next::Bad { at, what } => return Err(Error::damaged(&path, at, what)),
            Next::End => {
                return table.ok_or_else(|| Error::damaged(&path, length, "the table of cuts is missing"));
            }
        };
        for item in Items::new(payload) {
            let Ok(item) = item else {
                return Err(Error::damaged(&path, at, "the items do not fill the record"));
            };
            if table.is_some() {
                return Err(Error::damaged(&path, at, "something follows the table of cuts"));
            }
            if item.slot == CUTS_SLOT {
                let cuts = cuts_of(item.bytes).filter(|cuts| cuts.len() == SLOTS_PER_RANGE);
                let cuts = cuts.ok_or_else(|| Error::damaged(&path, at, "the table of cuts is not whole"))?;
                table = Some(Cuts { first_slot: folder.range * SLOTS_PER_RANGE, cuts });
                continue;
            }
            let slot = Slot::new(item.slot).filter(|slot| slot.range() == folder.range).ok_or_else(|| {
                Error::damaged(&path, at, format!("slot {} does not belong to the range", item.slot))
            })?;
            each(slot, item.bytes).map_err(|reason| Error::Replay {
                file: path.clone(),
                offset: at,
                reason,
            })?;
        }
    }
}

fn open(folder: &RangeFolder, path: &Path, number: u64, length: u64) -> Result<RecordReader, Error> {
    let mut file = match File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == ErrorKind::NotFound => {
            return Err(Error::damaged(path, 0, "the file is missing, but the manifest names it"));
        }
        Err(error) => return Err(error).doing("cannot open", path),
    };
    let found = file.metadata().doing("cannot look at", path)?.len();
    if found != length {
        let what = format!("the file has {found} bytes, but the manifest says {length}");
        return Err(Error::damaged(path, found.min(length), what));
    }
    let mut raw = Vec::with_capacity(HEADER_BYTES);
    (&mut file).take(HEADER_BYTES as u64).read_to_end(&mut raw).doing("cannot read", path)?;
    let expected = Header { kind: Kind::Base, range: folder.range as u16, number, start: 0 };
    match Header::decode(Kind::Base, &raw) {
        Ok(header) if header == expected => RecordReader::new(file, path, length, 0),
        Ok(header) => Err(Error::damaged(path, 0, format!("the header is not {expected:?}, but {header:?}"))),
        Err(BadHeader::Version(found)) => {
            Err(Error::Version { file: path.to_path_buf(), found, known: VERSION })
        }
        Err(BadHeader::Unreadable) => Err(Error::damaged(path, 0, "the header is not readable")),
    }
}

fn cuts_of(bytes: &[u8]) -> Option<Vec<u64>> {
    let (cuts, rest) = bytes.as_chunks::<8>();
    rest.is_empty().then(|| cuts.iter().map(|cut| u64::from_le_bytes(*cut)).collect())
}
