//! The reply of one command, appended to the connection's output as it is made.

use shared::resp::Protocol;
use shared::resp::write;

use super::CommandError;

/// Appends one reply to an output buffer, in the protocol the client speaks.
pub struct Reply<'o> {
    out: &'o mut Vec<u8>,
    start: usize,
    protocol: Protocol,
}

impl<'o> Reply<'o> {
    /// A reply that starts at the end of `out`.
    pub fn new(out: &'o mut Vec<u8>, protocol: Protocol) -> Reply<'o> {
        let start = out.len();
        Reply { out, start, protocol }
    }

    /// Where it starts in the output.
    pub(crate) fn start(&self) -> usize {
        self.start
    }

    /// The protocol the client speaks.
    pub fn protocol(&self) -> Protocol {
        self.protocol
    }

    /// Whether the client speaks RESP3.
    pub fn resp3(&self) -> bool {
        self.protocol == Protocol::Resp3
    }

    /// `+OK`.
    #[inline]
    pub fn ok(&mut self) {
        self.out.extend_from_slice(b"+OK\r\n");
    }

    /// A simple string; it has no line end.
    pub fn simple(&mut self, text: &str) {
        write::simple(self.out, text);
    }

    /// A bulk string.
    #[inline]
    pub fn bulk(&mut self, bytes: &[u8]) {
        write::bulk(self.out, bytes);
    }

    /// A bulk string, or null.
    #[inline]
    pub fn bulk_or_null(&mut self, bytes: Option<&[u8]>) {
        match bytes {
            Some(bytes) => self.bulk(bytes),
            None => self.null(),
        }
    }

    /// An integer.
    #[inline]
    pub fn int(&mut self, value: i64) {
        write::integer(self.out, value);
    }

    /// A count as an integer.
    #[inline]
    pub fn count(&mut self, count: usize) {
        self.int(i64::try_from(count).unwrap_or(i64::MAX));
    }

    /// 1 or 0.
    #[inline]
    pub fn flag(&mut self, value: bool) {
        self.int(i64::from(value));
    }

    /// Nothing where a string would be.
    #[inline]
    pub fn null(&mut self) {
        write::null(self.out, self.protocol);
    }

    /// Nothing where an array would be.
    pub fn null_array(&mut self) {
        write::null_array(self.out, self.protocol);
    }

    /// The head of an array; this many values follow.
    pub fn array(&mut self, len: usize) {
        write::array(self.out, len);
    }

    /// The head of a map; this many pairs follow, flat.
    pub fn map(&mut self, pairs: usize) {
        write::map(self.out, self.protocol, pairs);
    }

    /// The head of a set; this many values follow.
    pub fn set(&mut self, len: usize) {
        write::set(self.out, self.protocol, len);
    }

    /// The head of a push (a message that answers nothing); this many values follow.
    pub fn push(&mut self, len: usize) {
        write::push(self.out, self.protocol, len);
    }

    /// A float.
    pub fn double(&mut self, value: f64) {
        write::double(self.out, self.protocol, value);
    }

    /// A truth value: an integer in RESP2.
    pub fn bool(&mut self, value: bool) {
        write::boolean(self.out, self.protocol, value);
    }

    /// A text for people: a bulk string in RESP2.
    pub fn verbatim(&mut self, text: &str) {
        write::verbatim(self.out, self.protocol, *b"txt", text.as_bytes());
    }

    /// An error inside the reply, or as the reply.
    pub fn error(&mut self, error: &CommandError) {
        write::error(self.out, &error.to_string());
    }

    /// Cuts off what was appended since the reply began.
    pub fn cut(&mut self) {
        self.out.truncate(self.start);
    }

    /// A reply inside this one, which can be cut off by itself.
    pub fn nested(&mut self, protocol: Protocol) -> Reply<'_> {
        Reply::new(self.out, protocol)
    }

    /// Whether nothing was appended since the reply began.
    pub fn is_empty(&self) -> bool {
        self.out.len() == self.start
    }

    /// Bytes already encoded for this client.
    pub fn encoded(&mut self, bytes: &[u8]) {
        self.out.extend_from_slice(bytes);
    }
}
