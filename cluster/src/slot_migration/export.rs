//! The old node's side: sends what slots hold, then what is written meanwhile, and hands them over.

use std::io;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use bytes::BytesMut;
use persistence::{Follower, Store};
use shared::epoch::Epoch;
use shared::limits::SLOTS;
use shared::resp::reply::ReplyDecoder;
use shared::resp::{Protocol, Value};
use shared::rt::net::TcpStream;
use shared::rt::time::{Duration, Instant, timeout_at};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::frame::{ANSWER_BYTES_MAX, Answer, Frame, VERSION};
use super::job::{Job, State};
use super::{named, noted_by_all};
use crate::bus::Bus;
use crate::node::Shared;
use crate::replication::{entries, frame, link};
use crate::topology::transfer::describe_slots;

/// How long the other node may take to be reached and to answer, milliseconds.
const CONNECT_MS: u64 = 5_000;

/// How long the hand-over may take, milliseconds; afterwards the other shard is asked what became of it.
const HANDOVER_MS: u64 = 5_000;

/// Frames are gathered up to about so many bytes for one write.
const WRITE_BYTES: usize = 256 * 1024;

/// When less than this was written while the other node took in what was before, the hand-over begins.
const CAUGHT_UP_BYTES: usize = 128 * 1024;

/// The cut of a slot whose entries were not sent: no effect on it is sent.
const NOT_SENT: u64 = u64::MAX;

/// Why a migration ended.
#[derive(Debug, thiserror::Error)]
enum ExportError {
    #[error("{0}")]
    Io(#[from] io::Error),
    #[error("{0}")]
    Store(#[from] persistence::Error),
    #[error("the target answered: {0}")]
    Refused(String),
    #[error("the target sent what is no answer")]
    Protocol,
    #[error("the target did not answer in time")]
    Silent,
    #[error("{0}")]
    NotNow(String),
    #[error("cancelled")]
    Cancelled,
}

/// Runs a migration to its end.
pub(super) async fn run(shared: &Arc<Shared>, bus: &Arc<Bus>, job: &Arc<Job>) {
    let target = named(bus, job.target);
    tracing::info!(transfer = %job.id, %target, slots = job.slots.len(), "slots are to move");
    let began = Instant::now();
    let prepared = tokio::select! {
        biased;
        () = job.until_cancelled() => Err(ExportError::Cancelled),
        prepared = prepare(shared, bus, job) => prepared,
    };
    let mut export = match prepared {
        Ok(export) => export,
        Err(ExportError::Cancelled) => return job.ends(State::Cancelled, String::new()),
        Err(error) => {
            tracing::warn!(transfer = %job.id, %target, %error, "the slots stay");
            return job.ends(State::Failed, error.to_string());
        }
    };
    job.enters(State::HandingOver);
    let paused = Instant::now();
    match export.give(bus).await {
        Ok(()) => {}
        Err(error) => {
            tracing::warn!(transfer = %job.id, %target, %error, "the hand-over was not confirmed");
            job.ends(State::HandingOver, error.to_string());
            // A connection that is closed lets the target know that nothing more will come.
            drop(export);
            until_settled(shared, bus, job).await;
        }
    }
    let mine = bus.look(|engine| job.slots.iter().any(|slot| engine.topology().me().slots().contains(slot)));
    if mine {
        return job.ends(State::Failed, "the target never took the slots: they stay".to_owned());
    }
    let (took_ms, paused_ms) = (began.elapsed().as_millis(), paused.elapsed().as_millis());
    tracing::info!(transfer = %job.id, %target, took_ms, paused_ms, "the slots have moved");
    job.enters(State::Success);
}

/// Waits until it is known what became of slots that were given.
async fn until_settled(shared: &Shared, bus: &Bus, job: &Job) {
    let mut changes = shared.view.changes();
    let unsaved = bus.order(|engine, _, _| engine.left_alone(job.id));
    if let Err(why) = unsaved {
        tracing::error!(why, "cannot write nodes.conf");
    }
    while bus.look(|engine| engine.topology().transfers.contains_key(&job.id))
        && changes.changed().await.is_ok()
    {}
}

/// Sends everything, until the target lacks so little that the slots can change hands.
async fn prepare<'e>(shared: &'e Arc<Shared>, bus: &Bus, job: &'e Job) -> Result<Export<'e>, ExportError> {
    let not_now = |error: crate::gossip::admin::Refused| ExportError::NotNow(error.to_string());
    let Some(store) = shared.log.store() else {
        return Err(ExportError::NotNow("slots move by the log: appendonly must be yes".into()));
    };
    job.enters(State::Connecting);
    let address = bus.look(|engine| engine.may_give(&job.slots, job.target)).map_err(not_now)?;
    let deadline = Instant::now() + Duration::from_millis(CONNECT_MS);
    let connecting = TcpStream::connect((address.host(), address.port));
    let stream = timeout_at(deadline, connecting).await.map_err(|_| ExportError::Silent)??;
    stream.set_nodelay(true)?;
    let patience = Duration::from_secs(shared.config().repl_timeout_s.max(1));
    let led = shared.replication.led_count();
    let mut export = Export {
        shared,
        store,
        job,
        stream,
        input: BytesMut::new(),
        patience,
        led,
        follower: store.follow(),
        cuts: vec![NOT_SENT; SLOTS],
        output: Vec::new(),
    };
    export.greet(bus, deadline).await?;
    job.enters(State::Snapshotting);
    export.snapshot().await?;
    job.enters(State::Streaming);
    export.catch_up().await?;
    Ok(export)
}

struct Export<'e> {
    shared: &'e Arc<Shared>,
    store: &'e Store,
    job: &'e Job,
    stream: TcpStream,
    input: BytesMut,
    patience: Duration,
    /// How often this node had become a primary when it began.
    led: u64,
    follower: Follower,
    /// From where on effects on each slot are to be sent.
    cuts: Vec<u64>,
    /// Frames that are not written yet.
    output: Vec<u8>,
}

impl Export<'_> {
    /// Offers the slots.
    async fn greet(&mut self, bus: &Bus, deadline: Instant) -> Result<(), ExportError> {
        let mut request = Vec::new();
        let mut answers = 1 + usize::from(link::authenticate(self.shared, &mut request));
        let (version, id, me) = (VERSION.to_string(), self.job.id.to_string(), bus.my_id().to_string());
        let slots = describe_slots(&self.job.slots, ",");
        let words = ["SLOTSYNC", &version, &id, &me, &slots].map(str::as_bytes);
        link::encode(&mut request, words.into_iter());
        timeout_at(deadline, self.stream.write_all(&request)).await.map_err(|_| ExportError::Silent)??;
        let mut decoder = ReplyDecoder::new(Protocol::Resp2);
        while answers > 0 {
            match decoder.next(&mut self.input).map_err(|_| ExportError::Protocol)? {
                Some(Value::Error(error)) => return Err(ExportError::Refused(error.to_string())),
                Some(_) => answers -= 1,
                None => self.read(deadline).await?,
            }
        }
        Ok(())
    }

    async fn read(&mut self, deadline: Instant) -> Result<(), ExportError> {
        let read = timeout_at(deadline, self.stream.read_buf(&mut self.input)).await;
        match read.map_err(|_| ExportError::Silent)?? {
            0 => Err(io::Error::from(io::ErrorKind::UnexpectedEof).into()),
            _ => Ok(()),
        }
    }

    async fn write(&mut self) -> Result<(), ExportError> {
        if !self.shared.replication.leads_since(self.led) {
            return Err(ExportError::NotNow("this node is no primary any more".into()));
        }
        let deadline = Instant::now() + self.patience;
        let written = timeout_at(deadline, self.stream.write_all(&self.output)).await;
        self.output.clear();
        self.output.shrink_to(4 * WRITE_BYTES);
        Ok(written.map_err(|_| ExportError::Silent)??)
    }

    async fn answer(&mut self, deadline: Instant) -> Result<Answer, ExportError> {
        loop {
            let first = frame::first(&self.input, ANSWER_BYTES_MAX).map_err(|_| ExportError::Protocol)?;
            if let Some((kind, end)) = first {
                let bytes = self.input.split_to(end);
                let answer = Answer::decode(kind, &bytes[frame::HEADER_BYTES..]);
                return match answer.ok_or(ExportError::Protocol)? {
                    Answer::Refused { why } => Err(ExportError::Refused(why)),
                    answer => Ok(answer),
                };
            }
            self.read(deadline).await?;
        }
    }

    /// Asks the target to confirm everything until here.
    async fn sync(&mut self, durable: bool, deadline: Instant) -> Result<(), ExportError> {
        Frame::Sync { durable }.encode(&mut self.output);
        self.write().await?;
        match self.answer(deadline).await? {
            Answer::Ack => {
                self.job.acked();
                Ok(())
            }
            _ => Err(ExportError::Protocol),
        }
    }

    /// Sends what the slots hold, and between them what is written meanwhile.
    async fn snapshot(&mut self) -> Result<(), ExportError> {
        for slot in self.job.slots.iter() {
            let (cut, entries) = entries::of_slot(&self.shared.keyspace, self.store, slot);
            self.cuts[slot.index()] = cut;
            let mut first = true;
            for entries in entries::pieces(&entries, WRITE_BYTES) {
                Frame::Slot { slot, first, entries }.encode(&mut self.output);
                first = false;
                if self.output.len() >= WRITE_BYTES {
                    self.take()?;
                    self.write().await?;
                }
            }
            self.job.slots_done.fetch_add(1, Ordering::Relaxed);
        }
        Ok(())
    }

    /// Sends what is written until the target is close behind, with everything before on its disks: so the hand-over is short.
    async fn catch_up(&mut self) -> Result<(), ExportError> {
        let mut durable = false;
        loop {
            let bytes = self.take()?;
            if durable && bytes < CAUGHT_UP_BYTES {
                return Ok(());
            }
            durable = bytes < CAUGHT_UP_BYTES;
            self.sync(durable, Instant::now() + self.patience).await?;
        }
    }

    /// Adds what was written meanwhile on slots whose entries were sent; how many bytes.
    fn take(&mut self) -> Result<usize, ExportError> {
        let before = self.output.len();
        let (cuts, output) = (&self.cuts, &mut self.output);
        for run in self.follower.take()?.runs {
            run.each(|slot, position, effect| {
                if position >= cuts[slot.index()] {
                    Frame::Effect { slot, effect }.encode(output);
                }
            })?;
        }
        let bytes = self.output.len() - before;
        self.job.remaining_bytes.fetch_add(bytes as u64, Ordering::Relaxed);
        Ok(bytes)
    }

    /// Hands the slots over. From the order on it is not known whose they are until the target has said so.
    async fn give(&mut self, bus: &Bus) -> Result<(), ExportError> {
        let job = self.job;
        let order = bus.order(|engine, _, _| engine.give(job.id, job.slots.clone(), job.target));
        let epoch: Epoch = order
            .map_err(ExportError::NotNow)?
            .map_err(|refused| ExportError::NotNow(refused.to_string()))?;
        let deadline = Instant::now() + Duration::from_millis(HANDOVER_MS);
        // Whoever asked before that may still be at it, under a lock.
        for slot in job.slots.iter() {
            drop(self.shared.keyspace.lock(slot.partition()));
        }
        let noted = noted_by_all(self.shared, Duration::from_millis(HANDOVER_MS));
        let shared = Arc::clone(self.shared);
        let sent = async {
            let store = shared.log.store().ok_or(ExportError::Protocol)?;
            store.wait_written(store.generation()).await?;
            self.take()?;
            #[cfg(feature = "sim")]
            if !self.output.is_empty() && shared::rt::sim::strikes("hand-over-loses-a-write") {
                self.output.clear();
            }
            self.sync(true, deadline).await
        };
        let (noted, sent) = tokio::join!(noted, sent);
        sent?;
        noted.map_err(ExportError::NotNow)?;
        Frame::Take { epoch }.encode(&mut self.output);
        self.write().await?;
        match self.answer(deadline).await? {
            Answer::Taken { epoch } => {
                bus.order(|engine, _, _| engine.given(job.id, job.target, epoch)).map_err(ExportError::NotNow)
            }
            _ => Err(ExportError::Protocol),
        }
    }
}
