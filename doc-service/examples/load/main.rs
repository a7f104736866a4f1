//! Load on a running document service: how long a keystroke takes from one WebSocket client to the others, and how many edits a
//! second one document takes. Prints one JSON object.
//!
//! ```text
//! cargo run --release -p doc-service --example load -- --server 127.0.0.1:8080 --clients 50 --seconds 10 --per-second 8
//! cargo run --release -p doc-service --example load -- --server 127.0.0.1:8080 --clients 2 --readers 20 --document long
//! cargo run --release -p doc-service --example load -- --server 127.0.0.1:8080 --cluster redis://127.0.0.1:7000 --flood 200000 --in-flight 1000
//! ```

// A load generator that cannot go on says so and ends.
#![allow(clippy::expect_used, clippy::unwrap_used, clippy::panic)]

mod client;
mod flood;
mod latency;
mod readers;
mod typing;

use shared::rt::rng::random_u64;
use shared::rt::time::Duration;

/// What was typed.
struct Flags {
    server: String,
    cluster: Option<String>,
    document: String,
    clients: usize,
    seconds: u64,
    per_second: u32,
    flood: usize,
    in_flight: usize,
    readers: usize,
}

fn main() {
    let flags = flags();
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().expect("a runtime");
    let result = runtime.block_on(async {
        if flags.flood > 0 {
            let cluster = flags.cluster.as_deref().expect("--flood needs --cluster redis://host:port");
            flood::run(&flags.server, cluster, &flags.document, flags.flood, flags.in_flight).await
        } else {
            let time = Duration::from_secs(flags.seconds);
            let readers = readers::start(&flags.server, &flags.document, flags.readers);
            let mut result =
                typing::run(&flags.server, &flags.document, flags.clients, time, flags.per_second).await;
            result["reads"] = readers.stop().into();
            result
        }
    });
    println!("{result}");
}

fn flags() -> Flags {
    let mut flags = Flags {
        server: "127.0.0.1:8080".into(),
        cluster: None,
        document: format!("load-{:x}", random_u64()),
        clients: 50,
        seconds: 10,
        per_second: 8,
        flood: 0,
        in_flight: 100,
        readers: 0,
    };
    let mut words = std::env::args().skip(1);
    while let Some(name) = words.next() {
        let value = words.next().unwrap_or_else(|| panic!("{name} needs a value"));
        let number = || value.parse::<u64>().unwrap_or_else(|_| panic!("{name} {value}: no number"));
        match name.as_str() {
            "--server" => flags.server = value.trim_start_matches("ws://").to_owned(),
            "--cluster" => flags.cluster = Some(value),
            "--document" => flags.document = value,
            "--clients" => flags.clients = number() as usize,
            "--seconds" => flags.seconds = number(),
            "--per-second" => flags.per_second = number() as u32,
            "--flood" => flags.flood = number() as usize,
            "--in-flight" => flags.in_flight = number() as usize,
            "--readers" => flags.readers = number() as usize,
            _ => panic!("unknown option {name}"),
        }
    }
    flags
}
