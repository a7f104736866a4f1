//! A room's sockets, files and clocks.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use bytes::Bytes;
use serde_json::Value;
use shared::document::Kind;
use shared::names::DocumentId;
use shared::protocol::state_vector::ClientId;
use shared::rt::rng::{Rng, random_u64};
use shared::rt::task;
use shared::rt::time::{Duration, Instant, sleep_until};
use tokio::sync::mpsc;

use super::{Heard, NotTaken, Room, Said};
use crate::session::backoff::Backoff;
use crate::session::directory::{Directory, DirectoryError};
use crate::session::journal::{Folder, Journal};
use crate::session::limits::{COPY_WAIT, JOURNAL_SYNC_WAIT};
use crate::session::link::{self, Link, LinkError};
use crate::session::mailbox::{Mailbox, Seat};
use crate::session::notice::Notice;
use crate::session::person::Person;
use crate::session::server::Server;

/// How often time is said to pass when nothing else happens.
const TICK: Duration = Duration::from_secs(1);

/// Most messages of a link that are taken in one turn.
const TURN_MAX: usize = 256;

/// What the window wants of a room.
#[derive(Debug)]
pub enum Order {
    /// The page edited the document.
    Edit(Bytes),
    /// The page says something of the person, such as the caret.
    Presence(&'static str, Value),
    /// The page is closed: stay until everything is saved.
    Drain,
    /// The window deleted the document.
    Deleted,
    /// Leave now; the journal keeps what is not saved.
    Stop,
}

/// What a room is made of.
#[derive(Debug, Clone)]
pub struct Opening {
    /// Which document.
    pub document: DocumentId,
    /// What it is.
    pub kind: Kind,
    /// The page's Yjs client.
    pub client: ClientId,
    /// Which opening; 0 for a room without a page, which only delivers what an earlier window left.
    pub seat: Seat,
    /// Make the document if it is missing.
    pub make: bool,
}

/// What all rooms share.
#[derive(Debug, Clone)]
pub struct Surroundings {
    /// Where documents live.
    pub server: Server,
    /// Their list.
    pub directory: Arc<Directory>,
    /// What this computer keeps of them.
    pub folder: Folder,
    /// The window's ear.
    pub mailbox: Mailbox,
    /// Who sits here.
    pub person: Person,
    /// Zero of the rooms' clock.
    pub started: Instant,
}

type Attempt = Pin<Box<dyn Future<Output = Result<Link, LinkError>> + Send>>;

/// The driver of one room.
pub struct Driver {
    opening: Opening,
    around: Surroundings,
    room: Room,
    journal: Option<Journal>,
    orders: mpsc::Receiver<Order>,
    say: Option<mpsc::Sender<Said>>,
    link: Option<Link>,
    link_since: Option<Instant>,
    attempt: Option<Attempt>,
    attempt_at: Instant,
    backoff: Backoff,
    sync_at: Option<Instant>,
    copy_at: Option<Instant>,
    draining: bool,
    gone: bool,
    refused: Option<String>,
}

/// What ended a wait.
enum Occurred {
    Order(Order),
    Heard(Vec<Heard>),
    /// The link takes another message; `false`: it is gone.
    LinkTakes(bool),
    Attempted(Result<Link, LinkError>),
    Nothing,
}

/// Whether the room goes on.
enum Turn {
    On,
    End,
}

impl Driver {
    /// Opens the room with what this computer kept of the document.
    pub fn new(opening: Opening, around: Surroundings, orders: mpsc::Receiver<Order>) -> Driver {
        let mut room = Room::new(opening.kind, opening.client, random_client(), &around.person);
        let copy = around.folder.copy(&opening.document, opening.kind);
        let opened = around.folder.open(&opening.document, opening.kind.as_str(), room.pending_mut());
        let (journal, left) = match opened {
            Ok((journal, left)) => (Some(journal), left),
            Err(error) => {
                tracing::error!(%error, "no journal can be kept");
                (None, Vec::new())
            }
        };
        room.restore(copy.as_deref(), &left);
        room.set_kept(journal.is_some());
        let now = Instant::now();
        Driver {
            draining: opening.seat == 0,
            opening,
            around,
            room,
            journal,
            orders,
            say: None,
            link: None,
            link_since: None,
            attempt: None,
            attempt_at: now,
            backoff: Backoff::new(Rng::from_system()),
            sync_at: None,
            copy_at: None,
            gone: false,
            refused: None,
        }
    }

    /// Runs until the page is closed and everything is saved, or until it is stopped.
    pub async fn run(mut self) {
        self.tell_window();
        while let Turn::On = self.turn().await {
            self.tell_window();
            if self.gone || self.draining && self.room.pending().is_empty() {
                break;
            }
        }
        self.leave().await;
    }

    async fn turn(&mut self) -> Turn {
        if self.link.is_none() && self.attempt.is_none() && Instant::now() >= self.attempt_at {
            let (server, directory) = (self.around.server.clone(), Arc::clone(&self.around.directory));
            self.attempt = Some(Box::pin(attempt(server, directory, self.opening.clone())));
        }
        let (wake, says) = (self.wake_at(), self.wants_to_say());
        let occurred = tokio::select! {
            biased;
            order = self.orders.recv() => Occurred::Order(order.unwrap_or(Order::Stop)),
            heard = next_heard(&mut self.link) => Occurred::Heard(heard),
            takes = takes_more(&self.say), if says => Occurred::LinkTakes(takes),
            made = attempted(&mut self.attempt) => Occurred::Attempted(made),
            () = sleep_until(wake) => Occurred::Nothing,
        };
        match occurred {
            Occurred::Order(order) => {
                if let Turn::End = self.order(order) {
                    return Turn::End;
                }
            }
            Occurred::Heard(heard) => self.heard(heard),
            Occurred::LinkTakes(true) => self.say_next(),
            Occurred::LinkTakes(false) => self.say = None,
            Occurred::Attempted(made) => self.attempted(made),
            Occurred::Nothing => {}
        }
        self.passed();
        Turn::On
    }

    fn say_next(&mut self) {
        let now = self.now_ms();
        if let Some(say) = &self.say
            && let Some(said) = self.room.say(now)
        {
            // There is room: this is the only sender.
            let _ = say.try_send(said);
        }
    }

    fn order(&mut self, order: Order) -> Turn {
        match order {
            Order::Edit(update) => self.edit(update),
            Order::Presence(field, value) => self.room.presence_set(field, value),
            Order::Drain => self.draining = true,
            Order::Deleted => self.deleted(),
            Order::Stop => return Turn::End,
        }
        Turn::On
    }

    fn edit(&mut self, update: Bytes) {
        let now = self.now_ms();
        match self.room.edited(update, now) {
            Ok(edit) => {
                if let Some(journal) = &mut self.journal
                    && let Err(error) = journal.append(edit)
                {
                    tracing::error!(%error, "the journal cannot be written");
                    self.room.set_kept(false);
                }
                self.sync_at.get_or_insert_with(|| Instant::now() + JOURNAL_SYNC_WAIT);
                self.copy_at.get_or_insert_with(|| Instant::now() + COPY_WAIT);
            }
            Err(NotTaken::Full) => {
                self.close_page("Too many changes could not be saved. Connect again before writing on.")
            }
            Err(NotTaken::Bad(error)) => {
                tracing::error!(%error, "the page and the session disagree");
                self.close_page("This document could not be edited any further. Open it again.");
            }
        }
    }

    fn heard(&mut self, heard: Vec<Heard>) {
        if heard.is_empty() {
            self.link_lost();
            return;
        }
        let now = self.now_ms();
        for heard in heard {
            match heard {
                Heard::Deleted => self.deleted(),
                Heard::Refused(ref why) => self.change_refused(why),
                Heard::Update(_) => {
                    self.copy_at.get_or_insert_with(|| Instant::now() + COPY_WAIT);
                }
                _ => {}
            }
            if let Some(number) = self.room.heard(heard, now) {
                self.saved(number);
            }
        }
    }

    fn link_lost(&mut self) {
        self.link = None;
        self.say = None;
        // A server that refuses what is said greets every new link first: only a link that held is a good sign.
        if self.link_since.take().is_some_and(|since| self.backoff.held(since.elapsed())) {
            self.refused = None;
        }
        self.attempt_at = Instant::now() + self.backoff.next_wait();
        self.room.link_down(self.now_ms());
    }

    fn saved(&mut self, number: u64) {
        let Some(journal) = &mut self.journal else { return };
        match journal.saved(number, self.room.pending()) {
            Ok(()) if self.room.pending().is_empty() => self.room.set_kept(true),
            Ok(()) => {}
            Err(error) => tracing::warn!(%error, "the journal cannot be trimmed"),
        }
    }

    fn attempted(&mut self, made: Result<Link, LinkError>) {
        self.attempt = None;
        match made {
            Ok(link) => {
                self.opening.make = false;
                self.say = Some(link.say.clone());
                self.link = Some(link);
                self.link_since = Some(Instant::now());
                self.room.link_up();
            }
            Err(error) => {
                tracing::info!(%error, "no link");
                self.attempt_at = Instant::now() + self.backoff.next_wait();
                self.room.link_down(self.now_ms());
                match error {
                    LinkError::Unreachable(_) => {}
                    LinkError::Refused(why) => {
                        self.say_once(why, "The server does not let this document be opened.".into());
                    }
                    LinkError::OtherKind(kind) => self.other_kind(kind),
                }
            }
        }
    }

    /// The document is something else than the page: nothing of the journal can be delivered, and it stays where it is. A
    /// window that still shows the page opens the document anew, as what it is.
    fn other_kind(&mut self, kind: Kind) {
        if !self.room.pending().is_empty() {
            let kept = if self.room.status(self.now_ms()).kept {
                "What you typed is kept on this computer."
            } else {
                "What you typed could not be kept."
            };
            let words = format!("“{}” is a {}. {kept}", self.opening.document, kind.as_str());
            self.say_once(words.clone(), words);
        }
        if self.draining {
            self.gone = true;
            return;
        }
        let created = (self.opening.document.clone(), kind);
        self.around.mailbox.post(|batch| batch.created = Some(created));
    }

    /// The server closed the link because of what was said on it. Without a change there was nothing of the person's.
    fn change_refused(&mut self, why: &str) {
        if !self.room.pending().is_empty() {
            self.say_once(why.to_owned(), format!("The server refuses this change: {why}"));
        }
    }

    /// A refusal is told once, not at every attempt.
    fn say_once(&mut self, why: String, words: String) {
        if self.refused.as_ref() != Some(&why) && self.opening.seat != 0 {
            self.around.mailbox.notify(Notice::new(words));
            self.refused = Some(why);
        }
    }

    fn passed(&mut self) {
        let now = Instant::now();
        self.room.tick(self.now_ms());
        if self.sync_at.is_some_and(|at| at <= now) {
            self.sync_at = None;
            if let Some(Ok(Some(file))) = self.journal.as_mut().map(Journal::take_unsynced) {
                task::spawn_blocking(move || file.sync_data());
            }
        }
        if self.copy_at.is_some_and(|at| at <= now) {
            self.copy_at = None;
            self.write_copy();
        }
    }

    fn write_copy(&self) {
        if let Some(state) = self.room.state()
            && let Err(error) =
                self.around.folder.write_copy(&self.opening.document, self.opening.kind, &state)
        {
            tracing::warn!(%error, "no copy of the document can be kept");
        }
    }

    fn wants_to_say(&self) -> bool {
        self.say.is_some() && self.room.say_at_ms().is_some_and(|at| at <= self.now_ms())
    }

    fn wake_at(&self) -> Instant {
        let now = Instant::now();
        let mut wake = now + TICK;
        if self.link.is_none() && self.attempt.is_none() {
            wake = wake.min(self.attempt_at);
        }
        if let Some(at) = self.room.say_at_ms().filter(|_| self.say.is_some()) {
            wake = wake.min(self.at(at.max(self.now_ms())));
        }
        if let Some(at) = self.room.status_at_ms(self.now_ms()) {
            wake = wake.min(self.at(at));
        }
        [self.sync_at, self.copy_at].into_iter().flatten().fold(wake, Instant::min)
    }

    fn at(&self, ms: u64) -> Instant {
        self.around.started + Duration::from_millis(ms)
    }

    fn now_ms(&self) -> u64 {
        u64::try_from(self.around.started.elapsed().as_millis()).unwrap_or(u64::MAX)
    }

    fn tell_window(&mut self) {
        let (foreign, peers) = (self.room.take_foreign(), self.room.take_peers());
        let (status, ready) = (self.room.status(self.now_ms()), self.room.is_ready());
        if self.opening.seat == 0 {
            return;
        }
        self.around.mailbox.post_document(self.opening.seat, |news| {
            news.updates.extend(foreign);
            news.ready |= ready;
            news.status = Some(status);
            if peers.is_some() {
                news.peers = peers;
            }
        });
    }

    fn deleted(&mut self) {
        self.close_page("Somebody deleted this document.");
        self.forget();
    }

    /// The document is gone for everybody: so are its copy and its edits here.
    fn forget(&mut self) {
        self.gone = true;
        self.copy_at = None;
        self.room.pending_mut().saved_through(u64::MAX);
        self.saved(u64::MAX);
        if let Err(error) = self.around.folder.forget(&self.opening.document) {
            tracing::warn!(%error, "what is kept of a deleted document cannot be removed");
        }
    }

    fn close_page(&self, words: &str) {
        self.around.mailbox.post_document(self.opening.seat, |news| news.closed = Some(Notice::new(words)));
    }

    async fn leave(mut self) {
        let farewell = self.room.farewell(self.now_ms());
        if let Some(say) = self.say.take() {
            let _ = say.try_send(farewell);
        }
        if let Some(link) = self.link.take() {
            link.close().await;
        }
        if self.copy_at.is_some() {
            self.write_copy();
        }
        if let Some(journal) = self.journal.take()
            && let Err(error) = journal.close()
        {
            tracing::error!(%error, "the journal cannot be closed");
        }
    }
}

/// Makes the document if that is wanted, and connects it.
async fn attempt(server: Server, directory: Arc<Directory>, opening: Opening) -> Result<Link, LinkError> {
    let Opening { document, kind, make, seat, .. } = opening;
    if seat == 0 {
        // A journal says what the document was meant to be, not what it is.
        match directory.kind(&document).await {
            Ok(Some(found)) if found != kind => return Err(LinkError::OtherKind(found)),
            Ok(_) => {}
            Err(error) => return Err(LinkError::Unreachable(error.to_string())),
        }
    }
    if make {
        let made = directory.create(Some(document.clone()), kind, document.as_str()).await;
        match made {
            Ok((_, found)) if found != kind => return Err(LinkError::OtherKind(found)),
            Ok(_) => {}
            Err(DirectoryError::Unreachable) => {
                return Err(LinkError::Unreachable("the server does not answer".into()));
            }
            Err(error) => return Err(LinkError::Refused(error.to_string())),
        }
    }
    link::connect(server, document, kind).await
}

/// A Yjs client id that nobody had before: random, 53 bits.
pub fn random_client() -> ClientId {
    random_u64() >> 11
}

/// What the link brought; empty when it is gone. Waits forever without a link.
async fn next_heard(link: &mut Option<Link>) -> Vec<Heard> {
    let Some(link) = link else { return std::future::pending().await };
    let mut heard = Vec::new();
    link.hear.recv_many(&mut heard, TURN_MAX).await;
    heard
}

/// Waits until the link takes another message; `false` if it is gone.
async fn takes_more(say: &Option<mpsc::Sender<Said>>) -> bool {
    match say {
        Some(say) => say.reserve().await.is_ok(),
        None => std::future::pending().await,
    }
}

async fn attempted(attempt: &mut Option<Attempt>) -> Result<Link, LinkError> {
    match attempt {
        Some(attempt) => attempt.await,
        None => std::future::pending().await,
    }
}
