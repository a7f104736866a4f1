//! The new node's side: takes in what slots hold, as writes of its own, and takes the slots over.

use std::io;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use bytes::BytesMut;
use persistence::Generation;
use shared::epoch::Epoch;
use shared::node_id::NodeId;
use shared::rt::net::TcpStream;
use shared::rt::time::{self, Duration, timeout};
use shared::slot::Slot;
use shared::slot_set::SlotSet;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::frame::{Answer, Frame};
use super::job::{Job, Operation, State};
use super::{emptied, forget, noted_by_all};
use crate::bus::Bus;
use crate::command::work::Work;
use crate::commit::{self, Clock};
use crate::keyspace::Held;
use crate::node::Shared;
use crate::replay::{KeyspaceReplay, write_restore_of};
use crate::replication::entries;
use crate::replication::frame::{self, FRAME_BYTES_MAX, HEADER_BYTES};
use crate::topology::TransferId;

/// How long the copies of this shard may take to confirm, milliseconds.
const CONFIRM_MS: u64 = 5_000;

/// Slots that another node offers.
#[derive(Debug)]
pub struct Offer {
    /// The name of the migration.
    pub id: TransferId,
    /// The node that has them.
    pub source: NodeId,
    /// What is offered.
    pub slots: SlotSet,
}

/// Why a migration ended.
#[derive(Debug, thiserror::Error)]
pub enum ImportError {
    /// The socket.
    #[error("{0}")]
    Io(#[from] io::Error),
    /// The log.
    #[error("{0}")]
    Store(#[from] persistence::Error),
    /// The source sent what makes no sense where it stands.
    #[error("the source sent {0}")]
    Protocol(&'static str),
    /// Nothing came for `repl-timeout`.
    #[error("the source was silent for repl-timeout")]
    Silent,
    /// This node cannot have the slots, or not now.
    #[error("{0}")]
    NotNow(String),
}

/// Takes in slots over a connection whose first bytes were read already, until it ends.
pub async fn serve(
    shared: &Arc<Shared>,
    stream: &mut TcpStream,
    input: Vec<u8>,
    offer: Offer,
) -> Result<(), ImportError> {
    let Some(bus) = shared.bus.clone() else { return Ok(()) };
    let job = Arc::new(Job::new(offer.id, Operation::Import, offer.slots, offer.source, bus.my_id()));
    let mut import = Import {
        shared,
        bus: &bus,
        job: &job,
        stream,
        input: BytesMut::from(&input[..]),
        patience: Duration::from_secs(shared.config().repl_timeout_s.max(1)),
        led: shared.replication.led_count(),
        clock: Clock::at(time::now_ms(), &shared.config()),
        last: Generation::NONE,
        pressed: false,
        work: Work::default(),
    };
    let ended = match import.begin().await {
        Err(error) => Err(error),
        Ok(_coming) => import.run().await,
    };
    let state = if job.is_cancelled() { State::Cancelled } else { State::Failed };
    match &ended {
        Ok(()) => job.enters(State::Success),
        Err(error) => {
            tracing::warn!(transfer = %job.id, %error, "slots do not come");
            job.ends(state, error.to_string());
            let mut answer = Vec::new();
            Answer::Refused { why: error.to_string() }.encode(&mut answer);
            // Whoever has hung up need not be told.
            let _told = timeout(import.patience, import.stream.write_all(&answer)).await;
        }
    }
    ended
}

/// Slots that are coming; dropped before they are taken, what has come of them is forgotten.
struct Coming<'c> {
    shared: &'c Arc<Shared>,
    bus: &'c Bus,
    job: &'c Job,
}

impl Drop for Coming<'_> {
    fn drop(&mut self) {
        self.shared.slot_migrations.set_importing(&self.job.slots, false);
        let left = self.bus.order(|engine, _, _| {
            engine.left_alone(self.job.id);
            let topology = engine.topology();
            let mine = |slot| topology.me().slots().contains(slot);
            topology.transfers.contains_key(&self.job.id) || self.job.slots.iter().any(mine)
        });
        if !left.unwrap_or(true) {
            forget(self.shared, self.job.slots.clone());
        }
    }
}

struct Import<'i> {
    shared: &'i Arc<Shared>,
    bus: &'i Arc<Bus>,
    job: &'i Arc<Job>,
    stream: &'i mut TcpStream,
    input: BytesMut,
    patience: Duration,
    /// How often this node had become a primary when it began.
    led: u64,
    clock: Clock,
    /// What came last is in this generation of the log.
    last: Generation,
    /// So much waits for the disk that the source has to wait.
    pressed: bool,
    work: Work,
}

impl<'i> Import<'i> {
    async fn begin(&mut self) -> Result<Coming<'i>, ImportError> {
        let (shared, job) = (self.shared, self.job);
        let waited = timeout(self.patience, emptied(shared, &job.slots)).await;
        waited
            .map_err(|_| ImportError::NotNow("what was in the slots before is still being removed".into()))?;
        if let Some(slot) = shared.slot_migrations.overlaps(&job.slots) {
            return Err(ImportError::NotNow(format!("slot {slot} is part of another migration")));
        }
        let added = shared.slot_migrations.add(vec![Arc::clone(job)]);
        added.map_err(|error| ImportError::NotNow(error.to_string()))?;
        // Behind it: nobody has a slot of it moved key by key from here on.
        if let Err(refused) = self.bus.look(|engine| engine.not_moving(&job.slots)) {
            return Err(ImportError::NotNow(refused.to_string()));
        }
        job.enters(State::Snapshotting);
        shared.slot_migrations.set_importing(&job.slots, true);
        Ok(Coming { shared, bus: self.bus, job })
    }

    async fn run(&mut self) -> Result<(), ImportError> {
        loop {
            let (kind, end) = self.frame().await?;
            let bytes = self.input.split_to(end).freeze();
            let frame = Frame::decode(kind, &bytes[HEADER_BYTES..]);
            match frame.ok_or(ImportError::Protocol("what is no frame"))? {
                Frame::Slot { slot, first, entries } => self.slot(slot, first, entries)?,
                Frame::Effect { slot, effect } => self.effect(slot, effect)?,
                Frame::Sync { durable } => self.confirm(durable).await?,
                Frame::Take { epoch } => return self.take(epoch).await,
            }
            self.keep_up().await?;
        }
    }

    async fn frame(&mut self) -> Result<(u8, usize), ImportError> {
        loop {
            let first = frame::first(&self.input, FRAME_BYTES_MAX);
            if let Some(found) = first.map_err(|_| ImportError::Protocol("a frame that is too long"))? {
                return Ok(found);
            }
            let read = timeout(self.patience, self.stream.read_buf(&mut self.input)).await;
            if read.map_err(|_| ImportError::Silent)?? == 0 {
                return Err(ImportError::NotNow("the source has hung up".into()));
            }
        }
    }

    /// Whether what comes for a slot may still be taken in; asked under the lock of its partition.
    fn may_come(&self, slot: Slot) -> Result<(), ImportError> {
        if !self.shared.slot_migrations.is_importing(slot) || !self.job.slots.contains(slot) {
            return Err(ImportError::Protocol("a slot that it did not offer"));
        }
        if !self.shared.replication.leads_since(self.led) {
            return Err(ImportError::NotNow("this node is no primary any more".into()));
        }
        if self.job.is_cancelled() {
            return Err(ImportError::NotNow("FLUSHALL has removed what had come".into()));
        }
        Ok(())
    }

    fn slot(&mut self, slot: Slot, first: bool, entries: &[u8]) -> Result<(), ImportError> {
        let shared = self.shared;
        let mut payload = Vec::new();
        for entry in entries::each(entries) {
            let entry = entry.map_err(|_| ImportError::Protocol("an entry that is cut short"))?;
            write_restore_of(entry, &mut payload).ok_or(ImportError::Protocol("what is no entry"))?;
        }
        let mut partition = shared.keyspace.lock(slot.partition());
        self.may_come(slot)?;
        if first {
            let old = (!partition.table(slot).is_empty())
                .then(|| commit::empty(shared, &mut self.work, &mut partition, slot));
            self.job.slots_done.fetch_add(1, Ordering::Relaxed);
            drop(old);
        }
        if payload.is_empty() {
            return Ok(());
        }
        self.append(slot, &payload)?;
        let replay = self.replay();
        for entry in entries::each(entries).flatten() {
            let restored = replay.restored(entry).map_err(|_| ImportError::Protocol("what is no entry"))?;
            partition.insert(slot, restored);
        }
        Ok(())
    }

    fn effect(&mut self, slot: Slot, effect: &[u8]) -> Result<(), ImportError> {
        let mut held = Held::One(self.shared.keyspace.lock(slot.partition()));
        self.may_come(slot)?;
        self.append(slot, effect)?;
        let applied = self.replay().effect_under(&mut held, slot, effect);
        drop(held);
        // It is in the log: what the keys are then is told by nobody any more. The migration begins anew.
        applied.map_err(ImportError::NotNow)
    }

    fn append(&mut self, slot: Slot, effect: &[u8]) -> Result<(), ImportError> {
        let appended = self.shared.log.append(slot, effect);
        let appended = appended.map_err(|error| ImportError::NotNow(error.to_string()))?;
        if let Some(appended) = appended {
            self.last = self.last.max(appended.generation);
            self.pressed |= appended.pressed;
        }
        Ok(())
    }

    fn replay(&self) -> KeyspaceReplay<'i> {
        KeyspaceReplay { keyspace: &self.shared.keyspace, pubsub: &self.shared.pubsub, clock: self.clock }
    }

    /// Waits for the disk, if it is slower than the source.
    async fn keep_up(&mut self) -> Result<(), ImportError> {
        let Some(store) = self.shared.log.store() else { return Ok(()) };
        if std::mem::take(&mut self.pressed) { Ok(store.wait_written(self.last).await?) } else { Ok(()) }
    }

    async fn confirm(&mut self, durable: bool) -> Result<(), ImportError> {
        if durable {
            let noted = noted_by_all(self.shared, Duration::from_millis(CONFIRM_MS)).await;
            noted.map_err(ImportError::NotNow)?;
        }
        self.job.enters(State::Streaming);
        self.job.acked();
        self.answer(&Answer::Ack).await
    }

    /// Takes the slots over: everything that they hold is confirmed already.
    async fn take(&mut self, given: Epoch) -> Result<(), ImportError> {
        let job = self.job;
        self.job.enters(State::HandingOver);
        if self.job.is_cancelled() {
            return Err(ImportError::NotNow("FLUSHALL has removed what had come".into()));
        }
        let taken = self.bus.order(|engine, _, _| engine.take(job.id, job.source, job.slots.clone(), given));
        taken.map_err(ImportError::NotNow)?.map_err(|refused| ImportError::NotNow(refused.to_string()))?;
        // Whatever happens now, the slots come here: if not by this task, then by whoever leads the shard.
        let noted = noted_by_all(self.shared, Duration::from_millis(CONFIRM_MS)).await;
        noted.map_err(ImportError::NotNow)?;
        self.shared.slot_migrations.set_importing(&job.slots, false);
        for slot in job.slots.iter() {
            self.shared.keyspace.lock(slot.partition()).wind_slot(slot);
        }
        let completed = self.bus.order(|engine, _, _| engine.complete(job.id));
        let epoch = completed
            .map_err(ImportError::NotNow)?
            .map_err(|refused| ImportError::NotNow(refused.to_string()))?;
        tracing::info!(transfer = %job.id, slots = job.slots.len(), %epoch, "slots have come");
        self.answer(&Answer::Taken { epoch }).await
    }

    async fn answer(&mut self, answer: &Answer) -> Result<(), ImportError> {
        let mut bytes = Vec::new();
        answer.encode(&mut bytes);
        let written = timeout(self.patience, self.stream.write_all(&bytes)).await;
        Ok(written.map_err(|_| ImportError::Silent)??)
    }
}
