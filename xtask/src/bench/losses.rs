//! Writes that were answered and are lost when a process stands still.

use std::process::{Command, Stdio};

use super::report::{Goal, Row, Section, figure};
use crate::child::finish;
use crate::repository::built;

/// The table of this part.
pub(super) fn measure() -> Result<Vec<Section>, String> {
    let mut build = Command::new("cargo");
    build.args(["build", "--release", "-p", "shared", "--example", "losses", "--features", "testing"]);
    finish(build)?;
    let output = Command::new(built("release").join("examples/losses"))
        .stderr(Stdio::inherit())
        .output()
        .map_err(|error| format!("losses: {error}"))?;
    let json = String::from_utf8_lossy(&output.stdout).into_owned();
    let row = |case: &str, level: &str, what: &str, most: Option<f64>| {
        let (lost, redis) =
            (figure(&json, &format!("{case}_{level}"))?, figure(&json, &format!("{case}_redis"))?);
        Ok::<Row, String>(Row {
            what: format!("{what}, {}: writes lost", level.to_uppercase()),
            ours: format!("{lost:.0}"),
            peer: format!("{redis:.0}"),
            figure: lost,
            goal: Goal::AtMost(most.unwrap_or(redis)),
        })
    };
    let stalled = "a replica stalls 0.5 s before its primary is killed";
    let stopped = "a primary is stopped for two node timeouts and wakes";
    let rows = vec![
        row("stalled", "one", stalled, None)?,
        row("stalled", "quorum", stalled, Some(0.0))?,
        row("stopped", "one", stopped, Some(0.0))?,
        row("stopped", "quorum", stopped, Some(0.0))?,
    ];
    let how = "Three primaries with a replica each, every node a process, node timeout 1 s, `appendonly yes`, `appendfsync everysec`; eight \
               clients send 40,000 INCR a second together, answered or not. Writes that were answered and are not there after the \
               failover: the worst of five rounds of ours, the median of five of redis-server, in turn.";
    Ok(vec![Section { title: "Lost writes".into(), how: how.into(), rows }])
}
