//! The session's thread: one runtime, the rooms, the list of documents.

use std::collections::BTreeMap;
use std::sync::Arc;

use shared::names::DocumentId;
use shared::rt::task::{self, JoinHandle};
use shared::rt::time::{Duration, Instant, MissedTickBehavior, interval, timeout};
use tokio::sync::mpsc;

use super::directory::{Directory, DirectoryError, Wish};
use super::limits::{CLOSE_DEADLINE, DIRECTORY_WAIT, EDIT_QUEUE_MAX};
use super::mailbox::{Mailbox, Seat};
use super::notice::{NEEDS_CONNECTION, Notice};
use super::room::driver::{Driver, Opening, Order, Surroundings, random_client};

/// How long a room may take to leave when its document is opened again.
const LEAVE_DEADLINE: Duration = Duration::from_secs(2);

/// What the window wants of its session.
#[derive(Debug)]
pub(super) enum Command {
    /// Open a document on a page; the one that was open goes on in the background until it is saved.
    Open(Opening),
    /// An order of the open page.
    Order(Seat, Order),
    /// Something about the list of documents.
    Wish(Wish),
    /// The window is closed.
    Shutdown,
}

struct OpenRoom {
    seat: Seat,
    orders: mpsc::Sender<Order>,
    task: JoinHandle<()>,
}

/// The rooms and the list.
pub(super) struct Worker {
    around: Surroundings,
    rooms: BTreeMap<DocumentId, OpenRoom>,
}

impl Worker {
    pub(super) fn new(around: Surroundings) -> Worker {
        Worker { around, rooms: BTreeMap::new() }
    }

    /// Runs until the window is closed, and then as long as it takes to have everything saved, within [`CLOSE_DEADLINE`].
    pub(super) async fn run(
        mut self,
        mut commands: mpsc::Receiver<Command>,
        window: impl Fn() + Send + 'static,
    ) {
        let mailbox = self.around.mailbox.clone();
        let waker = task::spawn(async move { mailbox.wake(window).await });
        self.deliver_leftovers();
        let mut list = interval(DIRECTORY_WAIT);
        list.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                biased;
                command = commands.recv() => match command {
                    Some(Command::Open(opening)) => self.open(opening).await,
                    Some(Command::Order(seat, order)) => self.order(seat, order).await,
                    Some(Command::Wish(wish)) => self.wish(wish),
                    Some(Command::Shutdown) | None => break,
                },
                _ = list.tick() => self.wish(Wish::List),
            }
        }
        waker.abort();
        self.shut_down().await;
    }

    /// What windows left that were killed, or closed while they were offline.
    fn deliver_leftovers(&mut self) {
        for (document, kind) in self.around.folder.documents_left() {
            let Ok(kind) = kind.parse() else { continue };
            self.start(Opening { document, kind, client: random_client(), seat: 0, make: false });
        }
    }

    async fn open(&mut self, opening: Opening) {
        for room in self.rooms.values() {
            let _ = room.orders.send(Order::Drain).await;
        }
        if let Some(room) = self.rooms.remove(&opening.document) {
            // Its journal must be free before the new room takes its edits over.
            let _ = room.orders.send(Order::Stop).await;
            let _ = timeout(LEAVE_DEADLINE, room.task).await;
        }
        self.rooms.retain(|_, room| !room.task.is_finished());
        self.start(opening);
    }

    fn start(&mut self, opening: Opening) {
        let (orders, receiver) = mpsc::channel(EDIT_QUEUE_MAX);
        let (document, seat) = (opening.document.clone(), opening.seat);
        let task = task::spawn(Driver::new(opening, self.around.clone(), receiver).run());
        self.rooms.insert(document, OpenRoom { seat, orders, task });
    }

    async fn order(&mut self, seat: Seat, order: Order) {
        if let Some(room) = self.rooms.values().find(|room| room.seat == seat) {
            let _ = room.orders.send(order).await;
        }
    }

    fn wish(&self, wish: Wish) {
        let (directory, mailbox) = (Arc::clone(&self.around.directory), self.around.mailbox.clone());
        // On the cluster itself nobody else would tell the room.
        let deleted = match &wish {
            Wish::Delete(id) => self.rooms.get(id).map(|room| room.orders.clone()),
            _ => None,
        };
        task::spawn(async move {
            match grant(&directory, &mailbox, wish, deleted).await {
                Ok(()) => {}
                Err(DirectoryError::Refused(words)) => mailbox.notify(Notice::new(words)),
                Err(DirectoryError::Unreachable) => mailbox.post(|batch| batch.unreachable = true),
            }
        });
    }

    async fn shut_down(self) {
        for room in self.rooms.values() {
            let _ = room.orders.send(Order::Drain).await;
        }
        let deadline = Instant::now() + CLOSE_DEADLINE;
        for (_, room) in self.rooms {
            let OpenRoom { orders, mut task, .. } = room;
            if shared::rt::time::timeout_at(deadline, &mut task).await.is_err() {
                let _ = orders.send(Order::Stop).await;
                let _ = timeout(LEAVE_DEADLINE, task).await;
            }
        }
    }
}

/// Does what is wanted and reads the list anew. A room whose document was deleted is told so.
async fn grant(
    directory: &Directory,
    mailbox: &Mailbox,
    wish: Wish,
    room: Option<mpsc::Sender<Order>>,
) -> Result<(), DirectoryError> {
    let asked = wish != Wish::List;
    let outcome = match wish {
        Wish::List => Ok(()),
        Wish::Create { id, kind, title } => match directory.create(id, kind, &title).await {
            Ok(created) => {
                mailbox.post(|batch| batch.created = Some(created));
                Ok(())
            }
            Err(error) => Err(error),
        },
        Wish::Rename(id, title) => directory.rename(&id, &title).await,
        Wish::Delete(id) => {
            let outcome = directory.delete(&id).await;
            if let (Ok(()), Some(room)) = (&outcome, room) {
                let _ = room.send(Order::Deleted).await;
            }
            outcome
        }
    };
    match outcome {
        Err(DirectoryError::Unreachable) if asked => {
            return Err(DirectoryError::Refused(NEEDS_CONNECTION.into()));
        }
        Err(error) => return Err(error),
        Ok(()) => {}
    }
    let entries = directory.list().await?;
    mailbox.post(|batch| batch.directory = Some(entries));
    Ok(())
}
