//! The task of one open document: hears the channel, takes requests, publishes, waits for *saved*, and drives the machine.

use std::sync::Arc;

use bytes::Bytes;
use futures_util::future::{BoxFuture, FutureExt};
use futures_util::stream::{FuturesUnordered, StreamExt};
use shared::client::document::{DocumentDoor, LogId, Opened};
use shared::client::{ClientError, Event, Subscription};
use shared::document::Kind;
use shared::limits::{ROOM_BATCH_MESSAGES, ROOM_PUBLISHING_MAX};
use shared::names::DocumentId;
use shared::rt::time::{Duration, Instant, MissedTickBehavior, interval};
use tokio::sync::{mpsc, oneshot};

use super::message::{RoomMessage, Whole};
use super::own::Place;
use super::saving::Saving;
use super::state::{Effects, Room};
use super::{Context, ParticipantId};
use crate::catalog::{Catalog, CatalogError, Found};
use crate::directory::Directory;
use crate::gateway::CloseReason;
use crate::save::load::{self, Loaded};

/// How often a room looks at the clock.
const TICK: Duration = Duration::from_millis(100);

/// How long a room may be without its channel before it closes: its clients would type past each other.
const DEAF_MAX: Duration = Duration::from_secs(10);

/// How long an awareness message may take to be published; a caret that late is of no use.
const PRESENCE_MAX: Duration = Duration::from_secs(5);

/// Lives as long as the document is open: opens it, serves, closes.
pub async fn live(
    directory: Arc<Directory>,
    context: Arc<Context>,
    id: DocumentId,
    me: mpsc::Sender<RoomMessage>,
    mut inbox: mpsc::Receiver<RoomMessage>,
) {
    context.metrics.rooms.up();
    let end = match Actor::open(context.clone(), id.clone()).await {
        Ok(mut actor) => actor.serve(&mut inbox).await,
        Err(end) => end,
    };
    tracing::info!(document = %id, ?end, "a document is closed");
    directory.forget(&id, &me);
    inbox.close();
    while let Some(message) = inbox.recv().await {
        turn_away(message, &end);
    }
    context.metrics.rooms.down();
}

/// Why a room closes.
#[derive(Debug)]
pub(super) enum End {
    /// Nobody needs it: it is saved. Who comes just now opens it anew.
    Idle,
    /// Its clients are told this.
    Closed(CloseReason),
}

/// Answers whoever came too late.
fn turn_away(message: RoomMessage, end: &End) {
    match (message, end) {
        (RoomMessage::Join { reply, .. }, End::Closed(reason)) => {
            let _ = reply.send(Err(reason.clone()));
        }
        (RoomMessage::Stop(done), _) => {
            let _ = done.send(());
        }
        // A dropped question is asked again, of a new room.
        _ => {}
    }
}

pub(super) struct Actor {
    pub(super) context: Arc<Context>,
    pub(super) id: DocumentId,
    pub(super) kind: Kind,
    pub(super) door: DocumentDoor,
    subscription: Subscription,
    pub(super) room: Room,
    /// The log entry up to which the document certainly is.
    pub(super) position: LogId,
    publishing: FuturesUnordered<BoxFuture<'static, Result<LogId, ClientError>>>,
    presence: FuturesUnordered<BoxFuture<'static, ()>>,
    barrier: Option<BoxFuture<'static, Place>>,
    pub(super) saving: Saving,
    deaf_since: Option<Instant>,
    used_at: Instant,
    stopping: Vec<oneshot::Sender<()>>,
}

/// What woke the room.
enum Wake {
    Heard(Option<Event>),
    Published(Result<LogId, ClientError>),
    Saved(Place),
    Save(super::saving::SaveWake),
    Asked(Vec<RoomMessage>),
    Tick,
}

impl Actor {
    /// Subscribes first, then reads state and log: what comes in between is heard.
    async fn open(context: Arc<Context>, id: DocumentId) -> Result<Actor, End> {
        let away = |error: ClientError| End::Closed(CloseReason::ClusterAway(error.to_string()));
        let Opened { door, subscription, content } =
            DocumentDoor::open(&context.client, &id).await.map_err(away)?;
        let kind = kind(&context, &id).await?;
        let loaded = merge(kind, content).await?;
        load::remove_culprits(&context.client, &id, &loaded.culprits).await.map_err(away)?;
        tracing::info!(document = %id, bytes = loaded.bytes, position = %loaded.position, "a document is open");
        let now = Instant::now();
        let saving = Saving::new(context.save_every, loaded.covers, now);
        let mut actor = Actor {
            kind,
            door,
            subscription,
            room: Room::new(loaded.document, loaded.bytes, context.metrics.clone(), now),
            position: loaded.position,
            publishing: FuturesUnordered::new(),
            presence: FuturesUnordered::new(),
            barrier: None,
            saving,
            deaf_since: None,
            used_at: now,
            stopping: Vec::new(),
            context,
            id,
        };
        if actor.position > loaded.covers {
            // The log holds what no snapshot has: whoever wrote it is gone.
            actor.saving.changed(now);
        }
        Ok(actor)
    }

    async fn serve(&mut self, inbox: &mut mpsc::Receiver<RoomMessage>) -> End {
        let mut ticks = interval(TICK);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            let wake = tokio::select! {
                biased;
                event = self.subscription.next() => Wake::Heard(event),
                Some(result) = self.publishing.next(), if !self.publishing.is_empty() => Wake::Published(result),
                Some(()) = self.presence.next(), if !self.presence.is_empty() => continue,
                place = some(&mut self.barrier) => Wake::Saved(place),
                wake = self.saving.next() => Wake::Save(wake),
                _ = ticks.tick() => Wake::Tick,
                messages = batch(inbox), if self.publishing.len() < ROOM_PUBLISHING_MAX => Wake::Asked(messages),
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
            Wake::Published(Ok(_)) => {}
            Wake::Published(Err(error)) => {
                return Err(End::Closed(CloseReason::ClusterAway(error.to_string())));
            }
            Wake::Saved(place) => {
                self.barrier = None;
                self.room.saved(place, now);
            }
            Wake::Save(wake) => self.on_save(wake, now, &mut out)?,
            Wake::Asked(messages) => {
                for message in messages {
                    self.ask(message, now, &mut out)?;
                }
            }
            Wake::Tick => self.tick(now)?,
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
            RoomMessage::Read(reply) => match self.room.document().snapshot() {
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

    fn tick(&mut self, now: Instant) -> Result<(), End> {
        if self.deaf_since.is_some_and(|since| now.saturating_duration_since(since) >= DEAF_MAX) {
            return Err(End::Closed(CloseReason::ClusterAway(
                "the channel of the document is not heard".into(),
            )));
        }
        self.room.forget_outdated(now);
        let is_unused = self.room.participants().is_empty()
            && now.saturating_duration_since(self.used_at) >= self.context.idle_after;
        let is_closing = is_unused || !self.stopping.is_empty();
        let is_quiet = self.publishing.is_empty();
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
            for update in out.publish.drain(..) {
                let door = self.door.clone();
                self.publishing.push(async move { door.publish(update).await }.boxed());
            }
            for update in out.presence.drain(..) {
                let door = self.door.clone();
                self.presence.push(publish_presence(door, update).boxed());
            }
            if self.room.take_changed() {
                self.saving.changed(now);
            }
            self.set_out().await?;
            if out.broken {
                out = self.reload().await?;
            } else if out.read_log {
                out = self.read_log().await?;
            } else {
                return Ok(());
            }
        }
    }

    /// Polls what was just begun: publications are sent in the order in which they are first polled, and a barrier covers those
    /// that were sent before it.
    async fn set_out(&mut self) -> Result<(), End> {
        std::future::poll_fn(|context| {
            use std::task::Poll;
            while let Poll::Ready(Some(result)) = self.publishing.poll_next_unpin(context) {
                if let Err(error) = result {
                    return Poll::Ready(Err(End::Closed(CloseReason::ClusterAway(error.to_string()))));
                }
            }
            while let Poll::Ready(Some(())) = self.presence.poll_next_unpin(context) {}
            Poll::Ready(Ok(()))
        })
        .await?;
        if self.barrier.is_none() && self.room.own().has_unsaved() {
            let (door, place) = (self.door.clone(), self.room.own().published());
            self.barrier = Some(
                async move {
                    door.saved().await;
                    place
                }
                .boxed(),
            );
        }
        Ok(())
    }

    /// Reads what the log has behind the last certain entry.
    async fn read_log(&mut self) -> Result<Effects, End> {
        let away = |error: ClientError| End::Closed(CloseReason::ClusterAway(error.to_string()));
        let content = self.door.read_log_since(self.position).await.map_err(away)?;
        let mut out = Effects::default();
        if let Some(state) = content.state {
            self.room.read_state(&state.update, &mut out);
        }
        let updates: Vec<Bytes> = content.entries.into_iter().map(|entry| entry.update).collect();
        self.room.read(&updates, &mut out);
        self.position = content.position;
        Ok(out)
    }

    /// The document broke: builds it anew from its last good snapshot and log, without what broke it.
    async fn reload(&mut self) -> Result<Effects, End> {
        let away = |error: ClientError| End::Closed(CloseReason::ClusterAway(error.to_string()));
        tracing::error!(document = %self.id, "the document broke and is loaded anew");
        self.context.metrics.rebuilt_total.add(1);
        let content = self.door.load().await.map_err(away)?;
        let loaded = merge(self.kind, content).await?;
        load::remove_culprits(&self.context.client, &self.id, &loaded.culprits).await.map_err(away)?;
        let mut out = Effects::default();
        self.position = loaded.position;
        self.room.replace(loaded.document, loaded.bytes, &mut out);
        if out.broken {
            return Err(End::Closed(CloseReason::Refused("the document is damaged".into())));
        }
        self.saving.changed(Instant::now());
        Ok(out)
    }
}

async fn kind(context: &Context, id: &DocumentId) -> Result<Kind, End> {
    match Catalog::new(context.client.clone()).find(id).await {
        Ok(Found::Document(meta)) => Ok(meta.kind),
        Ok(Found::Nothing) => Ok(Kind::Text),
        Ok(Found::Deleted) => Err(End::Closed(CloseReason::Deleted)),
        Err(error) => Err(End::Closed(CloseReason::ClusterAway(error.to_string()))),
    }
}

/// Merges on a thread that may take its time.
async fn merge(kind: Kind, content: shared::client::document::CatchUp) -> Result<Loaded, End> {
    let damaged = |words: String| End::Closed(CloseReason::Refused(words));
    match tokio::task::spawn_blocking(move || load::merge(kind, content)).await {
        Ok(Ok(loaded)) => Ok(loaded),
        Ok(Err(CatalogError::Cluster(error))) => {
            Err(End::Closed(CloseReason::ClusterAway(error.to_string())))
        }
        Ok(Err(error)) => Err(damaged(error.to_string())),
        Err(panicked) => Err(damaged(panicked.to_string())),
    }
}

async fn publish_presence(door: DocumentDoor, update: Bytes) {
    match shared::rt::time::timeout(PRESENCE_MAX, door.publish_awareness(&update)).await {
        Ok(Ok(())) => {}
        Ok(Err(error)) => tracing::debug!(%error, "an awareness message was not published"),
        Err(_) => tracing::debug!("an awareness message took too long"),
    }
}

/// Waits for a future that may not be there.
async fn some<T>(future: &mut Option<BoxFuture<'static, T>>) -> T {
    match future {
        Some(future) => future.await,
        None => std::future::pending().await,
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
