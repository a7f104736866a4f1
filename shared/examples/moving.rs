//! How long 4,096 slots with 200,000 keys take to move under load, and what clients notice: CLUSTER MIGRATESLOTS, and redis-cli on our
//! nodes and on redis-server.
//!
//! Prints JSON. `cargo xtask bench moving` runs it.

// A measurement that cannot go on ends.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::process::Command as Process;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use shared::client::{Client, Command};
use shared::rt::task;
use shared::rt::time::{self, Duration, Instant, MissedTickBehavior};
use shared::slot::Slot;
use shared::testing::node::Program;
use shared::testing::wire::Wire;
use shared::testing::{Cluster, wait};

/// Moves of each kind, in turn.
const ROUNDS: usize = 3;
const SLOTS: u16 = 4_096;
const KEYS: usize = 200_000;
/// Clients that count up, each so many times a second: 5,000 operations a second together.
const CLIENTS: usize = 50;
const EVERY: Duration = Duration::from_millis(10);
/// Keys of each client, all of them in slots that move.
const COUNTERS: usize = 8;

/// How slots move.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Way {
    Stream,
    RedisCli(Program),
}

/// What was seen while they did.
#[derive(Default)]
struct Seen {
    took_s: f64,
    slowest_ms: f64,
    errors: u64,
    lost: u64,
}

fn main() {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    let ways = [Way::Stream, Way::RedisCli(Program::Ours), Way::RedisCli(Program::Redis)];
    let mut seen: [Vec<Seen>; 3] = Default::default();
    for round in 0..ROUNDS {
        for (way, seen) in ways.into_iter().zip(&mut seen) {
            let one = runtime.block_on(measure(way));
            eprintln!(
                "round {round}: {:.2} s, slowest {:.1} ms, {} errors, {} lost",
                one.took_s, one.slowest_ms, one.errors, one.lost
            );
            seen.push(one);
        }
    }
    let median = |of: fn(&Seen) -> f64, seen: &[Seen]| {
        let mut figures: Vec<f64> = seen.iter().map(of).collect();
        figures.sort_by(f64::total_cmp);
        figures[figures.len() / 2]
    };
    let [stream, cli, redis] = [0, 1, 2].map(|way| median(|seen| seen.took_s, &seen[way]));
    let slowest = seen[0].iter().map(|seen| seen.slowest_ms).fold(0.0, f64::max);
    let (errors, lost) = seen[0].iter().fold((0, 0), |sum, seen| (sum.0 + seen.errors, sum.1 + seen.lost));
    println!(
        "{{\"stream_s\":{stream:.3},\"cli_s\":{cli:.3},\"redis_s\":{redis:.3},\"slowest_ms\":{slowest:.1},\"errors\":{errors},\"lost\":{lost}}}"
    );
}

/// Names whose slots move.
fn moving(name: &str) -> impl Iterator<Item = String> {
    let names = (0..).map(move |number| format!("{name}:{number}"));
    names.filter(|key| Slot::of_key(key.as_bytes()).number() < SLOTS)
}

fn fill(wire: &mut Wire) {
    let value = "x".repeat(100);
    let keys: Vec<String> = moving("key").take(KEYS).collect();
    for some in keys.chunks(1_000) {
        let requests: String = some
            .iter()
            .map(|key| format!("*3\r\n$3\r\nSET\r\n${}\r\n{key}\r\n$100\r\n{value}\r\n", key.len()))
            .collect();
        wire.send_raw(requests.as_bytes());
        some.iter().for_each(|_| assert!(wire.read().is_ok()));
    }
}

fn id(cluster: &Cluster, node: usize) -> String {
    cluster.node(node).wire().call(&["CLUSTER", "MYID"]).as_str().expect("its name").to_owned()
}

async fn measure(way: Way) -> Seen {
    let cluster = match way {
        Way::Stream | Way::RedisCli(Program::Ours) => Cluster::ours(3, 0),
        Way::RedisCli(Program::Redis) => Cluster::redis(3, 0),
    };
    fill(&mut cluster.node(0).wire());
    let client = Client::connect_url(&cluster.url()).await.expect("a client");
    let stop = Arc::new(AtomicBool::new(false));
    let slowest_us = Arc::new(AtomicU64::new(0));
    let counters: Vec<_> = (0..CLIENTS)
        .map(|number| {
            let (client, stop, slowest) = (client.clone(), Arc::clone(&stop), Arc::clone(&slowest_us));
            task::spawn(async move { count(client, number, &stop, &slowest).await })
        })
        .collect();
    // The load stands before anything moves, and what it took to stand is not counted.
    time::sleep(Duration::from_millis(500)).await;
    slowest_us.store(0, Ordering::Relaxed);
    let began = Instant::now();
    let (source, target) = (id(&cluster, 0), id(&cluster, 1));
    let address = cluster.node(0).address();
    let mut control = cluster.node(0).wire();
    let moved = task::spawn(async move {
        tokio::task::spawn_blocking(move || match way {
            Way::Stream => {
                let last = (SLOTS - 1).to_string();
                let words = ["CLUSTER", "MIGRATESLOTS", "SLOTSRANGE", "0", &last, "NODE", &target];
                assert!(control.call(&words).is_ok());
                wait::until("the slots have moved", || {
                    format!("{:?}", control.call(&["CLUSTER", "GETSLOTMIGRATIONS"])).contains("success")
                });
            }
            Way::RedisCli(_) => {
                let slots = SLOTS.to_string();
                let args =
                    ["--cluster", "reshard", &address, "--cluster-from", &source, "--cluster-to", &target];
                let more = ["--cluster-slots", &slots, "--cluster-yes", "--cluster-pipeline", "100"];
                let output = Process::new("redis-cli").args(args).args(more).output().expect("redis-cli");
                assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
            }
        })
        .await
        .expect("moved");
        began.elapsed().as_secs_f64()
    });
    let took_s = moved.await.expect("moved");
    time::sleep(Duration::from_millis(200)).await;
    stop.store(true, Ordering::Relaxed);
    let mut seen =
        Seen { took_s, slowest_ms: slowest_us.load(Ordering::Relaxed) as f64 / 1_000.0, ..Seen::default() };
    for (number, counter) in counters.into_iter().enumerate() {
        let (counted, errors) = counter.await.expect("counted");
        seen.errors += errors;
        for (key, counted) in names(number).into_iter().zip(counted) {
            let there = client.call(Command::new("GET").key(&key)).await.expect("a counter");
            let there: u64 = there.as_str().and_then(|text| text.parse().ok()).unwrap_or(0);
            seen.lost += counted.saturating_sub(there);
        }
    }
    seen
}

fn names(client: usize) -> Vec<String> {
    moving(&format!("counter:{client}")).take(COUNTERS).collect()
}

/// Counts up until it is told to stop: how far each key came, and how many errors it saw.
async fn count(client: Client, number: usize, stop: &AtomicBool, slowest_us: &AtomicU64) -> (Vec<u64>, u64) {
    let names = names(number);
    let (mut counted, mut errors) = (vec![0; COUNTERS], 0);
    let mut ticks = time::interval(EVERY);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    for turn in 0.. {
        ticks.tick().await;
        if stop.load(Ordering::Relaxed) {
            break;
        }
        let at = turn % COUNTERS;
        let asked = Instant::now();
        match client.call(Command::new("INCR").key(&names[at])).await {
            Ok(value) if value.as_int().is_some() => counted[at] += 1,
            _ => errors += 1,
        }
        slowest_us.fetch_max(asked.elapsed().as_micros() as u64, Ordering::Relaxed);
    }
    (counted, errors)
}
