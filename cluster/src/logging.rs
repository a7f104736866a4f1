//! The process's log of events (not the log of effects): where it goes and how much it says.

use std::io;
use std::path::Path;
use std::sync::{Arc, OnceLock};

use shared::rt::fs::OpenOptions;
use tracing_subscriber::filter::LevelFilter;
use tracing_subscriber::fmt::writer::BoxMakeWriter;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{Registry, reload};

use crate::config::Config;

static LEVEL: OnceLock<reload::Handle<LevelFilter, Registry>> = OnceLock::new();

/// Starts logging as a node's settings say. There is one log a process: later calls change nothing.
pub fn start(config: &Config) -> io::Result<()> {
    let writer = if config.logfile.is_empty() {
        BoxMakeWriter::new(io::stdout)
    } else {
        let path = config.dir.join(Path::new(&config.logfile));
        BoxMakeWriter::new(Arc::new(OpenOptions::new().create(true).append(true).open(path)?))
    };
    let (filter, handle) = reload::Layer::new(level(&config.loglevel));
    let format = tracing_subscriber::fmt::layer().with_ansi(false).with_target(false).with_writer(writer);
    // It would complain on standard error, and panic where that cannot be written either: the disk may be full.
    let format = format.log_internal_errors(false);
    if tracing_subscriber::registry().with(filter).with(format).try_init().is_ok() {
        let _first = LEVEL.set(handle);
    }
    Ok(())
}

/// Changes how much is logged: CONFIG SET loglevel.
pub fn set_level(name: &str) {
    if let Some(Err(error)) = LEVEL.get().map(|handle| handle.reload(level(name))) {
        tracing::warn!(%error, "loglevel stays as it is");
    }
}

/// redis-server's names of levels.
fn level(name: &str) -> LevelFilter {
    match name {
        "debug" => LevelFilter::TRACE,
        "verbose" => LevelFilter::DEBUG,
        "warning" => LevelFilter::WARN,
        "nothing" => LevelFilter::OFF,
        _ => LevelFilter::INFO,
    }
}
