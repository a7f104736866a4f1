//! The task of one open document: hears the channel, takes requests, and does what the machine wants.

use std::sync::Arc;

use bytes::Bytes;
use shared::client::document::{DocumentDoor, LogId};
use shared::client::{Event, Subscription};
use shared::document::Kind;
use shared::limits::ROOM_BATCH_MESSAGES;
use shared::names::DocumentId;
use shared::protocol::StateVector;
use shared::rt::time::{Duration, Instant, MissedTickBehavior, interval};
use tokio::sync::{mpsc, oneshot};

use super::life::End;
use super::message::{RoomMessage, Whole};
use super::publications::{Arrived, Publications};
use super::saving::{SaveWake, Saving};
use super::state::{Effects, Room};
use super::{Context, ParticipantId};
use crate::gateway::CloseReason;
use crate::save::load::Loaded;

/// How often a room looks at the clock.
const TICK: Duration = Duration::from_millis(100);

/// How long a room may be without its channel before it closes: its clients would type past each other. As long as an edit waits
/// for the cluster ([`ClientConfig::call_deadline`](shared::client::ClientConfig)), so that both end alike.
const DEAF_MAX: Duration = Duration::from_secs(15);

/// Least time between two loads of the whole document.
const RELOAD_PAUSE: Duration = Duration::from_secs(1);

pub(super) struct Actor {
    pub(super) context: Arc<Context>,
    pub(super) id: DocumentId,
    pub(super) kind: Kind,
    pub(super) door: DocumentDoor,
    subscription: Subscription,
    pub(super) room: Room,
    /// The log entry up to which the document certainly is.
    pub(super) position: LogId,
    publications: Publications,
    pub(super) saving: Saving,
    deaf_since: Option<Instant>,
    used_at: Instant,
    /// What overflowed is not read again before: what it waits for may still be on its way.
    reload_after: Instant,
    stopping: Vec<oneshot::Sender<()>>,
}

/// What woke the room.
enum Wake {
    Heard(Option<Event>),
    Arrived(Arrived),
    Save(SaveWake),
    Asked(Vec<RoomMessage>),
    Tick,
}

impl Actor {
    pub(super) fn new(
        context: Arc<Context>,
        id: DocumentId,
        kind: Kind,
        door: DocumentDoor,
        subscription: Subscription,
        loaded: Loaded,
        now: Instant,
    ) -> Actor {
        let bytes = loaded.basis.bytes();
        let mut saving = Saving::new(context.save_every, loaded.basis, loaded.covers, now);
        if loaded.position > loaded.covers {
            // The log holds what no snapshot has: whoever wrote it is gone.
            saving.changed(now);
        }
        Actor {
            kind,
            publications: Publications::new(door.clone(), context.metrics.clone()),
            door,
            subscription,
            room: Room::new(loaded.document, bytes, context.metrics.clone(), now),
            position: loaded.position,
            saving,
            deaf_since: None,
            used_at: now,
            reload_after: now,
            stopping: Vec::new(),
            context,
            id,
        }
    }

    /// Serves until the document is to be closed.
    pub(super) async fn serve(&mut self, inbox: &mut mpsc::Receiver<RoomMessage>) -> End {
        let mut ticks = interval(TICK);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            let may_ask = self.publications.has_room();
            let wake = tokio::select! {
                biased;
                // Before the channel: a save asks seldom, and in a flood of edits nothing behind the channel would come up.
                wake = self.saving.next() => Wake::Save(wake),
                event = self.subscription.next() => Wake::Heard(event),
                arrived = self.publications.next() => Wake::Arrived(arrived),
                _ = ticks.tick() => Wake::Tick,
                messages = batch(inbox), if may_ask => Wake::Asked(messages),
            };
            if let Err(end) = self.handle(wake).await {
                if let End::Closed(reason) = &end {
                    self.room.participants().close_all(reason);
                }
                for done in self.stopping.drain(..) {
                    let _ = done.send(());
                }
                return end;
            }
        }
    }

    async fn handle(&mut self, wake: Wake) -> Result<(), End> {
        let now = Instant::now();
        let mut out = Effects::default();
        match wake {
            Wake::Heard(event) => self.hear(event, now, &mut out)?,
            Wake::Arrived(Arrived::Edit(Ok(_))) => {}
            Wake::Arrived(Arrived::Edit(Err(error))) => return Err(End::away(&error)),
            Wake::Arrived(Arrived::Saved(place)) => self.room.saved(place, now),
            Wake::Save(wake) => self.on_save(wake, now, &mut out)?,
            Wake::Asked(messages) => {
                for message in messages {
                    self.ask(message, now, &mut out)?;
                }
            }
            Wake::Tick => self.tick(now, &mut out)?,
        }
        self.perform(out, now).await
    }

    /// Takes this event and what else has come, so that a burst is relayed as one.
    fn hear(&mut self, first: Option<Event>, now: Instant, out: &mut Effects) -> Result<(), End> {
        let mut payloads: Vec<Bytes> = Vec::new();
        let mut next = match first {
            Some(event) => Some(event),
            None => return Err(End::Closed(CloseReason::ClusterAway("the channel may not be heard".into()))),
        };
        while let Some(event) = next {
            match event {
                Event::Message { payload, .. } => payloads.push(payload),
                Event::Lost => self.deaf_since = self.deaf_since.or(Some(now)),
                Event::Resumed => {
                    self.deaf_since = None;
                    out.read_log = true;
                }
            }
            next = if payloads.len() < ROOM_BATCH_MESSAGES { self.subscription.try_next() } else { None };
        }
        if !payloads.is_empty() {
            self.used_at = now;
            self.room.heard(&payloads, now, out);
        }
        Ok(())
    }

    fn ask(&mut self, message: RoomMessage, now: Instant, out: &mut Effects) -> Result<(), End> {
        match message {
            RoomMessage::Join { outbox, wants_saved, reply } => {
                let joined = self.room.join(outbox, wants_saved);
                let id = joined.as_ref().ok().copied();
                if let (Err(_), Some(id)) = (reply.send(joined), id) {
                    // It left while it waited.
                    self.room.leave(id, now, out);
                }
            }
            RoomMessage::Leave(participant) => self.leave(participant, now, out),
            RoomMessage::Request(participant, request) => self.room.request(participant, request, now, out),
            // Whoever reads it loads it, and so checks it, on a thread of their own.
            RoomMessage::Read(reply) => match self.room.document().encode_since(&StateVector::new()) {
                Ok(update) => drop(reply.send(Whole { kind: self.kind, update: update.into() })),
                Err(_) => out.broken = true,
            },
            RoomMessage::Hold(reply) => {
                self.used_at = now;
                let _ = reply.send(self.room.participants().len());
            }
            RoomMessage::Deleted => return Err(End::Closed(CloseReason::Deleted)),
            RoomMessage::Stop(done) => {
                self.stopping.push(done);
                self.room.participants().close_all(&CloseReason::GoingAway);
            }
        }
        Ok(())
    }

    fn leave(&mut self, participant: ParticipantId, now: Instant, out: &mut Effects) {
        self.used_at = now;
        self.room.leave(participant, now, out);
    }

    fn tick(&mut self, now: Instant, out: &mut Effects) -> Result<(), End> {
        out.broken |= now >= self.reload_after && self.room.take_overflowed();
        if self.deaf_since.is_some_and(|since| now.saturating_duration_since(since) >= DEAF_MAX) {
            return Err(End::Closed(CloseReason::ClusterAway(
                "the channel of the document is not heard".into(),
            )));
        }
        self.room.tick(now);
        let is_unused = self.room.participants().is_empty()
            && now.saturating_duration_since(self.used_at) >= self.context.idle_after;
        let is_closing = is_unused || !self.stopping.is_empty();
        let is_quiet = self.publications.is_quiet();
        if is_closing && is_quiet && !self.saving.is_busy() {
            return Err(if self.stopping.is_empty() {
                End::Idle
            } else {
                End::Closed(CloseReason::GoingAway)
            });
        }
        self.start_save(is_closing && is_quiet, now);
        Ok(())
    }

    /// Does what the machine wants, until it wants nothing more.
    async fn perform(&mut self, mut out: Effects, now: Instant) -> Result<(), End> {
        loop {
            out.publish.drain(..).for_each(|update| self.publications.publish(update));
            out.presence.drain(..).for_each(|update| self.publications.announce(update));
            if self.room.take_changed() {
                self.saving.changed(now);
            }
            self.publications.set_out().await.map_err(|error| End::away(&error))?;
            if self.room.own().has_unsaved() {
                self.publications.await_saved(self.room.own().published());
            }
            if out.broken {
                out = self.reload().await?;
                self.reload_after = Instant::now() + RELOAD_PAUSE;
            } else if out.read_log {
                out = self.read_log().await?;
            } else {
                return Ok(());
            }
        }
    }
}

async fn batch(inbox: &mut mpsc::Receiver<RoomMessage>) -> Vec<RoomMessage> {
    let mut messages = Vec::new();
    if inbox.recv_many(&mut messages, ROOM_BATCH_MESSAGES).await == 0 {
        // The room holds a sender to its own inbox: it never ends before the room does.
        std::future::pending::<()>().await;
    }
    messages
}
