//! Clients that speak RESP only: what they publish is applied, what others write reaches them.

use shared::names::DocumentId;
use shared::protocol::Message;

use crate::support::resp::{log_length, owner, spublish, wait_snapshot};
use crate::support::stage::Stage;
use crate::support::ws::{Ws, new_doc, typed};

#[tokio::test]
async fn a_message_without_a_log_entry_is_relayed_and_is_in_the_next_snapshot_on_redis() {
    a_message_without_a_log_entry_is_relayed_and_is_in_the_next_snapshot(Stage::redis()).await;
}

#[tokio::test]
async fn a_message_without_a_log_entry_is_relayed_and_is_in_the_next_snapshot_on_our_nodes() {
    a_message_without_a_log_entry_is_relayed_and_is_in_the_next_snapshot(Stage::ours()).await;
}

async fn a_message_without_a_log_entry_is_relayed_and_is_in_the_next_snapshot(stage: Stage) {
    let mut ana = Ws::join(&stage.address(), "notes").await;
    let update = typed(&new_doc(), "from redis-cli");
    let receivers =
        spublish(&mut owner(&stage.cluster, "notes"), "notes", &Message::Update(&update).encode());
    assert_eq!(receivers.as_int(), Some(1));
    ana.wait_text("from redis-cli").await;
    assert_eq!(log_length(&stage.cluster, "notes"), 0);
    wait_snapshot(&stage.cluster, "notes", "from redis-cli");
}

#[tokio::test]
async fn a_resp_client_hears_every_edit_and_the_log_has_it_first() {
    let stage = Stage::ours();
    let id: DocumentId = "notes".parse().unwrap();
    let mut listener = owner(&stage.cluster, "notes");
    listener.call(&["SSUBSCRIBE", &id.channel()]);
    let mut ana = Ws::join(&stage.address(), "notes").await;
    let update = ana.type_in("hello").await;
    let heard = listener.read().into_elements().unwrap();
    assert_eq!(heard[2].as_bytes(), Some(&Message::Update(&update).encode()[..]));
    let log = owner(&stage.cluster, "notes").call(&["XRANGE", &id.log_key(), "-", "+"]);
    let entry = log.elements().unwrap()[0].elements().unwrap()[1].elements().unwrap().to_vec();
    assert_eq!(entry[0].as_str(), Some("u"));
    assert_eq!(entry[1].as_bytes(), Some(&update[..]));
}

#[tokio::test]
async fn awareness_of_a_resp_client_is_relayed() {
    let stage = Stage::ours();
    let mut ana = Ws::join(&stage.address(), "notes").await;
    let presence = Message::Awareness(&[1, 5, 1, 2, b'{', b'}']).encode();
    spublish(&mut owner(&stage.cluster, "notes"), "notes", &presence);
    while ana.hear().await.unwrap() != presence {}
}
