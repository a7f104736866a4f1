//! Questions that concern every primary.

use bytes::Bytes;
use futures_util::future::join_all;

use super::address::Address;
use super::command::Command;
use super::error::ClientError;
use super::handle::Client;
use crate::resp::Value;

/// Keys that a node looks at for one page of a scan.
const SCAN_COUNT: i64 = 1_000;

impl Client {
    /// Sends a command to every primary at once; their answers in the order of the slot map.
    pub async fn each_primary(&self, command: &Command) -> Vec<(Address, Result<Value, ClientError>)> {
        let map = self.slot_map();
        let calls = map.shards().iter().map(|shard| async {
            (shard.primary.clone(), self.call(command.clone().at(&shard.primary)).await)
        });
        join_all(calls).await
    }

    /// How many keys the cluster holds.
    pub async fn dbsize(&self) -> Result<u64, ClientError> {
        let mut keys = 0;
        for (_, answer) in self.each_primary(&Command::new("DBSIZE")).await {
            let answer = answer?;
            let count = answer.as_int().and_then(|count| u64::try_from(count).ok());
            keys += count.ok_or_else(|| ClientError::unexpected("DBSIZE", &answer))?;
        }
        Ok(keys)
    }

    /// Walks all keys that match a glob pattern, node after node. As with `SCAN` itself a key may come more than once, and
    /// one that moves between nodes meanwhile may not come at all.
    pub fn scan(&self, pattern: &str) -> Scan {
        let nodes = self.slot_map().shards().iter().map(|shard| shard.primary.clone()).rev().collect();
        Scan { client: self.clone(), pattern: pattern.to_owned(), nodes, cursor: Bytes::from_static(b"0") }
    }
}

/// A walk over all keys.
#[derive(Debug)]
pub struct Scan {
    client: Client,
    pattern: String,
    /// Nodes that are still due, the current one last.
    nodes: Vec<Address>,
    cursor: Bytes,
}

impl Scan {
    /// The next page, which may be empty; `None` at the end.
    pub async fn next_page(&mut self) -> Result<Option<Vec<Bytes>>, ClientError> {
        let Some(node) = self.nodes.last() else { return Ok(None) };
        let command = Command::new("SCAN")
            .arg(&self.cursor)
            .arg("MATCH")
            .arg(&self.pattern)
            .arg("COUNT")
            .int(SCAN_COUNT);
        let answer = self.client.call(command.at(node)).await?;
        let unexpected = ClientError::unexpected("SCAN", &answer);
        let mut parts = answer.into_elements().unwrap_or_default().into_iter();
        let (cursor, keys) =
            match (parts.next().and_then(Value::into_bytes), parts.next().and_then(Value::into_elements)) {
                (Some(cursor), Some(keys)) => (cursor, keys),
                _ => return Err(unexpected),
            };
        if &cursor[..] == b"0" {
            self.nodes.pop();
        }
        self.cursor = cursor;
        Ok(Some(keys.into_iter().filter_map(Value::into_bytes).collect()))
    }

    /// Everything that is left, in one list.
    pub async fn all(mut self) -> Result<Vec<Bytes>, ClientError> {
        let mut keys = Vec::new();
        while let Some(page) = self.next_page().await? {
            keys.extend(page);
        }
        Ok(keys)
    }
}
