//! `nodes.conf` on disk, with its [`journal`]: what changes is a record there, and now and then the file is replaced.

use std::io;
use std::io::{Read as _, Write as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use parking_lot::Mutex;
use shared::limits::NODES_CONF_JOURNAL_BYTES;
use shared::rt::fs::{self, File, FileExt as _, OpenOptions};
use shared::rt::rng;

use super::journal::{self, Damaged, Place};
use super::{BadNodesConf, parse};
use crate::topology::Topology;

/// Why there is no cluster to be read from a file.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    /// It cannot be read.
    #[error("cannot read {path}: {source}")]
    Read {
        /// The file.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// It is damaged.
    #[error("{path} is damaged: {source}")]
    Damaged {
        /// The file.
        path: PathBuf,
        /// Where and how.
        source: BadNodesConf,
    },
    /// Its journal is damaged.
    #[error("{path} is damaged at byte {offset}, and what is behind it is newer")]
    Journal {
        /// The journal.
        path: PathBuf,
        /// Where the record begins that cannot be read.
        offset: usize,
    },
}

/// The first word of the last line of the file: behind it stands the number that the records of its journal name. A random one, as
/// whoever removes the file may leave the journal.
const BASE: &str = "journal";

/// `nodes.conf` and its journal, as one process writes them.
#[derive(Debug)]
pub struct NodesConf {
    path: PathBuf,
    /// Behind what the next record goes; `None`: the file is to be replaced first.
    end: Option<End>,
    /// How many texts there were to keep.
    texts: u64,
    /// How many of them were on the disk at some time: this one, or a later one in its place.
    durable: u64,
}

/// The end of a journal that is whole.
#[derive(Debug)]
struct End {
    journal: Arc<Journal>,
    place: Place,
    offset: usize,
    /// Which text its last record is; 0 if it has none.
    last: u64,
}

/// The file of a journal. Two may want it synced at once, and an fsync that failed tells only one of them.
#[derive(Debug)]
struct Journal {
    file: File,
    synced: Mutex<Synced>,
}

/// How far a journal is synced.
#[derive(Debug)]
enum Synced {
    /// Up to this text.
    UpTo(u64),
    /// What it holds is not known.
    Failed,
}

/// The last record of a journal, which may not be on the disk yet: to be synced beside whoever holds the `NodesConf`.
#[derive(Debug)]
pub struct Noted {
    journal: Arc<Journal>,
    text: u64,
}

impl Noted {
    /// Puts it on the disk.
    ///
    /// # Errors
    /// What the system says: the text is to be kept anew, by [`NodesConf::fold`].
    pub fn sync(&self) -> io::Result<()> {
        self.journal.sync(self.text)
    }
}

impl Journal {
    fn has_failed(&self) -> bool {
        matches!(*self.synced.lock(), Synced::Failed)
    }

    fn sync(&self, text: u64) -> io::Result<()> {
        let mut synced = self.synced.lock();
        match *synced {
            Synced::UpTo(before) if before >= text => return Ok(()),
            Synced::UpTo(_) => {}
            Synced::Failed => return Err(io::Error::other("an earlier fsync has failed")),
        }
        let result = self.file.sync_data();
        *synced = if result.is_ok() { Synced::UpTo(text) } else { Synced::Failed };
        result
    }
}

impl NodesConf {
    /// The file of this name, which need not be there.
    pub fn new(path: PathBuf) -> NodesConf {
        NodesConf { path, end: None, texts: 0, durable: 0 }
    }

    /// Its name.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Keeps this text: after a crash the old text is there or the new one, and once this returns, the new one.
    ///
    /// # Errors
    /// What the system says; the old text then still stands.
    pub fn save(&mut self, text: &str) -> io::Result<()> {
        self.append(text, true)
    }

    /// Hands this text to the system: it survives a crash of the process, and one of the machine once [`NodesConf::noted`] is synced.
    ///
    /// # Errors
    /// What the system says; the old text then still stands.
    pub fn note(&mut self, text: &str) -> io::Result<()> {
        self.append(text, false)
    }

    /// What is noted and was not synced yet, as far as is known here.
    pub fn noted(&self) -> Option<Noted> {
        let end = self.end.as_ref().filter(|_| self.durable < self.texts)?;
        Some(Noted { journal: Arc::clone(&end.journal), text: self.texts })
    }

    /// This was synced.
    pub fn synced(&mut self, noted: &Noted) {
        self.durable = self.durable.max(noted.text);
    }

    /// How many texts there were to keep.
    pub fn texts(&self) -> u64 {
        self.texts
    }

    /// How many of them, or later ones in their place, were synced.
    pub fn durable(&self) -> u64 {
        self.durable
    }

    fn append(&mut self, text: &str, sync: bool) -> io::Result<()> {
        if let Some(mut end) = self.end.take() {
            match self.append_to(&mut end, text, sync) {
                Ok(true) => {
                    self.end = Some(end);
                    return Ok(());
                }
                // Its room is used again.
                Ok(false) => self.end = Some(end),
                // What an fsync that failed has left is not built upon: the next journal is a new one.
                Err(error) => tracing::warn!(%error, "cannot write the journal of nodes.conf"),
            }
        }
        self.fold(text)
    }

    /// Adds a record; `false` if there is no room.
    fn append_to(&mut self, end: &mut End, text: &str, sync: bool) -> io::Result<bool> {
        let Some(record) = journal::encode(end.place, text) else { return Ok(false) };
        if end.offset + record.len() > NODES_CONF_JOURNAL_BYTES {
            return Ok(false);
        }
        // A record that is not whole must have none behind it.
        end.journal.sync(end.last)?;
        end.journal.file.write_all_at(&record, end.offset as u64)?;
        self.texts += 1;
        end.last = self.texts;
        if sync {
            end.journal.sync(self.texts)?;
            self.durable = self.texts;
        }
        end.offset += record.len();
        end.place.number += 1;
        Ok(true)
    }

    /// Whether the file itself says what was saved last.
    pub fn is_folded(&self) -> bool {
        self.end.as_ref().is_none_or(|end| end.place.number == 0)
    }

    /// Keeps this text in the file itself.
    ///
    /// # Errors
    /// What the system says; the old text then still stands.
    pub fn fold(&mut self, text: &str) -> io::Result<()> {
        let usable = self.end.take().map(|end| end.journal).filter(|journal| !journal.has_failed());
        let base = rng::random_u64();
        self.texts += 1;
        replace(&self.path, &format!("{text}{BASE} {base:016x}\n"))?;
        self.durable = self.texts;
        let journal = match usable {
            Some(journal) => Ok(journal),
            None => make(&journal_path(&self.path), self.texts).map(Arc::new),
        };
        self.end = match journal {
            Ok(journal) => Some(End { journal, place: Place { base, number: 0 }, offset: 0, last: 0 }),
            Err(error) => {
                // The text is kept all the same.
                tracing::warn!(%error, "nodes.conf has no journal");
                None
            }
        };
        Ok(())
    }
}

fn journal_path(nodes_conf: &Path) -> PathBuf {
    beside(nodes_conf, ".journal")
}

/// The name with something behind it.
fn beside(path: &Path, extension: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(extension);
    PathBuf::from(name)
}

/// What file and journal tell; `None` if there is no file, or an empty one as an interrupted first start of Redis leaves. A journal
/// without its file tells nothing.
///
/// # Errors
/// A file that is there but cannot be read or understood: a node that forgot its name and slots must not join under another.
pub fn load(path: &Path) -> Result<Option<Topology>, LoadError> {
    let text = match fs::read_to_string(path) {
        Ok(text) => text,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(source) => return Err(LoadError::Read { path: path.to_owned(), source }),
    };
    if text.is_empty() {
        return Ok(None);
    }
    let (text, base) = split_base(&text);
    let bytes = match base {
        Some(_) => read_journal(&journal_path(path))?,
        None => Vec::new(),
    };
    let newest = journal::last(&bytes, base.unwrap_or_default())
        .map_err(|Damaged(offset)| LoadError::Journal { path: journal_path(path), offset })?;
    parse(newest.unwrap_or(text))
        .map(Some)
        .map_err(|source| LoadError::Damaged { path: path.to_owned(), source })
}

/// The text in front of the last line, and the number in it. Redis's file has none, nor one that somebody has cut.
fn split_base(text: &str) -> (&str, Option<u64>) {
    let begin = text.trim_end_matches('\n').rfind('\n').map_or(0, |end| end + 1);
    let number = text[begin..].trim_end().strip_prefix(BASE).and_then(|word| word.strip_prefix(' '));
    match number.and_then(|word| u64::from_str_radix(word, 16).ok()) {
        Some(base) => (&text[..begin], Some(base)),
        None => (text, None),
    }
}

/// What the journal holds, as far as one is written.
fn read_journal(path: &Path) -> Result<Vec<u8>, LoadError> {
    let file = match File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(source) => return Err(LoadError::Read { path: path.to_owned(), source }),
    };
    let mut bytes = Vec::new();
    match file.take(NODES_CONF_JOURNAL_BYTES as u64).read_to_end(&mut bytes) {
        Ok(_) => Ok(bytes),
        Err(source) => Err(LoadError::Read { path: path.to_owned(), source }),
    }
}

/// A journal without records, with all its room: to write what has its place on the disk syncs no more than that.
fn make(path: &Path, text: u64) -> io::Result<Journal> {
    let journal = OpenOptions::new().write(true).create(true).truncate(true).open(path)?;
    journal.write_all_at(&vec![0; NODES_CONF_JOURNAL_BYTES], 0)?;
    journal.sync_all()?;
    fs::sync_dir(folder_of(path))?;
    Ok(Journal { file: journal, synced: Mutex::new(Synced::UpTo(text)) })
}

/// Replaces the file by this text.
fn replace(path: &Path, text: &str) -> io::Result<()> {
    let new = beside(path, ".new");
    let mut file = File::create(&new)?;
    file.write_all(text.as_bytes())?;
    file.sync_all()?;
    fs::rename(&new, path)?;
    fs::sync_dir(folder_of(path))
}

fn folder_of(path: &Path) -> &Path {
    path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::topology::describe::WallClock;
    use crate::topology::nodes_conf::render;
    use crate::topology::tests::three_nodes;
    use shared::epoch::Epoch;

    /// A folder of its own, gone with the test.
    struct Folder(PathBuf);

    impl Folder {
        fn new(name: &str) -> Folder {
            let folder = std::env::temp_dir().join(format!("nodes-conf-{name}-{}", std::process::id()));
            fs::create_dir_all(&folder).unwrap();
            Folder(folder)
        }

        fn file(&self) -> PathBuf {
            self.0.join("nodes.conf")
        }

        fn journal(&self) -> PathBuf {
            journal_path(&self.file())
        }

        /// The epoch that is found at a start.
        fn epoch(&self) -> u64 {
            load(&self.file()).unwrap().unwrap().current_epoch.0
        }
    }

    impl Drop for Folder {
        fn drop(&mut self) {
            let _ = fs::remove_dir_all(&self.0);
        }
    }

    /// A text in which this epoch stands, far above what the three nodes have.
    fn text(epoch: u64) -> String {
        let mut topology = three_nodes();
        topology.current_epoch = Epoch(epoch);
        render(&topology, WallClock { started_unix_ms: 0 })
    }

    #[test]
    fn what_was_saved_last_is_loaded_and_a_missing_file_is_none() {
        let folder = Folder::new("saved");
        assert!(load(&folder.file()).unwrap().is_none());
        let mut conf = NodesConf::new(folder.file());
        for epoch in 100..400 {
            conf.save(&text(epoch)).unwrap();
            assert_eq!(folder.epoch(), epoch);
        }
        let itself = fs::read_to_string(folder.file()).unwrap();
        assert!(!itself.contains("currentEpoch 100 ") && !itself.contains("currentEpoch 399 "), "{itself}");
    }

    #[test]
    fn folded_it_stands_in_the_file_itself() {
        let folder = Folder::new("folded");
        let mut conf = NodesConf::new(folder.file());
        conf.save(&text(100)).unwrap();
        assert!(conf.is_folded());
        conf.save(&text(101)).unwrap();
        assert!(!conf.is_folded());
        conf.fold(&text(102)).unwrap();
        assert!(conf.is_folded());
        assert!(fs::read_to_string(folder.file()).unwrap().contains("currentEpoch 102 "));
        assert_eq!(folder.epoch(), 102);
    }

    #[test]
    fn what_is_noted_is_there_after_a_crash_of_the_process_and_on_the_disk_when_it_is_synced() {
        let folder = Folder::new("noted");
        let mut conf = NodesConf::new(folder.file());
        conf.save(&text(100)).unwrap();
        assert!(conf.noted().is_none());
        conf.note(&text(101)).unwrap();
        assert_eq!((folder.epoch(), conf.texts() - conf.durable()), (101, 1));
        let noted = conf.noted().unwrap();
        noted.sync().unwrap();
        conf.synced(&noted);
        assert!(conf.noted().is_none() && conf.durable() == conf.texts());
        // What is saved takes with it what was noted before.
        conf.note(&text(102)).unwrap();
        conf.save(&text(103)).unwrap();
        assert!(conf.noted().is_none() && conf.durable() == conf.texts());
        // As does a replacement, which an older sync does not undo.
        conf.note(&text(104)).unwrap();
        let noted = conf.noted().unwrap();
        conf.fold(&text(104)).unwrap();
        conf.synced(&noted);
        assert!(conf.noted().is_none() && conf.durable() == conf.texts());
    }

    #[test]
    fn no_record_is_written_behind_one_that_may_not_be_on_the_disk() {
        let folder = Folder::new("behind");
        let mut conf = NodesConf::new(folder.file());
        conf.save(&text(100)).unwrap();
        for way in [NodesConf::save, NodesConf::note] {
            conf.note(&text(101)).unwrap();
            let before = fs::read(folder.journal()).unwrap();
            // The fsync fails that somebody else has begun.
            *conf.noted().unwrap().journal.synced.lock() = Synced::Failed;
            way(&mut conf, &text(102)).unwrap();
            assert!(fs::read_to_string(folder.file()).unwrap().contains("currentEpoch 102 "));
            assert_ne!(fs::read(folder.journal()).unwrap(), before, "the journal is a new one");
            assert!(conf.noted().is_none());
        }
    }

    #[test]
    fn records_of_before_a_replacement_do_not_come_back() {
        let folder = Folder::new("replaced");
        let mut conf = NodesConf::new(folder.file());
        conf.save(&text(100)).unwrap();
        conf.save(&text(200)).unwrap();
        let old = fs::read(folder.journal()).unwrap();
        // A crash right after the replacement: the journal is as it was.
        conf.fold(&text(150)).unwrap();
        assert_eq!(fs::read(folder.journal()).unwrap(), old);
        assert_eq!(folder.epoch(), 150);
        // Somebody removes the file to have a new node, and leaves the journal.
        fs::remove_file(folder.file()).unwrap();
        assert!(load(&folder.file()).unwrap().is_none());
        NodesConf::new(folder.file()).save(&text(101)).unwrap();
        fs::write(folder.journal(), old).unwrap();
        assert_eq!(folder.epoch(), 101);
    }

    #[test]
    fn a_torn_end_is_dropped_and_damage_before_it_is_named() {
        let folder = Folder::new("torn");
        let mut conf = NodesConf::new(folder.file());
        for epoch in 100..104 {
            conf.save(&text(epoch)).unwrap();
        }
        let whole = fs::read(folder.journal()).unwrap();
        let record = whole[1..].windows(8).position(|bytes| bytes == b"nodeconf").unwrap() + 1;
        let mut torn = whole.clone();
        torn[2 * record + 100..3 * record].fill(0);
        fs::write(folder.journal(), &torn).unwrap();
        assert_eq!(folder.epoch(), 102);
        let mut damaged = whole;
        damaged[record + 100] ^= 1;
        fs::write(folder.journal(), &damaged).unwrap();
        let error = load(&folder.file()).unwrap_err().to_string();
        assert!(error.contains(&format!("nodes.conf.journal is damaged at byte {record}")), "{error}");
    }

    #[test]
    fn a_journal_that_cannot_be_made_is_done_without() {
        let folder = Folder::new("without");
        fs::create_dir(folder.journal()).unwrap();
        let mut conf = NodesConf::new(folder.file());
        for epoch in 100..103 {
            conf.save(&text(epoch)).unwrap();
            assert!(fs::read_to_string(folder.file()).unwrap().contains(&format!("currentEpoch {epoch} ")));
        }
    }

    #[test]
    fn a_file_without_a_number_is_loaded_as_redis_writes_it() {
        let folder = Folder::new("redis");
        fs::write(folder.file(), text(100)).unwrap();
        assert_eq!(folder.epoch(), 100);
    }

    #[test]
    fn a_damaged_file_is_named() {
        let folder = Folder::new("damaged");
        fs::write(folder.file(), "nonsense").unwrap();
        let error = load(&folder.file()).unwrap_err().to_string();
        assert!(error.contains("nodes.conf is damaged: line 1"), "{error}");
    }
}
