//! The log: lines on standard error.

use std::io::{IsTerminal, stderr};

use tracing_subscriber::EnvFilter;

/// Rules of the log that are none.
#[derive(Debug, thiserror::Error)]
#[error("--log {rules}: {why}")]
pub struct BadLog {
    rules: String,
    why: String,
}

/// Starts logging by rules such as `info` or `info,doc_service::save=debug`.
pub fn start(rules: &str) -> Result<(), BadLog> {
    let bad = |why: String| BadLog { rules: rules.to_owned(), why };
    let filter = EnvFilter::try_new(rules).map_err(|why| bad(why.to_string()))?;
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(stderr)
        // It would complain on standard error about standard error, and panic: the disk of the log may be full.
        .log_internal_errors(false)
        .with_ansi(stderr().is_terminal())
        .try_init()
        .map_err(|why| bad(why.to_string()))
}
