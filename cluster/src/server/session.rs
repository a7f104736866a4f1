//! What a connection remembers between requests.

use std::sync::Arc;

use shared::resp::Protocol;

use super::clients::Client;
use crate::pubsub::Subscription;

/// What a connection remembers between requests; only its own task touches it.
pub struct Session {
    /// The client as others see it.
    pub client: Arc<Client>,
    /// The protocol it speaks.
    pub protocol: Protocol,
    /// Whether it said the password, or none is asked for.
    pub authenticated: bool,
    /// What it listens to; made by its first SUBSCRIBE, dropped by RESET.
    pub subscription: Option<Subscription>,
}

impl Session {
    /// A new connection's.
    pub fn new(client: Arc<Client>, authenticated: bool) -> Session {
        Session { client, protocol: Protocol::Resp2, authenticated, subscription: None }
    }

    /// Whether it listens to anything.
    pub fn subscribed(&self) -> bool {
        self.subscription.as_ref().is_some_and(|subscription| subscription.count() > 0)
    }
}
