//! What the fuzz targets do with their bytes. The crate's own tests do the same with random ones.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Mutex;

use persistence::parsing::{Items, Manifest};
use persistence::{Config, Error, Fsync, History, Replay, Store};
use shared::slot::Slot;

/// The items of any payload stay within its bounds, one behind the other.
pub fn items(payload: &[u8]) {
    let mut end = 0;
    for item in Items::new(payload) {
        let Ok(item) = item else { return };
        assert_eq!(item.at, end);
        end = item.at + 6 + item.bytes.len();
    }
    assert_eq!(end, payload.len());
}

/// What is taken for a manifest, or for a history, is the one form of one.
pub fn manifest(bytes: &[u8]) {
    let sealed = [bytes, format!("crc {:08x}\n", crc32fast::hash(bytes)).as_bytes()].concat();
    for bytes in [bytes, &sealed] {
        if let Ok(manifest) = Manifest::decode(bytes) {
            assert_eq!(manifest.encode().as_bytes(), bytes);
        }
        if let Ok(history) = History::decode(bytes) {
            assert_eq!(history.encode().as_bytes(), bytes);
        }
    }
}

/// Any bytes as the log of range 0. The first one says what they are: the whole file, records behind a right header, or records
/// behind a right header whose offsets and CRCs are put right.
pub fn log(bytes: &[u8]) {
    let Some((kind, bytes)) = bytes.split_first() else { return };
    let file = match kind % 3 {
        0 => bytes.to_vec(),
        1 => [&header()[..], bytes].concat(),
        _ => [&header()[..], &put_right(bytes)].concat(),
    };
    let folder = StoreFolder::new();
    fs::write(folder.log(), &file).unwrap();
    let Ok((state, torn)) = recover(&folder.path) else { return };
    assert_eq!(torn, fs::metadata(folder.log()).unwrap().len() < file.len() as u64);
    let again = recover(&folder.path).unwrap();
    assert_eq!(again, (state, false), "what is recovered once is recovered twice");
}

fn header() -> Vec<u8> {
    let before = [&b"RUSTILOG"[..], &1u16.to_le_bytes(), &0u16.to_le_bytes()].concat();
    let after = [1u64.to_le_bytes(), 0u64.to_le_bytes()].concat();
    let crc = crc32fast::hash(&[&before[..], &after].concat());
    [&before[..], &crc.to_le_bytes(), &after].concat()
}

fn put_right(bytes: &[u8]) -> Vec<u8> {
    let (mut bytes, mut at) = (bytes.to_vec(), 0);
    while let Some(length) = bytes.get(at + 4..at + 8) {
        let length = u32::from_le_bytes(length.try_into().unwrap()) as usize % 512;
        let end = at + 16 + length;
        if end > bytes.len() {
            break;
        }
        bytes[at + 4..at + 8].copy_from_slice(&(length as u32).to_le_bytes());
        bytes[at + 8..at + 16].copy_from_slice(&(at as u64).to_le_bytes());
        let crc = crc32fast::hash(&bytes[at + 4..end]);
        bytes[at..at + 4].copy_from_slice(&crc.to_le_bytes());
        at = end;
    }
    bytes
}

type State = BTreeMap<Slot, Vec<Vec<u8>>>;

#[derive(Default)]
struct Recorder(Mutex<State>);

impl Replay for Recorder {
    fn base_entry(&self, _: Slot, _: &[u8]) -> Result<(), String> {
        Err("there is no base".into())
    }

    fn effect(&self, slot: Slot, effect: &[u8]) -> Result<(), String> {
        self.0.lock().unwrap().entry(slot).or_default().push(effect.to_vec());
        Ok(())
    }
}

/// What is recovered, and whether something was cut off.
fn recover(path: &Path) -> Result<(State, bool), Error> {
    let recorder = Recorder::default();
    let config = Config { fsync: Fsync::No, ..Config::new(path) };
    let (store, report) = Store::open(&config, &recorder)?;
    drop(store);
    Ok((recorder.0.into_inner().unwrap(), report.torn().count() > 0))
}

/// An empty store, removed when dropped.
struct StoreFolder {
    path: PathBuf,
}

impl StoreFolder {
    fn new() -> StoreFolder {
        let memory = Path::new("/dev/shm");
        let parent = if memory.is_dir() { memory.to_path_buf() } else { std::env::temp_dir() };
        let path = parent.join(format!("persistence-fuzz-{}", std::process::id()));
        recover(&path).unwrap();
        StoreFolder { path }
    }

    fn log(&self) -> PathBuf {
        self.path.join("range-00/log.1")
    }
}

impl Drop for StoreFolder {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            let _ = fs::remove_dir_all(&self.path);
        }
    }
}
