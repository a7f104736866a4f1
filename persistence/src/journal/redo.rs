//! Puts into the increments what a crash left in the journal only.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::io::ErrorKind;

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
    let mut redone = 0;
    for piece in &pieces {
        redone += increments.write(piece)?;
    }
    for ((range, number), file) in &increments.files {
        disk::sync_all(file, &layout.range(*range).log(*number))?;
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
    files: BTreeMap<(usize, u64), File>,
}

impl Increments<'_> {
    /// How many bytes of the increment were not as the piece says.
    fn write(&mut self, piece: &Piece<'_>) -> Result<u64, Error> {
        let folder = self.layout.range(piece.range);
        let manifest = match self.manifests.entry(piece.range) {
            Entry::Occupied(read) => read.into_mut(),
            Entry::Vacant(place) => place.insert(Manifest::required(&folder)?),
        };
        // One that is named no more was rewritten, or received anew.
        if !manifest.logs.contains(&piece.number) {
            return Ok(0);
        }
        let path = folder.log(piece.number);
        let file = match self.files.entry((piece.range, piece.number)) {
            Entry::Occupied(open) => open.into_mut(),
            Entry::Vacant(place) => {
                let opened = OpenOptions::new().read(true).write(true).open(&path);
                place.insert(opened.doing("cannot open for writing", &path)?)
            }
        };
        let length = file.metadata().doing("cannot look at", &path)?.len();
        if piece.at > length {
            let what = format!("the file ends, but the journal goes on with it at byte {}", piece.at);
            return Err(Error::damaged(&path, length, what));
        }
        let mut found = vec![0; piece.bytes.len().min((length - piece.at) as usize)];
        file.read_exact_at(&mut found, piece.at).doing("cannot read", &path)?;
        if found == piece.bytes {
            return Ok(0);
        }
        file.write_all_at(piece.bytes, piece.at).doing("cannot write", &path)?;
        Ok(piece.bytes.len() as u64)
    }
}
