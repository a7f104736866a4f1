//! A primary that is killed, and writes at QUORUM.

use std::process::{Command, Stdio};

use super::report::{Goal, Row, Section, figure};
use crate::child::finish;
use crate::repository::built;

/// The table of this part.
pub(super) fn measure() -> Result<Vec<Section>, String> {
    let json = example("failover", &["-p", "shared", "--features", "testing"])?;
    let saved = example("saved_again", &["-p", "doc-service", "--bins"])?;
    let (saved_ms, most_ms) = (figure(&saved, "saved_again_ms")?, figure(&saved, "saved_again_max_ms")?);
    let (ours, redis) = (figure(&json, "ours_ms")?, figure(&json, "redis_ms")?);
    let (one, quorum) = (figure(&json, "one_per_second")?, figure(&json, "quorum_per_second")?);
    let rows = vec![
        Row {
            what: "SIGKILL of a primary until its slots take a write, ms".into(),
            ours: format!("{ours:.0}"),
            peer: format!("{redis:.0}"),
            figure: ours,
            goal: Goal::AtMost(1_600.0),
        },
        Row {
            what: "from that write until everything typed by then is saved, ms".into(),
            ours: format!("{saved_ms:.0} (at most {most_ms:.0})"),
            peer: String::new(),
            figure: saved_ms,
            goal: Goal::AtMost(1_000.0),
        },
        Row {
            what: "SET at pipeline 16 at QUORUM, share of ONE".into(),
            ours: format!("{quorum:.0}/s of {one:.0}/s"),
            peer: String::new(),
            figure: quorum / one,
            goal: Goal::AtLeast(0.5),
        },
    ];
    let how = "Three primaries with a replica each, every node a process, node timeout 1 s, `appendonly yes`, `appendfsync everysec`. \
               Kills: median of 10 in turn with redis-server, four clients writing meanwhile. Saved: median of 10 kills of the primary of a document, \
               at the service, 20 letters a second. QUORUM: 50 clients on one shard, five \
               rounds in turn, 100 bytes a value; load generator and nodes share the cores.";
    Ok(vec![Section { title: "Failover and consistency".into(), how: how.into(), rows }])
}

/// Builds an example and runs it; what it prints.
fn example(name: &str, words: &[&str]) -> Result<String, String> {
    let mut build = Command::new("cargo");
    build.args(["build", "--release", "--example", name]).args(words);
    finish(build)?;
    let output = Command::new(built("release").join("examples").join(name))
        .stderr(Stdio::inherit())
        .output()
        .map_err(|error| format!("{name}: {error}"))?;
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}
