//! As many edits as one document takes: published by RESP (log and channel), until a WebSocket client has heard them all.

use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;
use serde_json::{Value, json};
use shared::client::Client;
use shared::client::document::DocumentDoor;
use shared::document::update::validate;
use shared::rt::rng::{Rng, random_u64};
use shared::rt::time::Instant;
use yrs::{Doc, Text, Transact};

use super::client::connect;

/// Publishes so many edits of one typist, so many on their way at once, and waits until the last has come out of the service.
pub(crate) async fn run(
    server: &str,
    cluster: &str,
    document: &str,
    count: usize,
    in_flight: usize,
) -> Value {
    let edits = typed(count);
    let (_sender, mut receiver) = connect(server, document).await;
    let client = Client::connect_url(cluster).await.expect("the cluster");
    let door = DocumentDoor::new(&client, &document.parse().expect("a document id"));
    let started_at = Instant::now();
    let heard = tokio::spawn(async move {
        // Every edit is one letter, so its clock counts them: the service may relay a burst as one update.
        let mut letters = 0;
        while letters < count as u32 {
            let update = receiver.update().await.expect("the service goes on");
            let facts = validate(&update).expect("an update");
            letters = facts.clocks.iter().map(|range| range.end).fold(letters, u32::max);
        }
        Instant::now()
    });
    let mut publishing = FuturesUnordered::new();
    for edit in edits {
        publishing.push(door.publish(edit));
        if publishing.len() >= in_flight {
            publishing.next().await.transpose().expect("the cluster takes edits");
        }
    }
    while let Some(published) = publishing.next().await {
        published.expect("the cluster takes edits");
    }
    let published_in = started_at.elapsed().as_secs_f64();
    let heard_in = (heard.await.expect("the reader") - started_at).as_secs_f64();
    json!({
        "edits": count,
        "published_seconds": published_in,
        "relayed_seconds": heard_in,
        "edits_per_second": count as f64 / heard_in,
    })
}

/// Letters typed here and there in a growing text, each an update.
fn typed(count: usize) -> Vec<Vec<u8>> {
    let mut rng = Rng::from_seed(random_u64());
    let doc = Doc::new();
    let text = doc.get_or_insert_text("content");
    let mut at = 0;
    (0..count)
        .map(|_| {
            let mut transaction = doc.transact_mut();
            let length = text.len(&transaction);
            // Near the end: a local edit walks the blocks before it.
            if rng.below(50) == 0 {
                at = length.saturating_sub(rng.below(200) as u32);
            }
            at = at.min(length);
            text.insert(&mut transaction, at, "x");
            at += 1;
            transaction.encode_update_v1()
        })
        .collect()
}
