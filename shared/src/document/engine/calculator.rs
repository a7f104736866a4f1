//! Values that follow a workbook, computed elsewhere. Whoever feeds a calculator never waits: what comes while it computes is put
//! together, a workbook replaces all that came before it, and of several edits of one cell the last counts. So the queue is never
//! longer than the workbook.
//!
//! The engine may end at any time, by what the formulas ask of it (see [`process`](super::process)). Then every formula shows
//! [`LIMIT_ERROR`], and the next change is computed by a new engine, which is given all anew.

use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::Duration;

use parking_lot::{Condvar, Mutex};

use super::computer::{Batch, Computed, Computer};
use super::input::{CellInput, Input, WorkbookInput};
use super::process::{EngineProcess, ProcessHandle, Program};
use super::value::{LIMIT_ERROR, Value, Values};
use crate::document::sheet::{CellKey, Change, SheetId, Workbook};

/// Stack of the engine's thread, bytes. Address space, not memory: an engine parses by recursion, some 3 KiB a level and several levels
/// for each character in the worst of formulas, which have 8192.
pub const STACK_BYTES: usize = 256 * 1024 * 1024;

/// A calculator. Dropping it ends what it computes.
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
    process: ProcessHandle,
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
    /// Starts one. `on_values` is called on its thread whenever there are new values: it should only wake somebody up.
    pub fn spawn(on_values: impl Fn() + Send + 'static) -> std::io::Result<Calculator> {
        Calculator::spawn_with(Program::own(), on_values)
    }

    /// Starts one whose engine runs in this program; on the calculator's own thread, unbounded, if there is none.
    pub fn spawn_with(
        program: Option<Program>,
        on_values: impl Fn() + Send + 'static,
    ) -> std::io::Result<Calculator> {
        let shared = Arc::new(Shared {
            inbox: Mutex::default(),
            arrived: Condvar::new(),
            values: Mutex::default(),
            computed: Condvar::new(),
            process: ProcessHandle::default(),
        });
        let worker = Worker { shared: shared.clone(), program, engine: None, workbook: Arc::default() };
        let thread = std::thread::Builder::new().name("calculator".to_owned()).stack_size(STACK_BYTES);
        thread.spawn(move || worker.run(&on_values))?;
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
        self.shared.process.end();
    }
}

struct Worker {
    shared: Arc<Shared>,
    program: Option<Program>,
    /// `None` before the first formula, and after the engine has ended.
    engine: Option<Running>,
    /// What the engine was given, as it is now: the next one gets it whole.
    workbook: Arc<WorkbookInput>,
}

/// Where an engine runs.
enum Running {
    Here(Box<Computer>),
    Elsewhere(EngineProcess),
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
            let mut values = self.compute(load, edits);
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
    ) -> Values {
        let is_new = load.is_some();
        if let Some(workbook) = load {
            self.workbook = Arc::new(workbook);
        }
        let workbook = Arc::make_mut(&mut self.workbook);
        let mut changed = Vec::new();
        for ((id, row, col), input) in edits {
            let mut sheets = workbook.sheets.iter_mut().enumerate();
            let Some((place, sheet)) = sheets.find(|(_, sheet)| sheet.id == id) else { continue };
            let position = (row as u32, col as u32);
            match &input {
                Input::Nothing => sheet.cells.remove(&position),
                input => sheet.cells.insert(position, input.clone()),
            };
            changed.push((place, CellInput { row, col, input }));
        }
        if !self.workbook.has_formulas() {
            self.engine = None;
            return Values::default();
        }
        let batch = if is_new || self.engine.is_none() {
            Batch { load: Some(self.workbook.clone()), edits: Vec::new() }
        } else {
            Batch { load: None, edits: changed }
        };
        match self.ask(batch) {
            Some(computed) => self.by_cell(computed.into_iter()),
            None => {
                self.engine = None;
                self.by_cell(self.workbook.formulas().map(|(sheet, row, col)| Computed {
                    sheet,
                    row,
                    col,
                    value: Value::Error(LIMIT_ERROR.to_owned()),
                }))
            }
        }
    }

    /// Asks the engine; `None`: it has ended, or there is none to be had.
    fn ask(&mut self, batch: Batch) -> Option<Vec<Computed>> {
        if self.engine.is_none() {
            self.engine = Some(match &self.program {
                None => Running::Here(Box::default()),
                Some(program) => match EngineProcess::start(program, &self.shared.process) {
                    Ok(process) => Running::Elsewhere(process),
                    Err(error) => {
                        tracing::error!(%error, program = %program.path.display(), "no calculator");
                        return None;
                    }
                },
            });
        }
        match self.engine.as_mut()? {
            Running::Here(computer) => catch_unwind(AssertUnwindSafe(|| computer.compute(batch))).ok()?.ok(),
            Running::Elsewhere(process) => process.compute(&batch).ok(),
        }
    }

    fn by_cell(&self, computed: impl Iterator<Item = Computed>) -> Values {
        let mut values = Values::default();
        for Computed { sheet, row, col, value } in computed {
            let Some(sheet) = self.workbook.sheets.get(sheet) else { continue };
            if let (Some(row), Some(col)) = (sheet.rows.get(row), sheet.cols.get(col)) {
                let of_sheet = values.sheets.entry(sheet.id.clone()).or_default();
                of_sheet.insert(CellKey { row: *row, col: *col }, value);
            }
        }
        values
    }
}
