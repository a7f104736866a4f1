//! One request out of the bytes a client sent: an array of bulk strings, or an inline line.
//!
//! The arguments are ranges into the caller's buffer: nothing is copied. The walk is iterative and meets no nesting: an
//! argument that is an array is refused. It is written by hand instead of on redis-protocol's `decode_range` because that
//! recurses once a level of hostile nesting (100,000 brackets end the process) and takes 5 to 15 times as long: 21 ns
//! against 325 ns for a GET, 30 ns against 480 ns for a SET of 100 bytes (`cargo bench -p shared --bench resp`, best of
//! three runs on two busy cores).
//!
//! Each call walks from the first byte; `needed` keeps that from being often: within a bulk string it names its end, and a
//! long request is walked again when it has grown by a quarter.

use std::ops::Range;

use super::error::ProtocolError;
use crate::limits::{
    BULK_BYTES_MAX, INLINE_BYTES_MAX, REQUEST_ARGS_MAX, UNAUTHENTICATED_ARGS_MAX,
    UNAUTHENTICATED_BULK_BYTES_MAX,
};

/// What stands at the front of a buffer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Decoded {
    /// The front of a request. Asking again is worth while when the buffer holds at least `needed` bytes.
    ///
    /// A claim of the sender: grow the buffer as bytes arrive, not to this size at once.
    Incomplete {
        /// Bytes, always more than the buffer held.
        needed: usize,
    },
    /// A whole request; its arguments are in `args`. No arguments (`*0`, an empty line) is no request: skip it, answer nothing.
    Request {
        /// Bytes it takes at the front of the buffer.
        consumed: usize,
    },
    /// A whole inline request. [`super::inline::split`] makes arguments of it.
    Inline {
        /// Where its line stands, without the line end.
        line: Range<usize>,
        /// Bytes it takes at the front of the buffer.
        consumed: usize,
    },
}

/// What a connection may send.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Bounds {
    /// Most arguments of a request.
    pub args_max: usize,
    /// Longest argument, bytes (`proto-max-bulk-len`).
    pub bulk_bytes_max: usize,
    /// Whether the bounds are those before AUTH, so that the refusal says so.
    pub unauthenticated: bool,
}

impl Bounds {
    /// What a client may send.
    pub const AUTHENTICATED: Bounds =
        Bounds { args_max: REQUEST_ARGS_MAX, bulk_bytes_max: BULK_BYTES_MAX, unauthenticated: false };

    /// What a client may send before the AUTH that it owes: redis-server's bounds.
    pub const UNAUTHENTICATED: Bounds = Bounds {
        args_max: UNAUTHENTICATED_ARGS_MAX,
        bulk_bytes_max: UNAUTHENTICATED_BULK_BYTES_MAX,
        unauthenticated: true,
    };

    fn too_many(&self, count: usize) -> ProtocolError {
        if self.unauthenticated && count <= REQUEST_ARGS_MAX {
            ProtocolError::ArgumentCountUnauthenticated
        } else {
            ProtocolError::ArgumentCount
        }
    }

    fn too_long(&self, bytes: usize) -> ProtocolError {
        if self.unauthenticated && bytes <= BULK_BYTES_MAX {
            ProtocolError::BulkLengthUnauthenticated
        } else {
            ProtocolError::BulkLength
        }
    }
}

/// Decodes the request at the front of `buf` within the bounds of an authenticated client.
///
/// `args` is cleared first; after [`Decoded::Request`] it holds where in `buf` each argument stands.
pub fn decode(buf: &[u8], args: &mut Vec<Range<usize>>) -> Result<Decoded, ProtocolError> {
    decode_within(&Bounds::AUTHENTICATED, buf, args)
}

/// As [`decode`], within these bounds.
pub fn decode_within(
    bounds: &Bounds,
    buf: &[u8],
    args: &mut Vec<Range<usize>>,
) -> Result<Decoded, ProtocolError> {
    args.clear();
    match buf.first() {
        None => Ok(Decoded::Incomplete { needed: 1 }),
        Some(b'*') => array(bounds, buf, args),
        Some(_) => inline(buf),
    }
}

/// Shortest bulk string: `$0\r\n\r\n`.
const BULK_BYTES_MIN: usize = 6;

/// Longest length line that is still read: a sign, 19 digits, CR. Anything longer is no length.
const LENGTH_LINE_BYTES_MAX: usize = 21;

fn array(bounds: &Bounds, buf: &[u8], args: &mut Vec<Range<usize>>) -> Result<Decoded, ProtocolError> {
    let (count, mut at) = match length(buf, 1, ProtocolError::ArgumentCount)? {
        Length::Incomplete => return Ok(Decoded::Incomplete { needed: buf.len() + 1 }),
        // redis-server takes *-1 as it takes *0: no request at all.
        Length::Negative { next } => return Ok(Decoded::Request { consumed: next }),
        Length::Is { value, next } => (value, next),
    };
    if count > bounds.args_max {
        return Err(bounds.too_many(count));
    }
    // A claimed count is not a reason to take memory: as many as the bytes at hand can hold.
    args.reserve(count.min((buf.len() - at) / BULK_BYTES_MIN));
    for done in 0..count {
        let rest_min = (count - done) * BULK_BYTES_MIN;
        match buf.get(at) {
            None => return Ok(Decoded::Incomplete { needed: worth_while(buf, at + rest_min) }),
            Some(b'$') => {}
            Some(&other) => return Err(ProtocolError::ExpectedBulk(other)),
        }
        let (bytes, start) = match length(buf, at + 1, ProtocolError::BulkLength)? {
            Length::Incomplete => return Ok(Decoded::Incomplete { needed: worth_while(buf, at + rest_min) }),
            Length::Negative { .. } => return Err(ProtocolError::BulkLength),
            Length::Is { value, next } => (value, next),
        };
        if bytes > bounds.bulk_bytes_max {
            return Err(bounds.too_long(bytes));
        }
        let end = start + bytes;
        match buf.get(end..end + 2) {
            None => return Ok(Decoded::Incomplete { needed: end + 2 }),
            Some(b"\r\n") => {}
            Some(_) => return Err(ProtocolError::ExpectedCrlf),
        }
        args.push(start..end);
        at = end + 2;
    }
    Ok(Decoded::Request { consumed: at })
}

/// From which size on another walk is worth while, when the request takes at least `least` bytes: any for a short one, so
/// that what is wrong in it is refused at once; a quarter more for a long one.
fn worth_while(buf: &[u8], least: usize) -> usize {
    const SHORT_BYTES: usize = 16 * 1024;
    let growth = if buf.len() < SHORT_BYTES { 0 } else { buf.len() / 4 };
    least.min(buf.len() + growth).max(buf.len() + 1)
}

enum Length {
    Incomplete,
    Negative { next: usize },
    Is { value: usize, next: usize },
}

/// The number at `from`, up to its CRLF. `bad` is the error if it is none.
#[inline]
fn length(buf: &[u8], from: usize, bad: ProtocolError) -> Result<Length, ProtocolError> {
    let mut value = 0_usize;
    let mut at = from;
    let negative = buf.get(from) == Some(&b'-');
    if negative {
        at += 1;
    }
    let digits = at;
    loop {
        match buf.get(at) {
            None => return Ok(Length::Incomplete),
            Some(&digit @ b'0'..=b'9') if at - from < LENGTH_LINE_BYTES_MAX => {
                value = value.saturating_mul(10).saturating_add(usize::from(digit - b'0'));
                at += 1;
            }
            Some(b'\r') if at > digits => break,
            Some(_) => return Err(bad),
        }
    }
    match buf.get(at + 1) {
        None => Ok(Length::Incomplete),
        Some(b'\n') if negative => Ok(Length::Negative { next: at + 2 }),
        Some(b'\n') => Ok(Length::Is { value, next: at + 2 }),
        Some(_) => Err(bad),
    }
}

fn inline(buf: &[u8]) -> Result<Decoded, ProtocolError> {
    let seen = &buf[..buf.len().min(INLINE_BYTES_MAX)];
    match seen.iter().position(|&byte| byte == b'\n') {
        Some(end) => {
            let line = if end > 0 && buf[end - 1] == b'\r' { end - 1 } else { end };
            Ok(Decoded::Inline { line: 0..line, consumed: end + 1 })
        }
        None if buf.len() >= INLINE_BYTES_MAX => Err(ProtocolError::InlineTooLong),
        None => Ok(Decoded::Incomplete { needed: buf.len() + 1 }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn decoded(bytes: &[u8]) -> Result<(Vec<Vec<u8>>, usize), ProtocolError> {
        let mut args = Vec::new();
        match decode(bytes, &mut args)? {
            Decoded::Request { consumed } => {
                Ok((args.into_iter().map(|range| bytes[range].to_vec()).collect(), consumed))
            }
            other => panic!("{other:?}"),
        }
    }

    fn needed(bytes: &[u8]) -> usize {
        match decode(bytes, &mut Vec::new()) {
            Ok(Decoded::Incomplete { needed }) => needed,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn a_request_is_ranges_into_the_buffer() {
        let bytes = b"*2\r\n$3\r\nGET\r\n$1\r\nk\r\n*1\r\n";
        assert_eq!(decoded(bytes), Ok((vec![b"GET".to_vec(), b"k".to_vec()], 20)));
    }

    #[test]
    fn an_empty_array_is_no_request() {
        assert_eq!(decoded(b"*0\r\n"), Ok((vec![], 4)));
        assert_eq!(decoded(b"*-1\r\n"), Ok((vec![], 5)));
    }

    #[test]
    fn what_is_missing_is_said_and_never_more_than_is_missing() {
        assert_eq!(needed(b""), 1);
        assert_eq!(needed(b"*2\r"), 4);
        assert_eq!(needed(b"*2\r\n"), 5);
        assert_eq!(needed(b"*1\r\n$1000\r\nabc"), 11 + 1_000 + 2);
        assert_eq!(needed(b"*3\r\n$1000\r\nabc"), 11 + 1_000 + 2);
        assert_eq!(needed(b"GET k"), 6);
    }

    #[test]
    fn refusals_are_redis_servers() {
        for (bytes, error) in [
            (&b"*x\r\n"[..], ProtocolError::ArgumentCount),
            (b"*\r\n", ProtocolError::ArgumentCount),
            (b"*1048577\r\n", ProtocolError::ArgumentCount),
            (b"*99999999999999999999999999\r\n", ProtocolError::ArgumentCount),
            (b"*1\r\n*1\r\n", ProtocolError::ExpectedBulk(b'*')),
            (b"*1\r\n$-1\r\n", ProtocolError::BulkLength),
            (b"*1\r\n$536870913\r\n", ProtocolError::BulkLength),
            (b"*1\r\n$1\r\nabc", ProtocolError::ExpectedCrlf),
        ] {
            assert_eq!(decode(bytes, &mut Vec::new()), Err(error), "{}", bytes.escape_ascii());
        }
        assert_eq!(ProtocolError::ExpectedBulk(b'*').to_string(), "Protocol error: expected '$', got '*'");
    }

    #[test]
    fn before_auth_little_is_taken() {
        let decode = |bytes: &[u8]| decode_within(&Bounds::UNAUTHENTICATED, bytes, &mut Vec::new());
        assert_eq!(decode(b"*11\r\n"), Err(ProtocolError::ArgumentCountUnauthenticated));
        assert_eq!(decode(b"*1\r\n$16385\r\n"), Err(ProtocolError::BulkLengthUnauthenticated));
        assert!(decode(b"*10\r\n$16384\r\n").is_ok());
    }

    #[test]
    fn hostile_nesting_is_refused_at_its_second_level() {
        assert_eq!(
            decode(&b"*1\r\n".repeat(100_000), &mut Vec::new()),
            Err(ProtocolError::ExpectedBulk(b'*'))
        );
    }

    #[test]
    fn a_claimed_count_takes_no_memory() {
        let mut args = Vec::new();
        assert!(decode(b"*1048576\r\n$1\r\n", &mut args).is_ok());
        assert!(args.capacity() < 16);
    }

    #[test]
    fn a_request_of_a_million_arguments_in_small_pieces_is_not_walked_all_too_often() {
        let mut bytes = b"*1000000\r\n".to_vec();
        bytes.extend_from_slice(&b"$1\r\nx\r\n".repeat(1_000_000));
        let (mut have, mut walked, mut args) = (0, 0, Vec::new());
        loop {
            walked += have;
            match decode(&bytes[..have], &mut args).unwrap() {
                Decoded::Incomplete { needed } => {
                    assert!(needed > have && needed <= bytes.len());
                    have = needed.next_multiple_of(1_000).min(bytes.len());
                }
                decoded => {
                    assert_eq!(decoded, Decoded::Request { consumed: bytes.len() });
                    break;
                }
            }
        }
        assert!(walked < 20 * bytes.len(), "{walked} bytes walked for {}", bytes.len());
    }

    #[test]
    fn an_inline_request_is_a_line() {
        let mut args = Vec::new();
        assert_eq!(decode(b"PING\r\nX", &mut args), Ok(Decoded::Inline { line: 0..4, consumed: 6 }));
        assert_eq!(decode(b"PING\n", &mut args), Ok(Decoded::Inline { line: 0..4, consumed: 5 }));
        assert_eq!(decode(b"\n", &mut args), Ok(Decoded::Inline { line: 0..0, consumed: 1 }));
        assert_eq!(decode(&[b'a'; INLINE_BYTES_MAX], &mut args), Err(ProtocolError::InlineTooLong));
    }
}
