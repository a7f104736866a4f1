//! Which documents there are: create, list, look up, rename, delete. HTTP and the control channel both end here.
//!
//! # Layout
//!
//! - [`meta`]: what is known about one document.
//! - [`error`]: why something was not done.

pub mod error;
pub mod meta;

use shared::client::{Client, Command};
use shared::document::Kind;
use shared::limits::{DOCUMENT_TITLE_BYTES_MAX, DOCUMENTS_LISTED_MAX, WORKSPACE_BYTES_MAX};
use shared::names::{DEFAULT_WORKSPACE, DocumentId, workspace_key};
use shared::rt::rng;
use shared::rt::time::{Duration, now_ms};

pub use error::CatalogError;
pub use meta::{Found, Meta, SCHEMA};

/// How long it is remembered that a document was deleted: clients that were away so long do not bring it back.
const TOMBSTONE: Duration = Duration::from_secs(7 * 24 * 3_600);

/// Letters of ids that the service chooses: no vowels, so no words; nothing that looks like another.
const ID_LETTERS: &[u8] = b"23456789bcdfghjkmnpqrstvwxyz";
/// 28^16 is above 2^76: nobody guesses one, and no two are equal.
const ID_LENGTH: usize = 16;

/// The documents of a cluster.
#[derive(Debug, Clone)]
pub struct Catalog {
    client: Client,
}

/// What somebody wants to create.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Wanted {
    /// `text` or `sheet`.
    pub kind: String,
    /// Its id, if not the service's choice.
    pub id: Option<String>,
    /// Its title, if not its id.
    pub title: Option<String>,
    /// Where it is listed, if not in the default workspace.
    pub workspace: Option<String>,
}

impl Catalog {
    /// The documents of the cluster behind this client.
    pub fn new(client: Client) -> Catalog {
        Catalog { client }
    }

    /// Creates a document. One of this id that was deleted is forgotten.
    pub async fn create(&self, wanted: Wanted) -> Result<Meta, CatalogError> {
        let kind: Kind = wanted.kind.parse().map_err(CatalogError::refused)?;
        let id = match wanted.id {
            Some(id) => id.parse().map_err(CatalogError::refused)?,
            None => new_id()?,
        };
        let title = title(wanted.title.unwrap_or_else(|| id.to_string()))?;
        let workspace = workspace(wanted.workspace)?;
        let now = now_ms();
        let meta =
            Meta { id: id.to_string(), kind, title, workspace, created: now, modified: now, schema: SCHEMA };
        // Of two who create the same document at once, one is first.
        let first = Command::new("HSETNX").key(id.meta_key()).arg("created").arg(now.to_string());
        if self.client.call(first).await?.as_int() != Some(1) {
            return Err(CatalogError::Exists(id));
        }
        let fields = Command::new("HSET")
            .key(id.meta_key())
            .arg("kind")
            .arg(kind.as_str())
            .arg("title")
            .arg(&meta.title)
            .arg("workspace")
            .arg(&meta.workspace)
            .arg("modified")
            .arg(now.to_string())
            .arg("schema")
            .arg(SCHEMA.to_string());
        let alive = Command::new("HDEL").key(id.meta_key()).arg("deleted");
        let forever = Command::new("PERSIST").key(id.meta_key());
        self.client.transaction(id.meta_key(), vec![fields, alive, forever]).await?;
        self.list_as(&id, &meta.workspace, now).await?;
        Ok(meta)
    }

    /// What is known about a document.
    pub async fn find(&self, id: &DocumentId) -> Result<Found, CatalogError> {
        let answer = self.client.call(Command::new("HGETALL").key(id.meta_key())).await?;
        Ok(Found::read(id, answer))
    }

    /// What is known about a document that must exist.
    pub async fn info(&self, id: &DocumentId) -> Result<Meta, CatalogError> {
        match self.find(id).await? {
            Found::Document(meta) => Ok(meta),
            Found::Nothing | Found::Deleted => Err(CatalogError::Unknown(id.clone())),
        }
    }

    /// Documents of a workspace, the latest changed first.
    pub async fn list(
        &self,
        workspace_name: Option<String>,
        offset: usize,
        limit: Option<usize>,
    ) -> Result<Vec<Meta>, CatalogError> {
        let key = workspace_key(&workspace(workspace_name)?);
        let limit = limit.unwrap_or(DOCUMENTS_LISTED_MAX).min(DOCUMENTS_LISTED_MAX);
        if limit == 0 {
            return Ok(Vec::new());
        }
        let last = offset.saturating_add(limit - 1);
        let range = Command::new("ZREVRANGE").key(key).arg(offset.to_string()).arg(last.to_string());
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
    pub async fn rename(&self, id: &DocumentId, new_title: String) -> Result<Meta, CatalogError> {
        let mut meta = self.info(id).await?;
        meta.title = title(new_title)?;
        let rename = Command::new("HSET").key(id.meta_key()).arg("title").arg(&meta.title).idempotent();
        self.client.call(rename).await?;
        Ok(meta)
    }

    /// Deletes a document and remembers for a while that it was: whoever still has it open does not bring it back.
    pub async fn delete(&self, id: &DocumentId) -> Result<(), CatalogError> {
        let meta = self.info(id).await?;
        let keys = [id.snapshot_key(), id.state_key(), id.log_key(), id.lease_key(), id.meta_key()];
        let delete = keys.iter().fold(Command::new("DEL"), |command, key| command.key(key));
        let bury = Command::new("HSET").key(id.meta_key()).arg("deleted").arg(now_ms().to_string());
        let until = TOMBSTONE.as_millis().to_string();
        let forget = Command::new("PEXPIRE").key(id.meta_key()).arg(until);
        self.client.transaction(id.meta_key(), vec![delete, bury, forget]).await?;
        let unlist = Command::new("ZREM").key(workspace_key(&meta.workspace)).arg(id.as_str()).idempotent();
        self.client.call(unlist).await?;
        Ok(())
    }

    /// Puts a document into its workspace's list, or moves it there to this time.
    pub async fn list_as(&self, id: &DocumentId, workspace: &str, time_ms: u64) -> Result<(), CatalogError> {
        let list = Command::new("ZADD")
            .key(workspace_key(workspace))
            .arg(time_ms.to_string())
            .arg(id.as_str())
            .idempotent();
        self.client.call(list).await?;
        Ok(())
    }
}

fn new_id() -> Result<DocumentId, CatalogError> {
    let mut bytes = [0; ID_LENGTH];
    rng::fill(&mut bytes);
    let letters = bytes.iter().map(|byte| char::from(ID_LETTERS[usize::from(*byte) % ID_LETTERS.len()]));
    letters.collect::<String>().parse().map_err(CatalogError::refused)
}

fn title(title: String) -> Result<String, CatalogError> {
    if title.trim().is_empty() {
        return Err(CatalogError::Refused("a title is not empty".into()));
    }
    if title.len() > DOCUMENT_TITLE_BYTES_MAX {
        return Err(CatalogError::Refused(format!("a title has at most {DOCUMENT_TITLE_BYTES_MAX} bytes")));
    }
    if title.chars().any(char::is_control) {
        return Err(CatalogError::Refused("a title has no control characters".into()));
    }
    Ok(title)
}

fn workspace(name: Option<String>) -> Result<String, CatalogError> {
    let name = name.unwrap_or_else(|| DEFAULT_WORKSPACE.to_owned());
    let refused = |c: char| matches!(c, '{' | '}') || c.is_whitespace() || c.is_control();
    if name.is_empty() || name.len() > WORKSPACE_BYTES_MAX || name.contains(refused) {
        let bound =
            format!("a workspace's name has 1 to {WORKSPACE_BYTES_MAX} bytes, no braces, no white space");
        return Err(CatalogError::Refused(bound));
    }
    Ok(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_of_the_service_are_ids_and_differ() {
        let (one, other) = (new_id().unwrap(), new_id().unwrap());
        assert_eq!(one.as_str().len(), ID_LENGTH);
        assert_ne!(one, other);
    }

    #[test]
    fn titles_and_workspaces_have_bounds() {
        assert!(title("Notes of é".into()).is_ok());
        for bad in ["", "  ", "a\nb", &"x".repeat(DOCUMENT_TITLE_BYTES_MAX + 1)] {
            assert!(title(bad.into()).is_err(), "{bad:?}");
        }
        assert_eq!(workspace(None).unwrap(), DEFAULT_WORKSPACE);
        for bad in ["", "a}b", "a b", &"x".repeat(WORKSPACE_BYTES_MAX + 1)] {
            assert!(workspace(Some(bad.into())).is_err(), "{bad:?}");
        }
    }
}
