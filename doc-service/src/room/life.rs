//! The life of one open document: opened, served, closed; and the end that its clients are told.

use std::sync::Arc;

use shared::client::ClientError;
use shared::names::DocumentId;
use tokio::sync::mpsc;

use super::Context;
use super::actor::Actor;
use super::message::RoomMessage;
use crate::directory::Directory;
use crate::gateway::CloseReason;

/// Why a room closes.
#[derive(Debug)]
pub(super) enum End {
    /// Nobody needs it: it is saved. Who comes just now opens it anew.
    Idle,
    /// Its clients are told this.
    Closed(CloseReason),
}

impl End {
    /// The cluster did not do its part within the deadline of the client library.
    pub(super) fn away(error: &ClientError) -> End {
        End::Closed(CloseReason::ClusterAway(error.to_string()))
    }
}

/// Lives as long as the document is open: opens it, serves, closes.
pub async fn live(
    directory: Arc<Directory>,
    context: Arc<Context>,
    id: DocumentId,
    me: mpsc::Sender<RoomMessage>,
    mut inbox: mpsc::Receiver<RoomMessage>,
) {
    context.metrics.rooms.up();
    let end = match Actor::open(context.clone(), id.clone()).await {
        Ok(mut actor) => actor.serve(&mut inbox).await,
        Err(end) => end,
    };
    tracing::info!(document = %id, ?end, "a document is closed");
    if matches!(end, End::Closed(CloseReason::ClusterAway(_))) {
        context.metrics.away_total.add(1);
    }
    directory.forget(&id, &me);
    inbox.close();
    while let Some(message) = inbox.recv().await {
        turn_away(message, &end);
    }
    context.metrics.rooms.down();
}

/// Answers whoever came too late.
fn turn_away(message: RoomMessage, end: &End) {
    match (message, end) {
        (RoomMessage::Join { reply, .. }, End::Closed(reason)) => {
            let _ = reply.send(Err(reason.clone()));
        }
        (RoomMessage::Stop(done), _) => {
            let _ = done.send(());
        }
        // A dropped question is asked again, of a new room.
        _ => {}
    }
}
