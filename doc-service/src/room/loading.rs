//! What a room reads from the cluster: all of its document when it is opened or broke, the log when it missed something.

use std::sync::Arc;

use bytes::Bytes;
use shared::client::document::{CatchUp, DocumentDoor, LogId, Opened, State};
use shared::document::Kind;
use shared::names::DocumentId;
use shared::protocol::StateVector;
use shared::rt::task;
use shared::rt::time::Instant;

use super::Context;
use super::actor::Actor;
use super::life::End;
use super::saving::Saving;
use super::state::Effects;
use crate::catalog::{Catalog, CatalogError, Found};
use crate::gateway::CloseReason;
use crate::save::load::{self, Loaded};

impl Actor {
    /// Subscribes first, then reads state and log: what comes in between is heard.
    pub(super) async fn open(context: Arc<Context>, id: DocumentId) -> Result<Actor, End> {
        let Opened { door, subscription, content } =
            DocumentDoor::open(&context.client, &id).await.map_err(|error| End::away(&error))?;
        let kind = kind(&context, &id).await?;
        let loaded = merge(kind, content).await?;
        remove_culprits(&context, &id, &loaded).await?;
        tracing::info!(document = %id, bytes = loaded.basis.bytes(), position = %loaded.position, "a document is open");
        Ok(Actor::new(context, id, kind, door, subscription, loaded, Instant::now()))
    }

    /// Reads what the log has behind the last certain entry.
    pub(super) async fn read_log(&mut self) -> Result<Effects, End> {
        let content = self.door.read_log_since(self.position).await.map_err(|error| End::away(&error))?;
        let mut out = Effects::default();
        if let Some(state) = content.state {
            self.room.read_state(&state.update, &mut out);
        }
        let updates: Vec<Bytes> = content.entries.into_iter().map(|entry| entry.update).collect();
        self.room.read(&updates, Instant::now(), &mut out);
        self.position = content.position;
        Ok(out)
    }

    /// Builds the document anew from state and log: without what broke it, or with what it had no room for.
    ///
    /// A document that is whole goes first and stays as it is: its clients have it so, and of two edits that claim to be the same
    /// one the first counts.
    pub(super) async fn reload(&mut self) -> Result<Effects, End> {
        self.context.metrics.rebuilt_total.add(1);
        let mut content = self.door.load().await.map_err(|error| End::away(&error))?;
        let mut out = Effects::default();
        if let Some(state) = &content.state {
            self.room.read_state(&state.update, &mut out);
        }
        match self.room.document().encode_since(&StateVector::new()) {
            Ok(update) => {
                tracing::warn!(document = %self.id, "too many updates wait for others: state and log are read anew");
                let covers = content.state.map_or(LogId::START, |state| state.covers);
                content.state = Some(State { covers, update: update.into() });
            }
            Err(_) => tracing::error!(document = %self.id, "the document broke and is loaded anew"),
        }
        out.broken = false;
        let loaded = merge(self.kind, content).await?;
        remove_culprits(&self.context, &self.id, &loaded).await?;
        self.position = loaded.position;
        self.room.replace(loaded.document, loaded.basis.bytes(), &mut out);
        if out.broken {
            return Err(End::Closed(CloseReason::Refused("the document is damaged".into())));
        }
        let now = Instant::now();
        self.saving = Saving::new(self.context.save_every, loaded.basis, loaded.covers, now);
        self.saving.changed(now);
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
async fn merge(kind: Kind, content: CatchUp) -> Result<Loaded, End> {
    let damaged = |words: String| End::Closed(CloseReason::Refused(words));
    match task::spawn_blocking(move || load::merge(kind, content)).await {
        Ok(Ok(loaded)) => Ok(loaded),
        Ok(Err(CatalogError::Cluster(error))) => Err(End::away(&error)),
        Ok(Err(error)) => Err(damaged(error.to_string())),
        Err(panicked) => Err(damaged(panicked.to_string())),
    }
}

async fn remove_culprits(context: &Context, id: &DocumentId, loaded: &Loaded) -> Result<(), End> {
    load::remove_culprits(&context.client, id, &loaded.culprits).await.map_err(|error| End::away(&error))
}
