//! What the tests share: the service on a cluster, clients, HTTP.

pub(crate) mod blocking;
pub(crate) mod http;
pub(crate) mod resp;
pub(crate) mod stage;
pub(crate) mod ws;
pub(crate) mod yjs;
