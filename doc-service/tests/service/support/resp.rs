//! What a RESP client sees and does: redis-cli's view of a document.

use shared::names::DocumentId;
use shared::resp::Value;
use shared::testing::{Cluster, Wire, wait};

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
