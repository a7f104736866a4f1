//! The list of documents by RESP from the cluster's own keys, as the document service keeps them.

use shared::client::catalog::{Found, Meta};
use shared::client::{Catalog, Client, ClientError, Command};
use shared::document::Kind;
use shared::names::{CONTROL_CHANNEL, DEFAULT_WORKSPACE, DocumentId};
use shared::rt::rng::random_u64;
use shared::rt::time::timeout;
use tokio::sync::OnceCell;

use super::{DirectoryError, Entry};
use crate::session::limits::{DIRECTORY_DEADLINE, DIRECTORY_DOCUMENTS_MAX};
use crate::session::link::cluster::config;
use crate::session::link::control::deletion;

/// The list in the cluster at `url`.
#[derive(Debug)]
pub struct ClusterDirectory {
    url: String,
    client: OnceCell<Client>,
}

impl ClusterDirectory {
    /// The list of this cluster.
    pub fn new(url: String) -> ClusterDirectory {
        ClusterDirectory { url, client: OnceCell::new() }
    }

    pub(super) async fn list(&self) -> Result<Vec<Entry>, DirectoryError> {
        self.within(async {
            let documents = self.catalog().await?.list(DEFAULT_WORKSPACE, 0, DIRECTORY_DOCUMENTS_MAX).await?;
            Ok(documents.into_iter().map(entry).collect())
        })
        .await
    }

    pub(super) async fn create(
        &self,
        id: Option<DocumentId>,
        kind: Kind,
        title: &str,
    ) -> Result<(DocumentId, Kind), DirectoryError> {
        let id = match id {
            Some(id) => id,
            None => format!("{:016x}", random_u64())
                .parse()
                .map_err(|_| DirectoryError::Refused("The document could not be made.".into()))?,
        };
        self.within(async {
            let catalog = self.catalog().await?;
            if catalog.create(&id, kind, title, DEFAULT_WORKSPACE).await?.is_some() {
                return Ok((id.clone(), kind));
            }
            let there = catalog.find(&id).await?;
            Ok((id.clone(), if let Found::Document(meta) = there { meta.kind } else { kind }))
        })
        .await
    }

    pub(super) async fn kind(&self, id: &DocumentId) -> Result<Option<Kind>, DirectoryError> {
        self.within(async {
            match self.catalog().await?.find(id).await? {
                Found::Document(meta) => Ok(Some(meta.kind)),
                Found::Nothing | Found::Deleted => Ok(None),
            }
        })
        .await
    }

    pub(super) async fn rename(&self, id: &DocumentId, title: &str) -> Result<(), DirectoryError> {
        self.within(async { self.catalog().await?.rename(id, title).await }).await
    }

    pub(super) async fn delete(&self, id: &DocumentId) -> Result<(), DirectoryError> {
        self.within(async {
            let catalog = self.catalog().await?;
            let workspace = match catalog.find(id).await? {
                Found::Document(meta) => meta.workspace,
                Found::Nothing | Found::Deleted => DEFAULT_WORKSPACE.to_owned(),
            };
            catalog.delete(id, &workspace).await?;
            // Document services that have it open close it for their clients, and so do other windows on the cluster.
            let publish = Command::new("PUBLISH").arg(CONTROL_CHANNEL).arg(deletion(id));
            if let Err(error) = self.client().await?.call(publish).await {
                tracing::warn!(%error, "nobody was told of the deletion");
            }
            Ok(())
        })
        .await
    }

    async fn catalog(&self) -> Result<Catalog, ClientError> {
        Ok(Catalog::new(self.client().await?.clone()))
    }

    async fn client(&self) -> Result<&Client, ClientError> {
        let connect = || async {
            let config = config(&self.url).map_err(|error| ClientError::Unreachable(error.to_string()))?;
            Client::connect(config).await
        };
        self.client.get_or_try_init(connect).await
    }

    async fn within<T>(
        &self,
        work: impl Future<Output = Result<T, ClientError>>,
    ) -> Result<T, DirectoryError> {
        match timeout(DIRECTORY_DEADLINE, work).await {
            Ok(Ok(done)) => Ok(done),
            Ok(Err(ClientError::Server(error))) => {
                tracing::info!(%error, "the directory refused");
                Err(DirectoryError::Refused("The server did not accept this.".into()))
            }
            Ok(Err(error)) => {
                tracing::info!(%error, "no directory");
                Err(DirectoryError::Unreachable)
            }
            Err(_) => Err(DirectoryError::Unreachable),
        }
    }
}

fn entry(meta: Meta) -> Entry {
    Entry { id: meta.id, kind: meta.kind, title: meta.title, modified_ms: meta.modified }
}
