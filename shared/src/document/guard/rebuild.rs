//! A new document from the last good snapshot and the log after it, without the updates that break it.

use super::super::Kind;
use super::super::update::BadUpdate;
use super::document::Document;
use crate::protocol::state_vector::ClientId;

/// What [`rebuild`] made.
#[derive(Debug)]
pub struct Rebuilt {
    /// The document.
    pub document: Document,
    /// Places in the list of the updates that broke it, in order. They must never be applied again: take them out of the log.
    pub culprits: Vec<usize>,
}

/// Loads `snapshot`, then applies `updates` in order; one that breaks the document is left out. Updates that are refused without
/// harm are no culprits. Fails only if the snapshot itself cannot be loaded.
pub fn rebuild(
    kind: Kind,
    client: ClientId,
    snapshot: &[u8],
    updates: &[&[u8]],
) -> Result<Rebuilt, BadUpdate> {
    let mut culprits = Vec::new();
    'again: loop {
        let mut document = Document::load(kind, client, snapshot)?;
        for (at, update) in updates.iter().enumerate() {
            if culprits.contains(&at) {
                continue;
            }
            let _ = document.apply(update);
            // A snapshot that cannot be taken is a break that shows late.
            if document.is_broken() {
                culprits.push(at);
                continue 'again;
            }
        }
        if document.snapshot().is_ok() {
            return Ok(Rebuilt { document, culprits });
        }
        match first_that_spoils_the_snapshot(kind, client, snapshot, updates, &culprits)? {
            Some(at) => culprits.push(at),
            None => return Err(BadUpdate::Engine),
        }
    }
}

fn first_that_spoils_the_snapshot(
    kind: Kind,
    client: ClientId,
    snapshot: &[u8],
    updates: &[&[u8]],
    culprits: &[usize],
) -> Result<Option<usize>, BadUpdate> {
    let mut document = Document::load(kind, client, snapshot)?;
    for (at, update) in updates.iter().enumerate() {
        if !culprits.contains(&at) {
            let _ = document.apply(update);
            if document.is_broken() || document.snapshot().is_err() {
                return Ok(Some(at));
            }
        }
    }
    Ok(None)
}
