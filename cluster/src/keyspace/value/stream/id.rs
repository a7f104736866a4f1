//! Ids of stream entries: Unix milliseconds and a number within the millisecond.

use std::fmt;

/// `ms-seq`. Ids are ordered by both.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct StreamId {
    /// Unix milliseconds, unless the writer chose otherwise.
    pub ms: u64,
    /// Which of this millisecond.
    pub seq: u64,
}

impl StreamId {
    /// Below every entry: `0-0` is no entry's id.
    pub const MIN: StreamId = StreamId { ms: 0, seq: 0 };
    /// The last possible id.
    pub const MAX: StreamId = StreamId { ms: u64::MAX, seq: u64::MAX };

    /// Longest text of an id, bytes.
    pub const TEXT_BYTES_MAX: usize = 20 + 1 + 20;

    /// The id with these parts.
    pub const fn new(ms: u64, seq: u64) -> StreamId {
        StreamId { ms, seq }
    }

    /// The id behind this one; `None` behind the last.
    pub const fn next(self) -> Option<StreamId> {
        match (self.seq.checked_add(1), self.ms.checked_add(1)) {
            (Some(seq), _) => Some(StreamId { ms: self.ms, seq }),
            (None, Some(ms)) => Some(StreamId { ms, seq: 0 }),
            (None, None) => None,
        }
    }

    /// The id before this one; `None` before the first.
    pub const fn previous(self) -> Option<StreamId> {
        match (self.seq.checked_sub(1), self.ms.checked_sub(1)) {
            (Some(seq), _) => Some(StreamId { ms: self.ms, seq }),
            (None, Some(ms)) => Some(StreamId { ms, seq: u64::MAX }),
            (None, None) => None,
        }
    }

    /// The id as text, at the end of `buffer`.
    pub fn text(self, buffer: &mut [u8; StreamId::TEXT_BYTES_MAX]) -> &[u8] {
        let begin = put_decimal(buffer, StreamId::TEXT_BYTES_MAX, self.seq) - 1;
        buffer[begin] = b'-';
        let begin = put_decimal(buffer, begin, self.ms);
        &buffer[begin..]
    }

    /// Reads `ms-seq`, or `ms` with `missing` as the second part. Only plain decimals are taken.
    pub fn parse(bytes: &[u8], missing: u64) -> Option<StreamId> {
        match bytes.iter().position(|byte| *byte == b'-') {
            Some(at) => Some(StreamId { ms: decimal(&bytes[..at])?, seq: decimal(&bytes[at + 1..])? }),
            None => Some(StreamId { ms: decimal(bytes)?, seq: missing }),
        }
    }
}

/// The number that these bytes are the decimal of, without sign or leading zeros (as Redis's `string2ull` takes it).
pub fn decimal(bytes: &[u8]) -> Option<u64> {
    if bytes.is_empty() || (bytes[0] == b'0' && bytes.len() > 1) {
        return None;
    }
    bytes.iter().try_fold(0u64, |number, byte| {
        let digit = byte.checked_sub(b'0').filter(|digit| *digit <= 9)?;
        number.checked_mul(10)?.checked_add(u64::from(digit))
    })
}

/// Writes a number's digits so that they end before `end`; where they begin.
fn put_decimal(buffer: &mut [u8], end: usize, mut number: u64) -> usize {
    let mut begin = end;
    loop {
        begin -= 1;
        buffer[begin] = b'0' + (number % 10) as u8;
        number /= 10;
        if number == 0 {
            return begin;
        }
    }
}

impl fmt::Display for StreamId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}", self.ms, self.seq)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_read_as_redis_reads_them() {
        assert_eq!(StreamId::parse(b"5-7", 0), Some(StreamId::new(5, 7)));
        assert_eq!(StreamId::parse(b"5", 9), Some(StreamId::new(5, 9)));
        assert_eq!(StreamId::parse(b"18446744073709551615-18446744073709551615", 0), Some(StreamId::MAX));
        for bad in ["", "-", "5-", "-5", "a", "5-a", "5-6-7", "18446744073709551616", "+1", " 1", "1 "] {
            assert_eq!(StreamId::parse(bad.as_bytes(), 0), None, "{bad:?}");
        }
    }

    #[test]
    fn text_is_what_display_writes() {
        for id in [StreamId::MIN, StreamId::MAX, StreamId::new(1_700_000_000_000, 0), StreamId::new(0, 10)] {
            assert_eq!(id.text(&mut [0; StreamId::TEXT_BYTES_MAX]), id.to_string().as_bytes());
        }
    }

    #[test]
    fn next_and_previous_carry_over_the_millisecond() {
        assert_eq!(StreamId::new(1, u64::MAX).next(), Some(StreamId::new(2, 0)));
        assert_eq!(StreamId::new(2, 0).previous(), Some(StreamId::new(1, u64::MAX)));
        assert_eq!((StreamId::MAX.next(), StreamId::MIN.previous()), (None, None));
    }
}
