//! Files and folders, blocking: whoever calls stands on a thread that may wait.

use std::io;
use std::path::Path;

pub use std::fs::{
    DirEntry, File, Metadata, OpenOptions, ReadDir, TryLockError, create_dir, create_dir_all, metadata, read,
    read_dir, read_to_string, remove_dir_all, remove_file, rename, write,
};
pub use std::os::unix::fs::FileExt;

/// Makes names created, renamed or removed in a folder survive a crash: fsync of the folder.
pub fn sync_dir(dir: &Path) -> io::Result<()> {
    File::open(dir)?.sync_all()
}
