//! A shared connection while it lasts: requests out, replies in, in order. One task does both: it takes what waits (one write for the
//! requests of many clients), writes what the socket takes, reads what it has.

use std::collections::VecDeque;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;

use bytes::{Buf, BytesMut};
use shared::limits::{PROXY_IN_FLIGHT_REQUESTS_MAX, WRITE_GATHER_BYTES};
use shared::resp::Protocol;
use shared::resp::boundary::{Boundary, Found};
use shared::rt::net::{Interest, TcpStream};
use shared::rt::ready;
use shared::rt::time::{Duration, Instant, sleep_until};
use tokio::sync::{OwnedSemaphorePermit, mpsc, oneshot, watch};

use super::dial::Dialed;
use super::link::{Answer, Failure, Order, Replies};
use super::verdict::{self, Verdict};
use crate::node::Shared;
use crate::peer::encode;

/// How long a connection is kept that nobody uses.
const IDLE_MAX: Duration = Duration::from_secs(30);

/// How long a node that owns nothing any more may owe replies: what it has done it has answered by then, what it has not is refused.
const GONE_GRACE: Duration = Duration::from_millis(200);

/// A connection that is ready for requests, and what is in flight on it.
pub(super) struct Pipeline {
    shared: Arc<Shared>,
    address: SocketAddr,
    /// Whether it owned slots when the connection was made.
    was_owner: bool,
    patience: Duration,
    stream: TcpStream,
    protocol: Protocol,
    boundary: Boundary,
    /// Bytes that the input must hold before looking at it is worth while.
    needed: usize,
    input: BytesMut,
    output: BytesMut,
    token: Arc<str>,
    /// Orders whose replies are due, oldest first.
    due: VecDeque<Due>,
    /// Replies that are due.
    owed: usize,
    /// Bytes that were ever put into the output.
    queued: u64,
    /// Bytes that the socket has taken.
    written: u64,
    /// When the last reply came, or the first request went out after a rest.
    moved: Instant,
}

/// An order whose replies are due.
struct Due {
    replies: usize,
    got: Replies,
    /// `None` for what the pipeline says by itself.
    answer: Option<oneshot::Sender<Answer>>,
    /// Its first byte's place in the output.
    start: u64,
    _room: Option<OwnedSemaphorePermit>,
}

impl Pipeline {
    pub(super) fn new(
        shared: &Arc<Shared>,
        (address, is_own): (SocketAddr, bool),
        protocol: Protocol,
        dialed: Dialed,
    ) -> Pipeline {
        Pipeline {
            shared: Arc::clone(shared),
            address,
            was_owner: !is_own && shared.view.owners().is_owner(address),
            patience: super::patience(&shared.config()),
            stream: dialed.stream,
            protocol,
            boundary: Boundary::new(),
            needed: 1,
            input: dialed.input,
            output: BytesMut::new(),
            token: dialed.token,
            due: VecDeque::new(),
            owed: 0,
            queued: 0,
            written: 0,
            moved: Instant::now(),
        }
    }

    /// Takes an order on board, unless nobody waits for it any more.
    pub(super) fn admit(&mut self, order: Order) {
        if order.answer.is_closed() {
            return;
        }
        self.put(&order.bytes, order.replies, Some(order.answer), Some(order._room));
    }

    fn put(
        &mut self,
        bytes: &[u8],
        replies: usize,
        answer: Option<oneshot::Sender<Answer>>,
        room: Option<OwnedSemaphorePermit>,
    ) {
        if self.due.is_empty() {
            self.moved = Instant::now();
        }
        let start = self.queued;
        self.queued += bytes.len() as u64;
        self.output.extend_from_slice(bytes);
        self.owed += replies;
        let got = Replies { token: Some(Arc::clone(&self.token)), ..Replies::default() };
        self.due.push_back(Due { replies, got, answer, start, _room: room });
    }

    /// Carries orders until the connection breaks or is of no more use; why.
    pub(super) async fn run(&mut self, orders: &mut mpsc::Receiver<Order>) -> String {
        let mut changes = self.shared.view.changes();
        let mut gone = None;
        loop {
            while self.has_room() {
                match orders.try_recv() {
                    Ok(order) => self.admit(order),
                    Err(_) => break,
                }
            }
            if let Err(error) = self.write().and_then(|()| self.read()) {
                return format!("{}: {error}", self.address);
            }
            if changes.has_changed().unwrap_or(false) {
                changes.mark_unchanged();
                gone = self.is_gone().then(|| gone.unwrap_or_else(|| Instant::now() + GONE_GRACE));
            }
            let (deadline, why) = match (self.due.is_empty(), gone) {
                (true, Some(_)) => return "it owns no slots any more".to_owned(),
                (true, None) => (Instant::now() + IDLE_MAX, "idle"),
                (false, Some(gone)) if gone < self.moved + self.patience => {
                    (gone, "the owner owns no slots any more and does not answer")
                }
                (false, _) => (self.moved + self.patience, "the owner does not answer"),
            };
            let readable = Interest::READABLE;
            let interest = if self.output.is_empty() { readable } else { readable | Interest::WRITABLE };
            let room = self.has_room();
            tokio::select! {
                biased;
                ready = self.stream.ready(interest) => {
                    if let Err(error) = ready {
                        return format!("{}: {error}", self.address);
                    }
                }
                order = orders.recv(), if room => match order {
                    Some(order) => self.admit(order),
                    None => return "nobody uses it".to_owned(),
                },
                () = wait_changed(&mut changes) => {}
                () = sleep_until(deadline) => return why.to_owned(),
            }
        }
    }

    /// Whether the node owns no slots any more.
    fn is_gone(&self) -> bool {
        self.was_owner && !self.shared.view.owners().is_owner(self.address)
    }

    /// Ends every order in flight: those of which the socket took no byte were not sent.
    pub(super) fn fail(&mut self, why: &str) {
        for due in self.due.drain(..) {
            let failure = if due.start >= self.written {
                Failure::NotSent(why.to_owned())
            } else {
                Failure::Unknown(why.to_owned())
            };
            if let Some(answer) = due.answer {
                let _ = answer.send(Err(failure));
            }
        }
    }

    fn has_room(&self) -> bool {
        self.owed < PROXY_IN_FLIGHT_REQUESTS_MAX && self.output.len() < WRITE_GATHER_BYTES
    }

    fn write(&mut self) -> io::Result<()> {
        let bytes = ready::write(&self.stream, &self.output)?;
        self.output.advance(bytes);
        self.written += bytes as u64;
        Ok(())
    }

    /// Reads once: one busy connection does not keep the worker from its other duties.
    fn read(&mut self) -> io::Result<()> {
        if !ready::read(&self.stream, &mut self.input)? {
            return Ok(());
        }
        self.moved = Instant::now();
        let input = std::mem::take(&mut self.input);
        let mut at = 0;
        while input.len() - at >= self.needed {
            match self.boundary.find(&input[at..], self.protocol).map_err(io::Error::other)? {
                Found::Needs(needed) => self.needed = needed,
                Found::End(length) => {
                    self.needed = 1;
                    self.reply(&input[at..at + length])?;
                    at += length;
                }
            }
        }
        self.input = input;
        self.input.advance(at);
        Ok(())
    }

    fn reply(&mut self, reply: &[u8]) -> io::Result<()> {
        // Nobody subscribes on this connection: a push is something the owner says about itself.
        if reply.first() == Some(&b'>') {
            return Ok(());
        }
        let Some(oldest) = self.due.front_mut() else {
            return Err(io::Error::other("it answered what nobody asked"));
        };
        oldest.got.push(reply);
        self.owed -= 1;
        let refused = oldest.answer.is_some() && verdict::of(reply, self.address) != Verdict::Answer;
        if oldest.got.ends.len() == oldest.replies
            && let Some(done) = self.due.pop_front()
            && let Some(answer) = done.answer
        {
            let _ = answer.send(Ok(done.got));
        }
        if refused {
            // What stood behind it is refused too, until the owner hears that it was heard.
            let mut resume = Vec::new();
            encode(&mut resume, &[b"CLIENT", b"PROXY", b"RESUME"]);
            self.put(&resume, 1, None, None);
        }
        Ok(())
    }
}

async fn wait_changed(changes: &mut watch::Receiver<u64>) {
    // Left marked as changed, for the loop to see.
    if changes.changed().await.is_ok() {
        changes.mark_changed();
    } else {
        std::future::pending().await
    }
}
