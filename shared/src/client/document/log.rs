//! Entries of a document's log.

use bytes::Bytes;

use super::log_id::LogId;
use crate::client::error::ClientError;
use crate::resp::Value;

/// The field of a log entry that holds the update.
pub(crate) const UPDATE_FIELD: &str = "u";

/// One edit in the log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogEntry {
    /// Its place.
    pub id: LogId,
    /// One Yjs v1 update, as it was published: not yet validated.
    pub update: Bytes,
}

/// What one `XRANGE` gave.
#[derive(Debug)]
pub(super) struct Page {
    /// Its entries; those without an update (somebody else's) are passed over.
    pub(super) entries: Vec<LogEntry>,
    /// How many there were altogether.
    pub(super) count: usize,
    /// The id of the last of them.
    pub(super) last: Option<LogId>,
}

impl Page {
    /// The page out of the answer to `XRANGE`.
    pub(super) fn of(answer: Value) -> Result<Page, ClientError> {
        let unexpected = ClientError::unexpected("XRANGE", &answer);
        let Some(values) = answer.into_elements() else { return Err(unexpected) };
        let mut page = Page { entries: Vec::with_capacity(values.len()), count: values.len(), last: None };
        for value in values {
            let mut parts = value.into_elements().unwrap_or_default().into_iter();
            let id = parts.next().and_then(|id| id.as_str()?.parse().ok());
            let fields = parts.next().and_then(Value::into_pairs);
            let (Some(id), Some(fields)) = (id, fields) else { return Err(unexpected) };
            page.last = Some(id);
            let update =
                fields.into_iter().find(|(field, _)| field.as_bytes() == Some(UPDATE_FIELD.as_bytes()));
            if let Some(update) = update.and_then(|(_, update)| update.into_bytes()) {
                page.entries.push(LogEntry { id, update });
            }
        }
        Ok(page)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(text: &'static str) -> Value {
        Value::Bulk(Bytes::from_static(text.as_bytes()))
    }

    fn entry(id: &'static str, fields: &[&'static str]) -> Value {
        Value::Array(vec![text(id), Value::Array(fields.iter().map(|field| text(field)).collect())])
    }

    #[test]
    fn foreign_entries_are_passed_over_but_counted() {
        let page =
            Page::of(Value::Array(vec![entry("1-0", &["u", "x"]), entry("2-0", &["other", "y"])])).unwrap();
        assert_eq!((page.count, page.last), (2, Some(LogId { ms: 2, sequence: 0 })));
        let id = LogId { ms: 1, sequence: 0 };
        assert_eq!(page.entries, [LogEntry { id, update: Bytes::from_static(b"x") }]);
    }

    #[test]
    fn what_is_no_page_is_an_error() {
        for answer in [Value::Null, Value::Array(vec![text("1-0")]), Value::Array(vec![entry("x", &[])])] {
            assert!(Page::of(answer).is_err());
        }
    }
}
