//! Speed and size as ratios in one run, written to `docs/BENCHMARKS.md`.
//!
//! Absolute times of a shared machine mean little, so every figure that has a peer is measured in turn with it, round by round,
//! and the median of the rounds' ratios is what counts.
//!
//! # Layout
//!
//! - [`node`]: the node against redis-server: throughput, CPU per operation, memory per key.
//! - [`documents`]: one keystroke's way, and how many edits a second the service applies.
//! - [`window`]: a sheet's frames and opening a long document.
//! - [`failover`]: a primary that is killed; what QUORUM costs.
//! - [`losses`]: answered writes that are lost when processes stand still.
//! - [`moving`]: slots that move under load.
//! - [`publish`]: what a published message costs all nodes of a cluster.
//! - [`report`]: rows with their goals, as Markdown.

mod documents;
mod failover;
mod losses;
mod moving;
mod node;
mod publish;
mod report;
mod server;
mod window;

use std::process::Command;

use crate::Outcome;
use crate::child::finish;
use crate::repository::root;
use crate::setup;

/// Runs the named parts (`node`, `documents`, `window`, `failover`, `losses`, `moving`, `publish`), or all, and writes the report.
pub(crate) fn bench(parts: &[String]) -> Outcome {
    let known = ["node", "documents", "window", "failover", "losses", "moving", "publish"];
    if let Some(unknown) = parts.iter().find(|part| !known.contains(&part.as_str())) {
        return Err(format!("no such benchmark: {unknown} (there are: {})", known.join(", ")));
    }
    setup::packages(setup::Purpose::Test)?;
    let mut build = Command::new("cargo");
    build.args(["build", "--release", "--workspace", "--bins", "--examples"]).current_dir(root());
    finish(build)?;
    let mut sections = Vec::new();
    for part in known {
        if !parts.is_empty() && !parts.iter().any(|wanted| wanted == part) {
            continue;
        }
        sections.extend(match part {
            "node" => node::measure()?,
            "documents" => documents::measure()?,
            "failover" => failover::measure()?,
            "losses" => losses::measure()?,
            "moving" => moving::measure()?,
            "publish" => publish::measure()?,
            _ => window::measure()?,
        });
    }
    report::publish(&sections)
}
