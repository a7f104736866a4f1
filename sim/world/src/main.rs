//! `sim`: a whole cluster in one process, with clients, and what goes wrong, all from one seed.
//!
//! ```text
//! sim run --seed S [--plant NAME] [--trace FILE]    one run; the last lines of its record if something is wrong
//! sim meta --seed S                                 the same seed twice, in two processes: both records must be equal, byte by byte
//! sim plants                                        the faults that can be planted, one a line
//! ```
//!
//! # Layout
//!
//! - [`run`]: one run from beginning to end: the cluster is formed, clients write while faults happen, all heals, it is checked.
//! - [`plan`]: which faults happen when. [`faults`]: making them happen. [`network`]: who can reach whom.
//! - [`machine`]: a node on a simulated machine, and what it is seen to do. [`world`]: what a run's parts share.
//! - [`form`]: six nodes become a cluster, and when it is one again. [`link`]: a connection of a client. [`router`]: to the right node.
//! - [`moving`]: a slot goes to another node key by key.
//! - [`load`]: what clients do. [`oracle`]: what they know afterwards.
//! - [`service`]: the document service. [`desk`]: a person at a window. [`authors`]: what people typed and were told.
//! - [`invariants`]: what must be true, one file each.
//! - [`trace`]: the record of a run. [`meta`]: two runs of one seed.

mod authors;
mod desk;
mod faults;
mod form;
mod invariants;
mod link;
mod load;
mod machine;
mod meta;
mod moving;
mod network;
mod oracle;
mod plan;
mod router;
mod run;
mod service;
mod trace;
mod world;

use std::path::PathBuf;
use std::process::ExitCode;

fn main() -> ExitCode {
    match Arguments::of(std::env::args().skip(1)) {
        Ok(Arguments { command: Command::Run, seed, plant, trace }) => {
            shared::rt::sim::plant(plant);
            run::run(seed, trace.as_deref())
        }
        Ok(Arguments { command: Command::Meta, seed, .. }) => meta::compare(seed),
        Ok(Arguments { command: Command::Plants, .. }) => {
            PLANTS.iter().for_each(|plant| println!("{plant}"));
            ExitCode::SUCCESS
        }
        Err(why) => {
            eprintln!(
                "{why}\nsim run --seed S [--plant NAME] [--trace FILE] | sim meta --seed S | sim plants"
            );
            ExitCode::FAILURE
        }
    }
}

enum Command {
    Run,
    Meta,
    Plants,
}

struct Arguments {
    command: Command,
    seed: u64,
    plant: &'static str,
    trace: Option<PathBuf>,
}

/// Faults that can be planted in the product.
const PLANTS: [&str; 16] = [
    "answer-before-append",
    "skipped-fsync",
    "vote-not-persisted",
    "saved-in-a-stale-term",
    "saved-without-the-set",
    "replay-off-by-one",
    "replica-leaves-out-effects",
    "slots-taken-for-equal",
    "old-primary-writes",
    "empty-primary-wipes",
    "hand-over-loses-a-write",
    "fan-out-dropped",
    "message-not-delivered",
    "blind-snapshot-overwrite",
    "typed-elsewhere",
    "client-not-forgotten",
];

impl Arguments {
    fn of(mut words: impl Iterator<Item = String>) -> Result<Arguments, String> {
        let command = match words.next().as_deref() {
            Some("run") => Command::Run,
            Some("meta") => Command::Meta,
            Some("plants") => Command::Plants,
            _ => return Err("run, meta or plants?".into()),
        };
        let (mut seed, mut plant, mut trace) = (None, "", None);
        while let Some(word) = words.next() {
            let value = words.next().ok_or_else(|| format!("{word} takes a value"))?;
            match word.as_str() {
                "--seed" => {
                    seed = Some(value.parse().map_err(|_| format!("'{value}' is no seed"))?);
                }
                "--plant" => {
                    let known = PLANTS.iter().find(|known| **known == value);
                    plant = known.ok_or_else(|| format!("no fault is called {value}: {PLANTS:?}"))?;
                }
                "--trace" => trace = Some(PathBuf::from(value)),
                _ => return Err(format!("{word}?")),
            }
        }
        if matches!(command, Command::Plants) {
            seed.get_or_insert(0);
        }
        Ok(Arguments { command, seed: seed.ok_or("--seed is missing")?, plant, trace })
    }
}
