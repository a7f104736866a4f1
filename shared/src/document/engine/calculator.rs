//! An engine on its own thread. Whoever feeds it never waits: what comes while it computes is put together, a workbook replaces
//! all that came before it, and of several edits of one cell the last counts. So the queue is never longer than the workbook.

use std::collections::{BTreeMap, BTreeSet};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::Duration;

use parking_lot::{Condvar, Mutex};

use super::input::{CellInput, Input, WorkbookInput};
use super::ironcalc::IronCalc;
use super::value::{Value, Values};
use super::{Engine, EngineFailed};
use crate::document::sheet::{CellKey, Change, SheetId, Workbook};

/// Stack of the engine's thread, bytes. Address space, not memory: an engine parses by recursion, some 3 KiB a level and several levels
/// for each character in the worst of formulas, which have 8192.
pub const STACK_BYTES: usize = 256 * 1024 * 1024;

/// Most cells that one formula may spill into.
const SPILL_CELLS_MAX: usize = 100_000;

/// A calculator. Dropping it ends its thread when it has finished what it computes.
pub struct Calculator {
    shared: Arc<Shared>,
    /// Loads and edits handed over so far.
    handed: u64,
}

struct Shared {
    inbox: Mutex<Inbox>,
    arrived: Condvar,
    values: Mutex<Arc<Values>>,
    computed: Condvar,
}

#[derive(Default)]
struct Inbox {
    load: Option<WorkbookInput>,
    /// By sheet, row and column.
    edits: BTreeMap<(SheetId, usize, usize), Input>,
    generation: u64,
    ends: bool,
}

impl Calculator {
    /// Starts a thread. `on_values` is called on it whenever there are new values: it should only wake somebody up.
    pub fn spawn(on_values: impl Fn() + Send + 'static) -> std::io::Result<Calculator> {
        let shared = Arc::new(Shared {
            inbox: Mutex::default(),
            arrived: Condvar::new(),
            values: Mutex::default(),
            computed: Condvar::new(),
        });
        let worker = shared.clone();
        std::thread::Builder::new().name("calculator".to_owned()).stack_size(STACK_BYTES).spawn(
            move || {
                Worker {
                    shared: worker,
                    engine: None,
                    formulas: BTreeMap::new(),
                    workbook: WorkbookInput::default(),
                }
                .run(&on_values);
            },
        )?;
        Ok(Calculator { shared, handed: 0 })
    }

    /// Hands over a whole workbook.
    pub fn load(&mut self, workbook: &Workbook) {
        let input = WorkbookInput::of(workbook);
        self.hand_over(|inbox| {
            inbox.edits.clear();
            inbox.load = Some(input);
        });
    }

    /// Hands over what a transaction changed: cells one by one, or the whole workbook if cells moved.
    pub fn follow(&mut self, workbook: &Workbook, changes: &[Change]) {
        if changes.iter().any(Change::moves_cells) {
            return self.load(workbook);
        }
        let mut edits = Vec::new();
        for change in changes {
            if let Change::Cells(id, keys) = change
                && let Some(sheet) = workbook.sheet(id)
            {
                let cells = keys.iter().filter_map(|key| CellInput::of(workbook, sheet, *key));
                edits.extend(cells.map(|cell| ((id.clone(), cell.row, cell.col), cell.input)));
            }
        }
        if !edits.is_empty() {
            self.hand_over(|inbox| inbox.edits.extend(edits));
        }
    }

    /// The newest values; perhaps not of the newest edits.
    pub fn values(&self) -> Arc<Values> {
        self.shared.values.lock().clone()
    }

    /// Waits until all that was handed over is computed, at most so long. `None`: it takes longer.
    pub fn wait(&self, at_most: Duration) -> Option<Arc<Values>> {
        let mut values = self.shared.values.lock();
        let newest = |values: &mut Arc<Values>| values.generation < self.handed;
        let waited = self.shared.computed.wait_while_for(&mut values, newest, at_most);
        (!waited.timed_out()).then(|| values.clone())
    }

    fn hand_over(&mut self, put: impl FnOnce(&mut Inbox)) {
        self.handed += 1;
        let mut inbox = self.shared.inbox.lock();
        put(&mut inbox);
        inbox.generation = self.handed;
        drop(inbox);
        self.shared.arrived.notify_one();
    }
}

impl Drop for Calculator {
    fn drop(&mut self) {
        self.shared.inbox.lock().ends = true;
        self.shared.arrived.notify_one();
    }
}

struct Worker {
    shared: Arc<Shared>,
    /// `None` before the first workbook, and after the engine broke.
    engine: Option<IronCalc>,
    /// For each sheet by its place, the positions of its formulas.
    formulas: BTreeMap<usize, BTreeSet<(usize, usize)>>,
    /// What was loaded last; its cells were handed to the engine and dropped.
    workbook: WorkbookInput,
}

impl Worker {
    fn run(mut self, on_values: &impl Fn()) {
        loop {
            let mut inbox = self.shared.inbox.lock();
            let idle = |inbox: &mut Inbox| inbox.load.is_none() && inbox.edits.is_empty() && !inbox.ends;
            self.shared.arrived.wait_while(&mut inbox, idle);
            if inbox.ends {
                return;
            }
            let (load, edits) = (inbox.load.take(), std::mem::take(&mut inbox.edits));
            let generation = inbox.generation;
            drop(inbox);
            // A panic inside the engine costs its values, until the next workbook is loaded.
            let computed = catch_unwind(AssertUnwindSafe(|| self.compute(load, edits)));
            let mut values = match computed {
                Ok(Ok(values)) => values,
                Ok(Err(EngineFailed(_))) | Err(_) => {
                    self.engine = None;
                    Values::default()
                }
            };
            values.generation = generation;
            *self.shared.values.lock() = Arc::new(values);
            self.shared.computed.notify_all();
            on_values();
        }
    }

    fn compute(
        &mut self,
        load: Option<WorkbookInput>,
        edits: BTreeMap<(SheetId, usize, usize), Input>,
    ) -> Result<Values, EngineFailed> {
        if let Some(workbook) = load {
            self.load(workbook)?;
        }
        let Some(engine) = &mut self.engine else { return Ok(Values::default()) };
        for ((id, row, col), input) in edits {
            let Some(place) = self.workbook.sheets.iter().position(|sheet| sheet.id == id) else { continue };
            let formulas = self.formulas.entry(place).or_default();
            match input {
                Input::Formula(_) | Input::Refused => formulas.insert((row, col)),
                _ => formulas.remove(&(row, col)),
            };
            engine.set(place, &CellInput { row, col, input })?;
        }
        engine.evaluate();
        Ok(self.values())
    }

    fn load(&mut self, mut workbook: WorkbookInput) -> Result<(), EngineFailed> {
        let mut engine = IronCalc::new()?;
        engine.load(&workbook)?;
        self.formulas.clear();
        for (place, sheet) in workbook.sheets.iter_mut().enumerate() {
            let is_formula = |cell: &&CellInput| matches!(cell.input, Input::Formula(_) | Input::Refused);
            let formulas = sheet.cells.iter().filter(is_formula).map(|cell| (cell.row, cell.col)).collect();
            self.formulas.insert(place, formulas);
            sheet.cells = Vec::new();
        }
        self.engine = Some(engine);
        self.workbook = workbook;
        Ok(())
    }

    fn values(&self) -> Values {
        let mut values = Values::default();
        let Some(engine) = &self.engine else { return values };
        for (place, formulas) in &self.formulas {
            let Some(sheet) = self.workbook.sheets.get(*place) else { continue };
            let of_sheet = values.sheets.entry(sheet.id.clone()).or_default();
            for (row, col) in formulas {
                let (rows, cols) = engine.extent(*place, *row, *col);
                let spills = rows.saturating_mul(cols) <= SPILL_CELLS_MAX;
                let (rows, cols) = if spills { (rows, cols) } else { (1, 1) };
                for (row, col) in
                    (*row..row + rows).flat_map(|row| (*col..col + cols).map(move |col| (row, col)))
                {
                    if let (Some(line), Some(column)) = (sheet.rows.get(row), sheet.cols.get(col)) {
                        let value: Value = engine.value(*place, row, col);
                        of_sheet.insert(CellKey { row: *line, col: *column }, value);
                    }
                }
            }
        }
        values
    }
}
