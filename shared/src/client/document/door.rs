//! The way into one document.

use std::sync::Arc;

use bytes::Bytes;

use super::log::{LogEntry, Page, UPDATE_FIELD};
use super::log_id::LogId;
use super::state::{HEADER_BYTES, State};
use super::unsaved::Unsaved;
use crate::client::command::Command;
use crate::client::error::ClientError;
use crate::client::handle::Client;
use crate::client::subscription::Subscription;
use crate::limits::{LOG_BYTES_MAX, LOG_PAGE_ENTRIES, MESSAGE_BYTES_MAX};
use crate::names::DocumentId;
use crate::protocol::Message;
use crate::resp::{ProtocolError, Value};

/// One document in the cluster. Clones are the same door: they share what is *saved*.
#[derive(Debug, Clone)]
pub struct DocumentDoor {
    client: Client,
    id: DocumentId,
    unsaved: Arc<Unsaved>,
}

/// A document that was just opened.
#[derive(Debug)]
pub struct Opened {
    /// The way to publish.
    pub door: DocumentDoor,
    /// The document's channel, subscribed before state and log were read: what it brings first may be in the log already.
    pub subscription: Subscription,
    /// State and log.
    pub content: CatchUp,
}

/// What a reader needs to be up to date.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CatchUp {
    /// The saved state, if the log alone does not reach back far enough.
    pub state: Option<State>,
    /// Edits behind that state, or behind the place that was asked from, in order.
    pub entries: Vec<LogEntry>,
    /// The place that is reached when all of it is applied.
    pub position: LogId,
}

impl DocumentDoor {
    /// The door of a document, without looking whether it exists.
    pub fn new(client: &Client, id: &DocumentId) -> DocumentDoor {
        DocumentDoor { client: client.clone(), id: id.clone(), unsaved: Arc::default() }
    }

    /// Opens a document: subscribes to its channel, then reads its state and log. A document that nobody has written yet
    /// has neither.
    pub async fn open(client: &Client, id: &DocumentId) -> Result<Opened, ClientError> {
        let door = DocumentDoor::new(client, id);
        let subscription = client.subscribe_sharded(id.channel()).await?;
        let content = door.load().await?;
        Ok(Opened { door, subscription, content })
    }

    /// Its name.
    pub fn id(&self) -> &DocumentId {
        &self.id
    }

    /// Publishes an edit, one Yjs v1 update: into the log and onto the channel, in one transaction and one round trip. Where
    /// it stands in the log.
    ///
    /// Any number of publishes may be in flight; they are sent in the order in which their futures are first polled. A
    /// publish whose answer is lost is sent again.
    ///
    /// # Errors
    ///
    /// After [`ClientError::Deadline`] it may have been published all the same. Publishing again is harmless.
    pub async fn publish(&self, update: impl Into<Bytes>) -> Result<LogId, ClientError> {
        self.client.publishers().publish(&self.id, update.into(), &self.unsaved).await
    }

    /// Publishes an awareness update: on the channel only.
    pub async fn publish_awareness(&self, update: &[u8]) -> Result<(), ClientError> {
        self.publish_message(&Message::Awareness(update)).await
    }

    /// Publishes a message on the channel only: it is in no log, and *saved* does not speak of it.
    pub async fn publish_message(&self, message: &Message<'_>) -> Result<(), ClientError> {
        let message = message.encode();
        if message.len() > MESSAGE_BYTES_MAX {
            let (what, bytes, bytes_max) = ("a message", message.len(), MESSAGE_BYTES_MAX);
            return Err(ClientError::TooLong { what, bytes, bytes_max });
        }
        let command = Command::new("SPUBLISH").key(self.id.channel()).arg(message).idempotent();
        self.client.call(command).await.map(drop)
    }

    /// Waits until every edit whose publishing through this door began before is *saved*, or has failed with an error that
    /// its publisher was told. What *saved* means: [`Client::saved_meaning`].
    ///
    /// Edits are published again when the connection was lost before they were saved, so this only takes longer then. While
    /// the servers cannot save, it does not return: give it a deadline.
    pub async fn saved(&self) {
        self.unsaved.wait().await;
    }

    /// Edits published through this door that are not *saved* yet.
    pub fn unsaved_edits(&self) -> usize {
        self.unsaved.count()
    }

    /// State and log as they are now.
    pub async fn load(&self) -> Result<CatchUp, ClientError> {
        self.read(LogId::START, true).await
    }

    /// The saved state as it is now, if there is one.
    pub async fn load_state(&self) -> Result<Option<State>, ClientError> {
        match self.client.call(Command::new("GET").key(self.id.state_key())).await? {
            Value::Null => Ok(None),
            answer => state(answer).map(Some),
        }
    }

    /// Edits behind this place; with the state in front where a saver has trimmed the log past it.
    pub async fn read_log_since(&self, position: LogId) -> Result<CatchUp, ClientError> {
        self.read(position, false).await
    }

    /// Reads page after page. A page and what the state covers are read in one transaction: a saver that trims the log
    /// between two pages does not go unnoticed.
    async fn read(&self, since: LogId, want_state: bool) -> Result<CatchUp, ClientError> {
        let mut caught = CatchUp { state: None, entries: Vec::new(), position: since };
        let mut want_state = want_state;
        let mut bytes = 0;
        loop {
            let head = Command::new("GETRANGE").key(self.id.state_key()).int(0).int(HEADER_BYTES as i64 - 1);
            let [head, page] = self.ask(head, caught.position).await?;
            let covers = match head.as_bytes() {
                Some([]) | None => LogId::START,
                Some(head) => State::decode_header(head).map_err(bad_state)?,
            };
            let trimmed = covers > caught.position;
            let page = if trimmed || want_state && head.as_bytes().is_some_and(|head| !head.is_empty()) {
                let whole = Command::new("GET").key(self.id.state_key());
                let [whole, page] = self.ask(whole, caught.position).await?;
                caught.state = if whole.is_null() { None } else { Some(state(whole)?) };
                let covers = caught.state.as_ref().map_or(LogId::START, |state| state.covers);
                // What the state covers need not be applied.
                caught.entries.retain(|entry| entry.id > covers);
                caught.position = caught.position.max(covers);
                page
            } else {
                page
            };
            want_state = false;
            let Page { entries, count, last } = Page::of(page)?;
            bytes += entries.iter().map(|entry| entry.update.len()).sum::<usize>();
            if bytes > LOG_BYTES_MAX {
                return Err(ClientError::TooLong { what: "a log", bytes, bytes_max: LOG_BYTES_MAX });
            }
            let known = caught.position;
            caught.entries.extend(entries.into_iter().filter(|entry| entry.id > known));
            caught.position = caught.position.max(last.unwrap_or(known));
            if count < LOG_PAGE_ENTRIES {
                return Ok(caught);
            }
        }
    }

    /// A command about the state and a page of the log behind `position`, as of one moment.
    async fn ask(&self, about_state: Command, position: LogId) -> Result<[Value; 2], ClientError> {
        let page = Command::new("XRANGE").key(self.id.log_key()).arg(format!("({position}"));
        let page = page.arg("+").arg("COUNT").int(LOG_PAGE_ENTRIES as i64);
        let replies = self.client.transaction(self.id.log_key(), vec![about_state, page]).await?;
        let unexpected = |replies: &[Value]| ClientError::unexpected("EXEC", &Value::Array(replies.to_vec()));
        let [about_state, page] = <[Value; 2]>::try_from(replies).map_err(|replies| unexpected(&replies))?;
        Ok([about_state.into_result()?, page.into_result()?])
    }

    /// The command that adds an edit to the log, for a transaction of the caller's own.
    pub fn log_command(&self, update: &[u8]) -> Command {
        Command::new("XADD").key(self.id.log_key()).arg("*").arg(UPDATE_FIELD).arg(update)
    }
}

fn state(answer: Value) -> Result<State, ClientError> {
    let unexpected = ClientError::unexpected("GET", &answer);
    State::decode(&answer.into_bytes().ok_or(unexpected)?).map_err(bad_state)
}

fn bad_state(error: super::state::BadState) -> ClientError {
    ClientError::Protocol(ProtocolError::Reply(error.to_string()))
}
