//! A standing connection for one document.
//!
//! # Layout
//!
//! - [`websocket`]: to a document service, in the y-websocket protocol.
//! - [`cluster`]: to the cluster itself, by RESP; [`control`] has a document service save what is edited so,
//!   and hears of a deletion.

use shared::document::Kind;
use shared::names::DocumentId;
use shared::rt::task::JoinHandle;
use shared::rt::time::timeout;
use tokio::sync::mpsc;

use super::limits::LINK_CLOSE_DEADLINE;
use super::room::{Heard, Said};
use super::server::Server;

pub mod cluster;
pub(super) mod control;
pub mod websocket;

/// Messages that wait for the link, or for the room. A full queue makes the other side wait.
pub(super) const LINK_QUEUE_MAX: usize = 256;

/// A link that stands. Its task ends when both ends here are gone, or the connection is.
#[derive(Debug)]
pub struct Link {
    /// What the room says.
    pub say: mpsc::Sender<Said>,
    /// What the link brings. It ends when the connection is gone.
    pub hear: mpsc::Receiver<Heard>,
    task: JoinHandle<()>,
}

/// Why a link could not be made.
#[derive(Debug, thiserror::Error)]
pub enum LinkError {
    /// It is not there, or does not answer: try again later.
    #[error("{0}")]
    Unreachable(String),
    /// It is there and will not have us: say so and try again later.
    #[error("{0}")]
    Refused(String),
    /// The document is there already and is something else.
    #[error("the document is a {}", .0.as_str())]
    OtherKind(Kind),
}

impl Link {
    /// Lets what was said go out, and closes the connection. A link that is only dropped does the same in the background.
    pub async fn close(self) {
        let Link { say, hear, task } = self;
        drop((say, hear));
        let _ = timeout(LINK_CLOSE_DEADLINE, task).await;
    }
}

/// Connects a document.
pub async fn connect(server: Server, document: DocumentId, kind: Kind) -> Result<Link, LinkError> {
    match server {
        Server::Service { authority } => websocket::connect(&authority, &document).await,
        Server::Cluster { url, .. } => cluster::connect(&url, &document, kind).await,
    }
}
