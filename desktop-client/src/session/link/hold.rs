//! Asks a document service, if one runs, to hold a document open: only then does it save what is edited by RESP, so that
//! everybody else can read it (`docs:control`, see `doc-service/CONTROL.md`).

use std::convert::Infallible;

use serde_json::json;
use shared::client::{Client, Command};
use shared::names::{CONTROL_CHANNEL, DocumentId};
use shared::rt::rng::random_u64;
use shared::rt::time::{MissedTickBehavior, interval};

use crate::session::limits::HOLD_REPEAT;

/// Asks now, and again and again: a service that was started meanwhile has not heard it. Never ends.
pub(super) async fn hold(client: &Client, document: &DocumentId) -> Infallible {
    let mut repeats = interval(HOLD_REPEAT);
    repeats.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        repeats.tick().await;
        let publish = Command::new("PUBLISH").arg(CONTROL_CHANNEL).arg(request(document, random_u64()));
        if let Err(error) = client.call(publish).await {
            tracing::info!(%error, "no service was asked to save the document");
        }
    }
}

/// The request. The answer goes to a channel that nobody hears: editing goes on without a service too.
fn request(document: &DocumentId, number: u64) -> String {
    let id = format!("{number:016x}");
    json!({ "reply": format!("{CONTROL_CHANNEL}:answer:{id}"), "id": id, "op": "open", "document": document.as_str() })
        .to_string()
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

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
}
