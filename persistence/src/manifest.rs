//! What counts in a range: FORMAT.md, "Manifest".

use std::io::Write;
use std::path::Path;

use shared::limits::RANGES;
use shared::rt::fs::{self, File};

use crate::disk;
use crate::error::{Doing, Error};
use crate::layout::{RangeFolder, canonical};

const TITLE: &str = "rustidocs range manifest ";
const VERSION: u16 = 1;
/// There is no base.
const NONE: &str = "none";
/// There is no base yet.
const RECEIVING: &str = "receiving";

/// Which files of a range count.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Manifest {
    /// The range, 0 to 15.
    pub range: usize,
    /// The base, if there is one: its number and its length in bytes.
    pub base: Option<(u64, u64)>,
    /// The range is being received from another node: it has no base yet and counts as empty.
    pub receiving: bool,
    /// Offset in the log stream where the first increment starts.
    pub start: u64,
    /// Numbers of the increments in order; never empty.
    pub logs: Vec<u64>,
    /// The log stream was durable up to this offset.
    pub reaches: u64,
}

/// Why bytes are no manifest.
#[derive(Debug, PartialEq, Eq)]
pub enum BadManifest {
    /// Not in the one right form.
    Form(&'static str),
    /// Whole, but of this version.
    Version(u16),
}

impl Manifest {
    /// Of a range that has just been made.
    pub(crate) fn first(range: usize) -> Manifest {
        Manifest { range, base: None, receiving: false, start: 0, logs: vec![1], reaches: 0 }
    }

    /// The text, with its CRC.
    pub fn encode(&self) -> String {
        let none = if self.receiving { RECEIVING } else { NONE };
        let base = self.base.map_or(none.to_owned(), |(number, length)| format!("{number} {length}"));
        let logs: String = self.logs.iter().map(|number| format!(" {number}")).collect();
        let text = format!(
            "{TITLE}{VERSION}\nrange {}\nbase {base}\nlogs {}{logs}\nreaches {}\n",
            self.range, self.start, self.reaches
        );
        let crc = crc32fast::hash(text.as_bytes());
        format!("{text}crc {crc:08x}\n")
    }

    /// Reads a manifest: exactly what [`Manifest::encode`] writes, nothing else.
    pub fn decode(bytes: &[u8]) -> Result<Manifest, BadManifest> {
        let text = std::str::from_utf8(bytes).map_err(|_| BadManifest::Form("not a text"))?;
        let body = text.len().checked_sub("crc 00000000\n".len()).and_then(|at| text.split_at_checked(at));
        let (body, crc) = body.ok_or(BadManifest::Form("too short"))?;
        if crc != format!("crc {:08x}\n", crc32fast::hash(body.as_bytes())) {
            return Err(BadManifest::Form("wrong CRC"));
        }
        let mut lines = body.lines();
        let mut field = |name: &'static str| lines.next().and_then(|line| line.strip_prefix(name));
        let version = field(TITLE).and_then(|version| version.parse().ok());
        match version {
            Some(VERSION) => {}
            Some(version) => return Err(BadManifest::Version(version)),
            None => return Err(BadManifest::Form("wrong title")),
        }
        let range = field("range ").and_then(canonical).ok_or(BadManifest::Form("wrong range"))?;
        let base = field("base ").ok_or(BadManifest::Form("wrong base"))?;
        let logs = field("logs ").ok_or(BadManifest::Form("wrong logs"))?;
        let reaches = field("reaches ").and_then(canonical).ok_or(BadManifest::Form("wrong end"))?;
        let manifest = Manifest {
            range: usize::try_from(range).unwrap_or(usize::MAX),
            receiving: base == RECEIVING,
            base: base_of(base).ok_or(BadManifest::Form("wrong base"))?,
            start: logs.split(' ').next().and_then(canonical).ok_or(BadManifest::Form("wrong logs"))?,
            logs: logs.split(' ').skip(1).map(canonical).collect::<Option<_>>().unwrap_or_default(),
            reaches,
        };
        if manifest.range >= RANGES {
            return Err(BadManifest::Form("no such range"));
        }
        if manifest.logs.is_empty() || !manifest.logs.is_sorted_by(|a, b| a < b) {
            return Err(BadManifest::Form("wrong logs"));
        }
        if manifest.encode().as_bytes() != bytes {
            return Err(BadManifest::Form("not in its one form"));
        }
        Ok(manifest)
    }

    /// Reads the manifest of a range. `None`: there is none.
    pub(crate) fn read(folder: &RangeFolder) -> Result<Option<Manifest>, Error> {
        let path = folder.manifest();
        let bytes = match fs::read(&path) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(error).doing("cannot read", &path),
        };
        match Manifest::decode(&bytes) {
            Ok(manifest) if manifest.range == folder.range => Ok(Some(manifest)),
            Ok(manifest) => {
                Err(Error::damaged(&path, 0, format!("the manifest is that of range {}", manifest.range)))
            }
            Err(BadManifest::Form(what)) => Err(Error::damaged(&path, 0, what)),
            Err(BadManifest::Version(found)) => Err(Error::Version { file: path, found, known: VERSION }),
        }
    }

    /// Reads the manifest of a range of a store that was finished: there must be one.
    pub(crate) fn required(folder: &RangeFolder) -> Result<Manifest, Error> {
        Manifest::read(folder)?.ok_or_else(|| {
            Error::damaged(&folder.manifest(), 0, "the file is missing, but the store was finished")
        })
    }

    /// Puts this manifest in the place of the old one, with a `rename` that survives a crash.
    ///
    /// [`Unplaced::Before`]: the old manifest counts as before. [`Unplaced::Unknown`]: either may count after a crash.
    pub(crate) fn place(&self, folder: &RangeFolder) -> Result<(), Unplaced> {
        let (new, path) = (folder.manifest_new(), folder.manifest());
        write_durably(&new, self.encode().as_bytes()).map_err(Unplaced::Before)?;
        disk::rename(&new, &path).and_then(|()| disk::sync_dir(&folder.path)).map_err(Unplaced::Unknown)
    }

    /// A number that no file named here has, nor any that was named before.
    pub(crate) fn next_number(&self) -> u64 {
        let base = self.base.map_or(0, |(number, _)| number);
        self.logs.iter().copied().fold(base, u64::max) + 1
    }
}

/// A manifest was not put in place.
#[derive(Debug)]
pub(crate) enum Unplaced {
    Before(Error),
    Unknown(Error),
}

/// Writes a file anew and waits until its bytes are durable; its name is not yet.
pub(crate) fn write_durably(path: &Path, bytes: &[u8]) -> Result<(), Error> {
    let mut file = File::create(path).doing("cannot create", path)?;
    file.write_all(bytes).doing("cannot write", path)?;
    disk::sync_all(&file, path)
}

fn base_of(text: &str) -> Option<Option<(u64, u64)>> {
    if text == NONE || text == RECEIVING {
        return Some(None);
    }
    let (number, length) = text.split_once(' ')?;
    Some(Some((canonical(number)?, canonical(length)?)))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn manifest() -> Manifest {
        Manifest {
            range: 3,
            base: Some((7, 4_096)),
            receiving: false,
            start: 12_345,
            logs: vec![9, 10],
            reaches: 99_887,
        }
    }

    #[test]
    fn the_text_is_the_one_of_the_format() {
        let text = manifest().encode();
        let head = "rustidocs range manifest 1\nrange 3\nbase 7 4096\nlogs 12345 9 10\nreaches 99887\ncrc ";
        assert!(text.starts_with(head), "{text}");
        assert_eq!(Manifest::decode(text.as_bytes()), Ok(manifest()));
        let first = Manifest::first(0);
        assert_eq!(Manifest::decode(first.encode().as_bytes()), Ok(first));
        assert_eq!(manifest().next_number(), 11);
    }

    #[test]
    fn any_flipped_bit_and_any_cut_is_refused() {
        let text = manifest().encode().into_bytes();
        for bit in 0..text.len() * 8 {
            let mut flipped = text.clone();
            flipped[bit / 8] ^= 1 << (bit % 8);
            assert!(Manifest::decode(&flipped).is_err(), "bit {bit}");
        }
        for end in 0..text.len() {
            assert!(Manifest::decode(&text[..end]).is_err(), "cut at {end}");
        }
    }

    #[test]
    fn a_right_crc_does_not_excuse_a_wrong_form() {
        let sealed = |body: &str| format!("{body}crc {:08x}\n", crc32fast::hash(body.as_bytes()));
        let good = "rustidocs range manifest 1\nrange 3\nbase none\nlogs 0 1\nreaches 0\n";
        assert!(Manifest::decode(sealed(good).as_bytes()).is_ok());
        for (from, to) in [
            ("range 3", "range 16"),
            ("range 3", "range 03"),
            ("base none", "base 7"),
            ("logs 0 1", "logs 0"),
            ("logs 0 1", "logs 0 2 1"),
            ("logs 0 1", "logs 0 1 1"),
            ("logs 0 1", "logs 0 1 x"),
            ("reaches 0\n", "reaches 0\nmore\n"),
            ("reaches 0\n", "reaches 0\r\n"),
            ("reaches 0\n", ""),
        ] {
            assert!(Manifest::decode(sealed(&good.replace(from, to)).as_bytes()).is_err(), "{to}");
        }
        let other = sealed(&good.replace("manifest 1", "manifest 2"));
        assert_eq!(Manifest::decode(other.as_bytes()), Err(BadManifest::Version(2)));
    }

    proptest! {
        #[test]
        fn what_is_decoded_is_encoded_to_the_same_bytes(
            range in 0..RANGES, base in proptest::option::of(any::<(u64, u64)>()), receives: bool, start: u64, reaches: u64,
            logs in proptest::collection::btree_set(any::<u64>(), 1..5),
        ) {
            let receiving = receives && base.is_none();
            let manifest = Manifest { range, base, receiving, start, logs: logs.into_iter().collect(), reaches };
            prop_assert_eq!(Manifest::decode(manifest.encode().as_bytes()), Ok(manifest));
        }

        #[test]
        fn any_bytes_are_refused_or_are_the_one_form(bytes: Vec<u8>) {
            if let Ok(manifest) = Manifest::decode(&bytes) {
                prop_assert_eq!(manifest.encode().into_bytes(), bytes);
            }
        }
    }
}
