//! How many writes that were answered are lost when a replica stalls before its primary is killed, and when a primary is stopped and
//! wakes: redis-server, our nodes at ONE, and our nodes at QUORUM in turn.
//!
//! All are offered the same writes: so many a second, whether or not they are answered.
//!
//! Prints JSON. `cargo xtask bench losses` runs it.

// A measurement that cannot go on ends.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::env;
use std::thread;

use shared::rt::time::{Duration, Instant};
use shared::testing::node::Program;
use shared::testing::wire::Wire;
use shared::testing::{Cluster, wait};

/// Rounds of each case, if none are named.
const ROUNDS: usize = 5;
const CLIENTS: usize = 8;
/// Writes that all clients together send a second: less than any of the servers can take.
const WRITES_PER_SECOND: u32 = 40_000;
/// How often a client sends some.
const TICK: Duration = Duration::from_millis(5);
const WRITES_PER_TICK: usize = WRITES_PER_SECOND as usize / CLIENTS / 200;
/// How long a replica stands still before its primary is killed.
const STALL: Duration = Duration::from_millis(500);
/// How long a primary stands still: twice the node timeout.
const STOP: Duration = Duration::from_secs(2);
/// How long clients write before anything goes wrong.
const LOAD: Duration = Duration::from_secs(1);
/// How long a replica may take to be elected; after that the old primary is started anew.
const ELECTION: Duration = Duration::from_secs(8);

/// Who serves, and how sure its answers are.
const SERVERS: [(&str, Program, Option<&str>); 3] = [
    ("redis", Program::Redis, None),
    ("one", Program::Ours, Some("ONE")),
    ("quorum", Program::Ours, Some("QUORUM")),
];

/// What goes wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Case {
    /// The replica stalls, the primary is killed.
    Stalled,
    /// The primary is stopped and wakes.
    Stopped,
}

fn main() {
    let rounds = env::args().nth(1).map_or(ROUNDS, |rounds| rounds.parse().expect("a number of rounds"));
    let mut figures = Vec::new();
    for (case, name) in [(Case::Stalled, "stalled"), (Case::Stopped, "stopped")] {
        let mut lost = [const { Vec::new() }; SERVERS.len()];
        for _ in 0..rounds {
            for (server, lost) in SERVERS.iter().zip(&mut lost) {
                lost.push(measure(case, *server));
            }
        }
        for ((server, ..), mut lost) in SERVERS.iter().zip(lost) {
            lost.sort_unstable();
            // The worst of ours, the middle of the peer.
            let figure = if *server == "redis" { lost[rounds / 2] } else { lost[rounds - 1] };
            figures.push(format!("\"{name}_{server}\":{figure}"));
        }
    }
    println!("{{{}}}", figures.join(","));
}

/// How many writes were answered and are lost.
fn measure(case: Case, (name, program, consistency): (&str, Program, Option<&'static str>)) -> i64 {
    let mut cluster = match program {
        Program::Ours => Cluster::ours(3, 1),
        Program::Redis => Cluster::redis(3, 1),
    };
    let in_sync = if program == Program::Ours { "in_sync_copies:2" } else { "state=online" };
    wait::until("the replica is in sync", || replication(&cluster, 0).contains(in_sync));
    let keys: Vec<String> =
        (0..).map(|n| format!("key:{n}")).filter(|key| cluster.owner_of(key) == 0).take(CLIENTS).collect();
    let port = cluster.node(0).port();
    let clients: Vec<_> = keys
        .iter()
        .map(|key| {
            let key = key.clone();
            thread::spawn(move || count_up(port, &key, consistency))
        })
        .collect();
    thread::sleep(LOAD);
    let mut elected = true;
    match case {
        Case::Stalled => {
            cluster.node(3).process().expect("it runs").pause();
            thread::sleep(STALL);
            cluster.node_mut(0).kill();
            cluster.node(3).process().expect("it runs").resume();
            let deadline = Instant::now() + ELECTION;
            while !is_primary(&cluster, 3) && Instant::now() < deadline {
                thread::sleep(Duration::from_millis(20));
            }
            elected = is_primary(&cluster, 3);
            if !elected {
                cluster.node_mut(0).start();
            }
        }
        Case::Stopped => {
            let process = cluster.node(0).process().expect("it runs");
            process.pause();
            thread::sleep(STOP);
            process.resume();
            wait::until("the replica is primary", || is_primary(&cluster, 3));
            wait::until("the old primary follows", || !is_primary(&cluster, 0));
        }
    }
    let answered: Vec<i64> = clients.into_iter().map(|client| client.join().expect("a client")).collect();
    let mut wire = cluster.node(if elected { 3 } else { 0 }).wire();
    let there = keys.iter().map(|key| {
        let mut value = wire.call(&["GET", key]);
        wait::until("it serves", || {
            value = wire.call(&["GET", key]);
            value.as_error().is_none()
        });
        value.as_str().and_then(|text| text.parse().ok()).unwrap_or(0)
    });
    let lost: i64 = answered.iter().zip(there).map(|(answered, there)| (answered - there).max(0)).sum();
    let of: i64 = answered.iter().sum();
    eprintln!("{case:?} {name}: {lost} lost of {of} answered, replica elected: {elected}");
    lost
}

fn replication(cluster: &Cluster, node: usize) -> String {
    cluster.node(node).wire().call(&["INFO", "replication"]).as_str().unwrap_or_default().to_owned()
}

fn is_primary(cluster: &Cluster, node: usize) -> bool {
    replication(cluster, node).contains("role:master")
}

/// Counts a key up, at a fixed rate, until the server refuses or is gone; the highest answer.
fn count_up(port: u16, key: &str, consistency: Option<&str>) -> i64 {
    let mut wire = Wire::connect(port);
    if let Some(consistency) = consistency {
        assert!(wire.call(&["CLIENT", "CONSISTENCY", consistency]).is_ok());
    }
    let mut sending = wire.again();
    let requests = format!("*2\r\n$4\r\nINCR\r\n${}\r\n{key}\r\n", key.len()).repeat(WRITES_PER_TICK);
    let sender = thread::spawn(move || {
        let mut due = Instant::now();
        while sending.try_send_raw(requests.as_bytes()).is_some() {
            due += TICK;
            thread::sleep(due.saturating_duration_since(Instant::now()));
        }
    });
    let mut answered = 0;
    while let Some(value) = wire.try_read().and_then(|value| value.as_int()) {
        answered = value;
    }
    wire.hang_up();
    sender.join().expect("a sender");
    answered
}
