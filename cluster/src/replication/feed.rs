//! The primary's side of a link: what the replica lacks, then everything as it is written.

use std::io;
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;

use bytes::BytesMut;
use persistence::{Follower, History, LogPiece, Offsets, Store};
use shared::limits::RANGES;
use shared::rt::net::TcpStream;
use shared::rt::net::tcp::{ReadHalf, WriteHalf};
use shared::rt::task::yield_now;
use shared::rt::time::{Duration, Instant, timeout};
use shared::slot::Slot;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::sync::mpsc;

use super::catch_up::{self, Work};
use super::digests::Asking;
use super::entries;
use super::feeds::Listed;
use super::frame::{self, Ack, Frame, HEADER_BYTES, HOLDS_BYTES_MAX, Holds, Way};
use crate::node::Shared;
use crate::topology::CopyId;
use crate::topology::nodes_conf::notes;

/// How long a replica that has nothing to be told waits for a sign of life, milliseconds.
const IDLE_MS: u64 = 1_000;

/// How long replies wait for a replica whose socket takes nothing, milliseconds: then they leave without it until it has everything again.
const SLOW_MS: u64 = 50;

/// Frames are gathered up to about so many bytes for one write.
const WRITE_BYTES: usize = 256 * 1024;

/// Why a link ended.
#[derive(Debug, thiserror::Error)]
pub enum FeedError {
    /// The socket.
    #[error("{0}")]
    Io(#[from] io::Error),
    /// The log.
    #[error("{0}")]
    Store(#[from] persistence::Error),
    /// The replica sent what it has not to send.
    #[error("it sent something that is no acknowledgement, nor what it was asked for")]
    Protocol,
    /// It took nothing, or said nothing, for `repl-timeout`.
    #[error("no sign of life for repl-timeout")]
    Silent,
    /// There is a newer link to it.
    #[error("it has linked anew")]
    Replaced,
    /// This node is a replica itself now.
    #[error("this node is no primary any more")]
    Ended,
}

/// What a replica has, as it says at first.
#[derive(Debug, Clone)]
pub struct Hello {
    /// The port that it listens on.
    pub port: u16,
    /// Which copy of the shard it is, in cluster mode.
    pub copy: Option<CopyId>,
    /// Who wrote its log.
    pub history: History,
    /// Where the log of each range ends.
    pub ends: Offsets,
}

/// Serves a replica until it is gone or the node is no primary any more.
pub async fn serve(
    shared: &Arc<Shared>,
    stream: &mut TcpStream,
    peer: SocketAddr,
    hello: Hello,
) -> Result<(), FeedError> {
    let Some(store) = shared.log.store() else { return Err(FeedError::Ended) };
    let feeds = &shared.replication.feeds;
    let mut ended = feeds.ended();
    let listed = feeds.add(SocketAddr::new(peer.ip(), hello.port), hello.copy);
    if !shared.replication.may_feed() {
        return Err(FeedError::Ended);
    }
    let patience = Duration::from_secs(shared.config().repl_timeout_s.max(1));
    let (reader, writer) = stream.split();
    let (tells, told) = mpsc::channel(RANGES);
    let sending = async {
        let mut feed = Feed::new(shared, store, writer, patience, &listed, told);
        feed.plan(&hello).await?;
        feed.whole_ranges().await?;
        listed.online();
        tracing::info!(replica = %peer, "a replica is in sync");
        feed.follow().await
    };
    tokio::select! {
        biased;
        _ = ended.changed() => Err(FeedError::Ended),
        result = hear(reader, &listed, &tells, patience) => result,
        result = sending => result,
    }
}

/// Reads what the replica acknowledges, and at first what it holds.
async fn hear(
    mut reader: ReadHalf<'_>,
    listed: &Listed<'_>,
    tells: &mpsc::Sender<Holds>,
    patience: Duration,
) -> Result<(), FeedError> {
    let mut input = BytesMut::new();
    loop {
        while let Some((kind, end)) =
            frame::first(&input, HOLDS_BYTES_MAX).map_err(|_| FeedError::Protocol)?
        {
            let bytes = input.split_to(end);
            match Ack::decode(kind, &bytes[HEADER_BYTES..]) {
                Some(_) if listed.is_replaced() => return Err(FeedError::Replaced),
                Some(ack) => listed.acked(ack),
                None => {
                    let holds = Holds::decode(kind, &bytes[HEADER_BYTES..]).ok_or(FeedError::Protocol)?;
                    // No more fit than there are ranges.
                    tells.try_send(holds).map_err(|_| FeedError::Protocol)?;
                }
            }
        }
        let read = timeout(patience, reader.read_buf(&mut input)).await.map_err(|_| FeedError::Silent)??;
        if read == 0 {
            return Err(io::Error::from(io::ErrorKind::UnexpectedEof).into());
        }
    }
}

struct Feed<'f> {
    shared: &'f Arc<Shared>,
    store: &'f Store,
    listed: &'f Listed<'f>,
    writer: WriteHalf<'f>,
    patience: Duration,
    follower: Follower,
    /// Where what is next told of each range begins.
    next: Offsets,
    /// Whether the replica takes a range's records already.
    active: [bool; RANGES],
    /// What it has said that it holds of ranges.
    told: mpsc::Receiver<Holds>,
    /// What the replica is asked to compare.
    asking: Asking,
    /// Which change of the shard's slots the replica was told last.
    told_shard: u64,
    /// How often it was asked what it holds.
    asked: u64,
    /// Frames that are not written yet.
    output: Vec<u8>,
    /// Its socket took nothing for a while, and it has not everything yet.
    slow: bool,
}

impl<'f> Feed<'f> {
    fn new(
        shared: &'f Arc<Shared>,
        store: &'f Store,
        writer: WriteHalf<'f>,
        patience: Duration,
        listed: &'f Listed<'f>,
        told: mpsc::Receiver<Holds>,
    ) -> Feed<'f> {
        let follower = store.follow();
        let next = *follower.starts();
        Feed {
            shared,
            store,
            listed,
            writer,
            patience,
            follower,
            next,
            active: [false; RANGES],
            told,
            asking: Asking::new(),
            told_shard: 0,
            asked: 0,
            output: Vec::new(),
            slow: false,
        }
    }

    async fn write(&mut self) -> Result<(), FeedError> {
        let mut writing = pin!(self.writer.write_all(&self.output));
        let written = match timeout(Duration::from_millis(SLOW_MS), &mut writing).await {
            Err(_) => {
                self.slow = true;
                self.listed.is_slow();
                timeout(self.patience, writing).await
            }
            written => written,
        };
        self.output.clear();
        self.output.shrink_to(4 * WRITE_BYTES);
        Ok(written.map_err(|_| FeedError::Silent)??)
    }

    /// Has the replica say that it is there, although it has not everything yet.
    fn ask_life(&mut self) {
        Frame::Generation { generation: 0, wanted: 0 }.encode(&mut self.output);
    }

    /// Tells how each range comes, and sends the pieces of the log that the replica lacks.
    async fn plan(&mut self, hello: &Hello) -> Result<(), FeedError> {
        let (history, ends) = (self.store.history(), *self.follower.starts());
        let agreed = history.agreed(&ends, &hello.history, &hello.ends);
        let mut pieces: [Option<LogPiece>; RANGES] = Default::default();
        let mut ways = [Way::Whole; RANGES];
        for range in 0..RANGES {
            // A replica without a byte of the range agrees with everybody.
            let from =
                if hello.ends[range] == 0 { 0 } else { agreed.map_or(u64::MAX, |agreed| agreed[range]) };
            if from != hello.ends[range] || from > ends[range] {
                continue;
            }
            if from < ends[range] {
                pieces[range] = self.store.read_log(range, from, ends[range])?;
            }
            if from == ends[range] || pieces[range].is_some() {
                ways[range] = Way::Log;
            }
        }
        self.active = ways.map(|way| way == Way::Log);
        tracing::info!(
            whole = ways.iter().filter(|way| **way == Way::Whole).count(),
            "a replica asks for what it lacks"
        );
        Frame::Plan { history: history.encode().as_bytes(), ends, ways }.encode(&mut self.output);
        self.tell_shard();
        self.write().await?;
        let mut records = Vec::new();
        for (range, piece) in pieces.into_iter().enumerate() {
            let Some(mut piece) = piece else { continue };
            while piece.read(&mut records, WRITE_BYTES)? {
                Frame::Records { range, bytes: &records }.encode(&mut self.output);
                records.clear();
                self.ask_life();
                self.write().await?;
            }
        }
        Ok(())
    }

    /// Sends the ranges that the log does not lead to, slot by slot, and between slots what is written meanwhile.
    async fn whole_ranges(&mut self) -> Result<(), FeedError> {
        for range in 0..RANGES {
            if self.active[range] {
                continue;
            }
            let theirs = self.held_there(range).await?;
            // What was written of it until here is in its entries.
            self.take()?;
            self.active[range] = true;
            Frame::Begin { range, start: self.next[range] }.encode(&mut self.output);
            let mut work = Work::default();
            for slot in Slot::of_range(range) {
                let (keyspace, store) = (&self.shared.keyspace, self.store);
                match catch_up::same(keyspace, store, slot, theirs.of(slot), &mut work) {
                    Some(cut) => Frame::Same { slot, cut }.encode(&mut self.output),
                    None => self.dump(slot),
                }
                let rests = work.is_enough();
                if rests || self.output.len() >= WRITE_BYTES {
                    self.take()?;
                    self.ask_life();
                    self.write().await?;
                }
                if rests {
                    yield_now().await;
                }
            }
            Frame::End { range }.encode(&mut self.output);
            self.take()?;
            self.write().await?;
        }
        Ok(())
    }

    /// What the replica holds of a range. Meanwhile it is told what is written of the ranges that it follows.
    async fn held_there(&mut self, range: usize) -> Result<Holds, FeedError> {
        let until = Instant::now() + self.patience;
        loop {
            let (told, follower) = (&mut self.told, &self.follower);
            let more = async {
                tokio::select! {
                    biased;
                    holds = told.recv() => Ok(holds),
                    written = follower.written() => written.map(|()| None),
                }
            };
            let left = until.saturating_duration_since(Instant::now());
            match timeout(left, more).await.map_err(|_| FeedError::Silent)?? {
                Some(holds) if holds.range == range => return Ok(holds),
                Some(_) => return Err(FeedError::Protocol),
                None => {
                    self.take()?;
                    self.write().await?;
                }
            }
        }
    }

    /// Adds the entries of a slot.
    fn dump(&mut self, slot: Slot) {
        let (cut, entries) = entries::of_slot(&self.shared.keyspace, self.store, slot);
        for entries in entries::pieces(&entries, WRITE_BYTES) {
            Frame::Slot { slot, cut, entries }.encode(&mut self.output);
        }
    }

    /// Adds which slots the shard has, if that is news.
    fn tell_shard(&mut self) {
        let change = self.shared.replication.feeds.shard_change();
        if self.told_shard == change {
            return;
        }
        self.told_shard = change;
        let told = self.shared.bus.as_ref().and_then(|bus| bus.look(|engine| engine.shard_slots()));
        if let Some(told) = told {
            Frame::Shard {
                config_epoch: told.config_epoch.0,
                slots: &told.slots.to_wire(),
                transfers: notes::transfers(&told.transfers, &told.moves).as_bytes(),
            }
            .encode(&mut self.output);
        }
    }

    /// Adds what was written meanwhile of the ranges that the replica takes. The generation up to which that is all.
    fn take(&mut self) -> Result<u64, FeedError> {
        let batch = self.follower.take()?;
        for run in &batch.runs {
            self.next[run.range] = run.start + run.bytes.len() as u64;
            if self.active[run.range] {
                Frame::Records { range: run.range, bytes: &run.bytes }.encode(&mut self.output);
            }
        }
        Ok(batch.generation.number())
    }

    /// Sends everything as it is written.
    async fn follow(&mut self) -> Result<(), FeedError> {
        let mut wanted = self.shared.replication.feeds.wanted();
        loop {
            let generation = self.take()?;
            // Behind the taking: what changed before a generation was written is told before that generation is.
            self.tell_shard();
            // Behind the taking: what was taken ends before what is digested now.
            self.asking.step(self.shared, self.store, &self.next, &mut self.output);
            let wants = *wanted.borrow_and_update();
            Frame::Generation { generation, wanted: wants }.encode(&mut self.output);
            let asks = self.shared.replication.feeds.asks();
            if std::mem::replace(&mut self.asked, asks) != asks {
                // What was told before is acknowledged at once.
                Frame::Generation { generation, wanted: wants }.encode(&mut self.output);
            }
            self.write().await?;
            self.slow = self.slow && generation < self.store.written().number();
            if !self.slow {
                self.listed.sent(generation);
            }
            // What is wanted and not written yet is written at once: it is told then.
            let feeds = &self.shared.replication.feeds;
            let (told_shard, asked) = (self.told_shard, self.asked);
            let told = |wanted: &u64| {
                (*wanted <= wants || *wanted > generation)
                    && feeds.shard_change() == told_shard
                    && feeds.asks() == asked
            };
            let more = async {
                tokio::select! {
                    biased;
                    written = self.follower.written() => written,
                    _ = wanted.wait_for(|wanted| !told(wanted)) => Ok(()),
                }
            };
            // Nothing was written: the replica hears so, and answers that it is there.
            let idle = self.asking.idle().min(Duration::from_millis(IDLE_MS));
            timeout(idle, more).await.unwrap_or(Ok(()))?;
        }
    }
}
