//! What subscribers are sent, as bytes.

use std::cell::OnceCell;

use bytes::Bytes;
use shared::resp::{Protocol, write};

/// Bytes of a message beside its texts, at most.
const FRAME_BYTES: usize = 64;

/// One message, encoded when the first subscriber of a protocol version needs it, and shared from then on.
pub struct Encoded<'m> {
    words: &'m [&'m [u8]],
    resp2: OnceCell<Bytes>,
    resp3: OnceCell<Bytes>,
}

impl<'m> Encoded<'m> {
    /// A message of these words, the first of which says its kind: `message`, `pmessage`, `smessage`.
    pub fn new(words: &'m [&'m [u8]]) -> Encoded<'m> {
        Encoded { words, resp2: OnceCell::new(), resp3: OnceCell::new() }
    }

    /// Its bytes for a subscriber that speaks this version.
    pub fn bytes(&self, protocol: Protocol) -> Bytes {
        let cell = match protocol {
            Protocol::Resp2 => &self.resp2,
            Protocol::Resp3 => &self.resp3,
        };
        cell.get_or_init(|| {
            let room = self.words.iter().map(|word| word.len()).sum::<usize>() + FRAME_BYTES;
            let mut out = Vec::with_capacity(room);
            write::push(&mut out, protocol, self.words.len());
            self.words.iter().for_each(|word| write::bulk(&mut out, word));
            out.into()
        })
        .clone()
    }
}

/// Tells that a subscription began or ended: the kind, the channel or pattern (none if there was none to end), and how many
/// subscriptions of its sort the connection has now.
pub fn confirmation(out: &mut Vec<u8>, protocol: Protocol, kind: &str, name: Option<&[u8]>, count: usize) {
    write::push(out, protocol, 3);
    write::bulk(out, kind.as_bytes());
    match name {
        Some(name) => write::bulk(out, name),
        None => write::null(out, protocol),
    }
    write::integer(out, i64::try_from(count).unwrap_or(i64::MAX));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_is_an_array_in_resp2_and_a_push_in_resp3_and_encoded_once() {
        let words: &[&[u8]] = &[b"message", b"c", b"hi"];
        let message = Encoded::new(words);
        let resp2 = message.bytes(Protocol::Resp2);
        assert_eq!(&resp2[..], b"*3\r\n$7\r\nmessage\r\n$1\r\nc\r\n$2\r\nhi\r\n");
        assert_eq!(message.bytes(Protocol::Resp3)[0], b'>');
        assert_eq!(message.bytes(Protocol::Resp2).as_ptr(), resp2.as_ptr(), "the same bytes, not a copy");
    }

    #[test]
    fn ending_nothing_names_nothing() {
        let mut out = Vec::new();
        confirmation(&mut out, Protocol::Resp2, "punsubscribe", None, 0);
        assert_eq!(out, b"*3\r\n$12\r\npunsubscribe\r\n$-1\r\n:0\r\n");
    }
}
