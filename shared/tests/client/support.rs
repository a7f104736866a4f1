//! What the tests of the client share.

use std::future::Future;

use shared::client::{Address, Client, ClientConfig};
use shared::rt::time::Duration;
use shared::testing::{Cluster, Node};

/// Runs a test on a runtime of several threads, as the service does.
pub(crate) fn run<T>(test: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    runtime.block_on(test)
}

/// A configuration for these nodes with deadlines fit for a machine that also builds.
pub(crate) fn config(addresses: &[String]) -> ClientConfig {
    let seeds: Vec<Address> = addresses.iter().map(|address| address.parse().unwrap()).collect();
    let mut config = ClientConfig::new(seeds);
    config.call_deadline = Duration::from_secs(25);
    config
}

/// A client of a cluster.
pub(crate) async fn client(cluster: &Cluster) -> Client {
    Client::connect(config(&cluster.addresses())).await.unwrap()
}

/// A client of a server on its own.
pub(crate) async fn client_of(node: &Node) -> Client {
    Client::connect(config(&[node.address()])).await.unwrap()
}
