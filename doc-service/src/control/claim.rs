//! Which of several services answers a request: whoever claims it first.

use shared::client::{Client, ClientError, Command};
use shared::rt::time::Duration;

/// How long an id is remembered.
const REMEMBERED: Duration = Duration::from_secs(10);

/// Claims a request; false if another service has it.
pub async fn claim(client: &Client, id: &str) -> Result<bool, ClientError> {
    let claim = Command::new("SET")
        .key(format!("docs:control:request:{id}"))
        .arg("claimed")
        .arg("NX")
        .arg("PX")
        .arg(REMEMBERED.as_millis().to_string());
    Ok(!client.call(claim).await?.is_null())
}
