//! Files of a simulated machine: turmoil's, with what those lack: locks, files that outlive their names, disks that fail.

use std::fs::TryLockError as StdTryLockError;
use std::io::{self, Error, ErrorKind, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use parking_lot::Mutex;
use turmoil::fs::shim::std::fs as disk;

use super::sim::host::Orphan;
use super::sim::{Disk, Host};

pub use std::os::unix::fs::FileExt;
pub use turmoil::fs::shim::std::fs::{DirEntry, Metadata, ReadDir};

/// Why a file was not locked.
pub type TryLockError = StdTryLockError;

const EIO: i32 = 5;
const ENOSPC: i32 = 28;

/// The machine, if its process lives: what destructors of a killed one do is not done.
fn alive() -> io::Result<Host> {
    match Host::current() {
        Some(host) if !host.is_dead() => Ok(host),
        _ => Err(Error::other("the process was killed")),
    }
}

/// The same, if its disk takes anything.
fn writable() -> io::Result<Host> {
    let host = alive()?;
    match host.disk() {
        Disk::Healthy => Ok(host),
        Disk::Broken => Err(Error::from_raw_os_error(EIO)),
        Disk::Full => Err(Error::from_raw_os_error(ENOSPC)),
    }
}

fn syncable() -> io::Result<Host> {
    let host = alive()?;
    if host.disk() == Disk::Broken { Err(Error::from_raw_os_error(EIO)) } else { Ok(host) }
}

/// Makes a folder.
pub fn create_dir(path: impl AsRef<Path>) -> io::Result<()> {
    let path = path.as_ref();
    writable()?;
    if disk::exists(path) {
        return Err(ErrorKind::AlreadyExists.into());
    }
    if path.parent().is_some_and(|parent| !disk::exists(parent)) {
        return Err(ErrorKind::NotFound.into());
    }
    disk::create_dir(path)
}

/// Makes a folder and what is missing above it.
pub fn create_dir_all(path: impl AsRef<Path>) -> io::Result<()> {
    writable()?;
    disk::create_dir_all(path)
}

/// What is known about a file or folder.
pub fn metadata(path: impl AsRef<Path>) -> io::Result<Metadata> {
    alive()?;
    disk::metadata(path)
}

/// All bytes of a file.
pub fn read(path: impl AsRef<Path>) -> io::Result<Vec<u8>> {
    alive()?;
    disk::read(path)
}

/// What a folder holds.
pub fn read_dir(path: impl AsRef<Path>) -> io::Result<ReadDir> {
    alive()?;
    disk::read_dir(path)
}

/// A file as text.
pub fn read_to_string(path: impl AsRef<Path>) -> io::Result<String> {
    alive()?;
    disk::read_to_string(path)
}

/// Removes a folder with what it holds.
pub fn remove_dir_all(path: impl AsRef<Path>) -> io::Result<()> {
    alive()?;
    disk::remove_dir_all(path)
}

/// Removes a name; who has the file open keeps what it holds.
pub fn remove_file(path: impl AsRef<Path>) -> io::Result<()> {
    let path = path.as_ref();
    let host = alive()?;
    let orphans = host.orphans(path);
    if !orphans.is_empty() {
        let bytes = disk::read(path)?;
        for orphan in orphans {
            *orphan.lock() = Some(bytes.clone());
        }
    }
    disk::remove_file(path)
}

/// Puts a file in the place of another.
pub fn rename(from: impl AsRef<Path>, to: impl AsRef<Path>) -> io::Result<()> {
    writable()?;
    disk::rename(from, to)
}

/// Replaces what a file holds.
pub fn write(path: impl AsRef<Path>, bytes: impl AsRef<[u8]>) -> io::Result<()> {
    writable()?;
    disk::write(path, bytes)
}

/// Makes names created, renamed or removed in a folder survive a crash.
pub fn sync_dir(dir: &Path) -> io::Result<()> {
    syncable()?;
    disk::sync_dir(dir)
}

/// How to open a file.
#[derive(Debug, Clone)]
pub struct OpenOptions {
    options: disk::OpenOptions,
    append: bool,
    makes: bool,
}

impl OpenOptions {
    /// For nothing yet.
    pub fn new() -> OpenOptions {
        OpenOptions { options: disk::OpenOptions::new(), append: false, makes: false }
    }

    /// For reading.
    pub fn read(&mut self, yes: bool) -> &mut Self {
        self.options.read(yes);
        self
    }

    /// For writing.
    pub fn write(&mut self, yes: bool) -> &mut Self {
        self.options.write(yes);
        self
    }

    /// For writing at its end.
    pub fn append(&mut self, yes: bool) -> &mut Self {
        self.options.write(yes);
        self.append = yes;
        self
    }

    /// Empties it.
    pub fn truncate(&mut self, yes: bool) -> &mut Self {
        self.options.truncate(yes);
        self
    }

    /// Makes it if it is missing.
    pub fn create(&mut self, yes: bool) -> &mut Self {
        self.options.create(yes);
        self.makes |= yes;
        self
    }

    /// Makes it, if nothing is there.
    pub fn create_new(&mut self, yes: bool) -> &mut Self {
        self.options.create_new(yes);
        self.makes |= yes;
        self
    }

    /// Opens it.
    pub fn open(&self, path: impl AsRef<Path>) -> io::Result<File> {
        let path = path.as_ref().to_owned();
        let host = if self.makes && !disk::exists(&path) { writable()? } else { alive()? };
        let file = self.options.open(&path)?;
        let orphan = Arc::new(Orphan::default());
        host.opened(&path, &orphan);
        Ok(File { path, file, orphan, cursor: Mutex::new(0), append: self.append, locks: Mutex::new(None) })
    }
}

impl Default for OpenOptions {
    fn default() -> OpenOptions {
        OpenOptions::new()
    }
}

/// A file that is open.
#[derive(Debug)]
pub struct File {
    path: PathBuf,
    file: disk::File,
    orphan: Arc<Orphan>,
    cursor: Mutex<u64>,
    append: bool,
    /// The machine on which it holds the lock of its name.
    locks: Mutex<Option<Host>>,
}

impl File {
    /// Opens a file for reading.
    pub fn open(path: impl AsRef<Path>) -> io::Result<File> {
        OpenOptions::new().read(true).open(path)
    }

    /// Makes a file, or empties it.
    pub fn create(path: impl AsRef<Path>) -> io::Result<File> {
        OpenOptions::new().write(true).create(true).truncate(true).open(path)
    }

    /// Locks it for this process.
    ///
    /// # Errors
    /// Another one has locked it.
    pub fn try_lock(&self) -> Result<(), TryLockError> {
        let host = alive().map_err(TryLockError::Error)?;
        if !host.lock(&self.path) {
            return Err(TryLockError::WouldBlock);
        }
        *self.locks.lock() = Some(host);
        Ok(())
    }

    /// Another handle of it, which holds no lock.
    pub fn try_clone(&self) -> io::Result<File> {
        Ok(File {
            path: self.path.clone(),
            file: self.file.try_clone()?,
            orphan: Arc::clone(&self.orphan),
            cursor: Mutex::new(*self.cursor.lock()),
            append: self.append,
            locks: Mutex::new(None),
        })
    }

    /// What is known about it.
    pub fn metadata(&self) -> io::Result<Metadata> {
        alive()?;
        self.file.metadata()
    }

    /// Cuts it, or fills it up with zeros.
    pub fn set_len(&self, length: u64) -> io::Result<()> {
        writable()?;
        match &mut *self.orphan.lock() {
            Some(bytes) => bytes.resize(usize::try_from(length).map_err(Error::other)?, 0),
            None => self.file.set_len(length)?,
        }
        Ok(())
    }

    /// Makes its bytes survive a crash.
    pub fn sync_all(&self) -> io::Result<()> {
        syncable()?;
        if self.orphan.lock().is_some() { Ok(()) } else { self.file.sync_all() }
    }

    /// Makes its bytes survive a crash.
    pub fn sync_data(&self) -> io::Result<()> {
        self.sync_all()
    }

    fn length(&self) -> io::Result<u64> {
        match &*self.orphan.lock() {
            Some(bytes) => Ok(bytes.len() as u64),
            None => Ok(self.file.metadata()?.len()),
        }
    }
}

impl Drop for File {
    fn drop(&mut self) {
        if let Some(host) = self.locks.lock().take() {
            host.unlock(&self.path);
        }
    }
}

impl FileExt for File {
    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        alive()?;
        match &*self.orphan.lock() {
            Some(bytes) => {
                let from = usize::try_from(offset).unwrap_or(usize::MAX).min(bytes.len());
                (&bytes[from..]).read(buffer)
            }
            None => self.file.read_at(buffer, offset),
        }
    }

    fn write_at(&self, bytes: &[u8], offset: u64) -> io::Result<usize> {
        let host = writable()?;
        if self.orphan.lock().is_some() {
            // What has no name any more is never looked at again behind where it ended.
            return Ok(bytes.len());
        }
        let back = host.writes_back(bytes.len());
        if let Some(back) = back {
            self.file.write_all_at(&bytes[..back], offset)?;
            self.file.sync_data()?;
        }
        let back = back.unwrap_or(0);
        self.file.write_all_at(&bytes[back..], offset + back as u64)?;
        Ok(bytes.len())
    }
}

impl Read for &File {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let mut cursor = self.cursor.lock();
        let read = self.read_at(buffer, *cursor)?;
        *cursor += read as u64;
        Ok(read)
    }
}

impl Write for &File {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let mut cursor = self.cursor.lock();
        if self.append {
            *cursor = self.length()?;
        }
        let written = self.write_at(bytes, *cursor)?;
        *cursor += written as u64;
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Seek for &File {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        let mut cursor = self.cursor.lock();
        let (base, by) = match to {
            SeekFrom::Start(at) => (at, 0),
            SeekFrom::End(by) => (self.length()?, by),
            SeekFrom::Current(by) => (*cursor, by),
        };
        *cursor = base.checked_add_signed(by).ok_or(ErrorKind::InvalidInput)?;
        Ok(*cursor)
    }
}

impl Read for File {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        (&*self).read(buffer)
    }
}

impl Write for File {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        (&*self).write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Seek for File {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        (&*self).seek(to)
    }
}
