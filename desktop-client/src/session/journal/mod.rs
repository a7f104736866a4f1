//! The file that keeps own edits until they are *saved*.
//!
//! A journal belongs to one window and one document; its window holds the file's lock. An edit is written (write(2)) as soon
//! as the session hears of it, so it survives a SIGKILL of the window, and is fsynced in the background within
//! [`JOURNAL_SYNC_WAIT`](super::limits::JOURNAL_SYNC_WAIT), so it survives the loss of power. When everything is saved the
//! file shrinks back to its header. What a dead window left is found by [`Folder`] and taken over by the next one.
//!
//! # Layout
//!
//! - [`record`]: the bytes.
//! - [`folder`]: where journals are, and which have lost their window.

use std::io::{self, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use shared::rt::fs::{self, File};

use super::limits::JOURNAL_REWRITE_BYTES;
use super::pending::{Edit, Pending};

pub mod folder;
pub mod record;

pub use folder::{Folder, Leftover};
pub use record::{Contents, Header};

/// An open journal, locked.
#[derive(Debug)]
pub struct Journal {
    path: PathBuf,
    header: Header,
    file: File,
    header_bytes: u64,
    bytes: u64,
    unsynced: bool,
}

impl Journal {
    /// Begins a journal at a path that no file has.
    pub fn create(path: &Path, header: Header) -> io::Result<Journal> {
        let mut buffer = Vec::new();
        record::write_header(&header, &mut buffer)?;
        let file = write_locked(path, &buffer, true)?;
        let bytes = buffer.len() as u64;
        Ok(Journal { path: path.into(), header, file, header_bytes: bytes, bytes, unsynced: true })
    }

    /// Appends an edit.
    pub fn append(&mut self, edit: &Edit) -> io::Result<()> {
        let mut buffer = Vec::with_capacity(edit.update.len() + 32);
        record::write_edit(edit, &mut buffer);
        self.write(&buffer)
    }

    /// Notes that everything but `pending` is *saved*.
    pub fn saved(&mut self, number: u64, pending: &Pending) -> io::Result<()> {
        if pending.is_empty() {
            self.file.set_len(self.header_bytes)?;
            self.file.seek(SeekFrom::End(0))?;
            self.bytes = self.header_bytes;
            return Ok(());
        }
        if self.bytes > JOURNAL_REWRITE_BYTES && self.bytes > 2 * pending.bytes() as u64 {
            return self.rewrite(pending);
        }
        let mut buffer = Vec::new();
        record::write_saved(number, &mut buffer);
        self.write(&buffer)
    }

    /// Writes the file anew with what is pending; the old one stays whole until the new one is on disk.
    pub fn rewrite(&mut self, pending: &Pending) -> io::Result<()> {
        let mut buffer = Vec::with_capacity(pending.bytes() + 1024);
        record::write_header(&self.header, &mut buffer)?;
        self.header_bytes = buffer.len() as u64;
        pending.iter().for_each(|edit| record::write_edit(edit, &mut buffer));
        let beside = self.path.with_extension("new");
        let file = write_locked(&beside, &buffer, false)?;
        file.sync_data()?;
        fs::rename(&beside, &self.path)?;
        if let Some(folder) = self.path.parent() {
            fs::sync_dir(folder)?;
        }
        self.file = file;
        self.bytes = buffer.len() as u64;
        self.unsynced = false;
        Ok(())
    }

    /// A handle for an fsync on another thread, if anything was written since the last one was taken.
    pub fn take_unsynced(&mut self) -> io::Result<Option<File>> {
        if !std::mem::take(&mut self.unsynced) || self.bytes == self.header_bytes {
            return Ok(None);
        }
        self.file.try_clone().map(Some)
    }

    /// Brings everything written to the disk, now.
    pub fn sync(&mut self) -> io::Result<()> {
        self.unsynced = false;
        self.file.sync_data()
    }

    /// Ends the journal. The file stays if it still holds edits.
    pub fn close(self) -> io::Result<()> {
        if self.bytes == self.header_bytes { fs::remove_file(&self.path) } else { self.file.sync_data() }
    }

    fn write(&mut self, buffer: &[u8]) -> io::Result<()> {
        if let Err(error) = self.file.write_all(buffer) {
            // A record written by half would hide every later one from the reader.
            let _ = self.file.set_len(self.bytes);
            let _ = self.file.seek(SeekFrom::End(0));
            return Err(error);
        }
        self.bytes += buffer.len() as u64;
        self.unsynced = true;
        Ok(())
    }
}

fn write_locked(path: &Path, bytes: &[u8], new: bool) -> io::Result<File> {
    let mut options = fs::OpenOptions::new();
    options.write(true).read(true).create(true).create_new(new).truncate(!new);
    let mut file = options.open(path)?;
    file.try_lock()?;
    file.write_all(bytes)?;
    Ok(file)
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::*;
    use crate::session::testing::TempFolder;

    fn header() -> Header {
        Header { server: "ws://a".into(), document: "notes".into(), kind: "text".into() }
    }

    fn contents(path: &Path) -> Contents {
        record::read(&fs::read(path).unwrap())
    }

    #[test]
    fn a_journal_holds_what_is_pending_and_shrinks_when_all_is_saved() {
        let folder = TempFolder::new();
        let path = folder.path().join("a.journal");
        let mut journal = Journal::create(&path, header()).unwrap();
        let mut pending = Pending::default();
        for _ in 0..3 {
            journal.append(pending.push(Bytes::from_static(b"update"))).unwrap();
        }
        assert!(journal.take_unsynced().unwrap().is_some());
        assert!(journal.take_unsynced().unwrap().is_none());
        pending.saved_through(2);
        journal.saved(2, &pending).unwrap();
        assert_eq!(contents(&path).edits.iter().map(|edit| edit.last).collect::<Vec<_>>(), [3]);
        pending.saved_through(3);
        journal.saved(3, &pending).unwrap();
        assert_eq!(contents(&path), Contents { header: Some(header()), edits: Vec::new() });
        journal.append(pending.push(Bytes::from_static(b"later"))).unwrap();
        assert_eq!(contents(&path).edits.len(), 1, "appending goes on after the file shrank");
        journal.close().unwrap();
        assert!(path.exists(), "edits that are not saved outlive their window");
    }

    #[test]
    fn rewriting_keeps_what_is_pending_and_the_lock() {
        let folder = TempFolder::new();
        let path = folder.path().join("a.journal");
        let mut journal = Journal::create(&path, header()).unwrap();
        let mut pending = Pending::default();
        for _ in 0..5 {
            journal.append(pending.push(Bytes::from_static(b"update"))).unwrap();
        }
        pending.saved_through(3);
        journal.rewrite(&pending).unwrap();
        assert_eq!(contents(&path).edits.iter().map(|edit| edit.last).collect::<Vec<_>>(), [4, 5]);
        assert!(File::open(&path).unwrap().try_lock().is_err(), "its window is alive");
        pending.saved_through(5);
        journal.saved(5, &pending).unwrap();
        journal.close().unwrap();
        assert!(!path.exists());
    }
}
