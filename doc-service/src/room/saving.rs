//! When a room saves, what the save asks of it, and what came of it.

use shared::client::document::LogId;
use shared::rt::task::{self, JoinHandle};
use shared::rt::time::{Duration, Instant};
use tokio::sync::mpsc;

use super::actor::Actor;
use super::life::End;
use super::state::Effects;
use crate::gateway::CloseReason;
use crate::save::basis::Basis;
use crate::save::job::{Ask, Job, Saved};
use crate::save::ticker::Ticker;

/// The saves of one room, one at a time.
#[derive(Debug)]
pub(super) struct Saving {
    ticker: Ticker,
    /// What the state in the cluster covers, as far as this service knows.
    covers: LogId,
    /// The document as bytes, but for what the room took since it handed over last. The running save has it meanwhile.
    basis: Basis,
    running: Option<JoinHandle<(Saved, Basis)>>,
    asks: mpsc::Receiver<Ask>,
    ask: mpsc::Sender<Ask>,
}

/// What a save wants.
pub(super) enum SaveWake {
    Ask(Ask),
    Done(Saved),
}

impl Saving {
    /// Saves of a document that is these bytes, of which the state in the cluster covers so much.
    pub(super) fn new(every: Duration, basis: Basis, covers: LogId, now: Instant) -> Saving {
        let (ask, asks) = mpsc::channel(1);
        Saving { ticker: Ticker::new(every, now), covers, basis, running: None, asks, ask }
    }

    pub(super) fn changed(&mut self, now: Instant) {
        self.ticker.changed(now);
    }

    pub(super) fn is_busy(&self) -> bool {
        self.ticker.is_busy()
    }

    /// Waits for what the running save asks, or for its end. Cancel safe.
    pub(super) async fn next(&mut self) -> SaveWake {
        let Some(running) = &mut self.running else { return std::future::pending().await };
        tokio::select! {
            biased;
            Some(ask) = self.asks.recv() => SaveWake::Ask(ask),
            ended = running => {
                self.running = None;
                let (saved, basis) = ended
                    .unwrap_or_else(|panicked| (Saved::Damaged(panicked.to_string()), Basis::default()));
                self.basis = basis;
                SaveWake::Done(saved)
            }
        }
    }
}

/// A save of a document that is closed or loaded anew would save what nobody has any more.
impl Drop for Saving {
    fn drop(&mut self) {
        if let Some(running) = &self.running {
            running.abort();
        }
    }
}

impl Actor {
    /// Starts a save if one is due, or if the document is being closed and has something to save.
    pub(super) fn start_save(&mut self, is_last: bool, now: Instant) {
        let starts = if is_last { self.saving.ticker.start_now(now) } else { self.saving.ticker.start(now) };
        if !starts {
            return;
        }
        let job = Job {
            client: self.context.client.clone(),
            door: self.door.clone(),
            id: self.id.clone(),
            kind: self.kind,
            holder: self.context.holder.clone(),
            basis: std::mem::take(&mut self.saving.basis),
            covers: self.saving.covers,
            is_last,
            room: self.saving.ask.clone(),
        };
        self.saving.running = Some(task::spawn(job.run()));
    }

    pub(super) fn on_save(&mut self, wake: SaveWake, now: Instant, out: &mut Effects) -> Result<(), End> {
        match wake {
            SaveWake::Ask(ask) => self.answer_save(ask, now, out),
            SaveWake::Done(saved) => return self.end_save(saved, now, out),
        }
        Ok(())
    }

    fn answer_save(&mut self, ask: Ask, now: Instant, out: &mut Effects) {
        let started_at = Instant::now();
        // A save that has given up does not wait for its answer.
        match ask {
            Ask::Merge(updates, reply) => {
                self.room.read(&updates, now, out);
                let _ = reply.send(());
            }
            Ask::MergeState(state, reply) => {
                self.room.read_state(&state, out);
                let _ = reply.send(());
            }
            Ask::HandOver(reply) => {
                let _ = reply.send(self.room.hand_over());
            }
        }
        self.context.metrics.snapshot_stall.observe(started_at.elapsed());
    }

    fn end_save(&mut self, saved: Saved, now: Instant, out: &mut Effects) -> Result<(), End> {
        let metrics = &self.context.metrics;
        self.room.note_bytes(self.saving.basis.bytes());
        match saved {
            Saved::Written { covers } => {
                let bytes = self.saving.basis.state().len();
                tracing::debug!(document = %self.id, %covers, bytes, "a document is saved");
                metrics.snapshots_total.add(1);
                self.saving.covers = covers;
                self.position = self.position.max(covers);
                self.saving.ticker.done(now);
            }
            Saved::ByAnother { all: true } => self.saving.ticker.done(now),
            Saved::ByAnother { all: false } => self.saving.ticker.failed(now),
            Saved::Deleted => return Err(End::Closed(CloseReason::Deleted)),
            Saved::Damaged(why) => {
                tracing::error!(document = %self.id, why, "no snapshot can be taken");
                metrics.snapshot_failures_total.add(1);
                self.saving.ticker.failed(now);
                out.broken = true;
            }
            Saved::Failed(error) => {
                tracing::warn!(document = %self.id, %error, "a document is not saved; its log has every edit");
                metrics.snapshot_failures_total.add(1);
                self.saving.ticker.failed(now);
            }
            Saved::NoRoom => self.saving.ticker.done(now),
        }
        Ok(())
    }
}
