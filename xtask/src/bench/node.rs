//! The node against redis-server: throughput, CPU per operation, memory per key.

use std::process::Command;

use super::report::{Goal, Row, Section, median};
use super::server::{Kind, Server};

/// Keys that both servers hold.
const KEYS: usize = 1_000_000;
/// Rounds, each measuring both servers in turn.
const ROUNDS: usize = 5;
/// Pipeline depth, requests a round, least throughput and most CPU against redis-server.
const PIPELINES: [(u32, u32, f64, f64); 3] =
    [(1, 200_000, 1.0, 1.1), (16, 1_000_000, 1.2, 0.9), (64, 2_000_000, 1.7, 0.7)];

/// Every table of this part.
pub(super) fn measure() -> Result<Vec<Section>, String> {
    Ok(vec![throughput(false)?, throughput(true)?, memory()?])
}

struct Measured {
    per_second: f64,
    cpu_us: f64,
}

fn throughput(appendonly: bool) -> Result<Section, String> {
    let ours = Server::start(Kind::Ours, appendonly)?;
    let redis = Server::start(Kind::Redis, appendonly)?;
    ours.fill(KEYS)?;
    redis.fill(KEYS)?;
    let mut rows = Vec::new();
    for (pipeline, requests, least, most) in PIPELINES {
        for command in ["get", "set"] {
            let mut rounds = Vec::new();
            for _ in 0..ROUNDS {
                rounds.push((
                    load(&ours, command, pipeline, requests)?,
                    load(&redis, command, pipeline, requests)?,
                ));
            }
            let middle =
                |figure: fn(&(Measured, Measured)) -> f64| median(rounds.iter().map(figure).collect());
            rows.push(Row {
                what: format!("{} at pipeline {pipeline}, operations/s", command.to_uppercase()),
                ours: format!("{:.0}", middle(|(a, _)| a.per_second)),
                peer: format!("{:.0}", middle(|(_, b)| b.per_second)),
                figure: middle(|(a, b)| a.per_second / b.per_second),
                goal: Goal::AtLeast(least),
            });
            rows.push(Row {
                what: format!("{} at pipeline {pipeline}, server CPU an operation", command.to_uppercase()),
                ours: format!("{:.2} µs", middle(|(a, _)| a.cpu_us)),
                peer: format!("{:.2} µs", middle(|(_, b)| b.cpu_us)),
                figure: middle(|(a, b)| a.cpu_us / b.cpu_us),
                goal: Goal::AtMost(most),
            });
        }
    }
    let with = if appendonly { "with appendfsync everysec" } else { "without a log" };
    Ok(Section {
        title: format!("Node against redis-server, {with}"),
        how: format!(
            "`redis-benchmark -c 50 -d 100 -r {KEYS} -P PIPELINE`, {KEYS} keys present on both, {ROUNDS} rounds in turn; \
             CPU is user and system time of the server's process."
        ),
        rows,
    })
}

fn load(server: &Server, command: &str, pipeline: u32, requests: u32) -> Result<Measured, String> {
    let before = server.cpu_seconds();
    let output = Command::new("redis-benchmark")
        .args(["-p", &server.port.to_string(), "-t", command, "-c", "50", "-d", "100", "--csv"])
        .args(["-r", &KEYS.to_string(), "-P", &pipeline.to_string(), "-n", &requests.to_string()])
        .output()
        .map_err(|error| format!("redis-benchmark: {error}"))?;
    let cpu = server.cpu_seconds() - before;
    let text = String::from_utf8_lossy(&output.stdout);
    // "SET","120481.93",… after a line of headings.
    let per_second = text
        .lines()
        .find(|line| line.to_ascii_lowercase().starts_with(&format!("\"{command}\"")))
        .and_then(|line| line.split(',').nth(1))
        .and_then(|field| field.trim_matches('"').parse().ok())
        .ok_or_else(|| format!("redis-benchmark printed no figure: {text}"))?;
    Ok(Measured { per_second, cpu_us: cpu / f64::from(requests) * 1e6 })
}

fn memory() -> Result<Section, String> {
    let mut bytes = Vec::new();
    for kind in [Kind::Ours, Kind::Redis] {
        let server = Server::start(kind, false)?;
        let empty = server.resident_bytes();
        server.fill(KEYS)?;
        bytes.push((server.resident_bytes() - empty) / KEYS as f64);
    }
    Ok(Section {
        title: "Memory per key".into(),
        how: format!(
            "Resident memory with {KEYS} keys of 16 bytes holding 100 bytes, less that of the empty server."
        ),
        rows: vec![Row {
            what: "bytes a key".into(),
            ours: format!("{:.0}", bytes[0]),
            peer: format!("{:.0}", bytes[1]),
            figure: bytes[0] / bytes[1],
            goal: Goal::AtMost(1.0),
        }],
    })
}
