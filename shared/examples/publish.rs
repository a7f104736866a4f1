//! What one published message costs all nodes of a cluster: six of ours and six redis-server, in turn.
//!
//! One subscriber on one node, one publisher on another. Prints JSON. `cargo xtask bench publish` runs it.

// A measurement that cannot go on ends.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::thread;

use shared::resp::write;
use shared::rt::fs::read_to_string;
use shared::testing::Cluster;
use shared::testing::node::{Node, Program};
use shared::testing::wire::Wire;

/// Rounds, each with both clusters.
const ROUNDS: usize = 9;
/// Bytes of a message.
const MESSAGE_BYTES: usize = 100;
/// Requests that are under way at once, and how many messages a round has then.
const LOADS: [(usize, usize); 2] = [(1, 20_000), (16, 200_000)];
/// The node timeout is Redis's default: with a short one redis-server resets the links of peers that are busy with messages, and
/// loses those.
const OPTIONS: [&str; 4] = ["--appendonly", "yes", "--cluster-node-timeout", "15000"];
/// Ticks of `/proc/PID/stat` a second: fixed for programs, whatever the kernel's own are.
const TICKS_PER_SECOND: f64 = 100.0;

fn main() {
    let clusters =
        [Program::Ours, Program::Redis].map(|program| Cluster::with_options(program, 3, 1, &OPTIONS));
    let mut figures = Vec::new();
    for (pipeline, messages) in LOADS {
        let mut rounds = [Vec::new(), Vec::new()];
        for _ in 0..ROUNDS {
            for (cluster, figures) in clusters.iter().zip(&mut rounds) {
                figures.push(round(cluster, pipeline, messages));
            }
        }
        let mut ratios: Vec<f64> =
            rounds[0].iter().zip(&rounds[1]).map(|(ours, redis)| ours / redis).collect();
        let [ours, redis] = rounds.each_mut().map(|figures| median(figures));
        figures.push(format!("\"ours_us_{pipeline}\":{ours:.2},\"redis_us_{pipeline}\":{redis:.2}"));
        figures.push(format!("\"ratio_{pipeline}\":{:.3}", median(&mut ratios)));
    }
    println!("{{{}}}", figures.join(","));
}

fn median(figures: &mut [f64]) -> f64 {
    figures.sort_by(f64::total_cmp);
    figures[figures.len() / 2]
}

/// Processor time of all nodes for one message, microseconds.
fn round(cluster: &Cluster, pipeline: usize, messages: usize) -> f64 {
    let mut subscriber = cluster.node(1).wire();
    subscriber.call(&["SUBSCRIBE", "channel"]);
    let mut publisher = cluster.node(0).wire();
    let payload = "x".repeat(MESSAGE_BYTES);
    let mut requests = Vec::new();
    (0..pipeline).for_each(|_| write::request(&mut requests, &["PUBLISH", "channel", &payload]));
    let before = processor_seconds(cluster.nodes());
    thread::scope(|scope| {
        let heard = scope.spawn(|| hear(&mut subscriber, messages));
        for _ in 0..messages / pipeline {
            publisher.send_raw(&requests);
            (0..pipeline)
                .for_each(|_| assert_eq!(publisher.read().as_int(), Some(0), "nobody listens there"));
        }
        heard.join().expect("every message is heard");
    });
    (processor_seconds(cluster.nodes()) - before) * 1e6 / messages as f64
}

fn hear(subscriber: &mut Wire, messages: usize) {
    for heard in 0..messages {
        assert!(subscriber.try_read().is_some(), "of {messages} messages only {heard} came");
    }
}

/// User and system time of these processes.
fn processor_seconds(nodes: &[Node]) -> f64 {
    let ticks = nodes.iter().map(|node| {
        let id = node.process().expect("a running node").id();
        let stat = read_to_string(format!("/proc/{id}/stat")).expect("its times");
        // The name in parentheses may hold anything; behind it utime and stime are the 12th and 13th field.
        let (_, behind) = stat.rsplit_once(") ").expect("its name");
        behind.split(' ').skip(11).take(2).map(|field| field.parse::<f64>().expect("a time")).sum::<f64>()
    });
    ticks.sum::<f64>() / TICKS_PER_SECOND
}
