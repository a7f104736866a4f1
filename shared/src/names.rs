//! Names of a document's keys and channels in the cluster.
//!
//! All share the hash tag `{ID}`, so a document lives in one slot, moves as one, and fits in one transaction.

use std::fmt;
use std::str::FromStr;

use crate::limits::DOCUMENT_ID_BYTES_MAX;
use crate::slot::Slot;

/// The channel of JSON requests and answers for clients that speak RESP only.
pub const CONTROL_CHANNEL: &str = "docs:control";

/// The workspace of documents that say no other.
pub const DEFAULT_WORKSPACE: &str = "default";

/// Key of the sorted set of a workspace's documents, scored by time of change (Unix milliseconds).
pub fn workspace_key(workspace: &str) -> String {
    format!("docs:{{{workspace}}}")
}

/// The name of a document: what stands in its address, its keys and its channel.
///
/// 1 to [`DOCUMENT_ID_BYTES_MAX`] bytes of UTF-8, without braces (they would change the hash tag), slashes, white space and
/// control characters.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct DocumentId(Box<str>);

/// Why a text is no document id.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BadDocumentId {
    /// It has no characters.
    #[error("a document id is not empty")]
    Empty,
    /// It has more than [`DOCUMENT_ID_BYTES_MAX`] bytes.
    #[error("a document id has at most {DOCUMENT_ID_BYTES_MAX} bytes")]
    TooLong,
    /// It has a brace, a slash, white space or a control character.
    #[error("a document id has no {0:?}")]
    Character(char),
}

impl DocumentId {
    /// The id as written.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The slot that all its keys and its channel share.
    pub fn slot(&self) -> Slot {
        Slot::of_key(self.0.as_bytes())
    }

    /// Its sharded channel: one y-protocols message each.
    pub fn channel(&self) -> String {
        format!("doc:{{{self}}}")
    }

    /// Key of the readable snapshot: plain text, or the sheet as CSV. A string.
    pub fn snapshot_key(&self) -> String {
        format!("doc:{{{self}}}")
    }

    /// Key of the state: the log id it covers, then one Yjs v1 update. A string.
    pub fn state_key(&self) -> String {
        format!("doc:{{{self}}}:state")
    }

    /// Key of the log: every edit since the snapshot, field `u` one Yjs v1 update. A stream.
    pub fn log_key(&self) -> String {
        format!("doc:{{{self}}}:log")
    }

    /// Key of what is known about it: `kind`, `title`, `created`, `modified`, `schema`. A hash.
    pub fn meta_key(&self) -> String {
        format!("doc:{{{self}}}:meta")
    }

    /// Key of the lease of the service that saves it. A string with a time to live.
    pub fn lease_key(&self) -> String {
        format!("doc:{{{self}}}:lease")
    }

    /// The document whose channel this is.
    pub fn of_channel(channel: &[u8]) -> Option<DocumentId> {
        let text = std::str::from_utf8(channel).ok()?;
        text.strip_prefix("doc:{")?.strip_suffix('}')?.parse().ok()
    }
}

impl FromStr for DocumentId {
    type Err = BadDocumentId;

    fn from_str(text: &str) -> Result<DocumentId, BadDocumentId> {
        if text.is_empty() {
            return Err(BadDocumentId::Empty);
        }
        if text.len() > DOCUMENT_ID_BYTES_MAX {
            return Err(BadDocumentId::TooLong);
        }
        let refused = |c: char| matches!(c, '{' | '}' | '/') || c.is_whitespace() || c.is_control();
        match text.chars().find(|&c| refused(c)) {
            Some(c) => Err(BadDocumentId::Character(c)),
            None => Ok(DocumentId(text.into())),
        }
    }
}

impl fmt::Display for DocumentId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for DocumentId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "DocumentId({:?})", self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_names_of_a_document_lie_in_its_slot() {
        let id: DocumentId = "notes".parse().unwrap();
        for name in
            [id.channel(), id.snapshot_key(), id.state_key(), id.log_key(), id.meta_key(), id.lease_key()]
        {
            assert_eq!(Slot::of_key(name.as_bytes()), id.slot(), "{name}");
        }
        assert_eq!(DocumentId::of_channel(id.channel().as_bytes()), Some(id));
    }

    #[test]
    fn names_that_would_leave_the_slot_are_refused() {
        for (bad, why) in [
            ("", BadDocumentId::Empty),
            ("a{b", BadDocumentId::Character('{')),
            ("a}b", BadDocumentId::Character('}')),
            ("a/b", BadDocumentId::Character('/')),
            ("a b", BadDocumentId::Character(' ')),
            ("a\u{7}", BadDocumentId::Character('\u{7}')),
        ] {
            assert_eq!(bad.parse::<DocumentId>(), Err(why));
        }
        assert_eq!("é".repeat(101).parse::<DocumentId>(), Err(BadDocumentId::TooLong));
    }
}
