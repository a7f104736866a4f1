//! One connection: reads what the socket has, runs every whole request in it, answers all with one write.

use std::future::poll_fn;
use std::net::SocketAddr;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use shared::limits::{TURN_REPLY_BYTES_MAX, UNSENT_BYTES_MAX};
use shared::resp::write;
use shared::rt::net::{Detached, TcpStream};
use shared::rt::time::{self, Duration, Instant};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, ReadBuf};
use tokio::sync::oneshot;

use super::clients::Client;
use super::dispatch::{Next, Turn};
use super::hold::Hold;
use super::linger;
use super::outbox::Taken;
use super::pause::Pause;
use super::scratch::{READ_BYTES, SCRATCH, Scratch};
use super::session::{Consistency, Replies, Session};
use crate::commit::{self, Wait};
use crate::config::high::AppendFsync;
use crate::keyspace::waiting::Wake;
use crate::node::Shared;
use crate::replication::feed::{self, Hello};
use crate::slot_migration::import::{self, Offer};
use crate::topology::view::Ownership;

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
    /// What its replies must wait for, one after the other.
    holds: Vec<Hold>,
    /// What the last request waits for.
    pause: Option<Pause>,
    /// More requests are at hand, but others have their turn first.
    yields: bool,
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
    /// Since when more than the soft limit is unsent.
    over_since: Option<Instant>,
}

impl Drop for Connection {
    /// However it ends, and be it by a panic in a command: who is gone is not listed and watches nothing.
    fn drop(&mut self) {
        self.session.watch.end(&self.shared.keyspace);
        self.shared.clients.remove(self.session.client.id);
    }
}

/// Runs something to its end, unless the client is killed before.
async fn unless_killed<T>(client: &Client, task: impl Future<Output = T>) -> Option<T> {
    let mut nothing = Vec::new();
    let killed = poll_fn(|cx| match client.outbox.poll_take(cx, &mut nothing, 0) {
        Taken::Closed => Poll::Ready(()),
        _ => Poll::Pending,
    });
    tokio::select! {
        biased;
        () = killed => None,
        ended = task => Some(ended),
    }
}

/// How a client that waited for keys was woken.
enum Woken {
    By(Option<Wake>),
    Unblocked(bool),
}

impl Connection {
    async fn run(&mut self) -> Goodbye {
        loop {
            let stopped = match poll_fn(|cx| self.poll_turn(cx)).await {
                Ok(Stop { holds, pause, .. }) => self.wait(holds, pause).await,
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
            let flushed = self.poll_pushes(cx)?.is_ready();
            if self.closing && flushed {
                return Poll::Ready(Err(Goodbye::Asked));
            }
            if self.closing || self.output.len() - self.sent > UNSENT_BYTES_MAX {
                return Poll::Pending;
            }
            let stop = ready!(self.poll_requests(cx))?;
            if !stop.holds.is_empty() || stop.pause.is_some() {
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
            let stop = if self.input.is_empty() {
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
            if !stop.holds.is_empty() {
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
                Next::Close => {
                    consumed = input.len();
                    self.closing = true;
                    break None;
                }
            }
        };
        let holds = turn.end(&mut self.session);
        (consumed, Stop { holds, pause, yields })
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

    /// Waits for what replies and the last request wait for.
    async fn wait(&mut self, holds: Vec<Hold>, pause: Option<Pause>) -> Result<(), Goodbye> {
        for hold in holds {
            self.hold(hold).await?;
        }
        match pause {
            None => Ok(()),
            Some(Pause::Keys(wait)) => self.wait_for_keys(wait).await,
            Some(Pause::Reply(reply)) => {
                let reply = self.until(reply).await?;
                if self.session.replies == Replies::On {
                    self.output.extend_from_slice(&reply);
                }
                Ok(())
            }
            Some(Pause::Feed(hello)) => self.feed(*hello).await,
            Some(Pause::Import(offer)) => self.import(*offer).await,
            Some(Pause::Settled(slot, until)) => {
                let shared = Arc::clone(&self.shared);
                let mut changes = shared.view.changes();
                let settled = async {
                    while shared.view.owner(slot) == Ownership::InTransfer && changes.changed().await.is_ok()
                    {
                    }
                };
                self.until(async { time::timeout_at(until, settled).await.ok() }).await.map(drop)
            }
            Some(Pause::Unpaused(until)) => {
                let mut pauses = self.shared.clients.pauses();
                let over = async {
                    let ended = pauses.wait_for(Option::is_none);
                    // Either it was lifted, or its time has come; both let the request run.
                    time::timeout_at(until, ended).await.map(drop).ok();
                };
                self.until(over).await
            }
        }
    }

    /// Hands the connection to replication, until it ends.
    async fn feed(&mut self, hello: Hello) -> Result<(), Goodbye> {
        poll_fn(|cx| self.poll_flush(cx)).await?;
        let peer = self.session.client.peer;
        let feeding = feed::serve(&self.shared, &mut self.stream, peer, hello);
        if let Some(Err(error)) = unless_killed(&self.session.client, feeding).await {
            tracing::info!(replica = %peer, %error, "the link to a replica ended");
        }
        Err(Goodbye::Gone)
    }

    /// Hands the connection to a node that sends slots, until it ends.
    async fn import(&mut self, offer: Offer) -> Result<(), Goodbye> {
        poll_fn(|cx| self.poll_flush(cx)).await?;
        let importing = import::serve(&self.shared, &mut self.stream, std::mem::take(&mut self.input), offer);
        let _ended = unless_killed(&self.session.client, importing).await;
        Err(Goodbye::Gone)
    }

    /// Keeps replies back until what they tell holds. If it does not, they are never sent.
    async fn hold(&mut self, hold: Hold) -> Result<(), Goodbye> {
        let shared = Arc::clone(&self.shared);
        self.holding = true;
        let holds = self.until(hold.ends(&shared)).await?;
        self.holding = false;
        if let Err(why) = holds {
            tracing::warn!(id = self.session.client.id, why, "closing a connection without its replies");
            return Err(Goodbye::Gone);
        }
        // It may have taken long.
        let led = self.session.led;
        let demoted = self.shared.bus.is_some() && !self.shared.replication.leads_since(led);
        if matches!(hold, Hold::Log { .. }) && (demoted || !self.shared.view.is_leased()) {
            return Box::pin(self.hold(Hold::Lease { led })).await;
        }
        Ok(())
    }

    async fn wait_for_keys(&mut self, mut wait: Wait) -> Result<(), Goodbye> {
        let shared = Arc::clone(&self.shared);
        let (unblock, unblocked) = oneshot::channel();
        *self.session.client.unblock.lock() = Some(unblock);
        let timeout = wait.timeout_ms.map(Duration::from_millis);
        let woken = async {
            let late = async {
                match timeout {
                    Some(timeout) => time::sleep(timeout).await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                biased;
                woken = &mut wait.woken => Woken::By(woken.ok()),
                with_error = unblocked => Woken::Unblocked(with_error.unwrap_or(false)),
                () = late => Woken::Unblocked(false),
            }
        };
        let woken = self.until(woken).await;
        *self.session.client.unblock.lock() = None;
        commit::leave(&shared.keyspace, &wait);
        // It may have been served between the deadline and leaving the queues: then that is the answer.
        let (wake, with_error) = match woken? {
            Woken::By(wake) => (wake, false),
            Woken::Unblocked(with_error) => (wait.woken.try_recv().ok(), with_error),
        };
        match wake {
            Some(Wake::Served { reply, generation }) => {
                if generation.is_some() {
                    (self.session.generation, self.session.led) =
                        (generation, shared.replication.led_count());
                }
                self.output.extend_from_slice(&reply);
                let led = shared.replication.led_count();
                if self.session.consistency != Consistency::One {
                    self.hold(Hold::Copies { all: self.session.consistency == Consistency::All, led })
                        .await?;
                } else if let (Some(generation), AppendFsync::Always) =
                    (generation, shared.config().appendfsync)
                {
                    self.hold(Hold::Log { generation, durable: true }).await?;
                } else if !shared.view.is_leased() {
                    self.hold(Hold::Lease { led }).await?;
                }
            }
            Some(Wake::Retry) => {
                // The request is put before what came behind it, and runs again with all the locks it needs.
                let mut input = wait.waiter.request.args().raw().to_vec();
                input.append(&mut self.input);
                (self.input, self.needed) = (input, 0);
            }
            None if with_error => {
                write::error(&mut self.output, "UNBLOCKED client unblocked via CLIENT UNBLOCK");
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
            if self.holding {
                // Nothing is sent before what is held back; being killed still counts.
                if self.session.client.outbox.poll_take(cx, &mut self.output, 0) == Taken::Closed {
                    return Poll::Ready(Err(Goodbye::Asked));
                }
            } else {
                let _sent = self.poll_pushes(cx)?;
            }
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
