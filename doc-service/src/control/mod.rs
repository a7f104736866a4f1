//! `docs:control`: requests of clients that speak RESP only. The protocol is in `doc-service/CONTROL.md`.
//!
//! # Layout
//!
//! - [`request`]: what is asked.
//! - [`claim`]: which of several services answers.
//! - [`answer`]: what is done and said.

pub mod answer;
pub mod claim;
pub mod request;

use std::sync::Arc;

use shared::client::{Client, ClientError, Command, Event, Subscription};
use shared::limits::CONTROL_REQUESTS_MAX;
use shared::names::CONTROL_CHANNEL;
use shared::rt::task;
use tokio::sync::Semaphore;

use crate::service::Service;
use request::Heard;

/// Subscribes; requests that come from now on are heard by [`serve`].
pub async fn subscribe(client: &Client) -> Result<Subscription, ClientError> {
    client.subscribe(CONTROL_CHANNEL).await
}

/// Answers requests until the subscription ends. At most [`CONTROL_REQUESTS_MAX`] are worked on at once; others wait.
pub async fn serve(service: Arc<Service>, mut subscription: Subscription) {
    let permits = Arc::new(Semaphore::new(CONTROL_REQUESTS_MAX));
    while let Some(event) = subscription.next().await {
        // Requests that were lost with a connection are not answered; whoever asked asks again.
        let Event::Message { payload, .. } = event else { continue };
        let heard = Heard::read(&payload);
        if heard == Heard::Nothing {
            continue;
        }
        let Ok(permit) = permits.clone().acquire_owned().await else { return };
        let service = service.clone();
        task::spawn(async move {
            answer::answer(&service, heard).await;
            drop(permit);
        });
    }
    tracing::error!("{CONTROL_CHANNEL} is no longer heard");
}

/// Publishes on a channel of the whole cluster.
async fn publish(client: &Client, channel: &str, json: &serde_json::Value) {
    let publish = Command::new("PUBLISH").arg(channel).arg(json.to_string());
    if let Err(error) = client.call(publish).await {
        tracing::warn!(%error, channel, "an answer was not published");
    }
}

/// Tells other services that a document was deleted.
pub async fn announce_deleted(client: &Client, document: &str) {
    publish(client, CONTROL_CHANNEL, &serde_json::json!({ "event": "deleted", "document": document })).await;
}
