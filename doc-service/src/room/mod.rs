//! One open document: its clients, its merged state, its way to the cluster and back.
//!
//! # Layout
//!
//! - [`state`]: the machine: what a room does about each thing that happens. No socket, no task.
//! - [`participants`]: its clients. [`presence`]: who is here, and who may say so. [`own`]: what it published and is not yet seen or saved.
//! - [`request`]: what a client asks. [`message`]: what else a room is told.
//! - [`life`]: from opened to closed. [`actor`]: the task that drives the machine meanwhile.
//! - [`loading`]: what it reads from the cluster. [`publications`]: what it has set on its way there.
//! - [`saving`]: when it saves, and what came of it.
//!
//! # When the cluster is away
//!
//! An edit that cannot be logged is never relayed as seen and never said to be saved. The client library goes on trying for its
//! deadline, so a failover of seconds is only waited out, with bounded queues. Beyond that the room closes: each client is told
//! (close code 1013), keeps its edits in its own document, comes back with its own back-off, and the first sync of the reopened
//! room brings everything that the log does not have. The same happens when the channel stays silent about being lost for too
//! long. There is no state in which a client types into a room that nobody else will ever see.

mod actor;
mod life;
mod loading;
pub mod message;
pub mod own;
pub mod participants;
pub mod presence;
mod publications;
pub mod request;
mod saving;
pub mod state;

use std::sync::Arc;

use shared::client::Client;
use shared::rt::time::Duration;

use crate::metrics::Metrics;

pub use life::live;
pub use message::{RoomMessage, Whole};
pub use participants::ParticipantId;
pub use request::{Edit, Request};
pub use state::{Effects, Room};

/// What every room works with.
#[derive(Debug)]
pub struct Context {
    /// The cluster.
    pub client: Client,
    /// What is counted.
    pub metrics: Arc<Metrics>,
    /// This service's name among those that save.
    pub holder: String,
    /// How long after a change a document is saved.
    pub save_every: Duration,
    /// How long a document without clients and news stays open.
    pub idle_after: Duration,
}
