//! Whether documents can be edited and saved now.

use shared::client::{Address, Client, ClientError, Command};
use shared::resp::Value;
use shared::rt::time::{Duration, timeout};

/// How long the cluster may take to say how it is: who asks for `/healthz` gives up after seconds, too.
const ANSWER_MAX: Duration = Duration::from_secs(2);

/// Why edits cannot be saved now.
#[derive(Debug, thiserror::Error)]
pub enum Ailment {
    /// A primary is silent.
    #[error("the cluster does not answer within {ANSWER_MAX:?}")]
    Silent,
    /// A primary takes no writes because its disk is full or broken.
    #[error("{0} cannot write to its disk")]
    Disk(Address),
    /// A primary says that slots are not served.
    #[error("{0} says that the cluster is down")]
    Down(Address),
    /// It cannot be asked.
    #[error("the cluster: {0}")]
    Cluster(#[from] ClientError),
}

/// Asks every primary; what ails the cluster.
pub async fn examine(client: &Client) -> Result<(), Ailment> {
    timeout(ANSWER_MAX, ask_all(client)).await.unwrap_or(Err(Ailment::Silent))
}

async fn ask_all(client: &Client) -> Result<(), Ailment> {
    let says = |answer: &Value, line: &str| answer.as_str().is_some_and(|text| text.contains(line));
    for (node, answer) in client.each_primary(&Command::new("INFO").arg("persistence")).await {
        if says(&answer?, "aof_last_write_status:err") {
            return Err(Ailment::Disk(node));
        }
    }
    if client.slot_map().is_cluster() {
        for (node, answer) in client.each_primary(&Command::new("CLUSTER").arg("INFO")).await {
            if says(&answer?, "cluster_state:fail") {
                return Err(Ailment::Down(node));
            }
        }
    }
    Ok(())
}
