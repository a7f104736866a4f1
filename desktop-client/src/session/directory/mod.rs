//! The list of documents: read, make, rename, delete.
//!
//! # Layout
//!
//! - [`service`]: by HTTP from the document service.
//! - [`cluster`]: by RESP from the cluster's own keys.

use serde::Deserialize;
use shared::document::Kind;
use shared::names::DocumentId;

use super::server::Server;

pub mod cluster;
pub mod service;

/// One document of the list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// Its id.
    pub id: DocumentId,
    /// What it is.
    pub kind: Kind,
    /// Its title; its id if it has none.
    pub title: String,
    /// When it was last changed, Unix milliseconds; 0 if that is not known.
    pub modified_ms: u64,
}

/// What the window wants of the list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Wish {
    /// Read it anew.
    List,
    /// Make a document. With an id: unless it is there.
    Create {
        /// Its id; a random one if none is given.
        id: Option<DocumentId>,
        /// What it shall be.
        kind: Kind,
        /// Its title.
        title: String,
    },
    /// Give it another title.
    Rename(DocumentId, String),
    /// Delete it for everybody.
    Delete(DocumentId),
}

/// Why a wish was not done, in words for the person.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DirectoryError {
    /// The server is not there. The banner tells, and the list where there is nothing to show.
    #[error("The server cannot be reached.")]
    Unreachable,
    /// It is there and says no.
    #[error("{0}")]
    Refused(String),
}

/// Where the list is kept.
#[derive(Debug)]
pub enum Directory {
    /// At a document service.
    Service(service::ServiceDirectory),
    /// In the cluster's own keys.
    Cluster(cluster::ClusterDirectory),
}

impl Directory {
    /// The list of this server.
    pub fn new(server: &Server) -> Directory {
        match server {
            Server::Service { authority } => {
                Directory::Service(service::ServiceDirectory::new(authority.clone()))
            }
            Server::Cluster { url, .. } => Directory::Cluster(cluster::ClusterDirectory::new(url.clone())),
        }
    }

    /// All documents, the last changed first.
    pub async fn list(&self) -> Result<Vec<Entry>, DirectoryError> {
        let mut entries = match self {
            Directory::Service(service) => service.list().await?,
            Directory::Cluster(cluster) => cluster.list().await?,
        };
        entries.sort_by(|a, b| b.modified_ms.cmp(&a.modified_ms).then_with(|| a.id.cmp(&b.id)));
        Ok(entries)
    }

    /// Makes a document; one that is there already is left as it is. Returns what it is now.
    pub async fn create(
        &self,
        id: Option<DocumentId>,
        kind: Kind,
        title: &str,
    ) -> Result<(DocumentId, Kind), DirectoryError> {
        match self {
            Directory::Service(service) => service.create(id, kind, title).await,
            Directory::Cluster(cluster) => cluster.create(id, kind, title).await,
        }
    }

    /// What a document is; `None` if there is none.
    pub async fn kind(&self, id: &DocumentId) -> Result<Option<Kind>, DirectoryError> {
        match self {
            Directory::Service(service) => service.kind(id).await,
            Directory::Cluster(cluster) => cluster.kind(id).await,
        }
    }

    /// Gives a document another title.
    pub async fn rename(&self, id: &DocumentId, title: &str) -> Result<(), DirectoryError> {
        match self {
            Directory::Service(service) => service.rename(id, title).await,
            Directory::Cluster(cluster) => cluster.rename(id, title).await,
        }
    }

    /// Deletes a document for everybody.
    pub async fn delete(&self, id: &DocumentId) -> Result<(), DirectoryError> {
        match self {
            Directory::Service(service) => service.delete(id).await,
            Directory::Cluster(cluster) => cluster.delete(id).await,
        }
    }
}

/// A document as JSON. Fields of other versions are passed over.
#[derive(Debug, Deserialize)]
struct Meta {
    id: String,
    kind: String,
    #[serde(default)]
    title: String,
    #[serde(default)]
    modified: u64,
}

impl Meta {
    /// `None` for what this version cannot open.
    fn entry(self) -> Option<Entry> {
        let id: DocumentId = self.id.parse().ok()?;
        let kind = self.kind.parse().ok()?;
        let title = if self.title.trim().is_empty() { id.to_string() } else { self.title };
        Some(Entry { id, kind, title, modified_ms: self.modified })
    }
}
