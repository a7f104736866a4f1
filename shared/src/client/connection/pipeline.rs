//! One connection while it lasts: requests out, replies in, in order.
//!
//! One task does both: it takes what waits (one write for many requests), writes what the socket takes, reads what it has.

use std::collections::VecDeque;
use std::io;

use bytes::{Buf, BytesMut};
use tokio::sync::{OwnedSemaphorePermit, mpsc, oneshot};

use super::handshake::Introduced;
use super::request::{Answer, Failure, Reply, Request};
use crate::limits::{IN_FLIGHT_REQUESTS_MAX, WRITE_GATHER_BYTES};
use crate::resp::{ReplyDecoder, Value};
use crate::rt::net::{Interest, TcpStream};
use crate::rt::ready;
use crate::rt::time::{Duration, Instant, sleep_until};

/// A connection that is ready for commands, and what is in flight on it.
pub(super) struct Pipeline {
    stream: TcpStream,
    decoder: ReplyDecoder,
    input: BytesMut,
    output: BytesMut,
    number: u64,
    /// Orders whose replies are due, oldest first.
    due: VecDeque<Due>,
    /// Bytes that were ever put into the output.
    queued: u64,
    /// Bytes that the socket has taken.
    written: u64,
}

/// An order whose replies are due.
struct Due {
    replies: usize,
    values: Vec<Value>,
    answer: oneshot::Sender<Answer>,
    /// Its first byte's place in the output.
    start: u64,
    patience: Duration,
    /// Set when it is the oldest: the replies of older ones were not its fault.
    deadline: Option<Instant>,
    _room: OwnedSemaphorePermit,
}

impl Pipeline {
    pub(super) fn new(connection: Introduced, number: u64) -> Pipeline {
        Pipeline {
            stream: connection.stream,
            decoder: connection.decoder,
            input: connection.input,
            output: BytesMut::with_capacity(ready::READ_BYTES),
            number,
            due: VecDeque::new(),
            queued: 0,
            written: 0,
        }
    }

    /// Takes an order on board. One that nobody waits for any more, or that was meant for another connection, is not sent.
    pub(super) fn admit(&mut self, request: Request) {
        if request.answer.is_closed() {
            return;
        }
        let order = request.order;
        if order.only_on.is_some_and(|number| number != self.number) {
            let _ = request
                .answer
                .send(Err(Failure::NotSent("the connection it was meant for is gone".to_owned())));
            return;
        }
        let start = self.queued;
        self.queued += order.bytes.len() as u64;
        self.output.extend_from_slice(&order.bytes);
        self.due.push_back(Due {
            replies: order.replies,
            values: Vec::with_capacity(order.replies),
            answer: request.answer,
            start,
            patience: order.patience,
            deadline: None,
            _room: request._room,
        });
    }

    /// Carries orders until the connection breaks (why it did) or nobody can send any more (`None`).
    pub(super) async fn run(&mut self, requests: &mut mpsc::Receiver<Request>) -> Option<String> {
        let mut open = true;
        loop {
            while open && self.has_room() {
                match requests.try_recv() {
                    Ok(request) => self.admit(request),
                    Err(mpsc::error::TryRecvError::Empty) => break,
                    Err(mpsc::error::TryRecvError::Disconnected) => open = false,
                }
            }
            if let Err(error) = self.write().and_then(|()| self.read()) {
                return Some(error.to_string());
            }
            if !open && self.due.is_empty() {
                return None;
            }
            let deadline = self
                .due
                .front_mut()
                .map(|oldest| *oldest.deadline.get_or_insert_with(|| Instant::now() + oldest.patience));
            let interest = if self.output.is_empty() {
                Interest::READABLE
            } else {
                Interest::READABLE | Interest::WRITABLE
            };
            let room = open && self.has_room();
            tokio::select! {
                biased;
                ready = self.stream.ready(interest) => {
                    if let Err(error) = ready {
                        return Some(error.to_string());
                    }
                }
                request = requests.recv(), if room => match request {
                    Some(request) => self.admit(request),
                    None => open = false,
                },
                () = until(deadline) => return Some("no reply in time".to_owned()),
            }
        }
    }

    /// Ends every order in flight: those of which the socket took no byte were not sent.
    pub(super) fn fail(&mut self, why: &str) {
        for due in self.due.drain(..) {
            let failure = if due.start >= self.written {
                Failure::NotSent(why.to_owned())
            } else {
                Failure::Unknown(why.to_owned())
            };
            let _ = due.answer.send(Err(failure));
        }
    }

    fn has_room(&self) -> bool {
        self.due.len() < IN_FLIGHT_REQUESTS_MAX && self.output.len() < WRITE_GATHER_BYTES
    }

    fn write(&mut self) -> io::Result<()> {
        let bytes = ready::write(&self.stream, &self.output)?;
        self.output.advance(bytes);
        self.written += bytes as u64;
        Ok(())
    }

    /// Reads once: one busy connection does not keep the task from its other duties.
    fn read(&mut self) -> io::Result<()> {
        if !ready::read(&self.stream, &mut self.input)? {
            return Ok(());
        }
        while let Some(value) = self.decoder.next(&mut self.input).map_err(io::Error::other)? {
            // Nobody subscribes on this connection: a push is something the server says about itself.
            if matches!(value, Value::Push(_)) {
                continue;
            }
            let Some(oldest) = self.due.front_mut() else {
                return Err(io::Error::other(format!("a reply to nothing: {value}")));
            };
            oldest.values.push(value);
            if oldest.values.len() == oldest.replies
                && let Some(done) = self.due.pop_front()
            {
                let _ = done.answer.send(Ok(Reply { values: done.values, connection: self.number }));
            }
        }
        Ok(())
    }
}

async fn until(deadline: Option<Instant>) {
    match deadline {
        Some(deadline) => sleep_until(deadline).await,
        None => std::future::pending().await,
    }
}
