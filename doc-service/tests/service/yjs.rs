//! Unmodified yjs and y-websocket from npm.

use serde_json::json;
use shared::protocol::awareness::{self, Report};
use shared::protocol::{Message, lib0::NUMBER_MAX};
use shared::testing::wait;

use crate::support::http::request;
use crate::support::resp::wait_snapshot;
use crate::support::stage::Stage;
use crate::support::ws::Ws;
use crate::support::yjs::Yjs;

#[test]
fn two_clients_see_each_others_letters_on_redis() {
    two_clients_see_each_others_letters(&Stage::redis());
}

#[test]
fn two_clients_see_each_others_letters_on_our_nodes() {
    two_clients_see_each_others_letters(&Stage::ours());
}

fn two_clients_see_each_others_letters(stage: &Stage) {
    let address = stage.address();
    let (mut ana, mut ben) = (Yjs::join(&address, "notes"), Yjs::join(&address, "notes"));
    ana.append("Hello 👩‍👩‍👧 ");
    ben.wait_text("Hello 👩‍👩‍👧 ");
    ben.append("wörld 𝄞");
    ana.wait_text("Hello 👩‍👩‍👧 wörld 𝄞");
    // Half of a surrogate pair is never left over: "𝄞" goes as a whole.
    let length = ana.ask("length", json!({})).as_u64().unwrap();
    ana.ask("remove", json!({ "index": length - 2, "length": 2 }));
    ben.wait_text("Hello 👩‍👩‍👧 wörld ");
    ana.ask("insert", json!({ "index": 0, "text": "🙂" }));
    ben.wait_text("🙂Hello 👩‍👩‍👧 wörld ");
    assert_eq!(ana.ask("stateVector", json!({})), ben.ask("stateVector", json!({})));
    wait_snapshot(&stage.cluster, "notes", "🙂Hello 👩‍👩‍👧 wörld ");
    let mut late = Yjs::join(&address, "notes");
    late.wait_text("🙂Hello 👩‍👩‍👧 wörld ");
}

#[test]
fn of_half_a_surrogate_pair_everybody_and_the_snapshot_read_the_same() {
    let stage = Stage::ours();
    let address = stage.address();
    let (mut ana, mut ben) = (Yjs::join(&address, "notes"), Yjs::join(&address, "notes"));
    ana.append("a𝄞b🙂c");
    ben.wait_text("a𝄞b🙂c");
    // Yjs has no code points: a program may delete half of one, or write between the halves.
    ana.ask("remove", json!({ "index": 1, "length": 1 }));
    ana.ask("insert", json!({ "index": 4, "text": "!" }));
    let length = ana.ask("length", json!({}));
    wait::until("Ben has it", || ben.ask("length", json!({})) == length && ben.text() == ana.text());
    let text = ana.text();
    assert!(text.starts_with('a') && text.ends_with('c') && text.contains('!'), "{text}");
    wait_snapshot(&stage.cluster, "notes", &text);
    assert_eq!(Yjs::join(&address, "notes").text(), text);
}

#[test]
fn edits_made_offline_by_both_are_merged() {
    let stage = Stage::ours();
    let address = stage.address();
    let (mut ana, mut ben) = (Yjs::join(&address, "trip"), Yjs::join(&address, "trip"));
    ana.append("start ");
    ben.wait_text("start ");
    for client in [&mut ana, &mut ben] {
        client.ask("disconnect", json!({}));
    }
    ana.append("ana ");
    ana.ask("remove", json!({ "index": 0, "length": 1 }));
    ben.append("ben ");
    for client in [&mut ana, &mut ben] {
        client.ask("connect", json!({}));
    }
    wait::until("both read the same", || {
        let (a, b) = (ana.text(), ben.text());
        a == b && a.contains("ana ") && a.contains("ben ") && a.starts_with("tart ")
    });
}

#[test]
fn presence_is_seen_by_others_told_to_newcomers_and_ends_with_the_connection() {
    let stage = Stage::ours();
    let address = stage.address();
    let (mut ana, mut ben) = (Yjs::join(&address, "people"), Yjs::join(&address, "people"));
    ana.ask("presence", json!({ "state": { "user": { "name": "Ana" } } }));
    let id = ana.ask("clientId", json!({})).to_string();
    let sees_ana = |client: &mut Yjs| client.ask("states", json!({}))[&id]["user"]["name"] == "Ana";
    wait::until("Ben sees Ana", || sees_ana(&mut ben));
    let mut cleo = Yjs::join(&address, "people");
    wait::until("Cleo is told of Ana", || sees_ana(&mut cleo));
    drop(ana);
    wait::until("Ana is gone for Ben", || ben.ask("states", json!({}))[&id].is_null());
    wait::until("Ana is gone for Cleo", || cleo.ask("states", json!({}))[&id].is_null());
}

#[tokio::test]
async fn nobody_silences_another_by_a_forged_clock() {
    let stage = Stage::ours();
    let address = stage.address();
    let (mut ana, mut ben) = (Yjs::join(&address, "people"), Yjs::join(&address, "people"));
    let says = |client: &mut Yjs, name: &str| {
        client.ask("presence", json!({ "state": { "user": { "name": name } } }));
    };
    says(&mut ana, "Ana");
    let id = ana.ask("clientId", json!({})).as_u64().unwrap();
    let name_of_ana =
        |client: &mut Yjs| client.ask("states", json!({}))[id.to_string()]["user"]["name"].clone();
    wait::until("Ben sees Ana", || name_of_ana(&mut ben) == "Ana");
    let mut mallory = Ws::join(&address, "people").await;
    for state in ["null", r#"{"user":{"name":"Mallory"}}"#] {
        let forged = awareness::encode(&[Report { client: id, clock: NUMBER_MAX, state }]);
        mallory.send(&Message::Awareness(&forged).encode()).await;
    }
    // What Mallory says about itself comes after what it forged.
    let own = awareness::encode(&[Report { client: 7, clock: 1, state: "{}" }]);
    mallory.send(&Message::Awareness(&own).encode()).await;
    wait::until("Ben sees Mallory", || ben.ask("states", json!({}))["7"].is_object());
    drop(mallory);
    wait::until("Mallory is gone for Ben", || ben.ask("states", json!({}))["7"].is_null());
    assert_eq!(name_of_ana(&mut ben), "Ana");
    says(&mut ana, "Ana María");
    wait::until("Ben hears Ana", || name_of_ana(&mut ben) == "Ana María");
    assert_eq!(name_of_ana(&mut ana), "Ana María");
}

#[test]
fn a_sheets_map_travels_and_its_values_are_the_readable_snapshot() {
    let stage = Stage::ours();
    let created = json!({ "kind": "sheet", "title": "Budget", "id": "budget" });
    assert_eq!(request(&stage.service, "POST", "/documents", Some(created)).status, 201);
    let address = stage.address();
    let (mut ana, mut ben) = (Yjs::join(&address, "budget"), Yjs::join(&address, "budget"));
    let cell = |client: &mut Yjs, key: &str, value: serde_json::Value| {
        client.ask("cell", json!({ "sheet": "s0", "key": key, "value": value }));
    };
    cell(&mut ana, "r0:c0", json!(2));
    cell(&mut ana, "r0:c1", json!(40));
    cell(&mut ana, "r1:c0", json!("sum"));
    wait::until("Ben has the cells", || ben.ask("sheets", json!({}))["s0"]["cells"]["r1:c0"] == json!("sum"));
    cell(&mut ben, "r1:c1", json!({ "f": "=⟦r0:c0⟧+⟦r0:c1⟧" }));
    wait::until("Ana has the formula", || {
        ana.ask("sheets", json!({}))["s0"]["cells"]["r1:c1"]["f"].is_string()
    });
    wait_snapshot(&stage.cluster, "budget", "2,40\nsum,42\n");
    let csv = request(&stage.service, "GET", "/documents/budget?format=csv", None);
    assert_eq!((csv.status, csv.body.as_str()), (200, "2,40\nsum,42\n"));
}

#[test]
fn a_client_comes_back_by_itself_after_the_service_was_killed() {
    let mut stage = Stage::ours();
    let address = stage.address();
    let (mut ana, mut ben) = (Yjs::join(&address, "back"), Yjs::join(&address, "back"));
    ana.append("before ");
    ben.wait_text("before ");
    stage.service.kill();
    ana.append("meanwhile ");
    stage.service.start();
    ben.wait_text("before meanwhile ");
    ana.append("after");
    ben.wait_text("before meanwhile after");
}
