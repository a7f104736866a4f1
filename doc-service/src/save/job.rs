//! One save from start to end. It runs beside the room: the room only hands over what its document took, and merges what it has
//! not heard, a few updates at a time.

use bytes::Bytes;
use shared::client::document::state::HEADER_BYTES;
use shared::client::document::{CatchUp, DocumentDoor, LogId, State};
use shared::client::{Client, ClientError, Command, Watched};
use shared::document::Kind;
use shared::limits::ROOM_BATCH_MESSAGES;
use shared::names::DocumentId;
use shared::protocol::StateVector;
use shared::resp::Value;
use shared::rt::task;
use shared::rt::time::now_ms;
use tokio::sync::{mpsc, oneshot};

use super::basis::{Basis, Recent};
use super::lease;
use super::snapshot::{self, Damaged, Snapshot};
use crate::catalog::{Catalog, CatalogError, Found, Meta};

/// How often a save starts anew because another service has written meanwhile.
const TRIES: usize = 4;

/// What a save starts from.
#[derive(Debug)]
pub struct Job {
    /// The cluster.
    pub client: Client,
    /// The document's door.
    pub door: DocumentDoor,
    /// The document.
    pub id: DocumentId,
    /// What it is.
    pub kind: Kind,
    /// Who saves.
    pub holder: String,
    /// The room's document as bytes, but for what the room took since it handed over last.
    pub basis: Basis,
    /// What the state covers that this service wrote or read last.
    pub covers: LogId,
    /// The lease is given back: the document is being closed.
    pub is_last: bool,
    /// The room.
    pub room: mpsc::Sender<Ask>,
}

/// What a save asks of its room.
#[derive(Debug)]
pub enum Ask {
    /// Merge these updates of the log.
    Merge(Vec<Bytes>, oneshot::Sender<()>),
    /// Merge this whole state.
    MergeState(Bytes, oneshot::Sender<()>),
    /// Hand over what the document took since the last time.
    HandOver(oneshot::Sender<Recent>),
}

/// How a save ended.
#[derive(Debug)]
pub enum Saved {
    /// It is written, and covers the log up to here.
    Written {
        /// The last log entry covered.
        covers: LogId,
    },
    /// Another service has the lease.
    ByAnother {
        /// Whether the log is empty: the other has saved everything.
        all: bool,
    },
    /// The document was deleted.
    Deleted,
    /// The document is damaged and must be loaded anew.
    Damaged(String),
    /// The cluster did not do it; the log has every edit.
    Failed(ClientError),
    /// The room is gone.
    NoRoom,
}

enum Stop {
    Saved(Saved),
    Again,
}

impl From<ClientError> for Stop {
    fn from(error: ClientError) -> Stop {
        Stop::Saved(Saved::Failed(error))
    }
}

impl From<Damaged> for Stop {
    fn from(damaged: Damaged) -> Stop {
        Stop::Saved(Saved::Damaged(damaged.to_string()))
    }
}

impl Job {
    /// Saves; how that ended, and the basis of the next save.
    pub async fn run(mut self) -> (Saved, Basis) {
        let saved = self.save().await;
        (saved, self.basis)
    }

    async fn save(&mut self) -> Saved {
        for _ in 0..TRIES {
            match self.attempt().await {
                Ok(saved) | Err(Stop::Saved(saved)) => return saved,
                Err(Stop::Again) => {}
            }
        }
        Saved::Failed(ClientError::Deadline("other services write this document all the time".into()))
    }

    async fn attempt(&mut self) -> Result<Saved, Stop> {
        let knows = self.gather().await?;
        if !lease::take(&self.client, &self.id, &self.holder).await? {
            if self.basis.is_long() {
                self.encode(knows).await?;
            }
            let left = self.client.call(Command::new("XLEN").key(self.id.log_key())).await?;
            return Ok(Saved::ByAnother { all: left.as_int() == Some(0) });
        }
        let content = self.door.read_log_since(self.covers).await?;
        #[cfg(feature = "sim")]
        let content =
            if is_blind() { CatchUp { state: None, entries: Vec::new(), ..content } } else { content };
        let covers = self.merge(content).await?;
        let meta = self.meta().await?;
        let knows = self.gather().await?;
        self.encode(knows).await?;
        let (kind, state) = (self.kind, self.basis.state().clone());
        let snapshot = blocking(move || snapshot::take(kind, state)).await??;
        self.write(covers, &meta, snapshot).await
    }

    /// Takes over what the room's document took; what it knows with that.
    async fn gather(&mut self) -> Result<StateVector, Stop> {
        let (reply, recent) = oneshot::channel();
        let Recent { updates, knows } = self.ask(Ask::HandOver(reply), recent).await?;
        self.basis.extend(updates);
        Ok(knows)
    }

    async fn encode(&mut self, knows: StateVector) -> Result<(), Stop> {
        let (kind, basis) = (self.kind, std::mem::take(&mut self.basis));
        self.basis = blocking(move || basis.encode(kind, &knows)).await??;
        Ok(())
    }

    /// Brings the room what was read and it has not heard; the last log entry that it then has. `covers` becomes what the state in
    /// the cluster covers.
    async fn merge(&mut self, content: CatchUp) -> Result<LogId, Stop> {
        if let Some(state) = content.state {
            let (reply, merged) = oneshot::channel();
            self.ask(Ask::MergeState(state.update, reply), merged).await?;
            self.covers = state.covers;
        }
        let basis = std::mem::take(&mut self.basis);
        let unheard;
        (unheard, self.basis) = blocking(move || (basis.unheard(content.entries), basis)).await?;
        for updates in unheard.chunks(ROOM_BATCH_MESSAGES) {
            let (reply, merged) = oneshot::channel();
            self.ask(Ask::Merge(updates.to_vec(), reply), merged).await?;
        }
        Ok(content.position)
    }

    async fn meta(&self) -> Result<Meta, Stop> {
        match Catalog::new(self.client.clone()).find(&self.id).await {
            Ok(Found::Document(meta)) => Ok(meta),
            Ok(Found::Nothing) => Ok(Meta { kind: self.kind, ..Meta::of_unknown(&self.id, now_ms()) }),
            Ok(Found::Deleted) => Err(Stop::Saved(Saved::Deleted)),
            Err(CatalogError::Cluster(error)) => Err(error.into()),
            Err(other) => Err(Stop::Saved(Saved::Damaged(other.to_string()))),
        }
    }

    async fn write(&mut self, covers: LogId, meta: &Meta, snapshot: Snapshot) -> Result<Saved, Stop> {
        let now = now_ms();
        // Listed first: the list passes over what is not there, but nobody finds a document that is saved and not listed.
        match Catalog::new(self.client.clone()).list_as(&self.id, &meta.workspace, now).await {
            Ok(()) => {}
            // Somebody keeps something else at the list's key: no reason to leave documents unsaved.
            Err(CatalogError::Cluster(ClientError::Server(error))) => {
                tracing::error!(document = %self.id, workspace = meta.workspace, %error, "the document is not listed");
            }
            Err(CatalogError::Cluster(error)) => return Err(error.into()),
            Err(other) => return Err(Stop::Saved(Saved::Damaged(other.to_string()))),
        }
        let commands = self.commands(covers, meta, &snapshot, now);
        let header = Command::new("GETRANGE").key(self.id.state_key()).int(0).int(HEADER_BYTES as i64 - 1);
        let deleted = Command::new("HEXISTS").key(self.id.meta_key()).arg("deleted");
        let watched = [self.id.state_key(), self.id.meta_key()];
        let expected = self.covers;
        let decide = |values: &[Value]| {
            let is_expected = match values.first().and_then(Value::as_bytes) {
                Some([]) | None => expected == LogId::START,
                Some(header) => State::decode_header(header) == Ok(expected),
            };
            #[cfg(feature = "sim")]
            let is_expected = is_expected || is_blind();
            let is_alive = values.get(1).and_then(Value::as_int) == Some(0);
            (is_expected && is_alive).then_some(commands)
        };
        let watched = self.client.watched(&watched, vec![header, deleted], decide).await?;
        if !matches!(watched, Watched::Done(_)) {
            // Another service has written, or the title is new: start from what is there now.
            self.covers = LogId::START;
            let content = self.door.load().await?;
            self.merge(content).await?;
            return Err(Stop::Again);
        }
        Ok(Saved::Written { covers })
    }

    fn commands(&self, covers: LogId, meta: &Meta, snapshot: &Snapshot, now: u64) -> Vec<Command> {
        let state = State::encode(covers, &snapshot.state);
        let trim = covers.next().to_string();
        let readable =
            snapshot.readable.as_ref().map(|text| Command::new("SET").key(self.id.snapshot_key()).arg(text));
        let mut commands: Vec<Command> = readable.into_iter().collect();
        commands.extend([
            Command::new("SET").key(self.id.state_key()).arg(state),
            Command::new("XTRIM").key(self.id.log_key()).arg("MINID").arg(trim),
        ]);
        // What waits for other edits is in no state: the log keeps it.
        commands.extend(self.basis.since().iter().map(|update| self.door.log_command(update)));
        let key = self.id.meta_key();
        commands.push(Command::new("HSET").key(&key).arg("modified").arg(now.to_string()));
        // A document that nobody created gets its fields now; one that was renamed meanwhile keeps its new title.
        commands.extend(meta.set_missing());
        if self.is_last {
            commands.push(Command::new("DEL").key(self.id.lease_key()));
        }
        commands
    }

    async fn ask<T>(&self, ask: Ask, answer: oneshot::Receiver<T>) -> Result<T, Stop> {
        self.room.send(ask).await.map_err(|_| Stop::Saved(Saved::NoRoom))?;
        answer.await.map_err(|_| Stop::Saved(Saved::NoRoom))
    }
}

/// Whether a planted fault has saves overwrite what is there without having merged it.
#[cfg(feature = "sim")]
fn is_blind() -> bool {
    shared::rt::sim::strikes("blind-snapshot-overwrite")
}

/// Runs on a thread that may take its time.
async fn blocking<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Result<T, Stop> {
    let done = task::spawn_blocking(work).await;
    done.map_err(|panicked| Stop::Saved(Saved::Damaged(panicked.to_string())))
}
