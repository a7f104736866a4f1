//! Help for tests of the session.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use bytes::Bytes;
use serde_json::Value;
use shared::document::Kind;
use shared::protocol::state_vector::ClientId;
use shared::rt::fs;
use shared::rt::rng::random_u64;
use tokio::sync::mpsc;

use super::DocumentHandle;
use super::limits::EDIT_QUEUE_MAX;
use super::room::driver::Order;
use super::worker::Command;

/// A folder that goes with the value.
#[derive(Debug)]
pub struct TempFolder(PathBuf);

impl TempFolder {
    /// A new empty folder.
    #[expect(clippy::new_without_default, reason = "making a folder is no default")]
    pub fn new() -> TempFolder {
        let path = std::env::temp_dir().join(format!("rustidocs-{:016x}", random_u64()));
        fs::create_dir_all(&path).expect("a folder for the test");
        TempFolder(path)
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for TempFolder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// What a page says to its session, heard by a test instead.
#[derive(Debug)]
pub struct Ear {
    commands: mpsc::Receiver<Command>,
}

/// A page's end of a document that no session has.
pub fn handle(kind: Kind, client: ClientId) -> (DocumentHandle, Ear) {
    let (commands, receiver) = mpsc::channel(EDIT_QUEUE_MAX);
    let document = "tested".parse().expect("a document id");
    (DocumentHandle { document, kind, seat: 1, client, commands }, Ear { commands: receiver })
}

impl Ear {
    /// The edits that were handed over, and the latest of each field of presence, since the last call.
    pub fn take(&mut self) -> (Vec<Bytes>, BTreeMap<&'static str, Value>) {
        let (mut edits, mut presence) = (Vec::new(), BTreeMap::new());
        while let Ok(command) = self.commands.try_recv() {
            match command {
                Command::Order(_, Order::Edit(update)) => edits.push(update),
                Command::Order(_, Order::Presence(field, value)) => drop(presence.insert(field, value)),
                _ => {}
            }
        }
        (edits, presence)
    }
}
