//! Makes a store.

use std::io::ErrorKind;
use std::path::Path;

use shared::limits::RANGES;
use shared::rt::fs;

use crate::disk;
use crate::error::{Doing, Error};
use crate::layout::{Layout, Named, RangeFolder, canonical};
use crate::manifest::{Manifest, Unplaced, write_durably};
use crate::recovery::in_parallel;

const FORMAT_TITLE: &str = "rustidocs store ";
const FORMAT_VERSION: u16 = 1;

/// Makes a directory and what is missing above it, so that the names survive a crash.
pub(super) fn directory(dir: &Path) -> Result<(), Error> {
    match fs::create_dir(dir) {
        Ok(()) => {}
        Err(error) if error.kind() == ErrorKind::AlreadyExists && is_dir(dir) => return Ok(()),
        Err(error) if error.kind() == ErrorKind::NotFound && parent(dir) != dir => {
            directory(parent(dir))?;
            fs::create_dir(dir).doing("cannot create", dir)?;
        }
        Err(error) => return Err(error).doing("cannot create", dir),
    }
    disk::sync_dir(parent(dir))
}

fn is_dir(path: &Path) -> bool {
    fs::metadata(path).is_ok_and(|metadata| metadata.is_dir())
}

fn parent(dir: &Path) -> &Path {
    match dir.parent() {
        None => dir,
        Some(parent) if parent.as_os_str().is_empty() => Path::new("."),
        Some(parent) => parent,
    }
}

/// Makes every range, empty; then says that they are all there.
pub(super) fn store(layout: &Layout) -> Result<(), Error> {
    if fs::metadata(layout.journal()).is_ok() {
        let what = "the file is missing, but there is a journal";
        return Err(Error::damaged(&layout.format(), 0, what));
    }
    for range in 0..RANGES {
        refuse_orphans(layout, &layout.range(range))?;
    }
    in_parallel(0..RANGES, |range| create_range(&layout.range(range)))?;
    let new = layout.dir().join("format.new");
    write_durably(&new, format!("{FORMAT_TITLE}{FORMAT_VERSION}\n").as_bytes())?;
    disk::rename(&new, &layout.format())?;
    disk::sync_dir(layout.dir())
}

pub(super) fn check_format(layout: &Layout, bytes: &[u8]) -> Result<(), Error> {
    let text = std::str::from_utf8(bytes).ok();
    let version =
        text.and_then(|text| text.strip_prefix(FORMAT_TITLE)?.strip_suffix('\n')).and_then(canonical);
    match version.and_then(|version| u16::try_from(version).ok()) {
        Some(FORMAT_VERSION) => Ok(()),
        Some(found) => Err(Error::Version { file: layout.format(), found, known: FORMAT_VERSION }),
        None => Err(Error::damaged(&layout.format(), 0, "not the title of a store")),
    }
}

/// A store that was never finished holds nothing. If something is there, `format` was lost: nobody may overwrite it.
fn refuse_orphans(layout: &Layout, folder: &RangeFolder) -> Result<(), Error> {
    let entries = match fs::read_dir(&folder.path) {
        Ok(entries) => entries,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(error).doing("cannot read", &folder.path),
    };
    for entry in entries {
        let entry = entry.doing("cannot read", &folder.path)?;
        let holds = matches!(Named::of(&entry.file_name().to_string_lossy()), Named::Base(_) | Named::Log(_));
        if holds && entry.metadata().doing("cannot look at", &entry.path())?.len() > 0 {
            let what = format!("the file is missing, but {} holds something", entry.path().display());
            return Err(Error::damaged(&layout.format(), 0, what));
        }
    }
    Ok(())
}

fn create_range(folder: &RangeFolder) -> Result<(), Error> {
    fs::create_dir_all(&folder.path).doing("cannot create", &folder.path)?;
    let manifest = Manifest::first(folder.range);
    let log = folder.log(1);
    fs::File::create(&log).doing("cannot create", &log)?;
    manifest.place(folder).map_err(|unplaced| match unplaced {
        Unplaced::Before(error) | Unplaced::Unknown(error) => error,
    })
}
