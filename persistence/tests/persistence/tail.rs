//! The end of a log: what a crash explains is cut off and reported; everything else is refused by file and offset, and nothing is changed.

use std::fs;
use std::path::PathBuf;

use persistence::Error;

use crate::folder::Folder;
use crate::format::{header, number, record};
use crate::model::{State, open, quiet, slot};

const SECTOR: usize = 512;

/// An empty store, whose log of range 0 is whatever a test says.
struct Log {
    folder: Folder,
    path: PathBuf,
    manifest: (PathBuf, Vec<u8>),
}

/// What became of the bytes.
#[derive(Debug, PartialEq, Eq)]
enum Outcome {
    /// This many effects, and this was cut off: where, and how much.
    Opened {
        effects: usize,
        cut: Option<(u64, u64)>,
    },
    Damaged {
        at: u64,
        what: String,
    },
}

impl Log {
    fn new() -> Log {
        let folder = Folder::fast();
        drop(open(&quiet(&folder)).unwrap());
        let range = folder.path().join("range-00");
        let manifest = range.join("manifest");
        let bytes = fs::read(&manifest).unwrap();
        Log { path: range.join("log.1"), manifest: (manifest, bytes), folder }
    }

    /// Opens the store with these bytes as its log; nothing says that there was more.
    fn with(&self, bytes: &[u8]) -> Outcome {
        fs::write(&self.manifest.0, &self.manifest.1).unwrap();
        fs::write(&self.path, bytes).unwrap();
        match open(&quiet(&self.folder)) {
            Ok((_store, keyspace, report)) => {
                let torn: Vec<_> = report.torn().collect();
                let left = fs::read(&self.path).unwrap();
                assert!(bytes.starts_with(&left));
                assert_eq!(torn.len(), usize::from(left.len() < bytes.len()), "a report for every cut");
                assert!(torn.iter().all(|torn| torn.file == self.path));
                let effects = keyspace.state().values().map(Vec::len).sum();
                Outcome::Opened { effects, cut: torn.first().map(|torn| (torn.at, torn.bytes)) }
            }
            Err(Error::Damaged { file, offset, what }) => {
                assert_eq!(file, self.path);
                assert_eq!(fs::read(&self.path).unwrap(), bytes, "what is refused is left as it is");
                Outcome::Damaged { at: offset, what }
            }
            Err(other) => panic!("{other}"),
        }
    }

    #[track_caller]
    fn refuses(&self, at: usize, bytes: &[u8]) {
        match self.with(bytes) {
            Outcome::Damaged { at: found, .. } => assert_eq!(found, at as u64),
            opened => panic!("{opened:?} of {}", bytes.escape_ascii()),
        }
    }

    #[track_caller]
    fn cuts(&self, at: usize, effects: usize, bytes: &[u8]) {
        let cut = Some((at as u64, (bytes.len() - at) as u64));
        assert_eq!(self.with(bytes), Outcome::Opened { effects, cut });
    }
}

fn log_header() -> Vec<u8> {
    header(b"RUSTILOG", 0, 1, 0)
}

/// A log of three records, and where each part of it begins: the header, the records, the end.
fn three_records() -> (Vec<u8>, Vec<usize>) {
    let (mut bytes, mut places) = (log_header(), vec![0]);
    for effects in 1..=3 {
        places.push(bytes.len());
        let offset = (bytes.len() - 32) as u64;
        let values: Vec<_> = (0..effects).map(|value| number(0x0102_0304_0506_0708 * (value + 1))).collect();
        let items: Vec<_> = values.iter().map(|value| (effects as u16, &value[..])).collect();
        bytes.extend(record(offset, &items));
    }
    places.push(bytes.len());
    (bytes, places)
}

/// How many effects are in the records before this byte, and where the last of them ends.
fn whole_before(places: &[usize], byte: usize) -> (usize, usize) {
    let parts = places[1..].iter().take_while(|end| **end <= byte).count();
    ((0..parts).sum(), places[parts])
}

/// A log with one short record and one over nearly five sectors, which begins at the second place.
fn long_record() -> (Vec<u8>, usize) {
    let short = record(0, &[(0, &number(1))]);
    let value: Vec<u8> = (0..2_400).map(|at| (at % 251 + 1) as u8).collect();
    let long = record(short.len() as u64, &[(0, &value)]);
    let at = 32 + short.len();
    ([log_header(), short, long].concat(), at)
}

/// A record of so many bytes in all, of effects of eight bytes each and as many empty ones as it takes.
fn record_of_length(length: usize) -> Vec<u8> {
    let empty = (0..7).find(|empty| (length - 16 - empty * 6).is_multiple_of(14)).unwrap();
    let value = number(u64::MAX);
    let effects = (length - 16 - empty * 6) / 14;
    let items: Vec<_> = (0..empty).map(|_| &b""[..]).chain((0..effects).map(|_| &value[..])).collect();
    record(0, &items.into_iter().map(|bytes| (0, bytes)).collect::<Vec<_>>())
}

#[test]
fn every_beginning_of_a_log_is_what_a_crash_leaves() {
    let (log, (whole, places)) = (Log::new(), three_records());
    for length in 0..=whole.len() {
        let (effects, end) = whole_before(&places, length);
        if length == end {
            assert_eq!(log.with(&whole[..length]), Outcome::Opened { effects, cut: None });
        } else {
            log.cuts(end, effects, &whole[..length]);
        }
    }
}

#[test]
fn zeros_where_nothing_was_written_are_what_a_crash_leaves() {
    let (log, (whole, places)) = (Log::new(), three_records());
    for part in &places {
        for zeros in [1, 15, 16, 55, SECTOR, 10_000] {
            // Nothing else is in the sector, so the header can be lost only with everything.
            let bytes = [&whole[..*part], &vec![0; zeros]].concat();
            log.cuts(*part, whole_before(&places, *part).0, &bytes);
        }
    }
}

#[test]
fn zeros_in_the_middle_of_a_sector_are_damage() {
    let (log, (whole, places)) = (Log::new(), three_records());
    for (part, next) in places.iter().zip(&places[1..]) {
        for from in part + 1..*next {
            let mut bytes = whole.clone();
            bytes[from..].fill(0);
            // A sector is lost from where a write began: not from the middle of a record.
            if bytes[*part..*next] != whole[*part..*next] {
                log.refuses(*part, &bytes);
            }
        }
    }
}

#[test]
fn a_lost_sector_tears_the_record_that_it_belongs_to() {
    let (log, (whole, at)) = (Log::new(), long_record());
    let sectors = (at / SECTOR)..whole.len().div_ceil(SECTOR);
    assert!(sectors.len() >= 4);
    for sector in sectors {
        let lost = at.max(sector * SECTOR)..whole.len().min((sector + 1) * SECTOR);
        let mut bytes = whole.clone();
        bytes[lost.clone()].fill(0);
        log.cuts(at, 1, &bytes);
        // A byte of it that is still there: nothing was lost, something was changed.
        bytes[lost.end - 1] = 7;
        log.refuses(at, &bytes);
    }
    let mut without_first = whole.clone();
    without_first[..SECTOR].fill(0);
    log.cuts(0, 0, &without_first);
    without_first[SECTOR - 1] = 7;
    log.refuses(0, &without_first);
}

#[test]
fn a_header_that_two_sectors_share_may_lose_either_half() {
    let log = Log::new();
    for before in (2..16).step_by(2) {
        // The header of the second record has this many bytes in the first sector.
        let at = SECTOR - before;
        let first = record_of_length(at - 32);

        let second = record(first.len() as u64, &[(0, &[5; 1_000])]);
        let whole = [log_header(), first, second].concat();
        for lost in [at..SECTOR, SECTOR..2 * SECTOR] {
            let mut bytes = whole.clone();
            bytes[lost].fill(0);
            let Outcome::Opened { cut: Some((cut, _)), .. } = log.with(&bytes) else { panic!("{before}") };
            assert_eq!(cut, at as u64);
        }
    }
}

#[test]
fn any_flipped_bit_of_a_log_is_damage() {
    let log = Log::new();
    for (whole, step) in [(three_records().0, 1), (long_record().0, 37)] {
        for bit in (0..whole.len() * 8).step_by(step) {
            let mut bytes = whole.clone();
            bytes[bit / 8] ^= 1 << (bit % 8);
            assert!(matches!(log.with(&bytes), Outcome::Damaged { .. }), "bit {bit}");
        }
    }
}

#[test]
fn a_foreign_file_in_the_place_of_a_log_is_refused_at_its_first_byte() {
    let log = Log::new();
    let (records, _) = three_records();
    let elf = [&b"\x7fELF\x02\x01\x01"[..], &[0; 600]].concat();
    let foreign: Vec<Vec<u8>> = [
        &b"This is fifty-five bytes of a letter to somebody else.\n"[..],
        b"R",
        b"RUSTILOX",
        b"RUSTILOG and then no header at all, but words of somebody",
        b"RUSTIBAS",
        b"\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0a",
        b"{\"appendonly\": true}",
        b"rustidocs range manifest 1\nrange 0\nbase none\nlogs 0 1\nreaches 0\n",
        b"REDIS0011\xfa\x09redis-ver\x057.2.4",
        b"*2\r\n$6\r\nSELECT\r\n$1\r\n0\r\n",
        b"\n",
        b" ",
        &[0xff; 55],
        &[0xff; 5_000],
        &[b' '; 1_000],
        &elf,
        &header(b"RUSTIBAS", 0, 1, 0),
        &header(b"RUSTIBAS", 0, 1, 0)[..20],
        &header(b"RUSTILOG", 1, 1, 0),
        &header(b"RUSTILOG", 1, 1, 0)[..16],
        &header(b"RUSTILOG", 0, 2, 0)[..31],
        &header(b"RUSTILOG", 0, 1, 99),
        &records[1..],
        &records[32..],
        &[&[0; 55][..], b"."].concat(),
    ]
    .into_iter()
    .filter(|bytes| !log_header().starts_with(bytes))
    .map(<[u8]>::to_vec)
    .collect();
    assert_eq!(foreign.len(), 24, "`R` alone is how a header begins");
    for bytes in &foreign {
        log.refuses(0, bytes);
    }
}

#[test]
fn foreign_bytes_behind_records_are_refused_where_they_begin() {
    let (log, (whole, places)) = (Log::new(), three_records());
    for foreign in [
        &b"somebody wrote more here"[..],
        b"0123456789abcdef",
        &[0xff; 16],
        &[0xff; 3_000],
        &whole[..32],
        // The same record again, whole and with a right CRC, as an old block of the disk might bring it back.
        &whole[places[1]..places[2]],
        // Nine bytes of an offset that no record here can have.
        b"\0\0\0\0\x08\0\0\0\x01",
        // A length that no record can have.
        b"abcd\x01\0\0\0",
        b"abcd\xff\xff\xff\xff",
    ] {
        for part in &places[1..] {
            if *part > 32 || !whole[32..].starts_with(foreign) {
                log.refuses(*part, &[&whole[..*part], foreign].concat());
            }
        }
    }
    // So few that they may be the CRC of a record and the beginning of its length: no effect is that short.
    for few in 1..8 {
        log.cuts(whole.len(), 6, &[&whole[..], &b"zyxwvut"[..few]].concat());
    }
}

#[test]
fn a_record_that_is_whole_but_for_its_length_is_no_torn_one() {
    let (log, (mut whole, places)) = (Log::new(), three_records());
    whole[places[3] + 6] ^= 1;
    let Outcome::Damaged { at, what } = log.with(&whole) else { panic!("taken") };
    assert_eq!((at, what.as_str()), (places[3] as u64, "the length of the record is wrong"));
}

#[test]
fn what_was_recovered_once_is_not_missed_unnoticed() {
    let folder = Folder::new();
    let (store, keyspace, _) = open(&quiet(&folder)).unwrap();
    let (mut writer, _syncer) = store.drivers().unwrap();
    for value in 0..5 {
        keyspace.add(&store, slot(0), value).unwrap();
        writer.step().unwrap();
    }
    drop((store, writer, _syncer)); // as after SIGKILL: nothing noted where the log ends
    drop(open(&quiet(&folder)).unwrap());
    let log = folder.path().join("range-00/log.1");
    let whole = fs::read(&log).unwrap();
    // Between two records, within the last, within the header, to nothing: nothing but the manifest knows of more.
    for length in [whole.len() - 30, whole.len() - 7, 32, 20, 0] {
        fs::write(&log, &whole[..length]).unwrap();
        let Err(Error::Damaged { file, what, .. }) = open(&quiet(&folder)).map(drop) else { panic!("taken") };
        assert_eq!(file, log);
        assert!(what.ends_with("but was durable up to 150"), "{what}");
    }
    fs::write(&log, &whole).unwrap();
    assert_eq!(open(&quiet(&folder)).unwrap().1.state(), State::from([(slot(0), vec![0, 1, 2, 3, 4])]));
}

#[test]
fn a_later_increment_with_bytes_that_no_manifest_names_is_refused() {
    let folder = Folder::new();
    let range = folder.path().join("range-00");
    let (store, keyspace, _) = open(&quiet(&folder)).unwrap();
    let (mut writer, _syncer) = store.drivers().unwrap();
    keyspace.add(&store, slot(0), 1).unwrap();
    writer.step().unwrap();
    let old_manifest = fs::read(range.join("manifest")).unwrap();
    let rewrite = store.begin_rewrite(0).unwrap();
    keyspace.add(&store, slot(0), 2).unwrap();
    writer.step().unwrap();
    keyspace.add(&store, slot(0), 3).unwrap();
    writer.step().unwrap();
    drop((rewrite, store, writer, _syncer));
    // Somebody brings an old manifest back.
    let manifest = fs::read(range.join("manifest")).unwrap();
    fs::write(range.join("manifest"), &old_manifest).unwrap();
    let error = open(&quiet(&folder)).map(drop).unwrap_err().to_string();
    assert!(error.contains("range-00/log.2: damaged at byte 0: it holds something"), "{error}");
    fs::write(range.join("manifest"), manifest).unwrap();
    assert_eq!(open(&quiet(&folder)).unwrap().1.state(), State::from([(slot(0), vec![1, 2, 3])]));
}
