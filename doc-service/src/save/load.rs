//! A document from its state and log, without the entries that break it.

use bytes::Bytes;
use shared::client::document::{CatchUp, DocumentDoor, LogId, State};
use shared::client::{Client, ClientError, Command};
use shared::document::sheet::genesis::genesis;
use shared::document::{BadUpdate, Document, Kind, rebuild};
use shared::names::DocumentId;
use shared::rt::task;

use super::basis::Basis;
use crate::catalog::{CatalogError, Found};
use crate::room::Whole;

/// A Yjs client under which nobody edits: the service only merges.
pub const NOBODY: u64 = 0;

/// A document as the cluster has it.
#[derive(Debug)]
pub struct Loaded {
    /// The document.
    pub document: Document,
    /// The same as bytes.
    pub basis: Basis,
    /// The log entry up to which it is.
    pub position: LogId,
    /// What the state covers.
    pub covers: LogId,
    /// Log entries that would break it, and must go.
    pub culprits: Vec<LogId>,
}

/// Merges state and log. Entries that are malformed or hostile are left out.
///
/// # Errors
///
/// [`CatalogError::Damaged`] if the state itself cannot be read.
pub fn merge(kind: Kind, content: CatchUp) -> Result<Loaded, CatalogError> {
    let damaged = |error: &dyn std::error::Error| CatalogError::Damaged(error.to_string());
    let CatchUp { state, entries, position } = content;
    let State { covers, update } = state.unwrap_or(State { covers: LogId::START, update: Bytes::new() });
    let basis = Basis::new(update, entries.iter().map(|entry| entry.update.clone()).collect());
    let mut document = basis.load(kind).map_err(|bad| damaged(&bad))?;
    let updates: Vec<&[u8]> = entries.iter().map(|entry| &entry.update[..]).collect();
    let refused = document.apply_log(&updates).iter().filter(|applied| applied.is_err()).count();
    if !document.is_broken() {
        if refused > 0 {
            tracing::warn!(refused, "entries of a log are not applied: malformed or hostile");
        }
        return Ok(Loaded { document, basis, position, covers, culprits: Vec::new() });
    }
    let state = basis.state_or_empty();
    let rebuilt = rebuild(kind, NOBODY, state, &updates).map_err(|bad| damaged(&bad))?;
    let document = with_first_sheet(rebuilt.document).map_err(|bad| damaged(&bad))?;
    let (culprits, sound): (Vec<_>, Vec<_>) =
        entries.into_iter().enumerate().partition(|(at, _)| rebuilt.culprits.contains(at));
    let culprits = culprits.into_iter().map(|(_, entry)| entry.id).collect();
    let sound = sound.into_iter().map(|(_, entry)| entry.update).collect();
    let basis = Basis::new(basis.state().clone(), sound);
    Ok(Loaded { document, basis, position, covers, culprits })
}

/// A sheet with its first sheet: everybody makes it, of the same bytes, and the service hands it to those that do not know how.
pub fn with_first_sheet(mut document: Document) -> Result<Document, BadUpdate> {
    if document.kind() == Kind::Sheet {
        document.apply(&genesis())?;
    }
    Ok(document)
}

/// A document that nobody has open here, as it is in the cluster.
pub async fn whole(client: &Client, id: &DocumentId, found: Found) -> Result<Whole, CatalogError> {
    let content = DocumentDoor::new(client, id).load().await?;
    let kind = match found {
        Found::Document(meta) => meta.kind,
        Found::Nothing if content.state.is_some() || !content.entries.is_empty() => Kind::Text,
        Found::Nothing | Found::Deleted => return Err(CatalogError::Unknown(id.clone())),
    };
    let merged = task::spawn_blocking(move || {
        let loaded = merge(kind, content)?;
        loaded.document.snapshot().map_err(|broken| CatalogError::Damaged(broken.to_string()))
    });
    let update = merged.await.map_err(|panicked| CatalogError::Damaged(panicked.to_string()))??;
    Ok(Whole { kind, update: update.into() })
}

/// Takes entries out of the log that would break the document of whoever reads them.
pub async fn remove_culprits(
    client: &Client,
    id: &DocumentId,
    culprits: &[LogId],
) -> Result<(), ClientError> {
    if culprits.is_empty() {
        return Ok(());
    }
    tracing::error!(document = %id, ?culprits, "log entries broke the document and are removed");
    let command = Command::new("XDEL").key(id.log_key()).idempotent();
    let command = culprits.iter().fold(command, |command, culprit| command.arg(culprit.to_string()));
    client.call(command).await.map(drop)
}

#[cfg(test)]
mod tests {
    use shared::client::document::LogEntry;
    use shared::document::text;
    use yrs::{Doc, Text, Transact, WriteTxn};

    use super::*;

    fn typed(doc: &Doc, letters: &str) -> Bytes {
        let mut transaction = doc.transact_mut();
        let content = transaction.get_or_insert_text("content");
        content.push(&mut transaction, letters);
        transaction.encode_update_v1().into()
    }

    fn entries(updates: Vec<Bytes>) -> Vec<LogEntry> {
        let id = |at: usize| LogId { ms: 1, sequence: at as u64 };
        updates.into_iter().enumerate().map(|(at, update)| LogEntry { id: id(at + 1), update }).collect()
    }

    #[test]
    fn a_document_is_its_state_and_the_log_behind_it() {
        let doc = Doc::with_client_id(5);
        let (first, second, third) = (typed(&doc, "a"), typed(&doc, "b"), typed(&doc, "c"));
        let content = CatchUp {
            state: Some(State { covers: LogId { ms: 1, sequence: 1 }, update: first.clone() }),
            // The first one again: reading too much changes nothing.
            entries: entries(vec![first, second, third]),
            position: LogId { ms: 1, sequence: 3 },
        };
        let loaded = merge(Kind::Text, content).unwrap();
        assert_eq!(text::plain(&loaded.document).unwrap(), "abc");
        assert_eq!((loaded.position.sequence, loaded.covers.sequence), (3, 1));
    }

    #[test]
    fn bad_entries_are_left_out_and_a_bad_state_is_damage() {
        let doc = Doc::with_client_id(5);
        let updates = vec![typed(&doc, "a"), Bytes::from_static(&[255; 40]), typed(&doc, "b")];
        let content = CatchUp { state: None, entries: entries(updates), position: LogId::START };
        assert_eq!(text::plain(&merge(Kind::Text, content).unwrap().document).unwrap(), "ab");
        let state = Some(State { covers: LogId::START, update: Bytes::from_static(b"no update") });
        let damaged = merge(Kind::Text, CatchUp { state, entries: Vec::new(), position: LogId::START });
        assert!(matches!(damaged, Err(CatalogError::Damaged(_))));
    }
}
