//! Temporary folders.

use std::path::{Path, PathBuf};
use std::thread;

use crate::rt::fs::{create_dir_all, remove_dir_all};
use crate::rt::rng::random_u64;

/// A folder of one test, removed when dropped; kept when the test panicked, so that its files can be looked at.
#[derive(Debug)]
pub struct TempFolder {
    path: PathBuf,
}

impl TempFolder {
    /// A new, empty folder; `name` makes it recognisable.
    pub fn new(name: &str) -> TempFolder {
        let path = std::env::temp_dir().join(format!("rustidocs-test-{name}-{:016x}", random_u64()));
        create_dir_all(&path).expect("a temporary folder");
        TempFolder { path }
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }
}

impl Drop for TempFolder {
    fn drop(&mut self) {
        if thread::panicking() {
            eprintln!("kept: {}", self.path.display());
        } else {
            // A process that still writes its last file is no failure of the test.
            let _ = remove_dir_all(&self.path);
        }
    }
}
