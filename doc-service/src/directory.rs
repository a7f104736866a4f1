//! Which documents are open here: finds the room of a document, or opens it.

use std::sync::Arc;

use dashmap::DashMap;
use dashmap::mapref::entry::Entry;
use shared::limits::{ROOM_INBOX_MESSAGES_MAX, ROOMS_MAX};
use shared::names::DocumentId;
use shared::rt::task;
use shared::rt::time::{Duration, timeout};
use tokio::sync::{mpsc, oneshot};

use crate::gateway::{CloseReason, Outbox};
use crate::room::{self, Context, ParticipantId, Request, RoomMessage, Whole};

/// How long a client waits for the document to be opened.
const OPEN_DEADLINE: Duration = Duration::from_secs(20);

/// How long a room has for its last save when the service stops.
const STOP_DEADLINE: Duration = Duration::from_secs(10);

/// A room may close between finding it and sending to it. Then it is opened anew; never so often in a row.
const TRIES: usize = 5;

/// The open documents.
#[derive(Debug)]
pub struct Directory {
    rooms: DashMap<DocumentId, mpsc::Sender<RoomMessage>>,
    context: Arc<Context>,
}

/// A client's place in a room.
#[derive(Debug)]
pub struct Membership {
    id: ParticipantId,
    room: mpsc::Sender<RoomMessage>,
}

impl Membership {
    /// Hands a request to the room, waiting while the room is busy; false if the room is gone.
    pub async fn request(&self, request: Request) -> bool {
        self.room.send(RoomMessage::Request(self.id, request)).await.is_ok()
    }

    /// Leaves the room.
    pub async fn leave(&self) {
        // A room that is gone has no members.
        let _ = self.room.send(RoomMessage::Leave(self.id)).await;
    }
}

impl Directory {
    /// No document is open.
    pub fn new(context: Context) -> Directory {
        Directory { rooms: DashMap::new(), context: Arc::new(context) }
    }

    /// Brings a client into the room of a document, which is opened if need be.
    pub async fn join(
        self: &Arc<Self>,
        id: &DocumentId,
        outbox: Outbox,
        wants_saved: bool,
    ) -> Result<Membership, CloseReason> {
        let joined = self.ask(id, |reply| RoomMessage::Join { outbox: outbox.clone(), wants_saved, reply });
        let (joined, room) = joined.await?;
        joined.map(|id| Membership { id, room })
    }

    /// Opens a document if need be and holds it open; how many WebSocket clients it has.
    pub async fn hold(self: &Arc<Self>, id: &DocumentId) -> Result<usize, CloseReason> {
        Ok(self.ask(id, RoomMessage::Hold).await?.0)
    }

    /// The document as it is now, if it is open here.
    pub async fn read(&self, id: &DocumentId) -> Option<Whole> {
        self.ask_open(id, RoomMessage::Read).await
    }

    /// How many WebSocket clients a document has here, if it is open. Holds it open.
    pub async fn clients(&self, id: &DocumentId) -> Option<usize> {
        self.ask_open(id, RoomMessage::Hold).await
    }

    /// A document was deleted: its room, if there is one, closes without saving.
    pub async fn deleted(&self, id: &DocumentId) {
        let room = self.rooms.get(id).map(|room| room.clone());
        if let Some(room) = room {
            let _ = room.send(RoomMessage::Deleted).await;
        }
    }

    /// Every room saves and closes.
    pub async fn stop(&self) {
        let rooms: Vec<_> = self.rooms.iter().map(|room| room.clone()).collect();
        let stops = rooms.into_iter().map(|room| async move {
            let (reply, stopped) = oneshot::channel();
            if room.send(RoomMessage::Stop(reply)).await.is_ok() {
                let _ = stopped.await;
            }
        });
        if timeout(STOP_DEADLINE, futures_util::future::join_all(stops)).await.is_err() {
            tracing::warn!("some documents were not saved in time; their logs have every edit");
        }
    }

    /// A room is closing: from now on the document is opened anew.
    pub(crate) fn forget(&self, id: &DocumentId, room: &mpsc::Sender<RoomMessage>) {
        self.rooms.remove_if(id, |_, known| known.same_channel(room));
    }

    async fn ask<T>(
        self: &Arc<Self>,
        id: &DocumentId,
        question: impl Fn(oneshot::Sender<T>) -> RoomMessage,
    ) -> Result<(T, mpsc::Sender<RoomMessage>), CloseReason> {
        for _ in 0..TRIES {
            let room = self.room(id)?;
            let (reply, answer) = oneshot::channel();
            let asked = async {
                room.send(question(reply)).await.ok()?;
                answer.await.ok()
            };
            match timeout(OPEN_DEADLINE, asked).await {
                Ok(Some(answer)) => return Ok((answer, room)),
                Ok(None) => self.forget(id, &room),
                Err(_) => break,
            }
        }
        Err(CloseReason::ClusterAway("the document cannot be opened".into()))
    }

    async fn ask_open<T>(
        &self,
        id: &DocumentId,
        question: impl Fn(oneshot::Sender<T>) -> RoomMessage,
    ) -> Option<T> {
        let room = self.rooms.get(id).map(|room| room.clone())?;
        let (reply, answer) = oneshot::channel();
        room.send(question(reply)).await.ok()?;
        timeout(OPEN_DEADLINE, answer).await.ok()?.ok()
    }

    fn room(self: &Arc<Self>, id: &DocumentId) -> Result<mpsc::Sender<RoomMessage>, CloseReason> {
        let is_full = self.rooms.len() >= ROOMS_MAX;
        match self.rooms.entry(id.clone()) {
            Entry::Occupied(room) => Ok(room.get().clone()),
            Entry::Vacant(_) if is_full => Err(CloseReason::Full("open documents")),
            Entry::Vacant(vacant) => {
                let (room, inbox) = mpsc::channel(ROOM_INBOX_MESSAGES_MAX);
                vacant.insert(room.clone());
                task::spawn(room::live(self.clone(), self.context.clone(), id.clone(), room.clone(), inbox));
                Ok(room)
            }
        }
    }
}
