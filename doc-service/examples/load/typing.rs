//! People who type: bursts of letters, sometimes a correction, each in a line of their own.

use std::sync::Arc;

use serde_json::{Value, json};
use shared::rt::rng::{Rng, random_u64};
use shared::rt::time::{Duration, Instant, sleep, sleep_until};
use yrs::{Doc, ReadTxn, Text, Transact};

use super::client::{Receiver, Sender, connect};
use super::latency::Latencies;

/// How long the last edits may take to arrive.
const DRAIN: Duration = Duration::from_secs(2);

/// So many clients type for so long; their keystrokes' way to everybody is measured.
pub(crate) async fn run(
    server: &str,
    document: &str,
    clients: usize,
    time: Duration,
    per_second: u32,
) -> Value {
    let latencies = Arc::new(Latencies::default());
    let (mut typists, mut readers) = (Vec::new(), Vec::new());
    for _ in 0..clients {
        let (sender, receiver) = connect(server, document).await;
        readers.push(tokio::spawn(read(receiver, latencies.clone())));
        typists.push(sender);
    }
    let end = Instant::now() + time;
    let typists: Vec<_> = typists
        .into_iter()
        .map(|sender| tokio::spawn(typist(sender, latencies.clone(), end, per_second)))
        .collect();
    let mut keystrokes = 0;
    let mut open = Vec::new();
    for typist in typists {
        let (typed, sender) = typist.await.expect("a typist");
        keystrokes += typed;
        open.push(sender);
    }
    sleep(DRAIN).await;
    readers.iter().for_each(|reader| reader.abort());
    json!({
        "clients": clients,
        "seconds": time.as_secs(),
        "keystrokes": keystrokes,
        "keystrokes_per_second": keystrokes as f64 / time.as_secs_f64(),
        "expected_arrivals": keystrokes * clients,
        "latency_ms": latencies.summary(),
    })
}

async fn typist(
    mut sender: Sender,
    latencies: Arc<Latencies>,
    end: Instant,
    per_second: u32,
) -> (usize, Sender) {
    let mut rng = Rng::from_seed(random_u64());
    let doc = Doc::new();
    let text = doc.get_or_insert_text("content");
    let author = latencies.author(doc.client_id().get());
    let pause_us = 1_000_000 / u64::from(per_second.max(1));
    let mut typed = 0;
    let mut next = Instant::now() + Duration::from_micros(rng.below(pause_us));
    while next < end {
        sleep_until(next).await;
        let before = doc.transact().state_vector();
        let update = {
            let mut transaction = doc.transact_mut();
            let length = text.len(&transaction);
            if length > 0 && rng.below(10) == 0 {
                text.remove_range(&mut transaction, length - 1, 1);
            } else {
                let letter = char::from(b'a' + rng.below(26) as u8);
                text.insert(&mut transaction, length, letter.encode_utf8(&mut [0; 4]));
            }
            transaction.encode_update_v1()
        };
        let clock = before.get(&doc.client_id());
        author.lock().push((clock, Instant::now()));
        sender.edit(&update).await;
        typed += 1;
        next += Duration::from_micros(pause_us / 2 + rng.below(pause_us));
    }
    (typed, sender)
}

async fn read(mut receiver: Receiver, latencies: Arc<Latencies>) {
    while let Some(update) = receiver.update().await {
        latencies.arrived(&update, Instant::now());
    }
}
