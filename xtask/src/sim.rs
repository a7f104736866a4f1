//! The seeded simulation of a whole cluster: one process a seed. And real processes that are killed and stopped.

use std::ops::Range;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Instant;

use crate::Outcome;
use crate::child::finish;
use crate::repository::root;

/// How many seeds run at once.
const AT_ONCE: usize = 2;
/// How many seeds are run if it is not said.
const SEEDS: u64 = 100;
/// Within how many seeds a planted fault must be found.
const PLANT_SEEDS: u64 = 200;
/// How many seeds are run twice and compared, for `cargo xtask test`.
const META_SEEDS: &str = "3";
/// How long processes are killed and stopped if it is not said, minutes.
const PROCESS_MINUTES: u64 = 2;
/// How long a replica is away under load after that, seconds.
const PROCESS_AWAY_SECONDS: &str = "60";
/// How many seeds that failed are told.
const TOLD_MAX: usize = 5;

/// What is run for `cargo xtask test`: the first seeds, and some of them twice.
pub(crate) fn test() -> Outcome {
    sim(&[])?;
    sim(&["meta", "--seeds", META_SEEDS].map(str::to_owned))
}

/// Builds the simulation and runs seeds: `[meta] [--seeds N] [--from S]`, and what else `sim run` takes.
pub(crate) fn sim(words: &[String]) -> Outcome {
    if let Some(("processes", words)) = words.split_first().map(|(first, others)| (first.as_str(), others)) {
        return processes(words);
    }
    if words.first().is_some_and(|word| word == "plants") {
        return plants(&words[1..]);
    }
    let (mut seeds, mut from) = (SEEDS, 1);
    let (command, words) = match words.split_first() {
        Some((first, others)) if first == "meta" => ("meta", others),
        _ => ("run", words),
    };
    let (mut rest, mut words) = (vec![command.to_owned()], words.iter());
    while let Some(word) = words.next() {
        let value = words.next().ok_or_else(|| format!("{word} takes a value"))?;
        let number = || value.parse::<u64>().map_err(|_| format!("{word} takes a number, not '{value}'"));
        match word.as_str() {
            "--seeds" => seeds = number()?,
            "--from" => from = number()?,
            _ => rest.extend([word.clone(), value.clone()]),
        }
    }
    let program = build()?;
    let began = Instant::now();
    let bad = run(&program, from..from.saturating_add(seeds), &rest)?;
    let took = began.elapsed().as_secs_f32();
    if bad.is_empty() {
        println!("{command}: {seeds} seeds from {from} on are good, {took:.0} s");
        return Ok(());
    }
    Err(format!("{} of {seeds} seeds are bad: {bad:?}, {took:.0} s", bad.len()))
}

/// Runs the test of real processes for longer than `cargo xtask test` does: `[--minutes M | --seconds S] [--seed N]`.
fn processes(words: &[String]) -> Outcome {
    let mut cargo = Command::new("cargo");
    cargo.args(["test", "--workspace", "--locked", "--test", "service", "processes::"]);
    cargo.args(["--", "--nocapture", "--test-threads=1"]).current_dir(root());
    cargo.env("RUSTIDOCS_SECONDS", (PROCESS_MINUTES * 60).to_string());
    cargo.env("RUSTIDOCS_AWAY_SECONDS", PROCESS_AWAY_SECONDS);
    for pair in words.chunks(2) {
        let [word, value] = pair else { return Err(format!("{} takes a value", pair[0])) };
        let number: u64 = value.parse().map_err(|_| format!("{word} takes a number, not '{value}'"))?;
        match word.as_str() {
            "--minutes" => cargo.env("RUSTIDOCS_SECONDS", number.saturating_mul(60).to_string()),
            "--seconds" => cargo.env("RUSTIDOCS_SECONDS", value),
            "--seed" => cargo.env("RUSTIDOCS_SEED", value),
            _ => return Err(format!("sim processes knows no {word}")),
        };
    }
    // The programs that the test starts, in the same profile.
    let mut build = Command::new("cargo");
    build.args(["build", "--workspace", "--bins", "--locked"]).current_dir(root());
    finish(build)?;
    finish(cargo)
}

/// Runs seeds with each planted fault, or those that are named, until one is bad: the table of sim/README.md.
fn plants(names: &[String]) -> Outcome {
    let program = build()?;
    let listed = Command::new(&program).arg("plants").output().map_err(|error| error.to_string())?;
    let listed = String::from_utf8_lossy(&listed.stdout).into_owned();
    let mut missed = Vec::new();
    for plant in listed.lines().filter(|plant| names.is_empty() || names.iter().any(|name| name == plant)) {
        let rest = ["run", "--plant", plant].map(str::to_owned);
        let caught = (1..=PLANT_SEEDS).step_by(AT_ONCE).find_map(|from| {
            match quietly(&program, from..from + AT_ONCE as u64, &rest) {
                Ok(bad) => bad.first().map(|bad| Ok(*bad)),
                Err(why) => Some(Err(why)),
            }
        });
        match caught.transpose()? {
            Some(seed) => println!("{plant}: seed {seed}"),
            None => {
                println!("{plant}: not found in {PLANT_SEEDS} seeds");
                missed.push(plant);
            }
        }
    }
    if missed.is_empty() { Ok(()) } else { Err(format!("not found: {missed:?}")) }
}

/// Builds with the settings of its own workspace: run from there, cargo finds them.
fn build() -> Result<PathBuf, String> {
    let folder = root().join("sim");
    let target = folder.join("target/world");
    let mut cargo = Command::new("cargo");
    cargo.args(["build", "--locked", "--package", "world", "--target-dir"]).arg(&target);
    finish_in(cargo, &folder)?;
    Ok(target.join("debug/sim"))
}

fn finish_in(mut cargo: Command, folder: &Path) -> Outcome {
    cargo.current_dir(folder);
    finish(cargo)
}

/// Runs seeds, [`AT_ONCE`] at once, and tells about those that are bad.
fn run(program: &Path, seeds: Range<u64>, rest: &[String]) -> Result<Vec<u64>, String> {
    run_each(program, seeds, rest, tell)
}

/// The same without a word.
fn quietly(program: &Path, seeds: Range<u64>, rest: &[String]) -> Result<Vec<u64>, String> {
    run_each(program, seeds, rest, |_, _, _, _| {})
}

fn run_each(
    program: &Path,
    seeds: Range<u64>,
    rest: &[String],
    tell: impl Fn(&Path, u64, &[String], &Output) + Sync,
) -> Result<Vec<u64>, String> {
    let (seeds, bad) = (Mutex::new(seeds), Mutex::new(Vec::new()));
    let runner = || -> Outcome {
        while let Some(seed) = { lock(&seeds).next() } {
            let output = run_one(program, seed, rest)?;
            if !output.status.success() {
                let mut bad = lock(&bad);
                bad.push(seed);
                if bad.len() <= TOLD_MAX {
                    tell(program, seed, rest, &output);
                }
            }
        }
        Ok(())
    };
    thread::scope(|scope| {
        let runners = [(); AT_ONCE].map(|()| scope.spawn(runner));
        runners
            .into_iter()
            .try_for_each(|runner| runner.join().map_err(|_| "a runner of seeds panicked".to_owned())?)
    })?;
    let mut bad = lock(&bad).split_off(0);
    bad.sort_unstable();
    Ok(bad)
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn run_one(program: &Path, seed: u64, rest: &[String]) -> Result<Output, String> {
    let mut command = Command::new(program);
    command.args(rest).args(["--seed", &seed.to_string()]);
    command.output().map_err(|error| format!("{}: {error}", program.display()))
}

fn tell(program: &Path, seed: u64, rest: &[String], output: &Output) {
    println!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    println!("again: {} {} --seed {seed} --trace FILE\n", program.display(), rest.join(" "));
}
