//! Where a reply ends, found without recursion and without starting again when more bytes arrive.
//!
//! Runs before redis-protocol's decoder, which recurses once a level and begins from the first byte whenever one is
//! missing: a log of 100,000 edits that arrives in 1,000 pieces would be read 1,000 times.

use super::Protocol;
use super::error::ProtocolError;
use crate::limits::{BULK_BYTES_MAX, INLINE_BYTES_MAX, REPLY_BYTES_MAX, REPLY_NESTING_MAX};

/// A walk over the bytes of one reply; remembers how far it came.
#[derive(Debug, Clone)]
pub struct Boundary {
    /// Bytes known to be whole elements.
    at: usize,
    /// Elements still due in each open aggregate, outermost first; the reply itself is the one due in the first.
    due: Vec<usize>,
}

/// Where a walk stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Found {
    /// The reply is whole and takes so many bytes.
    End(usize),
    /// Looking again is worth while when the buffer holds so many bytes (a claim of the sender).
    Needs(usize),
}

impl Boundary {
    /// A walk at the start of a reply.
    pub fn new() -> Boundary {
        Boundary { at: 0, due: vec![1] }
    }

    /// Walks on. The buffer holds what it held at the last call and what arrived since. After [`Found::End`] the walk stands
    /// at the start of the next reply: the caller takes the bytes of this one off the buffer.
    pub fn find(&mut self, buf: &[u8], protocol: Protocol) -> Result<Found, ProtocolError> {
        while let Some(due) = self.due.last_mut() {
            let (next, inside) = match element(buf, self.at, protocol)? {
                Element::Incomplete { needed } if needed > REPLY_BYTES_MAX => {
                    return Err(ProtocolError::ReplyTooLong);
                }
                Element::Incomplete { needed } => return Ok(Found::Needs(needed)),
                Element::Scalar { next } => {
                    *due -= 1;
                    (next, 0)
                }
                Element::Aggregate { count, next } => {
                    *due -= 1;
                    (next, count)
                }
                // The value that an attribute describes stands behind it and is still due.
                Element::Attribute { count, next } => (next, count),
            };
            if next > REPLY_BYTES_MAX || inside > REPLY_BYTES_MAX / ELEMENT_BYTES_MIN {
                return Err(ProtocolError::ReplyTooLong);
            }
            self.at = next;
            if inside > 0 {
                if self.due.len() > REPLY_NESTING_MAX {
                    return Err(ProtocolError::ReplyTooDeep);
                }
                self.due.push(inside);
            }
            while self.due.last() == Some(&0) {
                self.due.pop();
            }
        }
        let end = self.at;
        *self = Boundary::new();
        Ok(Found::End(end))
    }
}

impl Default for Boundary {
    fn default() -> Boundary {
        Boundary::new()
    }
}

/// Shortest element: `_\r\n`.
const ELEMENT_BYTES_MIN: usize = 3;

enum Element {
    Incomplete { needed: usize },
    Scalar { next: usize },
    Aggregate { count: usize, next: usize },
    Attribute { count: usize, next: usize },
}

/// The element that starts at `at`: all of a scalar, the head of an aggregate.
#[inline]
fn element(buf: &[u8], at: usize, protocol: Protocol) -> Result<Element, ProtocolError> {
    let Some(&kind) = buf.get(at) else { return Ok(Element::Incomplete { needed: at + 1 }) };
    let three = protocol == Protocol::Resp3;
    match kind {
        b'+' | b'-' | b':' => {}
        b'_' | b'#' | b',' | b'(' if three => {}
        b'$' | b'*' => {}
        b'!' | b'=' | b'%' | b'~' | b'>' | b'|' if three => {}
        other => return Err(ProtocolError::ReplyType(other)),
    }
    let Some((line, next)) = line(buf, at + 1)? else {
        return Ok(Element::Incomplete { needed: buf.len() + 1 });
    };
    match kind {
        b'$' | b'*' if !three && line == b"-1" => Ok(Element::Scalar { next }),
        b'$' | b'!' | b'=' => {
            let bytes = number(line)?;
            if bytes > BULK_BYTES_MAX {
                return Err(ProtocolError::BulkLength);
            }
            let end = next + bytes;
            match buf.get(end..end + 2) {
                None => Ok(Element::Incomplete { needed: end + 2 }),
                Some(b"\r\n") => Ok(Element::Scalar { next: end + 2 }),
                Some(_) => Err(ProtocolError::ExpectedCrlf),
            }
        }
        b'*' | b'~' | b'>' => Ok(Element::Aggregate { count: number(line)?, next }),
        b'%' => Ok(Element::Aggregate { count: number(line)?.saturating_mul(2), next }),
        b'|' => Ok(Element::Attribute { count: number(line)?.saturating_mul(2), next }),
        _ => Ok(Element::Scalar { next }),
    }
}

/// The line that starts at `from`, without its CRLF, and where the next one starts.
#[inline]
fn line(buf: &[u8], from: usize) -> Result<Option<(&[u8], usize)>, ProtocolError> {
    let seen = &buf[from..buf.len().min(from + INLINE_BYTES_MAX)];
    match seen.iter().position(|&byte| byte == b'\r') {
        Some(end) => match seen.get(end + 1) {
            None if seen.len() == INLINE_BYTES_MAX => Err(ProtocolError::ReplyLine),
            None => Ok(None),
            Some(b'\n') => Ok(Some((&seen[..end], from + end + 2))),
            Some(_) => Err(ProtocolError::ReplyLine),
        },
        None if seen.len() == INLINE_BYTES_MAX => Err(ProtocolError::ReplyLine),
        None => Ok(None),
    }
}

/// A length: digits, no sign.
#[inline]
fn number(line: &[u8]) -> Result<usize, ProtocolError> {
    if line.is_empty() {
        return Err(ProtocolError::ReplyLine);
    }
    line.iter().try_fold(0_usize, |value, digit| match digit {
        b'0'..=b'9' => Ok(value.saturating_mul(10).saturating_add(usize::from(digit - b'0'))),
        _ => Err(ProtocolError::ReplyLine),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn end(bytes: &[u8]) -> Result<Found, ProtocolError> {
        Boundary::new().find(bytes, Protocol::Resp3)
    }

    #[test]
    fn replies_end_where_their_last_element_ends() {
        for reply in [
            &b"+OK\r\n"[..],
            b"$3\r\nabc\r\n",
            b"*0\r\n",
            b"*2\r\n*1\r\n:1\r\n%1\r\n+a\r\n_\r\n",
            b"|1\r\n+ttl\r\n:5\r\n$1\r\nv\r\n",
            b"*1\r\n|1\r\n+ttl\r\n:5\r\n$1\r\nv\r\n",
            b">3\r\n+message\r\n$1\r\nc\r\n$0\r\n\r\n",
        ] {
            let mut more = reply.to_vec();
            more.extend_from_slice(b"+next\r\n");
            assert_eq!(end(&more), Ok(Found::End(reply.len())), "{}", reply.escape_ascii());
            for cut in 0..reply.len() {
                assert!(
                    matches!(end(&reply[..cut]), Ok(Found::Needs(needed)) if needed > cut && needed <= reply.len())
                );
            }
        }
    }

    #[test]
    fn a_walk_goes_on_where_it_stopped() {
        let reply = b"*3\r\n$3\r\nabc\r\n:1\r\n+x\r\n";
        let mut boundary = Boundary::new();
        for cut in 0..reply.len() {
            assert!(matches!(boundary.find(&reply[..cut], Protocol::Resp2), Ok(Found::Needs(_))));
        }
        assert_eq!(boundary.find(reply, Protocol::Resp2), Ok(Found::End(reply.len())));
        assert_eq!(boundary.find(b":1\r\n", Protocol::Resp2), Ok(Found::End(4)));
    }

    #[test]
    fn hostile_replies_are_refused() {
        assert_eq!(end(&b"*1\r\n".repeat(100_000)), Err(ProtocolError::ReplyTooDeep));
        assert_eq!(end(b"*9999999999999999999\r\n"), Err(ProtocolError::ReplyTooLong));
        assert_eq!(end(b"$999999999999\r\n"), Err(ProtocolError::BulkLength));
        assert_eq!(end(b"$x\r\n"), Err(ProtocolError::ReplyLine));
        assert_eq!(end(b"?\r\n"), Err(ProtocolError::ReplyType(b'?')));
        assert_eq!(end(&[b'+'; INLINE_BYTES_MAX + 1]), Err(ProtocolError::ReplyLine));
        assert_eq!(Boundary::new().find(b"%1\r\n", Protocol::Resp2), Err(ProtocolError::ReplyType(b'%')));
    }
}
