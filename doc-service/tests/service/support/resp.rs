//! What a RESP client sees and does: redis-cli's view of a document.

use shared::client::document::State;
use shared::names::DocumentId;
use shared::resp::Value;
use shared::testing::{Cluster, Wire, wait};
use yrs::updates::decoder::Decode;
use yrs::{Doc, GetString, ReadTxn, Transact, Update};

/// A connection to the node that owns a document.
pub(crate) fn owner(cluster: &Cluster, id: &str) -> Wire {
    let id: DocumentId = id.parse().unwrap();
    cluster.node(cluster.owner_of(&id.snapshot_key())).wire()
}

/// The readable snapshot.
pub(crate) fn snapshot(cluster: &Cluster, id: &str) -> Option<String> {
    let id: DocumentId = id.parse().unwrap();
    owner(cluster, id.as_str()).call(&["GET", &id.snapshot_key()]).as_str().map(str::to_owned)
}

/// Waits until the readable snapshot is this.
pub(crate) fn wait_snapshot(cluster: &Cluster, id: &str, text: &str) {
    let mut last = None;
    wait::until(&format!("the snapshot of {id} reads {text:?}"), || {
        last = snapshot(cluster, id);
        last.as_deref() == Some(text)
    });
}

/// What whoever opens the document now would read: its state and its log, as of one moment.
pub(crate) fn stored_text(wire: &mut Wire, id: &str) -> String {
    let id: DocumentId = id.parse().unwrap();
    wire.call(&["MULTI"]);
    wire.call(&["GET", &id.state_key()]);
    wire.call(&["XRANGE", &id.log_key(), "-", "+"]);
    let replies = wire.call(&["EXEC"]).into_elements().unwrap();
    let state = replies[0].as_bytes().map(|state| State::decode(&state.to_vec().into()).unwrap());
    let entries = replies[1].elements().unwrap().iter().map(|entry| entry.elements().unwrap()[1].clone());
    let updates = entries.map(|fields| fields.elements().unwrap()[1].as_bytes().unwrap().to_vec());
    let doc = Doc::new();
    let mut transaction = doc.transact_mut();
    for update in state.map(|state| state.update.to_vec()).into_iter().chain(updates) {
        transaction.apply_update(Update::decode_v1(&update).unwrap()).unwrap();
    }
    transaction.get_text("content").map(|text| text.get_string(&transaction)).unwrap_or_default()
}

/// How many entries the log has.
pub(crate) fn log_length(cluster: &Cluster, id: &str) -> i64 {
    let id: DocumentId = id.parse().unwrap();
    owner(cluster, id.as_str()).call(&["XLEN", &id.log_key()]).as_int().unwrap()
}

/// Publishes bytes on a document's channel.
pub(crate) fn spublish(wire: &mut Wire, id: &str, message: &[u8]) -> Value {
    let id: DocumentId = id.parse().unwrap();
    wire.call(&[b"SPUBLISH", id.channel().as_bytes(), message])
}
