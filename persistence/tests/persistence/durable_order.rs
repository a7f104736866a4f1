//! The order in which things are made durable, as FORMAT.md says it: nothing relies on what is not on disk yet.

use std::fmt::Debug;
use std::fs;
use std::path::Path;
use std::sync::{Mutex, Once};

use persistence::RewriteStep;
use shared::rt::time::Instant;
use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Level, Metadata, Subscriber};

use crate::folder::Folder;
use crate::model::{open, quiet, slot};

/// Every step of all stores of this process.
static STEPS: Mutex<Vec<String>> = Mutex::new(Vec::new());

struct Recorder;

#[derive(Default)]
struct Step {
    step: String,
    file: String,
}

impl Visit for Step {
    fn record_str(&mut self, field: &Field, value: &str) {
        self.record_debug(field, &format_args!("{value}"));
    }

    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        match field.name() {
            "step" => self.step = format!("{value:?}"),
            "file" => self.file = format!("{value:?}"),
            _ => {}
        }
    }
}

impl Subscriber for Recorder {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        *metadata.level() == Level::TRACE && metadata.target() == "persistence::disk"
    }

    fn event(&self, event: &Event<'_>) {
        let mut step = Step::default();
        event.record(&mut step);
        STEPS.lock().unwrap().push(format!("{} {}", step.step, step.file));
    }

    fn new_span(&self, _: &Attributes<'_>) -> Id {
        Id::from_u64(1)
    }

    fn record(&self, _: &Id, _: &Record<'_>) {}
    fn record_follows_from(&self, _: &Id, _: &Id) {}
    fn enter(&self, _: &Id) {}
    fn exit(&self, _: &Id) {}
}

/// What was done below a folder since the last look, in order, by names below it.
fn steps(dir: &Path) -> Vec<String> {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| tracing::subscriber::set_global_default(Recorder).unwrap());
    let (dir, mut found) = (dir.display().to_string(), Vec::new());
    STEPS.lock().unwrap().retain(|step| {
        let here = step.contains(&dir);
        if here {
            found.push(step.replace(&format!("{dir}/"), "").replace(&dir, "."));
        }
        !here
    });
    found
}

/// Only those in one range.
fn steps_of(dir: &Path, range: &str) -> Vec<String> {
    steps(dir).into_iter().filter(|step| step.contains(range)).collect()
}

#[test]
fn a_store_is_made_range_by_range_and_named_last() {
    let folder = Folder::new();
    steps(folder.path());
    let dir = folder.path().join("new/store");
    drop(open(&persistence::Config { dir: dir.clone(), ..quiet(&folder) }).unwrap());
    let steps = steps(folder.path());
    // The folders above the store and its own name, before anything in it.
    assert_eq!(steps[..2], ["fsync .", "fsync new"]);
    let place = |step: &str| {
        let found = steps.iter().position(|found| found == step);
        found.unwrap_or_else(|| panic!("{step} was not done: {steps:#?}"))
    };
    let named = place("fsync new/store/format.new");
    for range in 0..16 {
        let folder = format!("new/store/range-{range:02}");
        let each = [
            format!("fsync {folder}/manifest.new"),
            format!("rename {folder}/manifest.new"),
            format!("fsync {folder}"),
        ];
        let places: Vec<_> = each.iter().map(|step| place(step)).collect();
        assert!(places.is_sorted() && places[2] < named, "{steps:#?}");
    }
    assert_eq!(steps[named + 1..named + 3], ["rename new/store/format.new", "fsync new/store"]);
    // Then it gets its name, by the same steps as a store without one.
    let name = ["fsync new/store/id.new", "rename new/store/id.new", "fsync new/store"];
    assert_eq!(steps[named + 3..], name);
}

#[test]
fn a_rewriting_makes_everything_durable_before_the_manifest_that_names_it() {
    let folder = Folder::new();
    let (store, keyspace, _) = open(&quiet(&folder)).unwrap();
    let (mut writer, mut syncer) = store.drivers().unwrap();
    keyspace.add(&store, slot(0), 1).unwrap();
    writer.step().unwrap();
    steps(folder.path());
    let mut rewrite = store.begin_rewrite(0).unwrap();
    let manifest = ["fsync range-00/manifest.new", "rename range-00/manifest.new", "fsync range-00"];
    assert_eq!(steps(folder.path()), manifest, "the increment counts before it gets a byte");
    assert_eq!(rewrite.step(&mut |_, _| panic!("before the switch")).unwrap(), RewriteStep::Waiting);
    keyspace.add(&store, slot(0), 2).unwrap();
    writer.step().unwrap();
    assert_eq!(
        steps(folder.path()),
        ["fsync range-00/log.1"],
        "what came before the switch is durable first"
    );
    keyspace.add(&store, slot(0), 3).unwrap();
    while rewrite.step(&mut |slot, dump| keyspace.dump(slot, dump)).unwrap() == RewriteStep::Working {}
    assert_eq!(steps(folder.path()), ["fsync range-00/base.2"]);
    // The base holds 3, the log does not yet.
    assert_eq!(rewrite.step(&mut |_, _| ()).unwrap(), RewriteStep::Waiting);
    writer.step().unwrap();
    assert_eq!(rewrite.step(&mut |_, _| ()).unwrap(), RewriteStep::Waiting);
    syncer.step(Instant::now()).unwrap();
    assert_eq!(steps(folder.path()).last().unwrap(), "fsync journal");
    assert!(matches!(rewrite.step(&mut |_, _| ()).unwrap(), RewriteStep::Done(_)));
    let removed = ["remove range-00/log.1"];
    assert_eq!(steps(folder.path()), [&manifest[..], &removed].concat());
}

#[test]
fn recovery_makes_durable_what_a_killed_process_left_before_it_notes_it() {
    let folder = Folder::new();
    let (store, keyspace, _) = open(&quiet(&folder)).unwrap();
    let (mut writer, syncer) = store.drivers().unwrap();
    keyspace.add(&store, slot(0), 1).unwrap();
    writer.step().unwrap();
    drop((store, writer, syncer));
    steps(folder.path());
    let noted = ["fsync range-00/manifest.new", "rename range-00/manifest.new", "fsync range-00"];
    drop(open(&quiet(&folder)).unwrap());
    assert_eq!(steps_of(folder.path(), "range-00"), [&["fsync range-00/log.1"][..], &noted].concat());
    // Nothing new: nothing to note.
    drop(open(&quiet(&folder)).unwrap());
    assert_eq!(steps_of(folder.path(), "range-00"), ["fsync range-00/log.1"]);
    let log = folder.path().join("range-00/log.1");
    let torn = [&fs::read(&log).unwrap()[..], b"torn"].concat();
    fs::write(&log, torn).unwrap();
    drop(open(&quiet(&folder)).unwrap());
    assert_eq!(steps_of(folder.path(), "range-00"), ["cut range-00/log.1", "fsync range-00/log.1"]);
}

#[test]
fn a_group_is_durable_when_every_file_of_it_is() {
    let folder = Folder::new();
    let (store, keyspace, _) = open(&quiet(&folder)).unwrap();
    let (mut writer, mut syncer) = store.drivers().unwrap();
    for range in 0..16 {
        keyspace.add(&store, slot(range * 1_024), 1).unwrap();
    }
    writer.step().unwrap();
    store.set_fsync(persistence::Fsync::EverySecond);
    steps(folder.path());
    syncer.step(Instant::now()).unwrap();
    let mut synced = steps(folder.path());
    synced.sort();
    assert_eq!(synced, (0..16).map(|range| format!("fsync range-{range:02}/log.1")).collect::<Vec<_>>());
    assert_eq!(store.durable(), store.written());
    // Nothing was written since: nothing is synced.
    syncer.step(Instant::now()).unwrap();
    assert!(steps(folder.path()).is_empty());
}

#[test]
fn a_group_that_somebody_waits_for_is_durable_in_the_journal() {
    let folder = Folder::new();
    let (store, keyspace, _) = open(&quiet(&folder)).unwrap();
    let (mut writer, mut syncer) = store.drivers().unwrap();
    let mut group = || {
        for range in 0..16 {
            keyspace.add(&store, slot(range * 1_024), 1).unwrap();
        }
        writer.step().unwrap();
        store.want_durable(store.written());
        steps(folder.path());
        syncer.step(Instant::now()).unwrap();
        assert_eq!(store.durable(), store.written());
        steps(folder.path())
    };
    // It is made of zeros first, and has its name when it is whole.
    let made = ["fsync journal.new", "fsync journal.new", "rename journal.new", "fsync .", "fsync journal"];
    assert_eq!(group(), made);
    assert_eq!(group(), ["fsync journal"]);
    drop((store, keyspace, writer, syncer));
    // What it holds is in the logs before it goes.
    drop(open(&quiet(&folder)).unwrap());
    let redone = steps(folder.path());
    let removed = redone.iter().position(|step| step == "remove journal").unwrap();
    let mut synced = redone[..removed].to_vec();
    synced.sort();
    assert_eq!(synced, (0..16).map(|range| format!("fsync range-{range:02}/log.1")).collect::<Vec<_>>());
    assert_eq!(redone[removed + 1], "fsync .");
}

#[test]
fn a_journal_that_is_full_begins_anew_when_the_logs_are_durable() {
    let folder = Folder::fast();
    let (store, keyspace, _) = open(&quiet(&folder)).unwrap();
    let (mut writer, mut syncer) = store.drivers().unwrap();
    let logs: Vec<_> = (0..16).map(|range| folder.path().join(format!("range-{range:02}/log.1"))).collect();
    let length = |path: &std::path::PathBuf| fs::metadata(path).unwrap().len();
    // What of each log is durable in itself.
    let (mut durable, mut full) = ([0; 16], 0);
    for round in 0..3_000_u64 {
        // Some in every round, some in a few: so that a log is left behind by several records.
        for range in (0..16).filter(|range| round % (range + 1) == 0) {
            keyspace.add(&store, slot(range as u16 * 1_024), round).unwrap();
        }
        writer.step().unwrap();
        store.want_durable(store.written());
        syncer.step(Instant::now()).unwrap();
        let steps = steps(folder.path());
        if steps.iter().any(|step| step.ends_with("log.1")) {
            full += 1;
            assert!(steps[..steps.len() - 1].iter().take(16).all(|step| step.starts_with("fsync range")));
            assert_eq!(steps.last().unwrap(), "fsync journal");
        }
        for (range, path) in logs.iter().enumerate() {
            if steps.contains(&format!("fsync range-{range:02}/log.1")) {
                durable[range] = length(path);
            }
        }
        if round % 97 == 0 {
            // The power fails: nothing of a log is left but what it was made durable with.
            let crashed = folder.copy();
            for (path, durable) in logs.iter().zip(durable) {
                let path = crashed.path().join(path.strip_prefix(folder.path()).unwrap());
                fs::OpenOptions::new().write(true).open(path).unwrap().set_len(durable).unwrap();
            }
            let (_store, recovered, report) = open(&quiet(&crashed)).unwrap();
            assert_eq!(recovered.state(), keyspace.state(), "round {round}");
            assert_eq!(report.torn().count(), 0);
        }
    }
    assert!((4..300).contains(&full), "{full}");
    assert!(length(&folder.path().join("journal")) <= shared::limits::JOURNAL_BYTES_MAX as u64);
}

#[test]
fn without_room_for_a_journal_the_logs_are_synced() {
    let folder = Folder::new();
    let (store, keyspace, _) = open(&quiet(&folder)).unwrap();
    let (mut writer, mut syncer) = store.drivers().unwrap();
    std::os::unix::fs::symlink("/dev/full", folder.path().join("journal.new")).unwrap();
    for number in 0..2 {
        keyspace.add(&store, slot(0), number).unwrap();
        writer.step().unwrap();
        store.want_durable(store.written());
        steps(folder.path());
        syncer.step(Instant::now()).unwrap();
        assert_eq!(steps(folder.path()).last().unwrap(), "fsync range-00/log.1");
        assert_eq!(store.durable(), store.written());
    }
}

#[test]
fn an_orderly_end_notes_how_far_the_log_reaches_after_it_is_durable() {
    let folder = Folder::new();
    let (store, keyspace, _) = open(&quiet(&folder)).unwrap();
    steps(folder.path());
    keyspace.add(&store, slot(0), 1).unwrap();
    store.close().unwrap();
    let noted = ["fsync range-00/manifest.new", "rename range-00/manifest.new", "fsync range-00"];
    assert_eq!(steps(folder.path()), [&["fsync range-00/log.1"][..], &noted].concat());
}
