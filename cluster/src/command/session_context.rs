//! The connection and the node as a command sees them.

use std::sync::Arc;

use super::work::Work;
use crate::commit::Clock;
use crate::config::Config;
use crate::node::Shared;
use crate::server::pause::Pause;
use crate::server::session::Session;

/// The connection and the node as a command sees them.
pub struct SessionContext<'c> {
    /// The node.
    pub node: &'c Arc<Shared>,
    /// The settings when the request arrived.
    pub config: &'c Config,
    /// What the connection remembers.
    pub session: &'c mut Session,
    /// The clocks of this request.
    pub clock: Clock,
    /// The buffers of the connection's commands; none inside EXEC, which uses them.
    pub(crate) work: Option<&'c mut Work>,
    close: bool,
    pause: Option<Pause>,
}

impl<'c> SessionContext<'c> {
    /// The context of one request.
    pub(crate) fn new(
        node: &'c Arc<Shared>,
        config: &'c Config,
        session: &'c mut Session,
        clock: Clock,
        work: Option<&'c mut Work>,
    ) -> SessionContext<'c> {
        SessionContext { node, config, session, clock, work, close: false, pause: None }
    }

    /// Whether it runs inside EXEC: nothing may wait then, and partitions are locked.
    pub fn in_transaction(&self) -> bool {
        self.work.is_none()
    }

    /// Ends the connection after the reply.
    pub fn close(&mut self) {
        self.close = true;
    }

    /// Makes the connection wait before its next request; what it waits for makes the reply.
    pub fn pause(&mut self, pause: Pause) {
        self.pause = Some(pause);
    }

    /// Whether the connection ends, and what it waits for.
    pub(crate) fn finish(self) -> (bool, Option<Pause>) {
        (self.close, self.pause)
    }
}
