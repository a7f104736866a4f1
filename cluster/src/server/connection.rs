//! One connection: reads what the socket has, runs every whole request in it, answers all with one write. [`waits`]: what it waits for in
//! between; [`unsent`]: replies wait until what they tell has left for the replicas.

mod unsent;
mod waits;

use std::future::poll_fn;
use std::net::SocketAddr;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use shared::limits::{TURN_REPLY_BYTES_MAX, UNSENT_BYTES_MAX};
use shared::rt::net::{Detached, TcpStream};
use shared::rt::time::{self, Duration, Instant};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, ReadBuf};

use self::unsent::Unsent;
use super::dispatch::{Due, Next, Turn};
use super::hold::Hold;
use super::linger;
use super::outbox::Taken;
use super::pause::Pause;
use super::scratch::{READ_BYTES, SCRATCH, Scratch};
use super::session::Session;
use crate::node::Shared;

/// Pushed messages that are sent with one write, bytes.
const PUSHED_BYTES: usize = 64 * 1024;

/// How long it may take to tell a client that it is not served, milliseconds.
const REFUSAL_MS: u64 = 1_000;

/// Why a connection ends.
#[derive(Debug)]
enum Goodbye {
    /// The client is gone.
    Gone,
    /// It asked for it, broke the protocol, or was killed; what is unsent is sent before.
    Asked,
}

/// Why a connection takes no further request for now.
struct Stop {
    /// What its replies wait for.
    due: Due,
    /// Its own replies, if others belong between them.
    own: Vec<u8>,
    /// What the last request waits for.
    pause: Option<Pause>,
    /// More requests are at hand, but others have their turn first.
    yields: bool,
}

impl Stop {
    /// For this alone.
    fn held(hold: Hold) -> Stop {
        let due = Due { holds: vec![hold], ..Due::default() };
        Stop { due, own: Vec::new(), pause: None, yields: false }
    }
}

/// Serves a connection until it ends.
pub(super) async fn serve(shared: Arc<Shared>, stream: Detached, peer: SocketAddr, local: SocketAddr) {
    let stream = match stream.attach() {
        Ok(stream) => stream,
        Err(error) => return tracing::warn!(%error, "a connection could not be taken over"),
    };
    if let Some(refusal) = refusal(&shared, peer) {
        shared.stats.rejected();
        // Whoever does not take it is not waited for.
        let mut stream = stream;
        let told = stream.write_all(refusal);
        let _told = time::timeout(Duration::from_millis(REFUSAL_MS), told).await;
        return;
    }
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
        holding: false,
        unsent: None,
        over_since: None,
    };
    let why = connection.run().await;
    tracing::trace!(id = connection.session.client.id, ?why, "connection ended");
}

/// Why a connection is not served at all.
fn refusal(shared: &Shared, peer: SocketAddr) -> Option<&'static [u8]> {
    let config = shared.config();
    if shared.clients.len() >= config.maxclients {
        return Some(b"-ERR max number of clients reached\r\n");
    }
    if config.protected_mode && config.requirepass.is_empty() && !peer.ip().to_canonical().is_loopback() {
        return Some(
            b"-DENIED Redis is running in protected mode because protected mode is enabled and no password is set for the \
              default user. In this mode connections are only accepted from the loopback interface. Set a password \
              (requirepass), or set protected-mode to no.\r\n",
        );
    }
    None
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
    /// `output` is not sent yet: what it tells is not in the log.
    holding: bool,
    /// `output` is not sent yet: what it tells has not left for the replicas.
    unsent: Option<Unsent>,
    /// Since when more than the soft limit is unsent.
    over_since: Option<Instant>,
}

impl Drop for Connection {
    /// However it ends, and be it by a panic in a command: who is gone is not listed and watches nothing.
    fn drop(&mut self) {
        self.session.watch.end(&self.shared.keyspace);
        if self.unsent.is_some() {
            self.shared.replication.feeds.sent.leave(self.session.client.id);
        }
        self.shared.clients.remove(self.session.client.id);
    }
}

impl Connection {
    async fn run(&mut self) -> Goodbye {
        loop {
            let stopped = match poll_fn(|cx| self.poll_turn(cx)).await {
                Ok(stop) => self.wait(stop).await,
                Err(goodbye) => Err(goodbye),
            };
            if let Err(goodbye) = stopped {
                return goodbye;
            }
        }
    }

    /// Reads, runs and writes until there is nothing to do, or a request waits for something.
    fn poll_turn(&mut self, cx: &mut Context<'_>) -> Poll<Result<Stop, Goodbye>> {
        loop {
            self.check_limit()?;
            if let Some(hold) = ready!(self.poll_sent(cx))? {
                return Poll::Ready(Ok(Stop::held(hold)));
            }
            let flushed = self.poll_pushes(cx)?.is_ready();
            if self.closing && flushed {
                return Poll::Ready(Err(Goodbye::Asked));
            }
            if self.closing || self.output.len() - self.sent > UNSENT_BYTES_MAX {
                return Poll::Pending;
            }
            let stop = ready!(self.poll_requests(cx))?;
            if !stop.due.holds.is_empty() || stop.due.batch.is_some() || stop.pause.is_some() {
                return Poll::Ready(Ok(stop));
            }
            if stop.yields {
                cx.waker().wake_by_ref();
                return Poll::Pending;
            }
        }
    }

    /// Runs the requests that are at hand, or reads some first.
    fn poll_requests(&mut self, cx: &mut Context<'_>) -> Poll<Result<Stop, Goodbye>> {
        SCRATCH.with_borrow_mut(|scratch| {
            scratch.clear();
            let mut stop = if self.input.is_empty() {
                let mut buffer = ReadBuf::new(&mut scratch.input);
                ready!(Pin::new(&mut self.stream).poll_read(cx, &mut buffer)).map_err(|_| Goodbye::Gone)?;
                let filled = buffer.filled().len();
                if filled == 0 {
                    return Poll::Ready(Err(Goodbye::Gone));
                }
                let input = std::mem::take(&mut scratch.input);
                let (consumed, stop) = self.run_requests(&input[..filled], scratch);
                self.input.extend_from_slice(&input[consumed..filled]);
                scratch.input = input;
                stop
            } else {
                if self.input.len() < self.needed {
                    self.input
                        .reserve(READ_BYTES.max((self.needed - self.input.len()).min(self.input.len())));
                    ready!(self.poll_more(cx))?;
                }
                let mut input = std::mem::take(&mut self.input);
                let (consumed, stop) = self.run_requests(&input, scratch);
                if consumed < input.len() {
                    input.drain(..consumed);
                    self.input = input;
                }
                stop
            };
            linger::served();
            if !scratch.output.is_empty() || stop.due.batch.is_some() {
                self.note_unsent(stop.due.unsent);
            }
            if stop.due.batch.is_some() {
                stop.own.extend_from_slice(&scratch.output);
            } else if !stop.due.holds.is_empty() || self.unsent.is_some() {
                self.output.extend_from_slice(&scratch.output);
            } else {
                self.answer(cx, &scratch.output)?;
            }
            Poll::Ready(Ok(stop))
        })
    }

    /// Ends the connection when it has more unsent than `client-output-buffer-limit` allows.
    fn check_limit(&mut self) -> Result<(), Goodbye> {
        let unsent = (self.output.len() - self.sent) as u64;
        if unsent <= READ_BYTES as u64 {
            self.over_since = None;
            return Ok(());
        }
        let config = self.shared.config();
        let subscribed = self.session.subscribed();
        let limit = if subscribed { config.output_limit_pubsub } else { config.output_limit_normal };
        let over_soft = limit.soft_bytes > 0 && unsent > limit.soft_bytes;
        self.over_since = if over_soft { self.over_since.or_else(|| Some(Instant::now())) } else { None };
        let soft = Duration::from_secs(limit.soft_s);
        let over_long = self.over_since.is_some_and(|since| since.elapsed() >= soft);
        if limit.hard_bytes > 0 && unsent > limit.hard_bytes || over_long {
            tracing::warn!(id = self.session.client.id, unsent, "closing a client that takes no replies");
            return Err(Goodbye::Gone);
        }
        Ok(())
    }

    /// Runs every whole request of `input`, up to [`TURN_REPLY_BYTES_MAX`] of replies; how many bytes that was, and what the last one
    /// waits for.
    fn run_requests(&mut self, input: &[u8], scratch: &mut Scratch) -> (usize, Stop) {
        let mut turn = Turn::new(&self.shared, time::now_ms());
        let (mut consumed, mut yields) = (0, false);
        let pause = loop {
            if scratch.output.len() > TURN_REPLY_BYTES_MAX {
                (self.needed, yields) = (0, true);
                break None;
            }
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
                    if (input.len() - consumed) as u64 > self.shared.config().query_buffer_bytes_max {
                        tracing::warn!(
                            id = self.session.client.id,
                            "closing a client beyond client-query-buffer-limit"
                        );
                        consumed = input.len();
                        self.closing = true;
                    }
                    break None;
                }
                Next::Later => {
                    self.needed = 0;
                    break None;
                }
                Next::Close => {
                    consumed = input.len();
                    self.closing = true;
                    break None;
                }
            }
        };
        let due = turn.end(&mut self.session);
        (consumed, Stop { due, own: Vec::new(), pause, yields })
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
}
