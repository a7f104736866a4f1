//! One open document between its page and its link: a machine without sockets, files and clocks.
//!
//! The page hands over edits; the room numbers them, keeps them until they are *saved*, and says them to the link. What
//! others edit is applied to the room's own copy of the document first, which refuses what is hostile, and only then handed
//! to the page. Times are milliseconds of one clock that never goes back.
//!
//! # Layout
//!
//! - [`message`]: what a room says to its link and hears from it.
//! - [`driver`]: the room's sockets, files and clocks.

use std::collections::VecDeque;

use bytes::Bytes;
use serde_json::Value;
use shared::document::{Applied, BadUpdate, Document, Kind, validate};
use shared::protocol::StateVector;
use shared::protocol::state_vector::ClientId;

use super::limits::PENDING_BYTES_MAX;
use super::pending::{Edit, Pending};
use super::person::{Peer, Person};
use super::presence::Presence;
use super::saving::Saving;
use super::status::{Connection, Status};

pub mod driver;
pub mod message;

pub use message::{Heard, Said};

/// Most answers to peers that ask for state; a peer that asks more often is answered once.
const ANSWERS_MAX: usize = 4;

/// The machine.
#[derive(Debug)]
pub struct Room {
    document: Document,
    pending: Pending,
    presence: Presence,
    saving: Saving,
    connection: Connection,
    link: Option<Talk>,
    kept: bool,
    foreign: Vec<Bytes>,
    ready: bool,
}

/// What was said on the link that stands.
#[derive(Debug, Default)]
struct Talk {
    asked: bool,
    /// The server has asked what it lacks.
    questioned: bool,
    /// The last pending edit that was said.
    said: u64,
    synced: bool,
    answers: VecDeque<Bytes>,
}

/// An edit that the room does not take.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NotTaken {
    /// More is unsaved than can be kept.
    #[error("too much is unsaved")]
    Full,
    /// The page made an update that the document refuses: a defect of ours.
    #[error("an edit of this window is refused: {0}")]
    Bad(#[from] BadUpdate),
}

impl Room {
    /// A room of a document of which nothing is known yet. `client` is the page's Yjs client.
    pub fn new(kind: Kind, client: ClientId, observer: ClientId, person: &Person) -> Room {
        Room {
            document: Document::new(kind, observer),
            pending: Pending::default(),
            presence: Presence::new(client, person),
            saving: Saving::default(),
            connection: Connection::Connecting,
            link: None,
            kept: true,
            foreign: Vec::new(),
            ready: false,
        }
    }

    /// What this computer kept: the copy of the document, and edits of earlier windows, which are in `pending` already.
    pub fn restore(&mut self, copy: Option<&[u8]>, left: &[Edit]) {
        // As a whole document it may be longer than a message.
        if let Some(copy) = copy
            && let Ok(document) = Document::load(self.document.kind(), self.document.client(), copy)
        {
            self.document = document;
            self.ready = true;
            self.foreign.push(Bytes::copy_from_slice(copy));
        }
        for edit in left {
            if self.document.apply(&edit.update).is_ok() {
                self.foreign.push(edit.update.clone());
            }
        }
    }

    /// The edits that are not saved.
    pub fn pending(&self) -> &Pending {
        &self.pending
    }

    /// The same, for whoever fills it before the room begins.
    pub fn pending_mut(&mut self) -> &mut Pending {
        &mut self.pending
    }

    /// The page edited the document. Returns what belongs into the journal.
    pub fn edited(&mut self, update: Bytes, now_ms: u64) -> Result<&Edit, NotTaken> {
        if self.is_full() {
            return Err(NotTaken::Full);
        }
        self.document.apply(&update)?;
        self.saving.edited(now_ms);
        Ok(self.pending.push(update))
    }

    /// Whether more is unsaved than can be kept: the page must be read-only.
    pub fn is_full(&self) -> bool {
        self.pending.bytes() >= PENDING_BYTES_MAX
    }

    /// The page says something of the person, such as the caret.
    pub fn presence_set(&mut self, field: &str, value: Value) {
        self.presence.set(field, value);
    }

    /// Whether edits are in a file of this computer.
    pub fn set_kept(&mut self, kept: bool) {
        self.kept = kept;
    }

    /// A link stands. Everything that is not saved is said again on it, in few messages.
    pub fn link_up(&mut self) {
        self.pending.merge();
        self.presence.asked();
        self.link = Some(Talk::default());
    }

    /// The link is gone, or could not be made.
    pub fn link_down(&mut self, now_ms: u64) {
        self.link = None;
        self.connection = Connection::Offline;
        self.ready = true;
        self.presence.lost(now_ms);
    }

    /// The link brought something. Returns the number up to which edits are saved, if that was news.
    pub fn heard(&mut self, heard: Heard, now_ms: u64) -> Option<u64> {
        match heard {
            Heard::Update(update) => self.foreign_update(update),
            Heard::Synced => {
                if let Some(link) = &mut self.link {
                    link.synced = true;
                    self.connection = Connection::Online;
                    self.ready = true;
                    self.saving.answered(!self.pending.is_empty(), now_ms);
                }
            }
            Heard::Asked(known) => self.answer(&known),
            Heard::Presence(update) => self.presence.hear(&update, now_ms),
            Heard::PresenceAsked => self.presence.asked(),
            // The driver closes the room, or tells the person.
            Heard::Deleted | Heard::Refused(_) => {}
            Heard::Saved(number) => {
                let news = self.pending.saved_through(number);
                if news {
                    self.saving.answered(!self.pending.is_empty(), now_ms);
                }
                return news.then_some(number);
            }
        }
        None
    }

    /// Time passes.
    pub fn tick(&mut self, now_ms: u64) {
        #[cfg(feature = "sim")]
        {
            shared::rt::sim::holds("bytes not saved", self.pending.bytes());
            shared::rt::sim::holds("edits for the page", self.foreign.len());
        }
        self.presence.tick(now_ms);
    }

    /// When there is something to say: at once (0), at a time, or not at all.
    pub fn say_at_ms(&self) -> Option<u64> {
        let link = self.link.as_ref()?;
        if !link.asked || !link.answers.is_empty() || self.pending.after(link.said).next().is_some() {
            return Some(0);
        }
        self.presence.due_ms()
    }

    /// The next thing to say to the link.
    pub fn say(&mut self, now_ms: u64) -> Option<Said> {
        let link = self.link.as_mut()?;
        if !link.asked {
            link.asked = true;
            return Some(Said::Ask(self.document.state_vector()));
        }
        if let Some(message) = self.presence.message(now_ms) {
            return Some(Said::Presence(message.into()));
        }
        if let Some(answer) = link.answers.pop_front() {
            return Some(Said::Answer(answer));
        }
        let edit = self.pending.after(link.said).next()?;
        link.said = edit.last;
        Some(Said::Update { number: edit.last, update: edit.update.clone() })
    }

    /// What to say when the page closes.
    pub fn farewell(&mut self, now_ms: u64) -> Said {
        Said::Presence(self.presence.farewell(now_ms).into())
    }

    /// Updates for the page since the last call.
    pub fn take_foreign(&mut self) -> Vec<Bytes> {
        std::mem::take(&mut self.foreign)
    }

    /// The others, if something about them changed.
    pub fn take_peers(&mut self) -> Option<Vec<Peer>> {
        self.presence.take_peers()
    }

    /// Whether there is something to show.
    pub fn is_ready(&self) -> bool {
        self.ready
    }

    /// What the window says about connection and saving.
    pub fn status(&self, now_ms: u64) -> Status {
        Status {
            connection: self.connection,
            unsaved: self.pending.changes(),
            progress: self.saving.progress(!self.pending.is_empty(), now_ms),
            kept: self.kept,
        }
    }

    /// When [`Room::status`] next changes because time passes.
    pub fn status_at_ms(&self, now_ms: u64) -> Option<u64> {
        self.saving.changes_at_ms(!self.pending.is_empty(), now_ms)
    }

    /// The whole document, for the copy on this computer; `None` if it cannot be encoded.
    pub fn state(&self) -> Option<Vec<u8>> {
        self.document.snapshot().ok()
    }

    fn foreign_update(&mut self, update: Bytes) {
        match self.document.apply(&update) {
            Ok(Applied::New | Applied::Cleaned(_) | Applied::Known) => self.foreign.push(update),
            Ok(Applied::Waits) => {
                // It builds on something that was missed: ask for all that is missing.
                self.foreign.push(update);
                if let Some(link) = &mut self.link {
                    link.asked = false;
                }
            }
            Err(error) => tracing::warn!(%error, "an update of somebody else was refused"),
        }
    }

    /// Answers a peer that knows `known`.
    fn answer(&mut self, known: &StateVector) {
        let Some(link) = &mut self.link else { return };
        // The first question is put when the link begins: what is pending is on its way then. A later one is put because something
        // that was said did not fit and was not taken.
        let is_first = !std::mem::replace(&mut link.questioned, true);
        if is_first && !self.lacks_more_than_pending(known) {
            return;
        }
        // An answer is taken for all that was said. It is not while some of that waits here too: the peer asks again.
        if !is_first && self.document.waiting().next().is_some() {
            return;
        }
        let Ok(answer) = self.document.encode_since(known) else { return };
        if let Some(link) = self.link.as_mut().filter(|link| link.answers.len() < ANSWERS_MAX) {
            link.answers.push_back(answer.into());
        }
    }

    fn lacks_more_than_pending(&self, known: &StateVector) -> bool {
        let facts: Vec<_> = self.pending.iter().filter_map(|edit| validate(&edit.update).ok()).collect();
        self.document.state_vector().iter().any(|(client, clock)| {
            let from = known.clock(client);
            let ranges = facts.iter().flat_map(|facts| &facts.clocks);
            from < clock && !ranges.clone().any(|range| range.client == client && range.start <= from)
        })
    }
}

#[cfg(test)]
#[path = "room_test.rs"]
mod tests;
