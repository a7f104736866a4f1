//! What the servers can do, and so what *saved* means on them.

use std::fmt;

use super::command::Command;
use super::core::{Core, Over, Parcel};
use super::error::ClientError;
use super::handle::Client;
use super::nodes::Lane;
use crate::resp::Value;

/// What the servers of a cluster can do, as far as one of them tells.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Capabilities {
    /// They know `WAITAOF` (Redis 7.2, Valkey, our node).
    pub waitaof: bool,
    /// They keep an append-only log; `None` if they do not say.
    pub append_only: Option<bool>,
    /// When they sync it: `always`, `everysec`, `no`; `None` if they do not say.
    pub append_fsync: Option<String>,
}

/// What *saved* means on the servers that a client talks to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SavedMeaning {
    /// The disk has it before *saved* is said.
    pub disk: bool,
    /// A replica has it before *saved* is said: every shard has one.
    pub replica: bool,
    /// How the disk gets it when *saved* does not wait for it.
    otherwise: String,
}

impl Capabilities {
    /// Asks one primary.
    pub(crate) async fn probe(core: &Core) -> Result<Capabilities, ClientError> {
        let known = ask(core, &Command::new("COMMAND").arg("INFO").arg("waitaof").idempotent()).await?;
        let waitaof = known
            .elements()
            .is_some_and(|commands| commands.first().is_some_and(|command| !command.is_null()));
        let append_only = setting(core, "appendonly").await?.map(|value| value == "yes");
        let append_fsync = setting(core, "appendfsync").await?;
        Ok(Capabilities { waitaof, append_only, append_fsync })
    }

    /// Whether a barrier may ask for the disk of the primary: without an append-only log the servers refuse that.
    pub(crate) fn waits_for_disk(&self) -> bool {
        self.waitaof && self.append_only != Some(false)
    }

    fn meaning(&self, replica: bool) -> SavedMeaning {
        let otherwise = match (self.append_only, self.append_fsync.as_deref()) {
            (Some(false), _) => "kept in memory only (appendonly no)".to_owned(),
            (_, Some("always")) => "on the disk of its primary (appendfsync always)".to_owned(),
            (_, Some(policy)) => format!("on the disk of its primary soon after (appendfsync {policy})"),
            (_, None) => "on the disk of its primary as the servers are configured".to_owned(),
        };
        let disk = self.waits_for_disk()
            || self.append_fsync.as_deref() == Some("always") && self.append_only == Some(true);
        SavedMeaning { disk, replica, otherwise }
    }
}

/// The words that the service logs at its start and that stand in its metrics.
impl fmt::Display for SavedMeaning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.disk, self.replica) {
            (true, true) => f.write_str("on the disk of its primary and on a replica"),
            (true, false) => f.write_str("on the disk of its primary; not every shard has a replica"),
            (false, true) => write!(f, "on a replica, and {}", self.otherwise),
            (false, false) => {
                write!(f, "taken by its primary, and {}; not every shard has a replica", self.otherwise)
            }
        }
    }
}

impl Client {
    /// What the servers can do, asked of one of them now.
    pub async fn capabilities(&self) -> Result<Capabilities, ClientError> {
        Capabilities::probe(self.core()).await
    }

    /// What *saved* means on these servers, now; displayed it is a sentence for people.
    pub async fn saved_meaning(&self) -> Result<SavedMeaning, ClientError> {
        let capabilities = self.capabilities().await?;
        let map = self.slot_map();
        Ok(capabilities.meaning(map.shards().iter().all(|shard| !shard.replicas.is_empty())))
    }
}

async fn ask(core: &Core, command: &Command) -> Result<Value, ClientError> {
    let delivered = core.deliver(&Parcel::command(command), &Over(Lane::Calls)).await?;
    Ok(delivered.values.into_iter().next().unwrap_or(Value::Null))
}

/// A setting of a server; `None` if it does not tell (rights, or it does not know `CONFIG`).
async fn setting(core: &Core, name: &str) -> Result<Option<String>, ClientError> {
    match ask(core, &Command::new("CONFIG").arg("GET").arg(name).idempotent()).await {
        Ok(answer) => Ok(answer.field(name).and_then(Value::as_str).map(str::to_owned)),
        Err(ClientError::Server(_)) => Ok(None),
        Err(error) => Err(error),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_meaning_of_saved_is_said_in_words() {
        let capabilities = |waitaof, append_only, fsync: Option<&str>| Capabilities {
            waitaof,
            append_only,
            append_fsync: fsync.map(str::to_owned),
        };
        let words = |capabilities: Capabilities, replica| capabilities.meaning(replica).to_string();
        let ours = capabilities(true, Some(true), Some("everysec"));
        assert_eq!(words(ours.clone(), true), "on the disk of its primary and on a replica");
        assert_eq!(words(ours, false), "on the disk of its primary; not every shard has a replica");
        let redis7 = capabilities(false, Some(true), Some("everysec"));
        assert_eq!(
            words(redis7, true),
            "on a replica, and on the disk of its primary soon after (appendfsync everysec)"
        );
        let memory = capabilities(true, Some(false), Some("everysec"));
        assert_eq!(
            words(memory, false),
            "taken by its primary, and kept in memory only (appendonly no); not every shard has a replica"
        );
    }
}
