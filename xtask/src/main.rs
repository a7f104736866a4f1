//! `cargo xtask`: everything a newcomer needs to run, test and measure the project.
//!
//! # Layout
//!
//! - [`setup`]: system packages, the test runner, node packages: installs what is missing.
//! - [`run`]: a local cluster, the document service and a window.
//! - [`test`]: every test.
//! - [`sim`]: a whole cluster on machines that a seed makes up.
//! - [`bench`]: speed and size against redis-server and the goals.
//! - [`tidy`]: rules that neither compiler nor clippy know.
//! - [`child`]: processes that end with us.
//! - [`repository`]: where things are.

use std::process::ExitCode;

mod bench;
mod child;
mod repository;
mod run;
mod setup;
mod sim;
mod test;
mod tidy;

/// What went wrong, in words for the person at the terminal.
type Outcome = Result<(), String>;

const USAGE: &str = "\
cargo xtask COMMAND

  run [DOCUMENT]     install what is missing, build, start a local cluster of three primaries and
                     three replicas, the document service and the desktop window
  test [FILTER]…     install what tests need, build, pass every test
  sim [meta] [--seeds N] [--from S]
                     simulate a whole cluster, its clients and what goes wrong, a process a seed
                     (meta: each seed twice, and the same must happen)
  sim processes [--minutes M] [--seed S]
                     real nodes and services, one killed or stopped every 5 s under 20 typists
  bench [PART]…      measure speed and size, and write docs/BENCHMARKS.md
  tidy               check import rules, module docs and file sizes
  setup              only install what is missing
";

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let (command, rest) = match arguments.split_first() {
        Some((command, rest)) => (command.as_str(), rest),
        None => ("help", &[][..]),
    };
    let outcome = match command {
        "run" => run::run(rest),
        "test" => test::test(rest),
        "sim" => sim::sim(rest),
        "bench" => bench::bench(rest),
        "tidy" => tidy::tidy(),
        "setup" => setup::packages(setup::Purpose::Test),
        "help" | "--help" | "-h" => {
            print!("{USAGE}");
            Ok(())
        }
        other => Err(format!("no such command: {other}\n\n{USAGE}")),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(message) => {
            eprintln!("xtask: {message}");
            ExitCode::FAILURE
        }
    }
}
