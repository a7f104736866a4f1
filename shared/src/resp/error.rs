//! Why bytes are not RESP.

use crate::limits::{REPLY_BYTES_MAX, REPLY_NESTING_MAX};

/// Bytes that are not RESP, or more of them than a bound allows. The connection cannot be understood any further.
///
/// A server answers `-ERR ` and this text (redis-server's own wording) and closes.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ProtocolError {
    /// The number of arguments is no number or exceeds its bound.
    #[error("Protocol error: invalid multibulk length")]
    ArgumentCount,
    /// More arguments than a connection that has not authenticated may send.
    #[error("Protocol error: unauthenticated multibulk length")]
    ArgumentCountUnauthenticated,
    /// The length of a bulk string is no number or exceeds its bound.
    #[error("Protocol error: invalid bulk length")]
    BulkLength,
    /// A longer bulk string than a connection that has not authenticated may send.
    #[error("Protocol error: unauthenticated bulk length")]
    BulkLengthUnauthenticated,
    /// An argument that is not a bulk string.
    #[error("Protocol error: expected '$', got '{}'", .0.escape_ascii())]
    ExpectedBulk(u8),
    /// A bulk string or a line that does not end where it said.
    #[error("Protocol error: expected CRLF")]
    ExpectedCrlf,
    /// An inline request that does not end within its bound.
    #[error("Protocol error: too big inline request")]
    InlineTooLong,
    /// A quote of an inline request that is not closed, or closed in the middle of a word.
    #[error("Protocol error: unbalanced quotes in request")]
    UnbalancedQuotes,
    /// A reply that starts with a byte that names no type.
    #[error("Protocol error: unknown reply type '{}'", .0.escape_ascii())]
    ReplyType(u8),
    /// A line of a reply that does not end within its bound, or a number in it that is none.
    #[error("Protocol error: bad line in a reply")]
    ReplyLine,
    /// A reply of more bytes or elements than its bound.
    #[error("Protocol error: a reply of more than {REPLY_BYTES_MAX} bytes")]
    ReplyTooLong,
    /// A reply nested deeper than its bound.
    #[error("Protocol error: a reply nested deeper than {REPLY_NESTING_MAX}")]
    ReplyTooDeep,
    /// A reply that its outline allows and its content does not, in the words of redis-protocol.
    #[error("Protocol error: {0}")]
    Reply(String),
}
