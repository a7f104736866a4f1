//! Help for tests of the session.

use std::path::{Path, PathBuf};

use shared::rt::fs;
use shared::rt::rng::random_u64;

/// A folder that goes with the value.
#[derive(Debug)]
pub struct TempFolder(PathBuf);

impl TempFolder {
    /// A new empty folder.
    #[expect(clippy::new_without_default, reason = "making a folder is no default")]
    pub fn new() -> TempFolder {
        let path = std::env::temp_dir().join(format!("rustidocs-{:016x}", random_u64()));
        fs::create_dir_all(&path).expect("a folder for the test");
        TempFolder(path)
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for TempFolder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}
