//! Puts into the increments what a crash left in the journal only.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::io::ErrorKind;
use std::path::PathBuf;

use shared::rt::fs::{self, File, FileExt, OpenOptions};

use super::format::{BadJournal, Piece, pieces};
use crate::disk;
use crate::error::{Doing, Error};
use crate::header::VERSION;
use crate::layout::Layout;
use crate::manifest::Manifest;

/// Writes every piece to its place, makes that durable and removes the journal. Done twice it does the same.
///
/// # Errors
/// [`Error::Damaged`], [`Error::Version`], [`Error::Io`]: the journal is as it was.
pub(crate) fn redo(layout: &Layout) -> Result<(), Error> {
    remove_if_there(layout, false)?;
    let path = layout.journal();
    let journal = match fs::read(&path) {
        Ok(journal) => journal,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(error).doing("cannot read", &path),
    };
    let pieces = pieces(&journal).map_err(|bad| match bad {
        BadJournal::Damaged(at, what) => Error::damaged(&path, at, what),
        BadJournal::Version(found) => Error::Version { file: path.clone(), found, known: VERSION },
    })?;
    let mut increments = Increments { layout, manifests: BTreeMap::new(), files: BTreeMap::new() };
    // Nothing is changed before all is known to be good.
    let mut missing = Vec::new();
    for piece in &pieces {
        if increments.lacks(piece)? {
            missing.push(piece);
        }
    }
    let redone: usize = missing.iter().map(|piece| piece.bytes.len()).sum();
    for piece in missing {
        increments.write(piece)?;
    }
    for ((range, number), increment) in &increments.files {
        disk::sync_all(&increment.file, &layout.range(*range).log(*number))?;
    }
    if redone > 0 {
        tracing::info!(bytes = redone, "the journal held what a crash kept from the logs");
    }
    remove_if_there(layout, true)
}

/// Removes the journal, or one that was never finished.
fn remove_if_there(layout: &Layout, finished: bool) -> Result<(), Error> {
    let path = if finished { layout.journal() } else { layout.journal_new() };
    match fs::metadata(&path) {
        Ok(_) => disk::remove(&path).and_then(|()| disk::sync_dir(layout.dir())),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(()),
        Err(error) => Err(error).doing("cannot look at", &path),
    }
}

/// The increments that pieces go to, opened as they come.
struct Increments<'a> {
    layout: &'a Layout,
    manifests: BTreeMap<usize, Manifest>,
    files: BTreeMap<(usize, u64), Increment>,
}

struct Increment {
    file: File,
    path: PathBuf,
    /// Where it will end, with the pieces that were looked at.
    end: u64,
}

impl Increments<'_> {
    /// Whether the increment does not hold what the piece says. What a crash has taken is missing, or reads as zeros.
    fn lacks(&mut self, piece: &Piece<'_>) -> Result<bool, Error> {
        let Some(increment) = self.open(piece)? else { return Ok(false) };
        let length = increment.file.metadata().doing("cannot look at", &increment.path)?.len();
        if piece.at > increment.end {
            let what = format!("the file ends, but the journal goes on with it at byte {}", piece.at);
            return Err(Error::damaged(&increment.path, length, what));
        }
        increment.end = increment.end.max(piece.at + piece.bytes.len() as u64);
        let there = length.saturating_sub(piece.at).min(piece.bytes.len() as u64);
        let mut found = vec![0; there as usize];
        increment.file.read_exact_at(&mut found, piece.at).doing("cannot read", &increment.path)?;
        let wrong = found.iter().zip(piece.bytes).position(|(found, right)| found != right && *found != 0);
        match wrong {
            Some(byte) => {
                let what = "no crash leaves what stands there, and the journal holds something else";
                Err(Error::damaged(&increment.path, piece.at + byte as u64, what))
            }
            None => Ok(found != piece.bytes),
        }
    }

    fn write(&mut self, piece: &Piece<'_>) -> Result<(), Error> {
        let Some(increment) = self.open(piece)? else { return Ok(()) };
        increment.file.write_all_at(piece.bytes, piece.at).doing("cannot write", &increment.path)
    }

    /// The increment of a piece. `None`: no manifest names it any more, as its range was rewritten or received anew.
    fn open(&mut self, piece: &Piece<'_>) -> Result<Option<&mut Increment>, Error> {
        let folder = self.layout.range(piece.range);
        let manifest = match self.manifests.entry(piece.range) {
            Entry::Occupied(read) => read.into_mut(),
            Entry::Vacant(place) => place.insert(Manifest::required(&folder)?),
        };
        if !manifest.logs.contains(&piece.number) {
            return Ok(None);
        }
        Ok(Some(match self.files.entry((piece.range, piece.number)) {
            Entry::Occupied(open) => open.into_mut(),
            Entry::Vacant(place) => {
                let path = folder.log(piece.number);
                let opened = OpenOptions::new().read(true).write(true).open(&path);
                let file = opened.doing("cannot open for writing", &path)?;
                let end = file.metadata().doing("cannot look at", &path)?.len();
                place.insert(Increment { file, path, end })
            }
        }))
    }
}
