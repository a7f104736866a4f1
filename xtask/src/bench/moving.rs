//! Slots that move under load.

use std::process::{Command, Stdio};

use super::report::{Goal, Row, Section, figure};
use crate::child::finish;
use crate::repository::built;

/// The table of this part.
pub(super) fn measure() -> Result<Vec<Section>, String> {
    let mut build = Command::new("cargo");
    build.args(["build", "--release", "-p", "shared", "--example", "moving", "--features", "client testing"]);
    finish(build)?;
    let output = Command::new(built("release").join("examples/moving"))
        .stderr(Stdio::inherit())
        .output()
        .map_err(|error| format!("moving: {error}"))?;
    let json = String::from_utf8_lossy(&output.stdout).into_owned();
    let of = |name: &str| figure(&json, name);
    let (stream, cli, redis) = (of("stream_s")?, of("cli_s")?, of("redis_s")?);
    let seen = |what: &str, value: f64, most: f64| Row {
        what: format!("CLUSTER MIGRATESLOTS: {what}"),
        ours: format!("{value:.0}"),
        peer: String::new(),
        figure: value,
        goal: Goal::AtMost(most),
    };
    let rows = vec![
        Row {
            what: "CLUSTER MIGRATESLOTS, time against redis-cli reshard on redis-server".into(),
            ours: format!("{stream:.2} s"),
            peer: format!("{redis:.2} s"),
            figure: stream / redis,
            goal: Goal::AtMost(0.3),
        },
        Row {
            what: "redis-cli reshard, time against the same on redis-server".into(),
            ours: format!("{cli:.2} s"),
            peer: format!("{redis:.2} s"),
            figure: cli / redis,
            goal: Goal::AtMost(1.0),
        },
        seen("slowest reply, ms", of("slowest_ms")?, 50.0),
        seen("errors", of("errors")?, 0.0),
        seen("lost writes", of("lost")?, 0.0),
    ];
    let how = "4,096 slots with 200,000 keys of 100 bytes move between two of three primaries, while 50 clients of the cluster \
               client count up 5,000 times a second in them. `appendonly yes`, `appendfsync everysec`; redis-cli with \
               `--cluster-pipeline 100`. Medians of three moves in turn; the slowest reply of all three.";
    Ok(vec![Section { title: "Moving slots".into(), how: how.into(), rows }])
}
