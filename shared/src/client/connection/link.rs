//! The lasting link to a node.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use tokio::sync::{Notify, Semaphore, mpsc, oneshot};

use super::handshake;
use super::pipeline::Pipeline;
use super::request::{Answer, Failure, Order, Request};
use crate::client::address::Address;
use crate::client::backoff::Backoff;
use crate::client::config::ClientConfig;
use crate::limits::{IN_FLIGHT_BYTES_MAX, IN_FLIGHT_REQUESTS_MAX};
use crate::rt::rng::Rng;
use crate::rt::task;
use crate::rt::time::{Instant, timeout_at};

/// A link to one node. Orders go out in the order in which they are handed in, as long as one connection lasts.
///
/// It connects when there is something to send. After a loss every order in flight fails, and the next one connects again;
/// after a failed attempt to connect, orders fail at once until it is time for the next attempt.
#[derive(Debug)]
pub(crate) struct Link {
    requests: mpsc::Sender<Request>,
    room: Arc<Semaphore>,
}

/// Numbers connections for the whole process.
static CONNECTIONS: AtomicU64 = AtomicU64::new(1);

impl Link {
    /// A link to this node; `lost` is told whenever a connection breaks or cannot be made.
    pub(crate) fn new(address: Address, config: Arc<ClientConfig>, lost: Arc<Notify>) -> Link {
        let (sender, requests) = mpsc::channel(IN_FLIGHT_REQUESTS_MAX);
        let backoff = Backoff::new(config.backoff_min, config.backoff_max);
        let keeper = Keeper { address, config, lost, requests, backoff, rng: Rng::from_system() };
        task::spawn(keeper.run());
        Link { requests: sender, room: Arc::new(Semaphore::new(IN_FLIGHT_BYTES_MAX)) }
    }

    /// Sends an order and waits for its end, at most until `deadline`.
    pub(crate) async fn send(&self, order: Order, deadline: Instant) -> Answer {
        let share = u32::try_from(order.bytes.len().min(IN_FLIGHT_BYTES_MAX)).unwrap_or(u32::MAX);
        let room = Arc::clone(&self.room).acquire_many_owned(share);
        let Ok(Ok(room)) = timeout_at(deadline, room).await else {
            return Err(Failure::NotSent("too much is in flight to this node".to_owned()));
        };
        let (answer, answered) = oneshot::channel();
        let request = Request { order, answer, _room: room };
        if !matches!(timeout_at(deadline, self.requests.send(request)).await, Ok(Ok(()))) {
            return Err(Failure::NotSent("too many requests are in flight to this node".to_owned()));
        }
        match timeout_at(deadline, answered).await {
            Ok(Ok(answer)) => answer,
            Ok(Err(_)) => Err(Failure::Unknown("the connection was given up".to_owned())),
            Err(_) => Err(Failure::Unknown("no answer before the deadline".to_owned())),
        }
    }
}

/// The task behind a link.
struct Keeper {
    address: Address,
    config: Arc<ClientConfig>,
    lost: Arc<Notify>,
    requests: mpsc::Receiver<Request>,
    backoff: Backoff,
    rng: Rng,
}

impl Keeper {
    async fn run(mut self) {
        while let Some(first) = self.requests.recv().await {
            match handshake::connect(&self.address, &self.config).await {
                Ok(connection) => {
                    self.backoff.reset();
                    let number = CONNECTIONS.fetch_add(1, Ordering::Relaxed);
                    let mut pipeline = Pipeline::new(connection, number);
                    pipeline.admit(first);
                    let why = pipeline.run(&mut self.requests).await;
                    let Some(why) = why else { return };
                    tracing::debug!(node = %self.address, %why, "connection lost");
                    pipeline.fail(&format!("{}: {why}", self.address));
                    self.lost.notify_one();
                }
                Err(failure) => {
                    tracing::debug!(node = %self.address, why = failure.words(), "no connection");
                    self.lost.notify_one();
                    let _ = first.answer.send(Err(failure.clone()));
                    self.refuse_for_a_while(&failure).await;
                }
            }
        }
    }

    /// Lets every order fail at once until it is time to connect again.
    async fn refuse_for_a_while(&mut self, failure: &Failure) {
        let until = Instant::now() + self.backoff.wait(&mut self.rng);
        while let Ok(Some(request)) = timeout_at(until, self.requests.recv()).await {
            let _ = request.answer.send(Err(failure.clone()));
        }
    }
}
