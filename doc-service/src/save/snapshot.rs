//! A snapshot: the readable form and the state of one moment, read back before anybody may rely on it.

use bytes::Bytes;
use shared::document::{BadUpdate, Document, Kind};
use shared::rt::time::Instant;

use super::load::NOBODY;
use crate::export::{self, ExportError, Format};

/// What a save writes.
#[derive(Debug)]
pub struct Snapshot {
    /// Plain text, or a sheet's values as CSV; `None` if its formulas take too long: then the older one stays.
    pub readable: Option<String>,
    /// One Yjs v1 update.
    pub state: Bytes,
}

/// Why there is no snapshot: the document must be rebuilt.
#[derive(Debug, thiserror::Error)]
pub enum Damaged {
    /// What was written down of the room's document is not the room's document.
    #[error("the bytes of the document differ from the document")]
    Differs,
    /// What was encoded cannot be decoded.
    #[error("the state cannot be read back: {0}")]
    State(#[from] BadUpdate),
    /// It was decoded but cannot be shown.
    #[error("the document cannot be exported: {0}")]
    Export(ExportError),
}

/// Makes the snapshot of a state, on a thread that may take its time.
pub fn take(kind: Kind, state: Bytes) -> Result<Snapshot, Damaged> {
    let started_at = Instant::now();
    let document = Document::load(kind, NOBODY, &state)?;
    let format = match kind {
        Kind::Text => Format::Text,
        Kind::Sheet => Format::Csv,
    };
    let readable = match export::export(&document, format) {
        Ok(readable) => Some(readable),
        Err(ExportError::NotComputed) => None,
        Err(error) => return Err(Damaged::Export(error)),
    };
    tracing::debug!(bytes = state.len(), took = ?started_at.elapsed(), "took a snapshot");
    Ok(Snapshot { readable, state })
}
