//! Random work on a store that is stepped by hand, with a history of what was appended to each range.

use std::path::{Path, PathBuf};
use std::task::{Context, Waker};

use persistence::{Rewrite, RewriteStep, Store, Syncer, Writer};
use proptest::prelude::*;
use shared::limits::RANGES;
use shared::rt::time::Instant;
use shared::slot::Slot;

use crate::folder::Folder;
use crate::model::{Keyspace, State, open, quiet};

/// One step of a script. Ranges 0 and 5 are used, three slots of each.
#[derive(Debug, Clone)]
pub(crate) enum Step {
    Append {
        slot: u16,
        times: u8,
    },
    Write,
    Sync,
    BeginRewrite {
        range: bool,
    },
    /// Some slots further, or to the end.
    Rewrite {
        steps: u16,
    },
    AbandonRewrite,
    /// SIGKILL and open again.
    Crash,
    /// In order, and open again.
    Close,
}

/// A script of at most this many steps.
pub(crate) fn script(steps: usize) -> impl Strategy<Value = Vec<Step>> {
    let slot = prop::sample::select(vec![0u16, 500, 1_023, 5_120, 5_121, 6_143]);
    let step = prop_oneof![
        8 => (slot, 1..20u8).prop_map(|(slot, times)| Step::Append { slot, times }),
        5 => Just(Step::Write),
        3 => Just(Step::Sync),
        2 => any::<bool>().prop_map(|range| Step::BeginRewrite { range }),
        4 => prop_oneof![1..800u16, Just(2_000)].prop_map(|steps| Step::Rewrite { steps }),
        1 => Just(Step::AbandonRewrite),
        1 => Just(Step::Crash),
        1 => Just(Step::Close),
    ];
    prop::collection::vec(step, 1..steps)
}

/// A store under a script.
pub(crate) struct World {
    folder: Folder,
    open: Option<Open>,
    next: u64,
    histories: Vec<History>,
}

/// What ends with a crash.
struct Open {
    store: Store,
    keyspace: Keyspace,
    writer: Writer,
    syncer: Syncer,
    rewrite: Option<Rewrite>,
    /// Ranges whose log the next step of the writer makes durable, as it goes on in another one.
    switching: Vec<usize>,
}

impl Open {
    fn new(folder: &Folder) -> Open {
        let (store, keyspace, report) = open(&quiet(folder)).unwrap();
        assert_eq!(report.torn().count(), 0);
        let (writer, syncer) = store.drivers().unwrap();
        Open { store, keyspace, writer, syncer, rewrite: None, switching: Vec::new() }
    }
}

/// Everything that was appended to a range and not lost in a crash, in order.
#[derive(Default, Clone)]
pub(crate) struct History {
    pub(crate) appended: Vec<(Slot, u64)>,
    pub(crate) written: usize,
    pub(crate) durable: usize,
    /// The file that grows, and how much of it is durable in itself: since then the journal has kept what was made durable.
    pub(crate) durable_file: Option<(PathBuf, u64)>,
}

impl History {
    /// What the range holds after its first effects.
    pub(crate) fn state(&self, effects: usize) -> State {
        let mut state = State::new();
        for (slot, number) in &self.appended[..effects] {
            state.entry(*slot).or_default().push(*number);
        }
        state
    }

    /// How many of the first effects make this state, if it is one of them. Numbers never repeat, so there is one answer.
    pub(crate) fn prefix(&self, state: &State) -> Option<usize> {
        let effects = state.values().map(Vec::len).sum::<usize>();
        (effects <= self.appended.len() && self.state(effects) == *state).then_some(effects)
    }
}

impl World {
    pub(crate) fn run(script: &[Step]) -> World {
        let folder = Folder::fast();
        let (open, histories) = (Some(Open::new(&folder)), vec![History::default(); RANGES]);
        let mut world = World { folder, open, next: 0, histories };
        script.iter().for_each(|step| world.step(step));
        world
    }

    /// The files as a crash of the process leaves them; the store is gone.
    pub(crate) fn crash(self) -> (Folder, Vec<History>) {
        (self.folder, self.histories)
    }

    fn open(&mut self) -> &mut Open {
        self.open.as_mut().unwrap()
    }

    fn step(&mut self, step: &Step) {
        match step {
            Step::Append { slot, times } => {
                let slot = Slot::new(*slot).unwrap();
                for _ in 0..*times {
                    self.next += 1;
                    let number = self.next;
                    let open = self.open();
                    open.keyspace.add(&open.store, slot, number).unwrap();
                    self.histories[slot.range()].appended.push((slot, number));
                }
            }
            Step::Write => self.write(),
            Step::Sync => self.sync(),
            Step::BeginRewrite { range } => {
                let open = self.open();
                if open.rewrite.is_none() {
                    let range = if *range { 5 } else { 0 };
                    open.rewrite = Some(open.store.begin_rewrite(range).unwrap());
                    open.switching.push(range);
                }
            }
            Step::Rewrite { steps } => self.step_rewrite(*steps),
            Step::AbandonRewrite => self.open().rewrite = None,
            Step::Crash => self.reopen(false),
            Step::Close => self.reopen(true),
        }
    }

    fn write(&mut self) {
        self.open().writer.step().unwrap();
        for range in std::mem::take(&mut self.open().switching) {
            self.histories[range].durable_file = growing_file(self.folder.path(), range);
        }
        self.histories.iter_mut().for_each(|history| history.written = history.appended.len());
    }

    fn sync(&mut self) {
        let open = self.open();
        let written = open.store.written();
        // Somebody waits, and gives up at once: wanted is wanted.
        let mut waiter = Box::pin(open.store.wait_durable(written));
        let _ = waiter.as_mut().poll(&mut Context::from_waker(Waker::noop()));
        drop(waiter);
        open.syncer.step(Instant::now()).unwrap();
        assert_eq!(open.store.durable(), written);
        self.histories.iter_mut().for_each(|history| history.durable = history.written);
    }

    fn step_rewrite(&mut self, steps: u16) {
        for _ in 0..steps {
            let Open { rewrite, keyspace, .. } = self.open();
            let Some(under_way) = rewrite else { return };
            match under_way.step(&mut |slot, dump| keyspace.dump(slot, dump)).unwrap() {
                RewriteStep::Done(_) => *rewrite = None,
                RewriteStep::Working => {}
                RewriteStep::Waiting => {
                    self.write();
                    self.sync();
                }
            }
        }
    }

    fn reopen(&mut self, in_order: bool) {
        if in_order {
            self.write();
            self.sync();
            self.open().store.close().unwrap();
        }
        self.open = None; // the lock is free only then
        let state = self.open.insert(Open::new(&self.folder)).keyspace.state();
        for (range, history) in self.histories.iter_mut().enumerate() {
            let written = history.written;
            assert_eq!(of_range(&state, range), history.state(written), "range {range}");
            history.appended.truncate(written);
            history.durable = written;
            history.durable_file = growing_file(self.folder.path(), range);
        }
    }
}

/// What of a state lies in a range.
pub(crate) fn of_range(state: &State, range: usize) -> State {
    state.iter().filter(|(slot, _)| slot.range() == range).map(|(slot, list)| (*slot, list.clone())).collect()
}

/// The last log of a range that holds something, and its length.
fn growing_file(dir: &Path, range: usize) -> Option<(PathBuf, u64)> {
    let entries = std::fs::read_dir(dir.join(format!("range-{range:02}"))).unwrap();
    let logs = entries.filter_map(|entry| {
        let entry = entry.unwrap();
        let number = entry.file_name().to_str()?.strip_prefix("log.")?.parse::<u64>().unwrap();
        let length = entry.metadata().unwrap().len();
        (length > 0).then_some((number, entry.path(), length))
    });
    logs.max().map(|(_, path, length)| (path, length))
}
