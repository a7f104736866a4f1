//! One process a directory.

use std::io::{Seek, Write};

use shared::rt::fs::{self, File, OpenOptions, TryLockError};

use crate::error::{Doing, Error};
use crate::layout::Layout;

/// The lock of a directory, held until dropped or until the process ends, in whatever way.
#[derive(Debug)]
pub(crate) struct DirectoryLock {
    _file: File,
}

impl DirectoryLock {
    /// Takes the lock. Never waits for the one who has it.
    pub(crate) fn take(layout: &Layout) -> Result<DirectoryLock, Error> {
        let path = layout.lock();
        let mut file = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .open(&path)
            .doing("cannot open the lock", &path)?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                let owner = fs::read_to_string(&path).ok().map(|id| id.trim().to_owned());
                let owner = owner.filter(|id| !id.is_empty() && id.len() <= 20);
                return Err(Error::InUse { dir: layout.dir().to_path_buf(), owner });
            }
            Err(TryLockError::Error(error)) => return Err(error).doing("cannot lock", &path),
        }
        // The id is for people only: a disk too full to hold it must not keep a store from being read.
        let _ = file
            .set_len(0)
            .and_then(|()| file.rewind())
            .and_then(|()| writeln!(file, "{}", std::process::id()));
        Ok(DirectoryLock { _file: file })
    }
}
