//! Which documents there are: the hashes `doc:{ID}:meta`, and the lists of workspaces by time.
//!
//! # Layout
//!
//! - [`meta`]: what is known about one document.

use super::{Client, ClientError, Command};
use crate::document::Kind;
use crate::names::{DocumentId, workspace_key};
use crate::rt::time::{Duration, now_ms};

pub mod meta;

pub use meta::{Found, Meta, SCHEMA};

/// How long it is remembered that a document was deleted: whoever was away so long does not bring it back.
const TOMBSTONE: Duration = Duration::from_secs(7 * 24 * 3_600);

/// The documents of a cluster. What is asked for is taken as it is: bounds of titles and names are the caller's.
#[derive(Debug, Clone)]
pub struct Catalog {
    client: Client,
}

impl Catalog {
    /// The documents of the cluster behind this client.
    pub fn new(client: Client) -> Catalog {
        Catalog { client }
    }

    /// Creates a document and lists it; `None` if there is one of this id. One that was deleted is forgotten.
    pub async fn create(
        &self,
        id: &DocumentId,
        kind: Kind,
        title: &str,
        workspace: &str,
    ) -> Result<Option<Meta>, ClientError> {
        let now = now_ms();
        let (title, workspace) = (title.to_owned(), workspace.to_owned());
        let meta =
            Meta { id: id.clone(), kind, title, workspace, created: now, modified: now, schema: SCHEMA };
        let key = id.meta_key();
        let mut commands = meta.set_missing();
        commands.push(Command::new("HDEL").key(&key).arg("deleted"));
        commands.push(Command::new("PERSIST").key(&key));
        let replies = self.client.transaction(&key, commands).await?;
        if replies.first().and_then(crate::resp::Value::as_int) != Some(1) {
            return Ok(None);
        }
        self.list_as(id, &meta.workspace, meta.created).await?;
        Ok(Some(meta))
    }

    /// What is known about a document.
    pub async fn find(&self, id: &DocumentId) -> Result<Found, ClientError> {
        let answer = self.client.call(Command::new("HGETALL").key(id.meta_key())).await?;
        Ok(Found::read(id, answer))
    }

    /// Documents of a workspace, the latest changed first: at most `limit` from `offset` on.
    pub async fn list(&self, workspace: &str, offset: usize, limit: usize) -> Result<Vec<Meta>, ClientError> {
        let Some(last) = limit.checked_sub(1).map(|further| offset.saturating_add(further)) else {
            return Ok(Vec::new());
        };
        let range = Command::new("ZREVRANGE")
            .key(workspace_key(workspace))
            .arg(offset.to_string())
            .arg(last.min(i64::MAX as usize).to_string());
        let ids = self.client.call(range).await?.into_elements().unwrap_or_default();
        let ids: Vec<DocumentId> = ids.iter().filter_map(|id| id.as_str()?.parse().ok()).collect();
        // Each document lies in a slot of its own; the client pipelines what goes to one node.
        let found = futures_util::future::join_all(ids.iter().map(|id| self.find(id))).await;
        let mut documents = Vec::with_capacity(found.len());
        for found in found {
            if let Found::Document(meta) = found? {
                documents.push(meta);
            }
        }
        Ok(documents)
    }

    /// Gives a document a new title.
    pub async fn rename(&self, id: &DocumentId, title: &str) -> Result<(), ClientError> {
        let rename = Command::new("HSET").key(id.meta_key()).arg("title").arg(title).idempotent();
        self.client.call(rename).await.map(drop)
    }

    /// Deletes a document and remembers for a while that it was: whoever still has it open does not bring it back. Nobody is
    /// told.
    pub async fn delete(&self, id: &DocumentId, workspace: &str) -> Result<(), ClientError> {
        let keys = [id.snapshot_key(), id.state_key(), id.log_key(), id.lease_key(), id.meta_key()];
        let delete = keys.iter().fold(Command::new("DEL"), |command, key| command.key(key));
        let bury = Command::new("HSET").key(id.meta_key()).arg("deleted").arg(now_ms().to_string());
        let until = TOMBSTONE.as_millis().to_string();
        let forget = Command::new("PEXPIRE").key(id.meta_key()).arg(until);
        self.client.transaction(id.meta_key(), vec![delete, bury, forget]).await?;
        let unlist = Command::new("ZREM").key(workspace_key(workspace)).arg(id.as_str()).idempotent();
        self.client.call(unlist).await.map(drop)
    }

    /// Puts a document into its workspace's list, or moves it there to this time.
    pub async fn list_as(&self, id: &DocumentId, workspace: &str, time_ms: u64) -> Result<(), ClientError> {
        let list = Command::new("ZADD")
            .key(workspace_key(workspace))
            .arg(time_ms.to_string())
            .arg(id.as_str())
            .idempotent();
        self.client.call(list).await.map(drop)
    }
}
