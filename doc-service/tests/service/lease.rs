//! The lease of the service that saves a document.

use doc_service::save::lease::{self, LEASE};
use shared::client::Client;
use shared::names::DocumentId;
use shared::testing::Cluster;

use crate::support::resp::owner;

#[tokio::test]
async fn one_has_the_lease_until_it_runs_out_and_every_save_renews_it() {
    let cluster = Cluster::ours(3, 0);
    let client = Client::connect_url(&cluster.url()).await.unwrap();
    let id: DocumentId = "notes".parse().unwrap();
    let mut wire = owner(&cluster, "notes");
    assert!(lease::take(&client, &id, "first").await.unwrap());
    assert!(!lease::take(&client, &id, "second").await.unwrap());
    let key = id.lease_key();
    wire.call(&["PEXPIRE", &key, "5000"]);
    assert!(lease::take(&client, &id, "first").await.unwrap());
    let left_ms = wire.call(&["PTTL", &key]).as_int().unwrap();
    assert!(left_ms > 5_000 && left_ms <= LEASE.as_millis() as i64, "{left_ms}");
    wire.call(&["DEL", &key]);
    assert!(lease::take(&client, &id, "second").await.unwrap());
    assert!(!lease::take(&client, &id, "first").await.unwrap());
}
