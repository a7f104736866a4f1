//! How long writes fail when a primary is killed, and what a write at QUORUM costs: our nodes and redis-server in turn.
//!
//! Prints JSON. `cargo xtask bench failover` runs it.

// A measurement that cannot go on ends.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;

use shared::rt::time::{Duration, Instant};
use shared::testing::node::Program;
use shared::testing::wire::Wire;
use shared::testing::{Cluster, wait};

/// How often each server's primary is killed.
const KILLS: usize = 10;
/// Rounds of throughput, each at ONE and at QUORUM.
const ROUNDS: usize = 5;
const ROUND: Duration = Duration::from_secs(2);
const CLIENTS: usize = 50;
const PIPELINE: usize = 16;

fn main() {
    let mut failover_ms = (Vec::new(), Vec::new());
    for _ in 0..KILLS {
        failover_ms.0.push(failover(Program::Ours));
        failover_ms.1.push(failover(Program::Redis));
    }
    let (one, quorum) = throughput();
    let (ours, redis) = (median(&mut failover_ms.0), median(&mut failover_ms.1));
    println!(
        "{{\"ours_ms\":{ours:.0},\"redis_ms\":{redis:.0},\"one_per_second\":{one:.0},\"quorum_per_second\":{quorum:.0}}}"
    );
}

fn median(figures: &mut [f64]) -> f64 {
    figures.sort_by(f64::total_cmp);
    figures[figures.len() / 2]
}

/// A key in a slot of the first primary, for each of so many.
fn keys(cluster: &Cluster, count: usize) -> Vec<String> {
    let keys = (0..).map(|number| format!("key:{number}"));
    keys.filter(|key| cluster.owner_of(key) == 0).take(count).collect()
}

/// A cluster with a node timeout of 1 s, three primaries with a replica each, everything in sync.
fn cluster(program: Program) -> Cluster {
    let cluster = match program {
        Program::Ours => Cluster::ours(3, 1),
        Program::Redis => Cluster::redis(3, 1),
    };
    if program == Program::Ours {
        for primary in 0..3 {
            let mut wire = cluster.node(primary).wire();
            wait::until("its replica is in sync", || {
                let info = wire.call(&["INFO", "replication"]);
                info.as_str().is_some_and(|info| info.contains("in_sync_copies:2"))
            });
        }
    }
    cluster
}

/// From SIGKILL of a primary under load until its replica takes a write, milliseconds.
fn failover(program: Program) -> f64 {
    let mut cluster = cluster(program);
    let keys = keys(&cluster, 4);
    let stop = AtomicBool::new(false);
    let (port, replica) = (cluster.node(0).port(), cluster.node(3).port());
    thread::scope(|scope| {
        for key in &keys {
            let stop = &stop;
            scope.spawn(move || {
                let mut wire = Wire::connect(port);
                while !stop.load(Ordering::Relaxed) && wire.try_call(&["SET", key, "load"]).is_some() {}
            });
        }
        // Failure detectors have a rhythm: the kill comes anywhere in it.
        thread::sleep(Duration::from_millis(1_500 + u64::from(std::process::id() + port as u32) % 700));
        cluster.node_mut(0).kill();
        let killed = Instant::now();
        let mut wire = Wire::connect(replica);
        while !wire.call(&["SET", &keys[0], "after"]).is_ok() {
            thread::sleep(Duration::from_millis(2));
        }
        stop.store(true, Ordering::Relaxed);
        killed.elapsed().as_secs_f64() * 1_000.0
    })
}

/// SETs a second of 50 clients at pipeline 16 on one shard, at ONE and at QUORUM.
fn throughput() -> (f64, f64) {
    let cluster = cluster(Program::Ours);
    let keys = keys(&cluster, 256);
    let port = cluster.node(0).port();
    let (mut one, mut quorum) = (Vec::new(), Vec::new());
    for _ in 0..ROUNDS {
        one.push(sets(port, &keys, "ONE"));
        quorum.push(sets(port, &keys, "QUORUM"));
    }
    (median(&mut one), median(&mut quorum))
}

fn sets(port: u16, keys: &[String], consistency: &str) -> f64 {
    let (stop, done) = (AtomicBool::new(false), AtomicUsize::new(0));
    thread::scope(|scope| {
        for client in 0..CLIENTS {
            let (stop, done) = (&stop, &done);
            scope.spawn(move || {
                let mut wire = Wire::connect(port);
                assert!(wire.call(&["CLIENT", "CONSISTENCY", consistency]).is_ok());
                let value = "x".repeat(100);
                let set = |at: usize| {
                    let key = &keys[(client * PIPELINE + at) % keys.len()];
                    format!("*3\r\n$3\r\nSET\r\n${}\r\n{key}\r\n$100\r\n{value}\r\n", key.len())
                };
                let requests: String = (0..PIPELINE).map(set).collect();
                while !stop.load(Ordering::Relaxed) {
                    wire.send_raw(requests.as_bytes());
                    (0..PIPELINE).for_each(|_| assert!(wire.read().is_ok()));
                    done.fetch_add(PIPELINE, Ordering::Relaxed);
                }
            });
        }
        let began = Instant::now();
        thread::sleep(ROUND);
        stop.store(true, Ordering::Relaxed);
        done.load(Ordering::Relaxed) as f64 / began.elapsed().as_secs_f64()
    })
}
