//! `docs:control`, as a client with nothing but PUBLISH and SUBSCRIBE uses it.

use serde_json::{Value, json};
use shared::testing::Wire;

use crate::support::resp::wait_snapshot;
use crate::support::stage::{Stage, service_on};
use crate::support::ws::{Ws, new_doc, typed};

/// Publishes a request on one node and reads its answer on another.
fn ask(publisher: &mut Wire, listener: &mut Wire, request: &Value) -> Value {
    publisher.call(&["PUBLISH", "docs:control", &request.to_string()]);
    loop {
        let heard = listener.read().into_elements().unwrap();
        let answer: Value = serde_json::from_str(heard[2].as_str().unwrap()).unwrap();
        if answer["id"] == request["id"] && answer["op"].is_null() {
            return answer;
        }
    }
}

#[tokio::test]
async fn a_resp_only_client_creates_opens_lists_renames_and_deletes_on_redis() {
    a_resp_only_client_creates_opens_lists_renames_and_deletes(Stage::redis()).await;
}

#[tokio::test]
async fn a_resp_only_client_creates_opens_lists_renames_and_deletes_on_our_nodes() {
    a_resp_only_client_creates_opens_lists_renames_and_deletes(Stage::ours()).await;
}

async fn a_resp_only_client_creates_opens_lists_renames_and_deletes(stage: Stage) {
    let (mut publisher, mut listener) = (stage.cluster.node(1).wire(), stage.cluster.node(2).wire());
    listener.call(&["SUBSCRIBE", "answers"]);
    let mut ask = |request: Value| ask(&mut publisher, &mut listener, &request);
    let created = ask(
        json!({ "id": "1", "op": "create", "kind": "text", "title": "Plan", "document": "plan", "reply": "answers" }),
    );
    assert_eq!((&created["ok"]["id"], &created["ok"]["kind"]), (&json!("plan"), &json!("text")));
    let again =
        ask(json!({ "id": "2", "op": "create", "kind": "text", "document": "plan", "reply": "answers" }));
    assert!(again["error"].as_str().unwrap().contains("plan"), "{again}");

    // Open: from now on what is published on the channel is saved, although no WebSocket client is there.
    let opened = ask(json!({ "id": "3", "op": "open", "document": "plan", "reply": "answers" }));
    assert_eq!((&opened["ok"]["channel"], &opened["ok"]["clients"]), (&json!("doc:{plan}"), &json!(0)));
    let update = typed(&new_doc(), "by RESP only");
    let message = shared::protocol::Message::Update(&update).encode();
    crate::support::resp::spublish(
        &mut crate::support::resp::owner(&stage.cluster, "plan"),
        "plan",
        &message,
    );
    wait_snapshot(&stage.cluster, "plan", "by RESP only");

    let renamed =
        ask(json!({ "id": "4", "op": "rename", "document": "plan", "title": "Plans", "reply": "answers" }));
    assert_eq!(renamed["ok"]["title"], "Plans");
    let listed = ask(json!({ "id": "5", "op": "list", "reply": "answers" }));
    assert_eq!(listed["ok"]["documents"][0]["title"], "Plans");
    let info = ask(json!({ "id": "6", "op": "info", "document": "plan", "reply": "answers" }));
    assert_eq!(info["ok"]["title"], "Plans");

    let mut ana = Ws::join(&stage.address(), "plan").await;
    let deleted = ask(json!({ "id": "7", "op": "delete", "document": "plan", "reply": "answers" }));
    assert_eq!(deleted["ok"]["id"], "plan");
    assert_eq!(ana.wait_closed().await.code, 4410);
    let gone = ask(json!({ "id": "8", "op": "info", "document": "plan", "reply": "answers" }));
    assert!(gone["error"].as_str().unwrap().contains("no document"), "{gone}");
    let strange = ask(json!({ "id": "9", "op": "explode", "reply": "answers" }));
    assert!(strange["error"].as_str().unwrap().contains("explode"), "{strange}");
}

#[test]
fn of_two_services_one_answers() {
    let stage = Stage::ours();
    let _second = service_on(&stage.cluster, &[]);
    let (mut publisher, mut listener) = (stage.cluster.node(0).wire(), stage.cluster.node(1).wire());
    listener.call(&["SUBSCRIBE", "docs:control"]);
    for number in 0..20 {
        let id = format!("request-{number}");
        ask(&mut publisher, &mut listener, &json!({ "id": id, "op": "list" }));
    }
    // Had both answered, a second answer to an earlier request would come before the end.
    publisher.call(&["PUBLISH", "docs:control", "end"]);
    loop {
        let heard = listener.read().into_elements().unwrap();
        let message = heard[2].as_str().unwrap();
        if message == "end" {
            break;
        }
        assert!(message.contains("\"op\""), "a second answer: {message}");
    }
}
