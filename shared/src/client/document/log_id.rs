//! A place in a document's log: the id of a stream entry.

use std::fmt;
use std::str::FromStr;

/// Unix milliseconds and a number within them. Ids of a log grow.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct LogId {
    /// Unix milliseconds.
    pub ms: u64,
    /// The number within the millisecond.
    pub sequence: u64,
}

impl LogId {
    /// Before every entry.
    pub const START: LogId = LogId { ms: 0, sequence: 0 };

    /// Bytes of its binary form.
    pub const BYTES: usize = 16;

    /// 16 bytes, big-endian: they sort as the ids do.
    pub fn to_bytes(self) -> [u8; LogId::BYTES] {
        (u128::from(self.ms) << 64 | u128::from(self.sequence)).to_be_bytes()
    }

    /// The inverse of [`LogId::to_bytes`].
    pub fn from_bytes(bytes: [u8; LogId::BYTES]) -> LogId {
        let both = u128::from_be_bytes(bytes);
        LogId { ms: (both >> 64) as u64, sequence: both as u64 }
    }

    /// The id right behind it: what a log is trimmed to (`XTRIM MINID`) when everything up to here is covered.
    pub fn next(self) -> LogId {
        match self.sequence.checked_add(1) {
            Some(sequence) => LogId { sequence, ..self },
            None => LogId { ms: self.ms.saturating_add(1), sequence: 0 },
        }
    }
}

/// A text that is no id of a stream entry.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("a log id is MILLISECONDS-SEQUENCE, not {0:?}")]
pub struct NotALogId(String);

impl FromStr for LogId {
    type Err = NotALogId;

    fn from_str(text: &str) -> Result<LogId, NotALogId> {
        let bad = || NotALogId(text.to_owned());
        let (ms, sequence) = text.split_once('-').ok_or_else(bad)?;
        Ok(LogId { ms: ms.parse().map_err(|_| bad())?, sequence: sequence.parse().map_err(|_| bad())? })
    }
}

impl fmt::Display for LogId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}", self.ms, self.sequence)
    }
}

impl fmt::Debug for LogId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "LogId({self})")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_and_bytes_are_inverse_and_sort_alike() {
        let (a, b): (LogId, LogId) =
            ("1700000000000-9".parse().unwrap(), "1700000000000-10".parse().unwrap());
        assert!(a < b && a.to_bytes() < b.to_bytes());
        assert_eq!((a.to_string().as_str(), LogId::from_bytes(a.to_bytes())), ("1700000000000-9", a));
        assert_eq!(a.next(), b);
        assert_eq!(LogId { ms: 1, sequence: u64::MAX }.next(), LogId { ms: 2, sequence: 0 });
        for bad in ["", "1", "1-", "-1", "1-x", "1-2-3"] {
            assert!(bad.parse::<LogId>().is_err(), "{bad}");
        }
    }
}
