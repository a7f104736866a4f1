//! What a connection remembers between requests.

use std::sync::Arc;

use shared::resp::Protocol;

use super::clients::Client;

/// What a connection remembers between requests; only its own task touches it.
pub struct Session {
    /// The client as others see it.
    pub client: Arc<Client>,
    /// The protocol it speaks.
    pub protocol: Protocol,
    /// Whether it said the password, or none is asked for.
    pub authenticated: bool,
    /// Channels, patterns and sharded channels it has subscribed to: kept by the pub/sub commands.
    pub subscriptions: usize,
}

impl Session {
    /// A new connection's.
    pub fn new(client: Arc<Client>, authenticated: bool) -> Session {
        Session { client, protocol: Protocol::Resp2, authenticated, subscriptions: 0 }
    }
}
