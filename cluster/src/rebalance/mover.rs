//! Has slots go where they are to go, a few hundred at a time, and shows how far it is.

use std::io::{IsTerminal as _, Write as _};

use shared::limits::SLOTS;
use shared::resp::Value;
use shared::rt::time::{self, Duration};
use shared::slot::Slot;
use shared::slot_set::SlotSet;
use tokio::signal;

use super::Arguments;
use super::plan::Step;
use super::survey::{Survey, ask};

/// Slots of one migration: what is lost of the way when somebody stops it.
const SLOTS_AT_ONCE: usize = 1_024;

/// How often is looked how far it is, milliseconds.
const LOOK_MS: u64 = 50;

/// Width of the bar, characters.
const BAR: usize = 30;

/// How often a node is asked that does not answer.
const TRIES: usize = 100;

pub(super) struct Mover<'m> {
    arguments: &'m Arguments,
    survey: &'m Survey,
    /// Slots that are to move, and have.
    all: usize,
    moved: usize,
    shown: usize,
}

impl<'m> Mover<'m> {
    pub(super) fn new(arguments: &'m Arguments, survey: &'m Survey, all: usize) -> Mover<'m> {
        Mover { arguments, survey, all, moved: 0, shown: usize::MAX }
    }

    /// Moves everything, one migration after the other.
    ///
    /// # Errors
    /// A migration failed, or somebody pressed Ctrl-C: what has moved until then has moved.
    pub(super) async fn run(mut self, steps: &[Step]) -> Result<(), String> {
        for step in steps {
            let slots: Vec<Slot> = step.slots.iter().collect();
            for some in slots.chunks(SLOTS_AT_ONCE) {
                let moved = tokio::select! {
                    biased;
                    pressed = signal::ctrl_c() => Err(pressed.err().map_or_else(String::new, |why| why.to_string())),
                    moved = self.migrate(step, some) => moved,
                };
                if let Err(why) = moved {
                    self.end();
                    let from = self.source(step);
                    let _stopped = ask(self.arguments, &from, &["CLUSTER", "CANCELSLOTMIGRATIONS"]).await;
                    let why = if why.is_empty() { "stopped".to_owned() } else { why };
                    return Err(format!(
                        "{why}\n{} of {} slots have moved; say it again to go on",
                        self.moved, self.all
                    ));
                }
                self.moved += some.len();
                self.show(0, step);
            }
        }
        self.end();
        Ok(())
    }

    fn source(&self, step: &Step) -> (String, u16) {
        let found = self.survey.primaries.iter().find(|primary| primary.id == step.from);
        found.map(|primary| primary.address.clone()).unwrap_or_default()
    }

    async fn migrate(&mut self, step: &Step, slots: &[Slot]) -> Result<(), String> {
        let from = self.source(step);
        let ranges = slots.iter().copied().collect::<SlotSet>().ranges();
        let bounds: Vec<String> =
            ranges.iter().flat_map(|range| [range.start().to_string(), range.end().to_string()]).collect();
        let target = step.to.to_string();
        let words: Vec<&str> = ["CLUSTER", "MIGRATESLOTS", "SLOTSRANGE"]
            .into_iter()
            .chain(bounds.iter().map(String::as_str))
            .chain(["NODE", &target])
            .collect();
        ask(self.arguments, &from, &words).await?;
        let mut failures = 0;
        loop {
            time::sleep(Duration::from_millis(LOOK_MS)).await;
            let all = match ask(self.arguments, &from, &["CLUSTER", "GETSLOTMIGRATIONS"]).await {
                Ok(all) => all,
                // It may be busy; that it does not come back is no reason to call anything lost.
                Err(_) if failures < TRIES => {
                    failures += 1;
                    continue;
                }
                Err(why) => return Err(why),
            };
            let job =
                all.elements().and_then(|jobs| jobs.last()).ok_or("the migration is not known any more")?;
            match field(job, "state") {
                "success" => return Ok(()),
                state @ ("failed" | "cancelled") => {
                    return Err(format!("{state}: {}", field(job, "message")));
                }
                _ => {
                    let sent = number(job, "slots_sent");
                    self.show(sent.min(slots.len()), step);
                }
            }
        }
    }

    /// Shows the bar on a terminal; elsewhere a line for every step that is done.
    fn show(&mut self, sent: usize, step: &Step) {
        let done = (self.moved + sent).min(self.all);
        let mut out = std::io::stdout();
        if done == self.shown {
            return;
        }
        self.shown = done;
        let (from, to) = (self.survey.address(step.from), self.survey.address(step.to));
        let full = (BAR * done).checked_div(self.all).unwrap_or(BAR);
        let percent = (100 * done).checked_div(self.all).unwrap_or(100);
        // Who does not see it misses nothing that is not said at the end.
        let _shown = if out.is_terminal() {
            let bar = format!("{}{}", "█".repeat(full), "░".repeat(BAR - full));
            write!(out, "\r{bar} {percent:>3} %  {done} of {} slots  {from} → {to}\x1b[K", self.all)
        } else if sent == 0 {
            writeln!(out, "{percent:>3} %  {done} of {} slots  {from} → {to}", self.all)
        } else {
            Ok(())
        };
        let _flushed = out.flush();
    }

    fn end(&self) {
        if std::io::stdout().is_terminal() {
            println!();
        }
    }
}

const _: () = assert!(SLOTS_AT_ONCE < SLOTS);

/// A field of a migration.
fn field<'v>(job: &'v Value, name: &str) -> &'v str {
    value(job, name).and_then(Value::as_str).unwrap_or_default()
}

fn number(job: &Value, name: &str) -> usize {
    value(job, name)
        .and_then(Value::as_int)
        .and_then(|number| usize::try_from(number).ok())
        .unwrap_or_default()
}

fn value<'v>(job: &'v Value, name: &str) -> Option<&'v Value> {
    let pairs = job.elements()?;
    pairs.as_chunks::<2>().0.iter().find(|[key, _]| key.as_str() == Some(name)).map(|[_, value]| value)
}
