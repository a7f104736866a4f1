//! A cluster with the service in front of it.

use shared::testing::{Cluster, Service};

/// What a test plays on. Both end with it.
pub(crate) struct Stage {
    pub(crate) service: Service,
    pub(crate) cluster: Cluster,
}

impl Stage {
    /// Three nodes of the installed redis-server.
    pub(crate) fn redis() -> Stage {
        Stage::on(Cluster::redis(3, 0), &[])
    }

    /// Three of our nodes.
    pub(crate) fn ours() -> Stage {
        Stage::on(Cluster::ours(3, 0), &[])
    }

    /// The service with more options `--NAME VALUE` on a cluster.
    pub(crate) fn on(cluster: Cluster, options: &[&str]) -> Stage {
        let service = service_on(&cluster, options);
        Stage { service, cluster }
    }

    /// `IP:PORT` of the service.
    pub(crate) fn address(&self) -> String {
        self.service.address()
    }
}

/// One more service on a cluster.
pub(crate) fn service_on(cluster: &Cluster, options: &[&str]) -> Service {
    let options = [&["--log", "info,doc_service=debug"], options].concat();
    Service::start_on(&cluster.url(), cluster.folder().path(), &options)
}
