//! One connection: reads what the socket has, runs every whole request in it, answers all with one write.

use std::future::poll_fn;
use std::net::SocketAddr;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use shared::resp::write;
use shared::rt::net::{Detached, TcpStream};
use shared::rt::time::{self, Duration};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, ReadBuf};

use super::dispatch::{Next, Turn};
use super::outbox::Taken;
use super::pause::Pause;
use super::scratch::{READ_BYTES, SCRATCH, Scratch};
use super::session::Session;
use crate::commit::{self, Wait};
use crate::keyspace::waiting::Wake;
use crate::node::Shared;

/// Unsent replies beyond which nothing more is read from a client, bytes. It sends requests and takes no answers: up to here it
/// may (a client that pipelines everything first and reads then), beyond it waits.
const UNSENT_BYTES_MAX: usize = 256 * 1024 * 1024;

/// Pushed messages that are sent with one write, bytes.
const PUSHED_BYTES: usize = 64 * 1024;

/// Why a connection ends.
#[derive(Debug)]
enum Goodbye {
    /// The client is gone.
    Gone,
    /// It asked for it, broke the protocol, or was killed; what is unsent is sent before.
    Asked,
}

/// Serves a connection until it ends.
pub(super) async fn serve(shared: Arc<Shared>, stream: Detached, peer: SocketAddr, local: SocketAddr) {
    let stream = match stream.attach() {
        Ok(stream) => stream,
        Err(error) => return tracing::warn!(%error, "a connection could not be taken over"),
    };
    shared.stats.connected();
    let client = shared.clients.add(peer, local, time::now_ms());
    let authenticated = shared.config().requirepass.is_empty();
    let mut connection = Connection {
        shared,
        stream,
        session: Session::new(client, authenticated),
        input: Vec::new(),
        needed: 0,
        output: Vec::new(),
        sent: 0,
        closing: false,
    };
    let why = connection.run().await;
    tracing::trace!(id = connection.session.client.id, ?why, "connection ended");
    connection.shared.clients.remove(connection.session.client.id);
}

struct Connection {
    shared: Arc<Shared>,
    stream: TcpStream,
    session: Session,
    /// Bytes that are no whole request yet, or wait behind one that waits. Mostly empty: requests are read into the scratch.
    input: Vec<u8>,
    /// How long `input` must be before it is worth decoding.
    needed: usize,
    /// Replies that the socket did not take at once; sent from `sent` on.
    output: Vec<u8>,
    sent: usize,
    /// Ends when `output` is sent.
    closing: bool,
}

impl Connection {
    async fn run(&mut self) -> Goodbye {
        loop {
            match poll_fn(|cx| self.poll_turn(cx)).await {
                Ok(pause) => {
                    if let Err(goodbye) = self.pause(pause).await {
                        return goodbye;
                    }
                }
                Err(goodbye) => return goodbye,
            }
        }
    }

    /// Reads, runs and writes until there is nothing to do, or a request waits for something.
    fn poll_turn(&mut self, cx: &mut Context<'_>) -> Poll<Result<Pause, Goodbye>> {
        loop {
            let flushed = self.poll_pushes(cx)?.is_ready();
            if self.closing && flushed {
                return Poll::Ready(Err(Goodbye::Asked));
            }
            if self.closing || self.output.len() - self.sent > UNSENT_BYTES_MAX {
                return Poll::Pending;
            }
            if let Some(pause) = ready!(self.poll_requests(cx))? {
                return Poll::Ready(Ok(pause));
            }
        }
    }

    /// Runs the requests that are at hand, or reads some first.
    fn poll_requests(&mut self, cx: &mut Context<'_>) -> Poll<Result<Option<Pause>, Goodbye>> {
        SCRATCH.with_borrow_mut(|scratch| {
            scratch.clear();
            let pause = if self.input.is_empty() {
                let mut buffer = ReadBuf::new(&mut scratch.input);
                ready!(Pin::new(&mut self.stream).poll_read(cx, &mut buffer)).map_err(|_| Goodbye::Gone)?;
                let filled = buffer.filled().len();
                if filled == 0 {
                    return Poll::Ready(Err(Goodbye::Gone));
                }
                let input = std::mem::take(&mut scratch.input);
                let (consumed, pause) = self.run_requests(&input[..filled], scratch);
                self.input.extend_from_slice(&input[consumed..filled]);
                scratch.input = input;
                pause
            } else {
                if self.input.len() < self.needed {
                    self.input
                        .reserve(READ_BYTES.max((self.needed - self.input.len()).min(self.input.len())));
                    ready!(self.poll_more(cx))?;
                }
                let mut input = std::mem::take(&mut self.input);
                let (consumed, pause) = self.run_requests(&input, scratch);
                if consumed < input.len() {
                    input.drain(..consumed);
                    self.input = input;
                }
                pause
            };
            self.answer(cx, &scratch.output)?;
            Poll::Ready(Ok(pause))
        })
    }

    /// Runs every whole request of `input`; how many bytes that was, and what the last one waits for.
    fn run_requests(&mut self, input: &[u8], scratch: &mut Scratch) -> (usize, Option<Pause>) {
        let mut turn = Turn::new(&self.shared, time::now_ms());
        let mut consumed = 0;
        let pause = loop {
            match turn.next(&input[consumed..], &mut self.session, scratch) {
                Next::Ran { bytes } => consumed += bytes,
                Next::Waits { bytes, pause } => {
                    consumed += bytes;
                    // What stands behind it is looked at again afterwards.
                    self.needed = 0;
                    break Some(pause);
                }
                Next::Incomplete { needed } => {
                    self.needed = needed;
                    break None;
                }
                Next::Close => {
                    consumed = input.len();
                    self.closing = true;
                    break None;
                }
            }
        };
        turn.end(&self.session);
        (consumed, pause)
    }

    /// Sends replies at once if nothing is unsent before them; keeps what the socket does not take.
    fn answer(&mut self, cx: &mut Context<'_>, replies: &[u8]) -> Result<(), Goodbye> {
        let mut rest = replies;
        if self.output.is_empty() {
            while !rest.is_empty() {
                match Pin::new(&mut self.stream).poll_write(cx, rest) {
                    Poll::Ready(Ok(written)) => rest = &rest[written..],
                    Poll::Ready(Err(_)) => return Err(Goodbye::Gone),
                    Poll::Pending => break,
                }
            }
        }
        self.output.extend_from_slice(rest);
        Ok(())
    }

    /// Sends what is unsent and what others push. Messages leave the outbox only as fast as the client takes them: what waits is
    /// bounded there.
    fn poll_pushes(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Goodbye>> {
        loop {
            let flushed = self.poll_flush(cx)?;
            let room = if flushed.is_ready() { PUSHED_BYTES } else { 0 };
            match self.session.client.outbox.poll_take(cx, &mut self.output, room) {
                Taken::Closed => return Poll::Ready(Err(Goodbye::Asked)),
                Taken::Some => {}
                Taken::Nothing => return flushed.map(Ok),
            }
        }
    }

    /// Sends what is unsent.
    fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Goodbye>> {
        while self.sent < self.output.len() {
            let written = ready!(Pin::new(&mut self.stream).poll_write(cx, &self.output[self.sent..]));
            self.sent += written.map_err(|_| Goodbye::Gone)?;
        }
        self.sent = 0;
        if self.output.capacity() > READ_BYTES {
            self.output = Vec::new();
        } else {
            self.output.clear();
        }
        Poll::Ready(Ok(()))
    }

    /// Reads more behind what `input` holds.
    fn poll_more(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Goodbye>> {
        let read = ready!(pin!(self.stream.read_buf(&mut self.input)).poll(cx));
        match read {
            Ok(0) | Err(_) => Poll::Ready(Err(Goodbye::Gone)),
            Ok(_) => Poll::Ready(Ok(())),
        }
    }

    /// Waits for what a request waits for, and answers it.
    async fn pause(&mut self, pause: Pause) -> Result<(), Goodbye> {
        match pause {
            Pause::Keys(wait) => self.wait_for_keys(wait).await,
        }
    }

    async fn wait_for_keys(&mut self, mut wait: Wait) -> Result<(), Goodbye> {
        let shared = Arc::clone(&self.shared);
        let timeout = wait.timeout_ms.map(Duration::from_millis);
        let woken = async {
            match timeout {
                Some(timeout) => time::timeout(timeout, &mut wait.woken).await.ok(),
                None => Some((&mut wait.woken).await),
            }
        };
        let woken = self.until(woken).await;
        commit::leave(&shared.keyspace, &wait);
        // It may have been served between the deadline and leaving the queues: then that is the answer.
        let wake = match woken? {
            Some(wake) => wake.ok(),
            None => wait.woken.try_recv().ok(),
        };
        match wake {
            Some(Wake::Served(reply)) => self.output.extend_from_slice(&reply),
            Some(Wake::Retry) => {
                // The request is put before what came behind it, and runs again with all the locks it needs.
                let mut input = wait.waiter.request.args().raw().to_vec();
                input.append(&mut self.input);
                (self.input, self.needed) = (input, 0);
            }
            None => write::null_array(&mut self.output, self.session.protocol),
        }
        Ok(())
    }

    /// Waits for a future; meanwhile pushes are sent, requests are read (not run), and the connection may end.
    async fn until<T>(&mut self, future: impl Future<Output = T>) -> Result<T, Goodbye> {
        let mut future = pin!(future);
        poll_fn(|cx| {
            if let Poll::Ready(result) = future.as_mut().poll(cx) {
                return Poll::Ready(Ok(result));
            }
            let _sent = self.poll_pushes(cx)?;
            while self.input.len() < READ_BYTES {
                self.input.reserve(READ_BYTES - self.input.len());
                ready!(self.poll_more(cx))?;
                self.needed = 0;
            }
            Poll::Pending
        })
        .await
    }
}
