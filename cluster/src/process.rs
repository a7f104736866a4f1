//! The program: from its arguments to its exit code.

use std::process::ExitCode;

use rustix::process::{Resource, getrlimit, setrlimit};
use shared::rt::fs;

use crate::config::{Config, Settings, low};
use crate::local;
use crate::logging;
use crate::node::Node;
use crate::rebalance::{self, Arguments};
use crate::server::signals::Signals;

/// File descriptors beside those of clients: listeners, bus links, range files, the log.
const OTHER_FILES: u64 = 512;

/// `rustidocs-node [FILE.conf] [--NAME VALUE]…` runs one node until SIGTERM or SIGINT; `rustidocs-node local …` several that
/// form a cluster; `rustidocs-node rebalance …` spreads the slots of one.
pub fn main(args: impl Iterator<Item = String>) -> ExitCode {
    let mut args = args.peekable();
    if args.next_if_eq("rebalance").is_some() {
        return run_rebalance(args);
    }
    let ran = if args.next_if_eq("local").is_some() { run_local(args) } else { run(args) };
    match ran {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            // Also where there is no log yet, or it goes to a file.
            tracing::error!("{error}");
            eprintln!("rustidocs-node: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run(args: impl Iterator<Item = String>) -> Result<(), String> {
    let settings = low::load(args).map_err(|error| error.to_string())?;
    let signals = prepare(&settings, 1)?;
    let node = Node::start(settings).map_err(|error| error.to_string())?;
    serve(signals, vec![node], async |_| ())
}

fn run_local(args: impl Iterator<Item = String>) -> Result<(), String> {
    let arguments = local::Arguments::of(args)?;
    let first = arguments.settings.first().ok_or("a cluster has at least one node")?;
    let signals = prepare(first, arguments.settings.len() as u64)?;
    let nodes = local::start(&arguments).map_err(|error| error.to_string())?;
    let primaries = arguments.primaries;
    serve(signals, nodes, async move |nodes| local::form::form(nodes, primaries).await)
}

/// A client of a cluster, which says what it does to the person at the terminal.
fn run_rebalance(args: impl Iterator<Item = String>) -> ExitCode {
    let ran = Arguments::of(args, std::env::var("REDISCLI_AUTH").ok()).and_then(|arguments| {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        runtime.map_err(|error| error.to_string())?.block_on(rebalance::run(arguments))
    });
    match ran {
        Ok(()) => ExitCode::SUCCESS,
        Err(why) => {
            eprintln!("rustidocs-node rebalance: {why}");
            ExitCode::FAILURE
        }
    }
}

/// What a process does once, however many nodes it runs.
fn prepare(settings: &Settings, nodes: u64) -> Result<Signals, String> {
    let config = Config::of(settings).map_err(|(name, reason)| format!("'{name}': {reason}"))?;
    logging::start(&config).map_err(|error| format!("Can't open the log file: {error}"))?;
    allow_files(nodes * (config.maxclients as u64 + OTHER_FILES));
    Signals::hear().map_err(|error| format!("cannot wait for signals: {error}"))
}

/// Serves until the process is told to end, and stops all nodes in order.
fn serve(signals: Signals, nodes: Vec<Node>, meanwhile: impl AsyncFnOnce(&[Node])) -> Result<(), String> {
    signals.wait(&nodes, meanwhile(&nodes));
    nodes.into_iter().try_for_each(|node| node.stop().map_err(|error| error.to_string()))
}

/// The system this runs on.
pub fn system() -> String {
    let uname = rustix::system::uname();
    let [name, release, machine] = [uname.sysname(), uname.release(), uname.machine()];
    format!("{} {} {}", name.to_string_lossy(), release.to_string_lossy(), machine.to_string_lossy())
}

/// Memory of the process that is resident, bytes; 0 if the system does not tell.
pub fn resident_bytes() -> usize {
    let statm = fs::read_to_string("/proc/self/statm").unwrap_or_default();
    let pages: usize = statm.split(' ').nth(1).and_then(|pages| pages.parse().ok()).unwrap_or_default();
    pages * rustix::param::page_size()
}

/// Processor time of the process, user and system, seconds; 0 if the system does not tell.
pub fn cpu_seconds() -> (f64, f64) {
    let stat = fs::read_to_string("/proc/self/stat").unwrap_or_default();
    // The name before the last parenthesis may hold anything; the 12th and 13th field behind it are the times.
    let fields: Vec<_> = stat.rsplit(')').next().unwrap_or_default().split_whitespace().collect();
    let ticks = |at: usize| fields.get(at).and_then(|field| field.parse::<f64>().ok()).unwrap_or_default();
    let per_second = rustix::param::clock_ticks_per_second().max(1) as f64;
    (ticks(11) / per_second, ticks(12) / per_second)
}

/// Raises the bound on open files as far as it is needed and allowed.
pub fn allow_files(needed: u64) {
    let mut limit = getrlimit(Resource::Nofile);
    if limit.current.is_none_or(|current| current >= needed) {
        return;
    }
    limit.current = Some(limit.maximum.map_or(needed, |maximum| maximum.min(needed)));
    match setrlimit(Resource::Nofile, limit) {
        Ok(()) if limit.current < Some(needed) => {
            tracing::warn!(
                needed,
                allowed = limit.current,
                "fewer open files are allowed than maxclients needs"
            );
        }
        Ok(()) => {}
        Err(error) => tracing::warn!(%error, needed, "the bound on open files stays as it is"),
    }
}
