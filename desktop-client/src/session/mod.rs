//! What happens between a page and the servers. Knows no gtk, so all of it is tested without a display.
//!
//! A window has one session: a thread with one runtime. The page tells it of edits and hears of everything else in batches
//! of at most one a frame.
//!
//! # Layout
//!
//! - [`replica`]: the local document, on the page's thread; [`outgoing`]: its edits on their way.
//! - [`room`]: one open document on the session's thread; [`pending`], [`journal`], [`presence`], [`saving`], [`status`] are its parts.
//! - [`link`]: its connection; [`backoff`] between attempts; [`server`] is the address.
//! - [`directory`]: the list of documents.
//! - [`mailbox`]: what the window hears, batched; [`notice`] are its sentences.
//! - [`person`]: who somebody is; [`colors`]: a colour of one's own for everybody.
//! - [`limits`]: every bound by name.

use std::path::PathBuf;

use bytes::Bytes;
use serde_json::Value;
use shared::document::Kind;
use shared::names::DocumentId;
use shared::protocol::state_vector::ClientId;
use shared::rt::task::Thread;
use shared::rt::time::Instant;
use tokio::sync::mpsc;
use tokio::sync::mpsc::error::TrySendError;

pub mod backoff;
pub mod colors;
pub mod directory;
pub mod journal;
pub mod limits;
pub mod link;
pub mod mailbox;
pub mod notice;
pub mod outgoing;
pub mod pending;
pub mod person;
pub mod presence;
pub mod replica;
pub mod room;
pub mod saving;
pub mod server;
pub mod status;
#[cfg(test)]
pub mod testing;
mod url;
mod worker;

pub use directory::{Entry, Wish};
pub use mailbox::{Batch, DocumentNews, Seat};
pub use person::Person;
pub use server::Server;

use directory::Directory;
use journal::Folder;
use limits::EDIT_QUEUE_MAX;
use mailbox::Mailbox;
use room::driver::{Opening, Order, Surroundings, random_client};
use worker::{Command, Worker};

/// How a session begins.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Where documents live.
    pub server: Server,
    /// Who sits here.
    pub person: Person,
    /// The folder of state of all programs (`$XDG_STATE_HOME`).
    pub state: PathBuf,
}

/// The window's end of the session. None of its calls waits.
#[derive(Debug)]
pub struct Session {
    commands: mpsc::Sender<Command>,
    mailbox: Mailbox,
    thread: Option<Thread>,
    last_seat: Seat,
}

/// Why the session takes nothing, in words for the person.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NotTaken {
    /// Not right now: keep it and try again.
    #[error("The window is busy. Try again in a moment.")]
    Busy,
    /// Its thread has ended, which it does not while a window is open: a defect of ours.
    #[error("Something went wrong. Open the document again; your edits are kept.")]
    Ended,
}

/// A page's end of its open document.
#[derive(Debug, Clone)]
pub struct DocumentHandle {
    /// Which document.
    pub document: DocumentId,
    /// What it is.
    pub kind: Kind,
    /// Which opening of it: news of another one is not for this page.
    pub seat: Seat,
    /// The Yjs client that the page's replica must edit as.
    pub client: ClientId,
    commands: mpsc::Sender<Command>,
}

impl Session {
    /// Starts the session's thread. `window` is called on it when there is something to [take](Session::take).
    ///
    /// Errors: the system gives no thread or no runtime.
    pub fn start(settings: Settings, window: impl Fn() + Send + 'static) -> std::io::Result<Session> {
        let (commands, receiver) = mpsc::channel(EDIT_QUEUE_MAX);
        let mailbox = Mailbox::new();
        let around = Surroundings {
            folder: Folder::new(&settings.state, &settings.server.to_string()),
            directory: Directory::new(&settings.server).into(),
            server: settings.server,
            mailbox: mailbox.clone(),
            person: settings.person,
            started: Instant::now(),
        };
        let (_, thread) = Thread::start("session", Worker::new(around).run(receiver, window))?;
        Ok(Session { commands, mailbox, thread: Some(thread), last_seat: 0 })
    }

    /// Opens a document; the one that was open goes on in the background until it is saved. With `make` it is made if it is
    /// missing, as soon as there is a connection.
    pub fn open(&mut self, document: DocumentId, kind: Kind, make: bool) -> Result<DocumentHandle, NotTaken> {
        self.last_seat += 1;
        let (seat, client) = (self.last_seat, random_client());
        let opening = Opening { document: document.clone(), kind, client, seat, make };
        self.send(Command::Open(opening))?;
        Ok(DocumentHandle { document, kind, seat, client, commands: self.commands.clone() })
    }

    /// Asks for something about the list of documents. The answer comes in a batch.
    pub fn wish(&self, wish: Wish) -> Result<(), NotTaken> {
        self.send(Command::Wish(wish))
    }

    /// Everything the window has not heard yet.
    pub fn take(&self) -> Batch {
        self.mailbox.take()
    }

    /// Has the last edits saved, for a short while; what is not saved then stays in the journal. Waits for the thread to end.
    pub fn close(mut self) {
        // The thread takes commands until it is told to end, so this waits for a queue at most.
        let _ = self.commands.blocking_send(Command::Shutdown);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }

    fn send(&self, command: Command) -> Result<(), NotTaken> {
        send(&self.commands, command)
    }
}

impl DocumentHandle {
    /// Hands over an own edit.
    pub fn edit(&self, update: Bytes) -> Result<(), NotTaken> {
        self.order(Order::Edit(update))
    }

    /// Says something of the person to the others, such as the caret ([`presence::CURSOR`]). Only the latest counts.
    pub fn presence(&self, field: &'static str, value: Value) -> Result<(), NotTaken> {
        self.order(Order::Presence(field, value))
    }

    fn order(&self, order: Order) -> Result<(), NotTaken> {
        send(&self.commands, Command::Order(self.seat, order))
    }
}

fn send(commands: &mpsc::Sender<Command>, command: Command) -> Result<(), NotTaken> {
    match commands.try_send(command) {
        Ok(()) => Ok(()),
        Err(TrySendError::Full(_)) => Err(NotTaken::Busy),
        Err(TrySendError::Closed(_)) => Err(NotTaken::Ended),
    }
}
