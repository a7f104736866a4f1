//! What a published message costs all nodes of a cluster.

use std::process::{Command, Stdio};

use super::report::{Goal, Row, Section, figure};
use crate::child::finish;
use crate::repository::built;

/// The table of this part.
pub(super) fn measure() -> Result<Vec<Section>, String> {
    let mut build = Command::new("cargo");
    build.args(["build", "--release", "-p", "shared", "--example", "publish", "--features", "testing"]);
    finish(build)?;
    let output = Command::new(built("release").join("examples/publish"))
        .stderr(Stdio::inherit())
        .output()
        .map_err(|error| format!("publish: {error}"))?;
    let json = String::from_utf8_lossy(&output.stdout).into_owned();
    let mut rows = Vec::new();
    for pipeline in [1, 16] {
        let of = |name: &str| figure(&json, &format!("{name}_{pipeline}"));
        rows.push(Row {
            what: format!("PUBLISH at pipeline {pipeline} with one subscriber, CPU of all nodes a message"),
            ours: format!("{:.2} µs", of("ours_us")?),
            peer: format!("{:.2} µs", of("redis_us")?),
            figure: of("ratio")?,
            goal: Goal::AtMost(0.6),
        });
    }
    let how = "Three primaries with a replica each, every node a process, node timeout 15 s (with 1 s redis-server resets busy links and loses messages); publisher and subscriber on two different \
               primaries, messages of 100 bytes. User and system time of all six processes; nine rounds in turn with redis-server.";
    Ok(vec![Section { title: "Published messages".into(), how: how.into(), rows }])
}
