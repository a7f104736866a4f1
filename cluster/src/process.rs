//! The program: from its arguments to its exit code.

use std::process::ExitCode;

use rustix::process::{Resource, getrlimit, setrlimit};

use crate::config::{Config, low};
use crate::logging;
use crate::node::Node;
use crate::server::signals;

/// File descriptors beside those of clients: listeners, bus links, range files, the log.
const OTHER_FILES: u64 = 512;

/// `rustidocs-node [FILE.conf] [--NAME VALUE]…`: runs one node until SIGTERM or SIGINT.
pub fn main(args: impl Iterator<Item = String>) -> ExitCode {
    match run(args) {
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
    let config = Config::of(&settings).map_err(|(name, reason)| format!("'{name}': {reason}"))?;
    logging::start(&config).map_err(|error| format!("Can't open the log file: {error}"))?;
    allow_files(config.maxclients as u64 + OTHER_FILES);
    let node = Node::start(settings).map_err(|error| error.to_string())?;
    signals::wait(node.shared()).map_err(|error| format!("cannot wait for signals: {error}"))?;
    node.stop().map_err(|error| error.to_string())
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
