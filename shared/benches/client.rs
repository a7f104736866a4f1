//! `cargo bench -p shared --bench client`: what goes through one client to one redis-server a second.
// A measurement stops at the first thing that is wrong.
#![allow(clippy::unwrap_used, clippy::panic)]

use std::time::Instant;

use bytes::Bytes;
use futures_util::StreamExt;
use futures_util::stream::{self, FuturesUnordered};
use shared::client::document::DocumentDoor;
use shared::client::{Client, ClientConfig, Command, Event};
use shared::testing::{Node, TempFolder};

/// Calls that wait for their answers at once.
const AT_ONCE: usize = 512;

fn main() {
    let folder = TempFolder::new("bench");
    let node = Node::redis(folder.path(), &[]);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let client = Client::connect(ClientConfig::new(vec![node.address().parse().unwrap()])).await.unwrap();
        calls(&client).await;
        edits(&client).await;
        messages(&client).await;
    });
}

async fn calls(client: &Client) {
    const CALLS: usize = 400_000;
    let started = Instant::now();
    let cpu = cpu_seconds();
    stream::iter(0..CALLS)
        .map(|n| client.call(Command::new("SET").key(format!("key:{:012}", n % 1_000)).arg([b'x'; 100])))
        .buffer_unordered(AT_ONCE)
        .for_each(|answer| async { assert!(answer.unwrap().is_ok()) })
        .await;
    report("SET of 100 bytes, one connection", CALLS, started, cpu);
}

async fn edits(client: &Client) {
    const EDITS: usize = 200_000;
    let door = DocumentDoor::new(client, &"notes".parse().unwrap());
    let update = Bytes::from(vec![b'x'; 20]);
    let started = Instant::now();
    let cpu = cpu_seconds();
    stream::iter(0..EDITS)
        .map(|_| door.publish(update.clone()))
        .buffer_unordered(AT_ONCE)
        .for_each(|id| async move { assert!(id.is_ok()) })
        .await;
    door.saved().await;
    report("edits of 20 bytes, published and saved", EDITS, started, cpu);

    let started = Instant::now();
    const SINGLE: usize = 2_000;
    for _ in 0..SINGLE {
        door.publish(update.clone()).await.unwrap();
    }
    println!("one edit after the other: {:.0} µs each", started.elapsed().as_micros() as f64 / SINGLE as f64);
}

async fn messages(client: &Client) {
    const MESSAGES: usize = 200_000;
    let mut subscription = client.subscribe_sharded("doc:{notes}").await.unwrap();
    let started = Instant::now();
    let cpu = cpu_seconds();
    let mut publishing = FuturesUnordered::new();
    let (mut sent, mut received) = (0, 0);
    while received < MESSAGES {
        while publishing.len() < AT_ONCE && sent < MESSAGES {
            publishing.push(client.call(Command::new("SPUBLISH").key("doc:{notes}").arg([b'x'; 24])));
            sent += 1;
        }
        tokio::select! {
            Some(answer) = publishing.next() => drop(answer.unwrap()),
            events = subscription.batch(AT_ONCE) => {
                assert!(events.iter().all(|event| matches!(event, Event::Message { .. })));
                received += events.len();
            }
        }
    }
    report("messages published and received", MESSAGES, started, cpu);
}

fn report(what: &str, count: usize, started: Instant, cpu: f64) {
    let seconds = started.elapsed().as_secs_f64();
    let used = cpu_seconds() - cpu;
    println!(
        "{what}: {:.0} a second, {:.2} µs of the client's CPU each",
        count as f64 / seconds,
        used * 1e6 / count as f64
    );
}

/// CPU time of this process so far, seconds.
fn cpu_seconds() -> f64 {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap();
    let fields: Vec<&str> = stat.rsplit_once(')').unwrap().1.split_whitespace().collect();
    (fields[11].parse::<f64>().unwrap() + fields[12].parse::<f64>().unwrap()) / 100.0
}
