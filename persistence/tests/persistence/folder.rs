//! A folder of a test's own, removed when it ends.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

/// Removed on drop, unless the test fails.
pub(crate) struct Folder {
    path: PathBuf,
    kept: bool,
}

impl Folder {
    pub(crate) fn new() -> Folder {
        Folder::below(&std::env::temp_dir())
    }

    /// In memory where there is such a place: for tests of many files that decide by themselves what a crash takes.
    pub(crate) fn fast() -> Folder {
        let memory = Path::new("/dev/shm");
        if memory.is_dir() { Folder::below(memory) } else { Folder::new() }
    }

    fn below(parent: &Path) -> Folder {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        let name = format!("persistence-{}-{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed));
        let path = parent.join(name);
        std::fs::create_dir_all(&path).unwrap();
        Folder { path, kept: false }
    }

    /// A folder of somebody else's, who removes it.
    pub(crate) fn existing(path: PathBuf) -> Folder {
        Folder { path, kept: true }
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// A copy of the folder as it is now: what a crash of the process would leave.
    pub(crate) fn copy(&self) -> Folder {
        let copy = Folder::below(self.path.parent().unwrap());
        copy_all(&self.path, &copy.path);
        copy
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        if !self.kept && !std::thread::panicking() {
            let _ = std::fs::remove_dir_all(&self.path);
        }
    }
}

/// Copies all files and folders below a folder.
pub(crate) fn copy_all(from: &Path, to: &Path) {
    for entry in std::fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let to = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            std::fs::create_dir_all(&to).unwrap();
            copy_all(&entry.path(), &to);
        } else {
            std::fs::copy(entry.path(), to).unwrap();
        }
    }
}
