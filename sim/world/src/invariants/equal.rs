//! After everything was mended everybody has the same document: every window, every service, whoever reads state and log from the
//! cluster, and whoever reads the snapshot.

use std::collections::BTreeSet;
use std::rc::Rc;
use std::time::Duration;

use doc_service::save::load;
use shared::client::document::DocumentDoor;
use shared::client::{Client, Command};
use shared::document::{Kind, text};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::time::{sleep, timeout};
use turmoil::net::TcpStream;

use super::authors;
use crate::service::{self, SERVICE_PORT};
use crate::world::World;

/// How long it may take until everybody has everything.
const PATIENCE: Duration = Duration::from_secs(40);
/// How long one reader may take.
const READING: Duration = Duration::from_secs(5);
/// So many missing words are told of each reader.
const MISSING_MAX: usize = 5;
const LOOK: Duration = Duration::from_millis(100);

/// Waits until all have the same document and nothing is on its way any more, then looks at it.
pub(crate) async fn check(world: &Rc<World>) {
    let client = match Client::connect(service::cluster(world)).await {
        Ok(client) => client,
        Err(error) => return world.fault(format!("a late reader cannot connect: {error}")),
    };
    let mut seen = Vec::new();
    let equal = timeout(PATIENCE, async {
        loop {
            seen = readings(world, &client).await;
            let first = seen.first().map(|(_, reading)| reading.clone());
            if let Some(Some(text)) = first
                && seen.iter().all(|(_, reading)| reading.as_ref() == Some(&text))
            {
                return text;
            }
            sleep(LOOK).await;
        }
    });
    match equal.await {
        Ok(text) => authors::check(world, &text),
        Err(_) => {
            let all: BTreeSet<&str> = seen.iter().flat_map(|(_, reading)| words(reading)).collect();
            for (who, reading) in &seen {
                let held: BTreeSet<&str> = words(reading).collect();
                let missing: Vec<&&str> = all.difference(&held).take(MISSING_MAX).collect();
                let found = match reading {
                    None => "is not done".to_owned(),
                    Some(_) => format!("has {} of {} words and lacks {missing:?}", held.len(), all.len()),
                };
                world.fault(format!("{PATIENCE:?} after all was mended {who} {found}"));
            }
        }
    }
}

/// The words of a document, as they stand there.
fn words(reading: &Option<String>) -> impl Iterator<Item = &str> {
    reading.iter().flat_map(|text| text.split_inclusive('>'))
}

/// What everybody has; none where it is not to be had, or something is still on its way.
async fn readings(world: &World, client: &Client) -> Vec<(String, Option<String>)> {
    let mut readings = Vec::new();
    for desk in &world.desks {
        let shown = desk.settled.get().then(|| desk.shown.borrow().clone());
        readings.push((desk.computer.name.clone(), shown));
    }
    for service in &world.services {
        let read = timeout(READING, served(&service.name, world.document.as_str())).await;
        readings.push((service.name.clone(), read.ok().flatten()));
    }
    readings.push(("who reads state and log".to_owned(), loaded(world, client).await));
    readings.push(("who reads the snapshot".to_owned(), snapshot(world, client).await));
    readings
}

/// The document by HTTP.
async fn served(service: &str, document: &str) -> Option<String> {
    let mut stream = TcpStream::connect((service, SERVICE_PORT)).await.ok()?;
    let request = format!(
        "GET /documents/{document}?format=text HTTP/1.1\r\nHost: {service}\r\nConnection: close\r\n\r\n"
    );
    stream.write_all(request.as_bytes()).await.ok()?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.ok()?;
    let (head, body) = answer.split_once("\r\n\r\n")?;
    head.starts_with("HTTP/1.1 200").then(|| body.to_owned())
}

async fn loaded(world: &World, client: &Client) -> Option<String> {
    let content = DocumentDoor::new(client, &world.document).load().await.ok()?;
    let loaded = load::merge(Kind::Text, content).ok()?;
    text::plain(&loaded.document).ok()
}

async fn snapshot(world: &World, client: &Client) -> Option<String> {
    let value = client.call(Command::new("GET").key(world.document.snapshot_key())).await.ok()?;
    value.as_str().map(str::to_owned)
}
