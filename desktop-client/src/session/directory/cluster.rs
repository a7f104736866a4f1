//! The list of documents by RESP from the cluster's own keys, as the document service keeps them.

use shared::client::{Client, ClientError, Command};
use shared::document::Kind;
use shared::names::{CONTROL_CHANNEL, DEFAULT_WORKSPACE, DocumentId, workspace_key};
use shared::rt::rng::random_u64;
use shared::rt::time::{Duration, now_ms, timeout};
use tokio::sync::OnceCell;

use super::{DirectoryError, Entry};
use crate::session::limits::{DIRECTORY_DEADLINE, DIRECTORY_DOCUMENTS_MAX};
use crate::session::link::cluster::config;
use crate::session::link::control::deletion;

/// How documents are laid out.
const SCHEMA: &str = "1";

/// How long it is remembered that a document was deleted, so that whoever still has it open does not bring it back.
const TOMBSTONE: Duration = Duration::from_secs(7 * 24 * 3_600);

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
            let client = self.client().await?;
            let last = i64::try_from(DIRECTORY_DOCUMENTS_MAX).unwrap_or(i64::MAX) - 1;
            let range = Command::new("ZREVRANGE").key(workspace_key(DEFAULT_WORKSPACE)).int(0).int(last);
            let ids = client.call(range).await?.into_elements().unwrap_or_default();
            let ids: Vec<DocumentId> = ids.iter().filter_map(|id| id.as_str()?.parse().ok()).collect();
            let found = futures_util::future::join_all(ids.iter().map(|id| find(client, id))).await;
            let entries: Result<Vec<Option<Entry>>, ClientError> = found.into_iter().collect();
            Ok(entries?.into_iter().flatten().collect())
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
            let client = self.client().await?;
            let now = now_ms().to_string();
            // Of two who make the same document at once, one is first.
            let first = Command::new("HSETNX").key(id.meta_key()).arg("created").arg(&now);
            if client.call(first).await?.as_int() != Some(1) {
                let kind = find(client, &id).await?.map_or(kind, |entry| entry.kind);
                return Ok((id.clone(), kind));
            }
            let fields = [
                ("kind", kind.as_str()),
                ("title", title),
                ("workspace", DEFAULT_WORKSPACE),
                ("modified", &now),
                ("schema", SCHEMA),
            ];
            let set = Command::new("HSET").key(id.meta_key());
            let set = fields.iter().fold(set, |set, (name, value)| set.arg(name).arg(value));
            let alive = Command::new("HDEL").key(id.meta_key()).arg("deleted");
            let forever = Command::new("PERSIST").key(id.meta_key());
            client.transaction(id.meta_key(), vec![set, alive, forever]).await?;
            let list = Command::new("ZADD").key(workspace_key(DEFAULT_WORKSPACE)).arg(&now).arg(id.as_str());
            client.call(list.idempotent()).await?;
            Ok((id.clone(), kind))
        })
        .await
    }

    pub(super) async fn kind(&self, id: &DocumentId) -> Result<Option<Kind>, DirectoryError> {
        self.within(async { Ok(find(self.client().await?, id).await?.map(|entry| entry.kind)) }).await
    }

    pub(super) async fn rename(&self, id: &DocumentId, title: &str) -> Result<(), DirectoryError> {
        self.within(async {
            let rename = Command::new("HSET").key(id.meta_key()).arg("title").arg(title).idempotent();
            self.client().await?.call(rename).await.map(drop)
        })
        .await
    }

    pub(super) async fn delete(&self, id: &DocumentId) -> Result<(), DirectoryError> {
        self.within(async {
            let client = self.client().await?;
            let keys = [id.snapshot_key(), id.state_key(), id.log_key(), id.lease_key(), id.meta_key()];
            let delete = keys.iter().fold(Command::new("DEL"), |command, key| command.key(key));
            let bury = Command::new("HSET").key(id.meta_key()).arg("deleted").arg(now_ms().to_string());
            let forget = Command::new("PEXPIRE").key(id.meta_key()).arg(TOMBSTONE.as_millis().to_string());
            client.transaction(id.meta_key(), vec![delete, bury, forget]).await?;
            let unlist = Command::new("ZREM").key(workspace_key(DEFAULT_WORKSPACE)).arg(id.as_str());
            client.call(unlist.idempotent()).await?;
            // Document services that have it open close it for their clients, and so do other windows on the cluster.
            let announced = client.call(Command::new("PUBLISH").arg(CONTROL_CHANNEL).arg(deletion(id))).await;
            if let Err(error) = announced {
                tracing::warn!(%error, "no service was told of the deletion");
            }
            Ok(())
        })
        .await
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

/// What the cluster knows about a document; `None` for one that was deleted or never made.
async fn find(client: &Client, id: &DocumentId) -> Result<Option<Entry>, ClientError> {
    let answer = client.call(Command::new("HGETALL").key(id.meta_key())).await?;
    let fields = answer.into_pairs().unwrap_or_default();
    let field = |wanted: &str| {
        fields.iter().find(|(name, _)| name.as_str() == Some(wanted)).and_then(|(_, value)| value.as_str())
    };
    if fields.is_empty() || field("deleted").is_some() {
        return Ok(None);
    }
    Ok(Some(Entry {
        kind: field("kind").and_then(|kind| kind.parse().ok()).unwrap_or(Kind::Text),
        title: field("title").map_or_else(|| id.to_string(), str::to_owned),
        modified_ms: field("modified").and_then(|time| time.parse().ok()).unwrap_or(0),
        id: id.clone(),
    }))
}
