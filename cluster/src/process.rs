//! The program: from its arguments to its exit code.

use std::process::ExitCode;

use rustix::process::{Resource, getrlimit, setrlimit};

use crate::config::{Config, Settings, low};
use crate::local;
use crate::logging;
use crate::node::Node;
use crate::server::signals;

/// File descriptors beside those of clients: listeners, bus links, range files, the log.
const OTHER_FILES: u64 = 512;

/// `rustidocs-node [FILE.conf] [--NAME VALUE]…` runs one node until SIGTERM or SIGINT; `rustidocs-node local …` several that
/// form a cluster.
pub fn main(args: impl Iterator<Item = String>) -> ExitCode {
    let mut args = args.peekable();
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
    prepare(&settings, 1)?;
    let node = Node::start(settings).map_err(|error| error.to_string())?;
    serve(vec![node], async |_| ())
}

fn run_local(args: impl Iterator<Item = String>) -> Result<(), String> {
    let arguments = local::Arguments::of(args)?;
    if let Some(first) = arguments.settings.first() {
        prepare(first, arguments.settings.len() as u64)?;
    }
    let nodes = local::start(&arguments).map_err(|error| error.to_string())?;
    serve(nodes, local::form::form)
}

/// What a process does once, however many nodes it runs.
fn prepare(settings: &Settings, nodes: u64) -> Result<(), String> {
    let config = Config::of(settings).map_err(|(name, reason)| format!("'{name}': {reason}"))?;
    logging::start(&config).map_err(|error| format!("Can't open the log file: {error}"))?;
    allow_files(nodes * (config.maxclients as u64 + OTHER_FILES));
    Ok(())
}

/// Serves until the process is told to end, and stops all nodes in order.
fn serve(nodes: Vec<Node>, meanwhile: impl AsyncFnOnce(&[Node])) -> Result<(), String> {
    signals::wait(&nodes, meanwhile(&nodes)).map_err(|error| format!("cannot wait for signals: {error}"))?;
    nodes.into_iter().try_for_each(|node| node.stop().map_err(|error| error.to_string()))
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
