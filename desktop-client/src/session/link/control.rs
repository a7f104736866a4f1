//! What a window on the cluster itself says and hears on `docs:control` (`doc-service/CONTROL.md`): it asks a document service,
//! if one runs, to hold its document open, as only then is saved for everybody else what is edited by RESP; and it hears
//! that the document was deleted.

use serde_json::{Value, json};
use shared::client::{Client, Command, Event, Subscription};
use shared::names::{CONTROL_CHANNEL, DocumentId};
use shared::rt::rng::random_u64;
use shared::rt::time::{MissedTickBehavior, interval};

use crate::session::limits::HOLD_REPEAT;

/// Asks now, and again and again: a service that was started meanwhile has not heard it. Ends when the document was deleted.
pub(super) async fn hold_until_deleted(client: &Client, document: &DocumentId) {
    let mut repeats = interval(HOLD_REPEAT);
    repeats.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut control = None;
    loop {
        tokio::select! {
            _ = repeats.tick() => {
                if control.is_none() {
                    control = client.subscribe(CONTROL_CHANNEL).await.ok();
                }
                // Nobody says again what was said before there was a subscription, or while it was broken.
                let deleted = Command::new("HEXISTS").key(document.meta_key()).arg("deleted");
                if client.call(deleted).await.is_ok_and(|answer| answer.as_int() == Some(1)) {
                    return;
                }
                let publish = Command::new("PUBLISH").arg(CONTROL_CHANNEL).arg(request(document, random_u64()));
                if let Err(error) = client.call(publish).await {
                    tracing::info!(%error, "no service was asked to save the document");
                }
            }
            event = next(&mut control) => match event {
                Some(Event::Message { payload, .. }) if tells_deletion(&payload, document) => return,
                Some(_) => {}
                None => control = None,
            },
        }
    }
}

/// The next event; waits forever without a subscription.
async fn next(control: &mut Option<Subscription>) -> Option<Event> {
    match control {
        Some(control) => control.next().await,
        None => std::future::pending().await,
    }
}

/// What tells everybody that a document was deleted.
pub(in crate::session) fn deletion(document: &DocumentId) -> String {
    json!({ "event": "deleted", "document": document.as_str() }).to_string()
}

fn tells_deletion(payload: &[u8], document: &DocumentId) -> bool {
    serde_json::from_slice::<Value>(payload)
        .is_ok_and(|said| said["event"] == "deleted" && said["document"] == document.as_str())
}

/// The request. The answer goes to a channel that nobody hears: editing goes on without a service too.
fn request(document: &DocumentId, number: u64) -> String {
    let id = format!("{number:016x}");
    json!({ "reply": format!("{CONTROL_CHANNEL}:answer:{id}"), "id": id, "op": "open", "document": document.as_str() })
        .to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_is_as_the_protocol_says_whatever_the_name_of_the_document() {
        let document: DocumentId = "Ana's\"plan\"".parse().unwrap();
        let request: Value = serde_json::from_str(&request(&document, 7)).unwrap();
        assert_eq!(request["op"], "open");
        assert_eq!(request["document"], "Ana's\"plan\"");
        assert_eq!(request["id"], "0000000000000007");
        assert_ne!(request["reply"], CONTROL_CHANNEL, "or every service reads every answer");
    }

    #[test]
    fn of_all_that_is_said_only_the_deletion_of_this_document_counts() {
        let [plan, other]: [DocumentId; 2] = ["Ana's\"plan\"", "other"].map(|id| id.parse().unwrap());
        assert!(tells_deletion(deletion(&plan).as_bytes(), &plan));
        assert!(!tells_deletion(deletion(&other).as_bytes(), &plan));
        assert!(!tells_deletion(request(&plan, 7).as_bytes(), &plan));
        assert!(!tells_deletion(b"deleted", &plan));
    }
}
