//! A connection to an owner that the clients of a worker share; it is made anew when it is lost.

use std::net::SocketAddr;
use std::sync::Arc;

use shared::limits::{PROXY_IN_FLIGHT_BYTES_MAX, PROXY_ORDERS_MAX};
use shared::rt::task;
use shared::rt::time::{Duration, Instant, timeout, timeout_at};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc, oneshot};

use super::dial;
use super::mode::Mode;
use super::pipeline::Pipeline;
use crate::node::Shared;

/// How long orders are refused at once after a connection could not be made.
const REFUSING: Duration = Duration::from_millis(50);

/// How long a link is kept that nobody uses.
const IDLE_MAX: Duration = Duration::from_secs(60);

/// Requests that go out together.
pub(super) struct Order {
    pub(super) bytes: Vec<u8>,
    /// How many replies they get.
    pub(super) replies: usize,
    pub(super) answer: oneshot::Sender<Answer>,
    pub(super) _room: OwnedSemaphorePermit,
}

/// How an order ended.
pub(super) type Answer = Result<Replies, Failure>;

/// The replies to an order.
#[derive(Debug, Default)]
pub(super) struct Replies {
    /// One after the other.
    pub(super) bytes: Vec<u8>,
    /// Where each ends.
    pub(super) ends: Vec<usize>,
    /// The owner's token of the connection.
    pub(super) token: Option<Arc<str>>,
}

impl Replies {
    /// Appends one.
    pub(super) fn push(&mut self, reply: &[u8]) {
        self.bytes.extend_from_slice(reply);
        self.ends.push(self.bytes.len());
    }

    /// Those from `first` on, `count` of them.
    pub(super) fn each(&self, first: usize, count: usize) -> impl Iterator<Item = &[u8]> {
        (first..(first + count).min(self.ends.len())).map(|index| {
            let start = index.checked_sub(1).map_or(0, |before| self.ends[before]);
            &self.bytes[start..self.ends[index]]
        })
    }
}

/// Why an order has no replies.
#[derive(Debug, Clone)]
pub(super) enum Failure {
    /// Not one byte was sent.
    NotSent(String),
    /// The owner takes nothing from this node: asking again does not help.
    Refused(String),
    /// It was sent, at least partly, and the connection was lost.
    Unknown(String),
}

/// A link as those see it who use it.
#[derive(Clone)]
pub(super) struct Link {
    orders: mpsc::Sender<Order>,
    room: Arc<Semaphore>,
}

impl Link {
    /// A link to the node at this address; `is_own` if that is this node itself.
    pub(super) fn new(shared: &Arc<Shared>, address: SocketAddr, mode: Mode, is_own: bool) -> Link {
        let (sender, orders) = mpsc::channel(PROXY_ORDERS_MAX);
        let keeper = Keeper { shared: Arc::clone(shared), address, mode, is_own, orders };
        task::spawn(keeper.run());
        Link { orders: sender, room: Arc::new(Semaphore::new(PROXY_IN_FLIGHT_BYTES_MAX)) }
    }

    /// Whether it takes no orders any more.
    pub(super) fn is_closed(&self) -> bool {
        self.orders.is_closed()
    }

    /// Sends requests and waits for their replies. Orders go out in the order in which they are handed in.
    pub(super) async fn send(self, bytes: Vec<u8>, replies: usize, deadline: Instant) -> Answer {
        let share = u32::try_from(bytes.len().min(PROXY_IN_FLIGHT_BYTES_MAX)).unwrap_or(u32::MAX);
        let full = || Failure::NotSent("too much is on its way to the owner".to_owned());
        let room = timeout_at(deadline, self.room.acquire_many_owned(share)).await;
        let room = room.ok().and_then(Result::ok).ok_or_else(full)?;
        let (answer, answered) = oneshot::channel();
        let order = Order { bytes, replies, answer, _room: room };
        if !matches!(timeout_at(deadline, self.orders.send(order)).await, Ok(Ok(()))) {
            return Err(full());
        }
        // The pipeline has a deadline of its own for what it has sent.
        answered.await.unwrap_or_else(|_| Err(Failure::Unknown("the connection was given up".to_owned())))
    }
}

/// The task behind a link.
struct Keeper {
    shared: Arc<Shared>,
    address: SocketAddr,
    mode: Mode,
    is_own: bool,
    orders: mpsc::Receiver<Order>,
}

impl Keeper {
    async fn run(mut self) {
        while let Ok(Some(first)) = timeout(IDLE_MAX, self.orders.recv()).await {
            match dial::dial(&self.shared, self.address, self.mode, true).await {
                Ok(dialed) => {
                    let mut pipeline =
                        Pipeline::new(&self.shared, (self.address, self.is_own), self.mode.protocol, dialed);
                    pipeline.admit(first);
                    let why = pipeline.run(&mut self.orders).await;
                    tracing::debug!(owner = %self.address, %why, "a link of the proxy ended");
                    pipeline.fail(&why);
                }
                Err(why) => {
                    tracing::debug!(owner = %self.address, ?why, "no link of the proxy");
                    let _ = first.answer.send(Err(why.clone()));
                    self.refuse_for_a_while(&why).await;
                }
            }
        }
        self.orders.close();
        while let Ok(order) = self.orders.try_recv() {
            let _ = order.answer.send(Err(Failure::NotSent("the link was idle".to_owned())));
        }
    }

    async fn refuse_for_a_while(&mut self, why: &Failure) {
        let until = Instant::now() + REFUSING;
        while let Ok(Some(order)) = timeout_at(until, self.orders.recv()).await {
            let _ = order.answer.send(Err(why.clone()));
        }
    }
}
