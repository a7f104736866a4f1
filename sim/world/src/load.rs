//! What clients do: short bursts of writes to one of their keys, and then they want to know it saved.

use std::ops::Range;
use std::rc::Rc;
use std::time::Duration;

use shared::resp::value::Value;
use shared::rt::rng::Rng;
use tokio::time::sleep;

use crate::oracle::{Key, Kind};
use crate::router::{Outcome, Router};
use crate::trace;
use crate::world::{Stage, World};

/// How many clients have a computer each.
pub(crate) const CLIENTS: u64 = 4;
/// How many more share one, and ask very late.
pub(crate) const LATE_CLIENTS: u64 = 24;
/// How many keys a client writes.
const KEYS: u64 = 6;
/// How long a client waits between two bursts at most, milliseconds.
const PAUSE_MS_MAX: u64 = 60;
/// The same while slots of its keys change hands: some milliseconds decide there.
const HURRY_MS_MAX: u64 = 3;
/// One burst of so many is asked about late.
const LATE_OF: u64 = 3;
/// How late at most, milliseconds.
const LATE_MS_MAX: u64 = 5_000;
/// How late those ask who are always late, milliseconds: meanwhile the office may have gone to another node and come back.
const VERY_LATE_MS: Range<u64> = 3_000..6_000;
/// How long a server waits for a write to be saved, milliseconds.
const SAVED_MS: &str = "1000";

/// What a client relies on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Relies {
    /// What WAITAOF says.
    Waitaof,
    /// Every reply, as it said CLIENT CONSISTENCY QUORUM.
    Replies,
    /// What WAITAOF says seconds later, on a connection on which nothing else was said in between.
    LateWaitaof,
}

/// A client, until the load ends.
pub(crate) struct Client {
    world: Rc<World>,
    name: String,
    relies: Relies,
    router: Router,
    keys: Vec<String>,
    rng: Rng,
}

impl Client {
    pub(crate) fn new(world: Rc<World>, number: u64) -> Client {
        let mut rng = Rng::from_seed(world.seed.wrapping_mul(1_000).wrapping_add(number));
        let relies = match number {
            CLIENTS.. => Relies::LateWaitaof,
            _ if number.is_multiple_of(2) => Relies::Waitaof,
            _ => Relies::Replies,
        };
        let hosts = world.machines.iter().map(|machine| machine.name.clone()).collect();
        let greeting = match relies {
            Relies::Waitaof | Relies::LateWaitaof => vec![],
            Relies::Replies => vec!["CLIENT", "CONSISTENCY", "QUORUM"],
        };
        let mut keys = Vec::new();
        let own = if relies == Relies::LateWaitaof { 1 } else { KEYS };
        for index in 0..own {
            let kind = match relies {
                // Shows each entry that is lost, whatever is written later.
                Relies::LateWaitaof => Kind::Stream,
                _ => [Kind::Register, Kind::Counter, Kind::Stream][index as usize % 3],
            };
            let key =
                Key::new(format!("{kind:?}-{number}-{index}-{}", rng.below(1_000)).to_lowercase(), kind);
            keys.push(key.name.clone());
            world.oracle.borrow_mut().keys.insert(key.name.clone(), key);
        }
        Client { world, name: format!("c{number}"), relies, router: Router::new(hosts, greeting), keys, rng }
    }

    pub(crate) async fn run(mut self) {
        while self.world.stage.get() < Stage::Load {
            sleep(Duration::from_millis(20)).await;
        }
        while self.world.stage.get() == Stage::Load {
            self.burst().await;
            let pause = if self.leaving().is_empty() { PAUSE_MS_MAX } else { HURRY_MS_MAX };
            sleep(Duration::from_millis(self.rng.below(pause))).await;
        }
    }

    /// Its keys in slots that change hands about now.
    fn leaving(&self) -> Vec<&String> {
        let (first, count, until) = self.world.leaving.get();
        if trace::now() >= until || self.relies == Relies::LateWaitaof {
            return Vec::new();
        }
        let oracle = self.world.oracle.borrow();
        let leaves = |key: &&String| {
            oracle
                .keys
                .get(*key)
                .is_some_and(|key| key.slot.number().checked_sub(first).is_some_and(|at| at < count))
        };
        self.keys.iter().filter(leaves).collect()
    }

    async fn burst(&mut self) {
        let at = self.rng.below(self.keys.len() as u64) as usize;
        let leaving = self.leaving();
        let name =
            if leaving.is_empty() { self.keys[at].clone() } else { leaving[at % leaving.len()].clone() };
        let Some(key) = self.world.oracle.borrow().keys.get(&name).map(|key| (key.slot, key.kind)) else {
            return;
        };
        if self.relies == Relies::Replies && self.rng.below(4) == 0 {
            return self.read(&name).await;
        }
        let (mut written, mut connection) = (Vec::new(), None);
        for _ in 0..=self.rng.below(4) {
            let Some((write, on)) = self.write(&name, key.1).await else { return };
            if connection.is_some_and(|connection| connection != on) {
                written.clear();
            }
            connection = Some(on);
            written.push(write);
        }
        if self.relies == Relies::Replies || self.router.connection(key.0) != connection {
            return;
        }
        if self.relies == Relies::LateWaitaof {
            let late = VERY_LATE_MS.start + self.rng.below(VERY_LATE_MS.end - VERY_LATE_MS.start);
            sleep(Duration::from_millis(late)).await;
        } else if self.rng.below(LATE_OF) == 0 {
            sleep(Duration::from_millis(self.rng.below(LATE_MS_MAX))).await;
        }
        let saved = self.router.ask(key.0, &["WAITAOF", "1", "1", SAVED_MS]).await;
        let Outcome::Answered(Value::Array(counts), on) = saved else { return };
        let is_saved = counts.first().and_then(Value::as_int) == Some(1);
        if is_saved && Some(on) == connection {
            self.with(&name, |key| key.save(&written));
            self.world.count(if self.relies == Relies::LateWaitaof { "saved late" } else { "saved" });
        }
        trace::line(&self.name, format_args!("{name} {written:?} saved: {is_saved}"));
    }

    /// Writes once: the number of the write, and the connection on which it was answered.
    async fn write(&mut self, name: &str, kind: Kind) -> Option<(u64, u64)> {
        let (write, slot) = self.with(name, |key| {
            key.sent += 1;
            key.unknown.insert(key.sent);
            (key.sent, key.slot)
        })?;
        let number = write.to_string();
        let words = match kind {
            Kind::Register => vec!["SET", name, &number],
            Kind::Counter => vec!["INCR", name],
            Kind::Stream => vec!["XADD", name, "*", "n", &number],
        };
        self.world.count("sent");
        match self.router.ask(slot, &words).await {
            Outcome::Answered(value, on) => {
                let saved = self.relies == Relies::Replies;
                self.with(name, |key| {
                    key.unknown.remove(&write);
                    key.answered.insert(write);
                    if saved {
                        key.save(&[write]);
                    }
                });
                self.world.count("answered");
                trace::line(&self.name, format_args!("{name} {write} answered {value:?}"));
                Some((write, on))
            }
            Outcome::Refused => {
                self.with(name, |key| key.unknown.remove(&write));
                self.world.count("refused");
                trace::line(&self.name, format_args!("{name} {write} refused"));
                None
            }
            Outcome::Unknown => {
                self.world.count("unknown");
                trace::line(&self.name, format_args!("{name} {write} unknown"));
                None
            }
        }
    }

    /// A read at QUORUM shows all that was answered at QUORUM before.
    async fn read(&mut self, name: &str) {
        let Some(before) = self.with(name, |key| key.clone()) else { return };
        if before.kind != Kind::Register {
            return;
        }
        let Outcome::Answered(value, _) = self.router.ask(before.slot, &["GET", name]).await else { return };
        self.world.count("read");
        let value = number(&value);
        trace::line(&self.name, format_args!("{name} read {value:?}"));
        if let Err(why) = crate::invariants::saved::check_register(&before, value) {
            self.world.fault(format!("a read at QUORUM: {why}"));
        }
    }

    fn with<T>(&self, name: &str, change: impl FnOnce(&mut Key) -> T) -> Option<T> {
        self.world.oracle.borrow_mut().keys.get_mut(name).map(change)
    }
}

/// A number out of an answer; 0 where there is none.
pub(crate) fn number(value: &Value) -> Option<u64> {
    match value {
        Value::Null => Some(0),
        Value::Int(number) => u64::try_from(*number).ok(),
        value => value.as_str()?.parse().ok(),
    }
}
