//! What the parts of a run share: all of it on one thread.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::rc::Rc;
use std::time::Duration;

use shared::names::DocumentId;
use shared::rt::rng::Rng;
use shared::rt::sim::Host;
use tokio::time::sleep;

use crate::authors::Authors;
use crate::invariants::epochs::Epochs;
use crate::invariants::one_writer::Writers;
use crate::oracle::Oracle;
use crate::plan::{Fault, Plan};
use crate::trace;

/// How many nodes there are; the first half are primaries at first.
pub(crate) const NODES: usize = 6;
/// How many of them are primaries.
pub(crate) const PRIMARIES: usize = 3;
/// Where nodes listen.
pub(crate) const PORT: u16 = 6379;

/// How many document services there are.
pub(crate) const SERVICES: usize = 2;
/// How many people edit.
pub(crate) const DESKS: usize = 3;

/// How many faults are told.
const FAULTS_MAX: usize = 12;

/// How far the run is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Stage {
    /// The cluster is being formed.
    Forming,
    /// Clients write, faults happen.
    Load,
    /// No more faults, no more writes.
    Healing,
    /// Nodes show their logs.
    Showing,
}

/// The log of a node: of each range, if it is there from its beginning, its bytes.
pub(crate) type ShownLog = Vec<Option<Vec<u8>>>;

/// A node as the run sees it.
#[derive(Debug, Default)]
pub(crate) struct Machine {
    pub(crate) name: String,
    pub(crate) host: Host,
    /// It does not start before.
    pub(crate) down_until: Cell<Duration>,
    /// Its log, once the run asks for it.
    pub(crate) shown: RefCell<Option<ShownLog>>,
    /// Its log is to be gone when it starts.
    pub(crate) wipe: Cell<bool>,
    /// How many copies were in sync when it was last seen to be a primary; 0 if it is none.
    pub(crate) in_sync: Cell<usize>,
    /// How often its process began.
    pub(crate) boots: Cell<u32>,
}

/// A machine without a node.
#[derive(Debug, Default)]
pub(crate) struct Computer {
    pub(crate) name: String,
    pub(crate) host: Host,
    /// It does not start before.
    pub(crate) down_until: Cell<Duration>,
}

impl Computer {
    /// Waits until it may start.
    pub(crate) async fn wait_until_up(&self) {
        while trace::now() < self.down_until.get() {
            sleep(Duration::from_millis(1)).await;
        }
    }
}

/// A computer with a person at a window.
#[derive(Debug, Default)]
pub(crate) struct Desk {
    pub(crate) computer: Computer,
    /// The document as the window shows it.
    pub(crate) shown: RefCell<String>,
    /// The last word that was typed in it.
    pub(crate) last_word: RefCell<String>,
    /// The last round of which a word was typed.
    pub(crate) round: Cell<u32>,
    /// The window says that it is connected and that everything is saved.
    pub(crate) settled: Cell<bool>,
}

/// A run.
pub(crate) struct World {
    pub(crate) seed: u64,
    pub(crate) plan: Plan,
    pub(crate) stage: Cell<Stage>,
    pub(crate) machines: Vec<Machine>,
    pub(crate) services: Vec<Computer>,
    pub(crate) desks: Vec<Desk>,
    /// The document that people edit.
    pub(crate) document: DocumentId,
    /// After everything was mended people type one word a round; 0 before.
    pub(crate) round: Cell<u32>,
    pub(crate) authors: RefCell<Authors>,
    pub(crate) oracle: RefCell<Oracle>,
    pub(crate) epochs: RefCell<Epochs>,
    pub(crate) writers: RefCell<Writers>,
    /// Slots that are about to change hands, from the first one on so many, and until when that is likely: there clients hurry.
    pub(crate) leaving: Cell<(u16, u16, Duration)>,
    /// What is wrong, in the order it was found.
    pub(crate) faults: RefCell<Vec<String>>,
    /// What happened how often.
    pub(crate) counts: RefCell<BTreeMap<&'static str, u64>>,
    /// A key of each slot that was to be moved by hand.
    pub(crate) moved: RefCell<Vec<String>>,
    /// What an administrator is to say to nodes.
    pub(crate) orders: RefCell<Vec<Fault>>,
}

impl World {
    /// # Errors
    /// The name of the document is none: a defect of ours.
    pub(crate) fn new(seed: u64, plan: Plan) -> Result<Rc<World>, String> {
        let machine = |number| Machine { name: format!("n{}", number + 1), ..Machine::default() };
        let computer = |letter: char, number: usize| Computer {
            name: format!("{letter}{}", number + 1),
            ..Computer::default()
        };
        // Its name says which shard has it.
        let document = format!("notes-{}", Rng::from_seed(seed).below(1_000));
        Ok(Rc::new(World {
            seed,
            plan,
            stage: Cell::new(Stage::Forming),
            machines: (0..NODES).map(machine).collect(),
            services: (0..SERVICES).map(|number| computer('s', number)).collect(),
            desks: (0..DESKS)
                .map(|number| Desk { computer: computer('d', number), ..Desk::default() })
                .collect(),
            document: document.parse().map_err(|bad| format!("{document}: {bad}"))?,
            round: Cell::default(),
            authors: RefCell::default(),
            oracle: RefCell::default(),
            epochs: RefCell::default(),
            writers: RefCell::default(),
            leaving: Cell::default(),
            faults: RefCell::default(),
            counts: RefCell::default(),
            moved: RefCell::default(),
            orders: RefCell::default(),
        }))
    }

    /// Goes on to the next stage.
    pub(crate) fn enter(&self, stage: Stage) {
        trace::line("run", format_args!("{stage:?}"));
        self.stage.set(stage);
    }

    /// Something is wrong.
    pub(crate) fn fault(&self, what: String) {
        trace::line("FAULT", format_args!("{what}"));
        let mut faults = self.faults.borrow_mut();
        if faults.len() < FAULTS_MAX {
            faults.push(what);
        }
    }

    /// Something happened once more.
    pub(crate) fn count(&self, what: &'static str) {
        self.count_more(what, 1);
    }

    /// Something happened so many times more.
    pub(crate) fn count_more(&self, what: &'static str, times: u64) {
        *self.counts.borrow_mut().entry(what).or_default() += times;
    }
}
