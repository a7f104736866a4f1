//! Which node each subscription lives on.
//!
//! A subscription is a seat on the connection to one node. When the connection breaks or the slot moves, its seats come back
//! here and are placed again, on whoever owns the slot by then.

use std::collections::BTreeMap;
use std::sync::Arc;

use bytes::Bytes;
use tokio::sync::{mpsc, oneshot};

use super::Subscription;
use super::link::{SubscriberLink, link};
use super::queue::Queue;
use super::topic::{Kind, Topic};
use crate::client::address::Address;
use crate::client::backoff::Backoff;
use crate::client::core::Core;
use crate::client::error::ClientError;
use crate::resp::ServerError;
use crate::rt::task;
use crate::rt::time::{Instant, sleep_until, timeout_at};

/// Orders that wait for the hub or a link; more senders wait.
const ORDERS_MAX: usize = 256;

/// The handle of the task that places subscriptions.
#[derive(Debug, Clone)]
pub(crate) struct Hub {
    core: Arc<Core>,
    seats: mpsc::Sender<Seat>,
}

/// One subscription: its topic, its reader's queue, and where it stands in being placed.
#[derive(Debug)]
pub(super) struct Seat {
    pub(super) topic: Topic,
    pub(super) queue: Arc<Queue>,
    /// Who waits for the first confirmation.
    pub(super) ready: Option<oneshot::Sender<Result<(), ServerError>>>,
    /// The reader was told `Lost` and not yet `Resumed`.
    pub(super) lost: bool,
    backoff: Backoff,
    /// Not to be placed before.
    due: Instant,
}

impl Seat {
    /// The server has confirmed: messages arrive from now on.
    pub(super) fn confirm(&mut self) {
        self.backoff.reset();
        if let Some(ready) = self.ready.take() {
            let _ = ready.send(Ok(()));
        }
        if std::mem::take(&mut self.lost) {
            self.queue.resumed();
        }
    }

    /// Messages may be missing until it is confirmed again.
    pub(super) fn lose(&mut self) {
        // Before the first confirmation nobody expects messages.
        if self.ready.is_none() && !std::mem::replace(&mut self.lost, true) {
            self.queue.lost();
        }
    }

    /// The server will not have it.
    pub(super) fn refuse(mut self, error: ServerError) {
        if let Some(ready) = self.ready.take() {
            let _ = ready.send(Err(error));
        }
        self.queue.end();
    }
}

impl Hub {
    pub(crate) fn start(core: Arc<Core>) -> Hub {
        let (seats, received) = mpsc::channel(ORDERS_MAX);
        // The task holds no sender for good: it ends when every handle is gone.
        let placer = Placer { core: Arc::clone(&core), homeless: Vec::new(), links: BTreeMap::new() };
        let (returned, returns) = mpsc::channel(ORDERS_MAX);
        task::spawn(placer.run(received, returned, returns));
        Hub { core, seats }
    }

    pub(crate) async fn subscribe(&self, kind: Kind, name: &[u8]) -> Result<Subscription, ClientError> {
        let deadline = Instant::now() + self.core.config.call_deadline;
        let queue = Arc::new(Queue::default());
        let subscription = Subscription { queue: Arc::clone(&queue), _hub: self.clone() };
        let (ready, confirmed) = oneshot::channel();
        let seat = Seat {
            topic: Topic { kind, name: Bytes::copy_from_slice(name) },
            queue,
            ready: Some(ready),
            lost: false,
            backoff: Backoff::new(self.core.config.backoff_min, self.core.config.backoff_max),
            due: Instant::now(),
        };
        let late = || ClientError::Deadline("the subscription was not confirmed".to_owned());
        timeout_at(deadline, self.seats.send(seat)).await.map_err(|_| late())?.map_err(|_| late())?;
        match timeout_at(deadline, confirmed).await {
            Ok(Ok(Ok(()))) => Ok(subscription),
            Ok(Ok(Err(error))) => Err(error.into()),
            Ok(Err(_)) | Err(_) => Err(late()),
        }
    }
}

/// The task that places seats.
struct Placer {
    core: Arc<Core>,
    /// Seats without a place.
    homeless: Vec<Seat>,
    links: BTreeMap<Address, SubscriberLink>,
}

impl Placer {
    async fn run(
        mut self,
        mut seats: mpsc::Receiver<Seat>,
        returned: mpsc::Sender<Vec<Seat>>,
        mut returns: mpsc::Receiver<Vec<Seat>>,
    ) {
        loop {
            let next = self.homeless.iter().map(|seat| seat.due).min();
            tokio::select! {
                biased;
                back = returns.recv() => {
                    let back = back.unwrap_or_default();
                    self.core.topology.wish();
                    for mut seat in back {
                        seat.due = Instant::now() + self.core.next_wait(&mut seat.backoff);
                        self.homeless.push(seat);
                    }
                }
                seat = seats.recv() => match seat {
                    Some(seat) => self.homeless.push(seat),
                    None => return,
                },
                () = until(next) => {}
            }
            self.place(&returned);
        }
    }

    /// Places every seat that is due.
    fn place(&mut self, returned: &mpsc::Sender<Vec<Seat>>) {
        self.links.retain(|_, link| !link.is_closed());
        self.homeless.retain(|seat| !seat.queue.is_left());
        let now = Instant::now();
        let (due, later) =
            std::mem::take(&mut self.homeless).into_iter().partition(|seat: &Seat| seat.due <= now);
        self.homeless = later;
        for seat in due {
            let rejected = match self.home(&seat.topic) {
                Some(address) => {
                    let core = &self.core;
                    let link = self
                        .links
                        .entry(address.clone())
                        .or_insert_with(|| link(address, Arc::clone(core), returned.clone()));
                    link.try_add(seat)
                }
                None => Some(seat),
            };
            if let Some(mut seat) = rejected {
                seat.due = now + self.core.next_wait(&mut seat.backoff);
                self.homeless.push(seat);
            }
        }
    }

    /// The node that a topic belongs on: the owner of its slot; for plain channels one that we are connected to already.
    fn home(&self, topic: &Topic) -> Option<Address> {
        let map = self.core.topology.map();
        if let Some(slot) = topic.slot() {
            return map.owner(slot).cloned();
        }
        let connected = self.links.keys().find(|address| map.shard_at(address).is_some());
        connected.cloned().or_else(|| {
            let any = self.core.random_below(map.shards().len());
            map.shards().get(any).map(|shard| shard.primary.clone())
        })
    }
}

async fn until(moment: Option<Instant>) {
    match moment {
        Some(moment) => sleep_until(moment).await,
        None => std::future::pending().await,
    }
}
