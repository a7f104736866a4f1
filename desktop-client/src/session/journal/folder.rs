//! Where journals and copies of documents are: `$XDG_STATE_HOME/rustidocs/<server>/<document>/`.

use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use shared::document::Kind;
use shared::names::DocumentId;
use shared::rt::fs::{self, File};
use shared::rt::rng::random_u64;

use super::record::{self, Contents, Header};
use super::{Journal, Pending};
use crate::session::limits::LEFTOVER_ROOMS_MAX;
use crate::session::pending::Edit;

const JOURNAL: &str = "journal";
/// With the document's kind in front: a copy that is read as something else would be edits of it.
const COPY: &str = "copy";

/// Longest part of a name that is readable, bytes: file systems end at 255.
const NAME_BYTES_MAX: usize = 120;

/// What this computer keeps of one server's documents.
#[derive(Debug, Clone)]
pub struct Folder {
    root: PathBuf,
    server: String,
}

/// A journal whose window is dead. Its lock is held while this value lives.
#[derive(Debug)]
pub struct Leftover {
    path: PathBuf,
    _lock: File,
    /// What it holds.
    pub contents: Contents,
}

impl Leftover {
    /// Whether its edits can enter a document of this kind; if there are none, they can.
    fn is_for(&self, kind: &str) -> bool {
        let Contents { header, edits } = &self.contents;
        edits.is_empty() || header.as_ref().is_some_and(|header| header.kind == kind)
    }

    /// Removes the file: its edits are in another journal, on disk.
    pub fn remove(self) -> io::Result<()> {
        fs::remove_file(&self.path)
    }
}

impl Folder {
    /// The folder of a server below the folder of all state.
    pub fn new(state: &Path, server: &str) -> Folder {
        Folder { root: state.join("rustidocs").join(readable(server)), server: server.to_owned() }
    }

    /// Begins a journal of a document, and takes over what dead windows left of it: their edits are pushed to `pending`, are
    /// in the new journal and on disk before the old files go. Edits of another kind of document stay where they are: they
    /// would only damage this one. Returns the edits taken over.
    pub fn open(
        &self,
        document: &DocumentId,
        kind: &str,
        pending: &mut Pending,
    ) -> io::Result<(Journal, Vec<Edit>)> {
        let folder = self.of(document);
        fs::create_dir_all(&folder)?;
        let mut leftovers = self.leftovers(document)?;
        leftovers.retain(|leftover| leftover.is_for(kind));
        let header =
            Header { server: self.server.clone(), document: document.to_string(), kind: kind.to_owned() };
        let path = folder.join(format!("{:016x}.{JOURNAL}", random_u64()));
        let mut journal = Journal::create(&path, header)?;
        let mut taken = Vec::new();
        for edit in leftovers.iter().flat_map(|leftover| &leftover.contents.edits) {
            let edit = pending.push(edit.update.clone());
            journal.append(edit)?;
            taken.push(edit.clone());
        }
        if !taken.is_empty() {
            journal.sync()?;
            fs::sync_dir(&folder)?;
        }
        for leftover in leftovers {
            leftover.remove()?;
        }
        Ok((journal, taken))
    }

    /// Documents that have edits of dead windows, with their kinds, in the order of their names; at most
    /// [`LEFTOVER_ROOMS_MAX`].
    pub fn documents_left(&self) -> Vec<(DocumentId, String)> {
        let Ok(entries) = fs::read_dir(&self.root) else { return Vec::new() };
        let mut found: Vec<(DocumentId, String)> = entries
            .flatten()
            .flat_map(|entry| leftovers_in(&entry.path()).unwrap_or_default())
            .filter(|leftover| !leftover.contents.edits.is_empty())
            .filter_map(|leftover| leftover.contents.header)
            .filter(|header| header.server == self.server)
            .filter_map(|header| Some((header.document.parse().ok()?, header.kind)))
            .collect();
        found.sort();
        found.dedup_by(|a, b| a.0 == b.0);
        found.truncate(LEFTOVER_ROOMS_MAX);
        found
    }

    /// The copy of a document that this computer keeps to open it without a connection: one Yjs v1 update.
    pub fn copy(&self, document: &DocumentId, kind: Kind) -> Option<Vec<u8>> {
        fs::read(self.copy_path(document, kind)).ok()
    }

    /// Replaces the copy of a document. Not fsynced: a lost copy costs nothing but a later start.
    pub fn write_copy(&self, document: &DocumentId, kind: Kind, state: &[u8]) -> io::Result<()> {
        let folder = self.of(document);
        fs::create_dir_all(&folder)?;
        let beside = folder.join(format!("{:016x}.{COPY}", random_u64()));
        fs::write(&beside, state)?;
        fs::rename(&beside, self.copy_path(document, kind))
    }

    /// Removes what this computer keeps of a document that was deleted, except edits that other windows still hold.
    pub fn forget(&self, document: &DocumentId) -> io::Result<()> {
        for leftover in self.leftovers(document)? {
            leftover.remove()?;
        }
        for kind in [Kind::Text, Kind::Sheet] {
            match fs::remove_file(self.copy_path(document, kind)) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
                _ => {}
            }
        }
        Ok(())
    }

    fn copy_path(&self, document: &DocumentId, kind: Kind) -> PathBuf {
        self.of(document).join(format!("{}.{COPY}", kind.as_str()))
    }

    fn leftovers(&self, document: &DocumentId) -> io::Result<Vec<Leftover>> {
        leftovers_in(&self.of(document))
    }

    fn of(&self, document: &DocumentId) -> PathBuf {
        self.root.join(readable(document.as_str()))
    }
}

/// The journals in a document's folder that nobody holds, locked, in the order of their names.
fn leftovers_in(folder: &Path) -> io::Result<Vec<Leftover>> {
    let entries = match fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(error),
    };
    let mut paths: Vec<PathBuf> = entries
        .flatten()
        .map(|entry| entry.path())
        .filter(|path| path.extension().is_some_and(|extension| extension == JOURNAL))
        .collect();
    paths.sort();
    Ok(paths.into_iter().filter_map(leftover_at).collect())
}

fn leftover_at(path: PathBuf) -> Option<Leftover> {
    let file = File::open(&path).ok()?;
    file.try_lock().ok()?;
    // Its window may have replaced or removed the file between our open and our lock.
    let (locked, named) = (file.metadata().ok()?, fs::metadata(&path).ok()?);
    if locked.ino() != named.ino() {
        return None;
    }
    let contents = record::read(&fs::read(&path).ok()?);
    Some(Leftover { path, _lock: file, contents })
}

/// A file name that shows what it stands for; long ones end in a hash.
fn readable(name: &str) -> String {
    let mut readable = String::new();
    for byte in name.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' => readable.push(char::from(byte)),
            _ => readable.push_str(&format!("%{byte:02X}")),
        }
    }
    if readable.len() > NAME_BYTES_MAX {
        readable.truncate(NAME_BYTES_MAX);
        readable.push_str(&format!("~{:08x}", crc32fast::hash(name.as_bytes())));
    }
    readable
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::*;
    use crate::session::testing::TempFolder;

    fn id(text: &str) -> DocumentId {
        text.parse().unwrap()
    }

    #[test]
    fn edits_of_a_dead_window_are_taken_over_and_those_of_a_living_one_are_not() {
        let state = TempFolder::new();
        let folder = Folder::new(state.path(), "ws://127.0.0.1:8080");
        let mut dead = Pending::default();
        let (mut journal, _) = folder.open(&id("notes"), "text", &mut dead).unwrap();
        for update in ["one", "two"] {
            journal.append(dead.push(Bytes::from_static(update.as_bytes()))).unwrap();
        }
        let mut other = Pending::default();
        let (living, taken) = folder.open(&id("notes"), "text", &mut other).unwrap();
        assert!(taken.is_empty() && folder.documents_left().is_empty());
        drop(journal);
        assert_eq!(folder.documents_left(), [(id("notes"), "text".to_owned())]);

        let mut next = Pending::default();
        let (_journal, taken) = folder.open(&id("notes"), "text", &mut next).unwrap();
        assert_eq!(taken.iter().map(|edit| &edit.update[..]).collect::<Vec<_>>(), [b"one", b"two"]);
        assert_eq!(next.changes(), 2);
        assert!(folder.documents_left().is_empty(), "they are ours now");
        living.close().unwrap();
    }

    #[test]
    fn edits_of_a_text_do_not_enter_a_sheet_of_the_same_name_and_are_kept() {
        let state = TempFolder::new();
        let folder = Folder::new(state.path(), "ws://127.0.0.1:8080");
        let mut dead = Pending::default();
        let (mut journal, _) = folder.open(&id("plan"), "text", &mut dead).unwrap();
        journal.append(dead.push(Bytes::from_static(b"words"))).unwrap();
        journal.close().unwrap();

        let mut sheet = Pending::default();
        let (journal, taken) = folder.open(&id("plan"), "sheet", &mut sheet).unwrap();
        assert!(taken.is_empty() && sheet.is_empty());
        journal.close().unwrap();
        assert_eq!(folder.documents_left(), [(id("plan"), "text".to_owned())]);
        let mut text = Pending::default();
        let (_journal, taken) = folder.open(&id("plan"), "text", &mut text).unwrap();
        assert_eq!(taken.iter().map(|edit| &edit.update[..]).collect::<Vec<_>>(), [b"words"]);

        folder.write_copy(&id("plan"), Kind::Text, b"words").unwrap();
        assert_eq!(folder.copy(&id("plan"), Kind::Sheet), None);
    }

    #[test]
    fn servers_and_documents_do_not_mix() {
        let state = TempFolder::new();
        let (a, b) = (Folder::new(state.path(), "ws://a"), Folder::new(state.path(), "ws://b"));
        a.write_copy(&id("notes"), Kind::Text, b"state").unwrap();
        assert_eq!(a.copy(&id("notes"), Kind::Text).as_deref(), Some(&b"state"[..]));
        assert_eq!(b.copy(&id("notes"), Kind::Text), None);
        assert_eq!(a.copy(&id("Notes"), Kind::Text), None);
        let long = "é".repeat(100);
        a.write_copy(&id(&long), Kind::Text, b"long").unwrap();
        assert_eq!(a.copy(&id(&long), Kind::Text).as_deref(), Some(&b"long"[..]));
        a.forget(&id("notes")).unwrap();
        assert_eq!(a.copy(&id("notes"), Kind::Text), None);
    }
}
