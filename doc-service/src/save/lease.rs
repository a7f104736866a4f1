//! Of several services that hold a document one saves it: whoever has the lease, a key with a time to live.
//!
//! The lease only spares work. Two services that both believe to have it do no harm: each merges what the cluster has before it
//! writes, and writes only if nobody wrote in between.

use shared::client::{Client, ClientError, Command};
use shared::names::DocumentId;
use shared::rt::time::Duration;

/// How long a lease holds without being renewed: a service that is gone delays saving by no more. Every save renews it.
pub const LEASE: Duration = Duration::from_secs(10);

/// Takes or renews the lease for `holder`; false if another has it.
pub async fn take(client: &Client, id: &DocumentId, holder: &str) -> Result<bool, ClientError> {
    let ms = LEASE.as_millis().to_string();
    let take = Command::new("SET").key(id.lease_key()).arg(holder).arg("NX").arg("PX").arg(&ms).idempotent();
    if !client.call(take).await?.is_null() {
        return Ok(true);
    }
    let held_by = client.call(Command::new("GET").key(id.lease_key())).await?;
    if held_by.as_bytes() != Some(holder.as_bytes()) {
        return Ok(false);
    }
    // Should it run out just now and another take it: see the top of this file.
    let renew = Command::new("PEXPIRE").key(id.lease_key()).arg(&ms).idempotent();
    client.call(renew).await?;
    Ok(true)
}
