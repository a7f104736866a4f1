//! What an append costs its caller: `cargo run --release -p persistence --example append_cost [SECONDS]`.
//!
//! Threads append effects of the size of `SET key:000000012345 <100 bytes>` (157 bytes) to random slots, `appendfsync everysec`, while writer and syncer do
//! their work; the caller's own lock is not part of it. They append 64 at a time, 500,000 a second each. Nanoseconds are of the appending thread's wall clock, so on
//! a machine with fewer processors than threads the mean includes the writer's share. The line "encode alone" is the same loop without a store.

#![allow(clippy::unwrap_used, reason = "a measurement fails by panicking")]

use std::hint::black_box;

use persistence::{Config, Store};
use shared::rt::fs;
use shared::rt::rng::Rng;
use shared::rt::time::{Duration, Instant};
use shared::slot::Slot;

fn main() {
    let seconds = std::env::args().nth(1).and_then(|seconds| seconds.parse().ok()).unwrap_or(3);
    let length = Duration::from_secs(seconds);
    report("encode alone", &[encode_alone(length)]);
    for threads in [1, 2] {
        let dir = std::env::temp_dir().join(format!("append-cost-{}-{threads}", std::process::id()));
        let (store, _) = Store::open(&Config::new(&dir), &()).unwrap();
        store.start().unwrap();
        let costs: Vec<_> = std::thread::scope(|scope| {
            let threads: Vec<_> = (0..threads)
                .map(|seed| (seed, store.clone()))
                .map(|(seed, store)| scope.spawn(move || append(&store, seed, length)))
                .collect();
            threads.into_iter().map(|thread| thread.join().unwrap()).collect()
        });
        report(&format!("append, {threads} threads"), &costs);
        let began = Instant::now();
        store.wait_durable_blocking(store.generation()).unwrap();
        println!(
            "    the rest durable after {:.1} ms, {:.0} MB in the logs",
            began.elapsed().as_secs_f64() * 1e3,
            log_bytes(&store) as f64 / 1e6
        );
        store.close().unwrap();
        drop(store);
        fs::remove_dir_all(&dir).unwrap();
    }
}

/// Appends of one batch: as many as one pipelined read of a connection brings.
const BATCH: u64 = 64;

/// A batch begins that often: 500,000 appends a second of one thread.
const PACE: Duration = Duration::from_micros(128);

/// How long each batch took.
#[derive(Default)]
struct Cost {
    batches: Vec<Duration>,
    pressed: u64,
}

fn append(store: &Store, seed: u64, length: Duration) -> Cost {
    let (mut rng, mut key, value, mut cost) =
        (Rng::from_seed(seed), [b'0'; 12], [b'x'; 100], Cost::default());
    let began = Instant::now();
    while began.elapsed() < length {
        let batch = Instant::now();
        for _ in 0..BATCH {
            let bits = rng.next_u64();
            key[..8].copy_from_slice(&bits.to_le_bytes());
            let slot = Slot::new((bits >> 50) as u16).unwrap();
            let appended = store.append(slot, |bytes| encode(bytes, &key, &value)).unwrap();
            cost.pressed += u64::from(appended.pressed);
        }
        cost.batches.push(batch.elapsed());
        while batch.elapsed() < PACE {
            std::hint::spin_loop();
        }
    }
    cost
}

fn encode_alone(length: Duration) -> Cost {
    let (mut rng, mut key, value, mut bytes) = (Rng::from_seed(0), [b'0'; 12], [b'x'; 100], Vec::new());
    let (began, mut cost) = (Instant::now(), Cost::default());
    while began.elapsed() < length {
        let batch = Instant::now();
        for _ in 0..BATCH {
            let bits = rng.next_u64();
            key[..8].copy_from_slice(&bits.to_le_bytes());
            black_box(Slot::new((bits >> 50) as u16).unwrap());
            encode(&mut bytes, &key, &value);
        }
        cost.batches.push(batch.elapsed());
        if black_box(&bytes).len() > 256 * 1024 {
            bytes.clear();
        }
    }
    cost
}

fn encode(bytes: &mut Vec<u8>, key: &[u8], value: &[u8]) {
    bytes.extend_from_slice(b"*3\r\n$3\r\nSET\r\n$16\r\nkey:");
    bytes.extend_from_slice(key);
    bytes.extend_from_slice(b"\r\n$100\r\n");
    bytes.extend_from_slice(value);
    bytes.extend_from_slice(b"\r\n");
}

fn log_bytes(store: &Store) -> u64 {
    store.status().ranges.iter().map(|range| range.log_bytes).sum()
}

fn report(what: &str, costs: &[Cost]) {
    let mut batches: Vec<_> =
        costs.iter().flat_map(|cost| &cost.batches).map(|batch| batch.as_secs_f64() * 1e9).collect();
    batches.sort_by(f64::total_cmp);
    let at = |share: f64| batches[((batches.len() - 1) as f64 * share) as usize] / BATCH as f64;
    let mean = batches.iter().sum::<f64>() / (batches.len() as u64 * BATCH) as f64;
    let pressed: u64 = costs.iter().map(|cost| cost.pressed).sum();
    println!(
        "{what}: median {:.0} ns each, p90 {:.0}, mean {mean:.0} ({} appends, {pressed} pressed)",
        at(0.5),
        at(0.9),
        batches.len() as u64 * BATCH
    );
}
