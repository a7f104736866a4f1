//! What must hold for RESP whatever the bytes: the bodies of fuzz targets (`shared/fuzz`) and of property tests.

use std::ops::Range;

use bytes::BytesMut;
use redis_protocol::resp2;
use redis_protocol::resp2::types::RangeFrame;

use crate::resp::request::{Decoded, decode};
use crate::resp::{Protocol, ProtocolError, ReplyDecoder, Value, inline};

/// Requests out of a stream of bytes, and how it ended.
type Requests = (Vec<Vec<Vec<u8>>>, Option<ProtocolError>);

/// However a stream of requests is cut into pieces, the same requests come out; waiting for `needed` bytes before looking
/// again misses none; and nothing panics.
pub fn requests_are_the_same_in_pieces(bytes: &[u8], cuts: &[usize]) {
    let whole = requests(bytes, &[]);
    let pieces = requests(bytes, cuts);
    assert_eq!(whole.0, pieces.0, "{}", bytes.escape_ascii());
    // What is wrong may be seen later in a long request, but nothing else is seen.
    assert!(pieces.1.is_none() || pieces.1 == whole.1, "{:?} {:?}", whole.1, pieces.1);
}

fn requests(bytes: &[u8], cuts: &[usize]) -> Requests {
    let mut requests = Vec::new();
    let (mut buf, mut args, mut needed) = (Vec::new(), Vec::new(), 0);
    for piece in pieces(bytes, cuts) {
        buf.extend_from_slice(&bytes[piece]);
        while buf.len() >= needed {
            let consumed = match decode(&buf, &mut args) {
                Err(error) => return (requests, Some(error)),
                Ok(Decoded::Incomplete { needed: more }) => {
                    assert!(more > buf.len(), "asking again at once");
                    needed = more;
                    break;
                }
                Ok(Decoded::Request { consumed }) => {
                    requests.push(args.iter().map(|arg| buf[arg.clone()].to_vec()).collect());
                    consumed
                }
                Ok(Decoded::Inline { line, consumed }) => {
                    let mut scratch = Vec::new();
                    if let Err(error) = inline::split(&buf[line], &mut scratch, &mut args) {
                        return (requests, Some(error));
                    }
                    requests.push(args.iter().map(|arg| scratch[arg.clone()].to_vec()).collect());
                    consumed
                }
            };
            assert!(consumed > 0 && consumed <= buf.len());
            buf.drain(..consumed);
            needed = 0;
        }
    }
    (requests, None)
}

/// A request that we take is read the same by redis-protocol.
pub fn requests_agree_with_redis_protocol(bytes: &[u8]) {
    // It recurses once a level: what nests is not shown to it.
    let mut args = Vec::new();
    let Ok(Decoded::Request { consumed }) = decode(bytes, &mut args) else { return };
    if args.is_empty() {
        return;
    }
    let theirs = resp2::decode::decode_range(&bytes[..consumed]);
    let ours = args.iter().map(|arg| RangeFrame::BulkString((arg.start, arg.end))).collect();
    assert_eq!(theirs.ok().flatten(), Some((RangeFrame::Array(ours), consumed)), "{}", bytes.escape_ascii());
}

/// However a stream of replies is cut into pieces, the same values come out, and nothing panics.
pub fn replies_are_the_same_in_pieces(bytes: &[u8], cuts: &[usize], protocol: Protocol) {
    let whole = replies(bytes, &[], protocol);
    let pieces = replies(bytes, cuts, protocol);
    assert_eq!(format!("{whole:?}"), format!("{pieces:?}"), "{}", bytes.escape_ascii());
}

fn replies(bytes: &[u8], cuts: &[usize], protocol: Protocol) -> (Vec<Value>, Option<ProtocolError>) {
    let mut values = Vec::new();
    let (mut decoder, mut buf) = (ReplyDecoder::new(protocol), BytesMut::new());
    for piece in pieces(bytes, cuts) {
        buf.extend_from_slice(&bytes[piece]);
        loop {
            match decoder.next(&mut buf) {
                Err(error) => return (values, Some(error)),
                Ok(None) => break,
                Ok(Some(value)) => values.push(value),
            }
        }
    }
    (values, None)
}

/// The pieces between cuts, each cut taken modulo the length.
fn pieces(bytes: &[u8], cuts: &[usize]) -> Vec<Range<usize>> {
    let mut cuts: Vec<usize> = cuts.iter().map(|cut| cut % (bytes.len() + 1)).collect();
    cuts.sort_unstable();
    cuts.push(bytes.len());
    let mut start = 0;
    cuts.into_iter().map(|end| std::mem::replace(&mut start, end)..end).collect()
}
