//! The steps on which a crash is survived: one place for all of them. Each is told at trace level when it is done, so that their order can be seen.

use std::io;
use std::path::Path;

use shared::rt::fs::{self, File};

use crate::error::{Doing, Error};

/// Makes the bytes of a file durable.
pub(crate) fn sync_data(file: &File, path: &Path) -> Result<(), Error> {
    done("fsync", "cannot fsync", path, file.sync_data())
}

/// Makes a file durable that is new or was cut, its length included.
pub(crate) fn sync_all(file: &File, path: &Path) -> Result<(), Error> {
    done("fsync", "cannot fsync", path, file.sync_all())
}

/// Makes the names in a folder durable.
pub(crate) fn sync_dir(path: &Path) -> Result<(), Error> {
    done("fsync", "cannot fsync", path, fs::sync_dir(path))
}

/// Puts a file in the place of another.
pub(crate) fn rename(from: &Path, to: &Path) -> Result<(), Error> {
    done("rename", "cannot rename", from, fs::rename(from, to))
}

/// Removes a file.
pub(crate) fn remove(path: &Path) -> Result<(), Error> {
    done("remove", "cannot remove", path, fs::remove_file(path))
}

/// Cuts a file.
pub(crate) fn cut(file: &File, length: u64, path: &Path) -> Result<(), Error> {
    done("cut", "cannot cut", path, file.set_len(length))
}

fn done(step: &str, failed: &'static str, path: &Path, result: io::Result<()>) -> Result<(), Error> {
    result.doing(failed, path)?;
    tracing::trace!(step, file = %path.display());
    Ok(())
}
