//! Replies out of the bytes a server sent.
//!
//! [`Boundary`] walks the bytes first (no recursion, bounded nesting and size, no second walk over the same bytes), then
//! redis-protocol's `decode_range` reads the whole reply and its ranges become slices of the read buffer.

use bytes::{Buf, Bytes, BytesMut};
use redis_protocol::error::RedisProtocolError;
use redis_protocol::resp2::types::RangeFrame as Frame2;
use redis_protocol::resp3::types::{RangeFrame as Frame3, VerbatimStringFormat};
use redis_protocol::{resp2, resp3};

use super::boundary::{Boundary, Found};
use super::error::ProtocolError;
use super::value::{ServerError, Value};
use super::{Protocol, boundary};

/// Reads replies one after the other.
#[derive(Debug, Default)]
pub struct ReplyDecoder {
    protocol: Protocol,
    boundary: boundary::Boundary,
    /// Bytes that the buffer must hold before looking at it is worth while.
    needed: usize,
}

impl ReplyDecoder {
    /// A decoder of this version.
    pub fn new(protocol: Protocol) -> ReplyDecoder {
        ReplyDecoder { protocol, boundary: Boundary::new(), needed: 1 }
    }

    /// The version it reads.
    pub fn protocol(&self) -> Protocol {
        self.protocol
    }

    /// Reads this version from the next reply on: after the answer to `HELLO`.
    pub fn set_protocol(&mut self, protocol: Protocol) {
        self.protocol = protocol;
    }

    /// Takes the reply at the front off the buffer; `None` if it is not whole yet. After an error the connection is of no
    /// more use.
    pub fn next(&mut self, buf: &mut BytesMut) -> Result<Option<Value>, ProtocolError> {
        if buf.len() < self.needed {
            return Ok(None);
        }
        let end = match self.boundary.find(buf, self.protocol)? {
            Found::Needs(needed) => {
                self.needed = needed;
                return Ok(None);
            }
            Found::End(end) => end,
        };
        self.needed = 1;
        if let Some(value) = short(&buf[..end]) {
            buf.advance(end);
            return Ok(Some(value));
        }
        let bytes = buf.split_to(end).freeze();
        if let [b'$', rest @ ..] = &bytes[..]
            && let Some(line) = rest.iter().position(|&byte| byte == b'\n')
            && end >= line + 4
        {
            // `$`, the line, the bytes, CRLF: the walk has seen that they are there.
            return Ok(Some(Value::Bulk(bytes.slice(line + 2..end - 2))));
        }
        match self.protocol {
            Protocol::Resp2 => match resp2::decode::decode_range(&bytes).map_err(refused)? {
                Some((frame, _)) => value2(&bytes, frame).map(Some),
                None => Err(disagreement()),
            },
            Protocol::Resp3 => match resp3::decode::complete::decode_range(&bytes).map_err(refused)? {
                Some((frame, _)) => value3(&bytes, frame).map(Some),
                None => Err(disagreement()),
            },
        }
    }
}

/// The replies that a pipeline of writes is made of, without a slice of the buffer each.
fn short(reply: &[u8]) -> Option<Value> {
    match reply {
        b"+OK\r\n" => Some(Value::Simple(Bytes::from_static(b"OK"))),
        b"+QUEUED\r\n" => Some(Value::Simple(Bytes::from_static(b"QUEUED"))),
        [b':', digits @ .., b'\r', b'\n'] => {
            Some(Value::Int(std::str::from_utf8(digits).ok()?.parse().ok()?))
        }
        _ => None,
    }
}

fn refused(error: RedisProtocolError) -> ProtocolError {
    ProtocolError::Reply(error.to_string())
}

fn disagreement() -> ProtocolError {
    ProtocolError::Reply("a reply that looked whole is not".to_owned())
}

fn slice(bytes: &Bytes, (start, end): (usize, usize)) -> Bytes {
    bytes.slice(start..end)
}

fn value2(bytes: &Bytes, frame: Frame2) -> Result<Value, ProtocolError> {
    Ok(match frame {
        Frame2::Null => Value::Null,
        Frame2::Integer(number) => Value::Int(number),
        Frame2::SimpleString(range) => Value::Simple(slice(bytes, range)),
        Frame2::BulkString(range) => Value::Bulk(slice(bytes, range)),
        Frame2::Error((start, end)) => Value::Error(ServerError::new(&bytes[start..end])),
        Frame2::Array(frames) => {
            Value::Array(frames.into_iter().map(|frame| value2(bytes, frame)).collect::<Result<_, _>>()?)
        }
    })
}

/// Attributes are dropped: no command of ours asks for them.
fn value3(bytes: &Bytes, frame: Frame3) -> Result<Value, ProtocolError> {
    let values = |frames: Vec<Frame3>| -> Result<Vec<Value>, ProtocolError> {
        frames.into_iter().map(|frame| value3(bytes, frame)).collect()
    };
    Ok(match frame {
        Frame3::Null => Value::Null,
        Frame3::Number { data, .. } => Value::Int(data),
        Frame3::Double { data, .. } => Value::Double(data),
        Frame3::Boolean { data, .. } => Value::Bool(data),
        Frame3::SimpleString { data, .. } => Value::Simple(slice(bytes, data)),
        Frame3::BlobString { data, .. } => Value::Bulk(slice(bytes, data)),
        Frame3::BigNumber { data, .. } => Value::BigNumber(slice(bytes, data)),
        Frame3::SimpleError { data: (start, end), .. } | Frame3::BlobError { data: (start, end), .. } => {
            Value::Error(ServerError::new(&bytes[start..end]))
        }
        Frame3::VerbatimString { data, format, .. } => {
            let format = match format {
                VerbatimStringFormat::Text => *b"txt",
                VerbatimStringFormat::Markdown => *b"mkd",
            };
            Value::Verbatim(format, slice(bytes, data))
        }
        Frame3::Array { data, .. } => Value::Array(values(data)?),
        Frame3::Push { data, .. } => Value::Push(values(data)?),
        Frame3::Set { data, .. } => Value::Set(values(data.into_iter().collect())?),
        // redis-protocol fills its ordered map from the last pair to the first.
        Frame3::Map { data, .. } => Value::Map(
            data.into_iter()
                .rev()
                .map(|(key, value)| Ok((value3(bytes, key)?, value3(bytes, value)?)))
                .collect::<Result<_, ProtocolError>>()?,
        ),
        Frame3::Hello { .. } | Frame3::ChunkedString(_) => return Err(disagreement()),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn decoded(protocol: Protocol, bytes: &[u8]) -> Result<Vec<Value>, ProtocolError> {
        let mut decoder = ReplyDecoder::new(protocol);
        let mut buf = BytesMut::from(bytes);
        let mut values = Vec::new();
        while let Some(value) = decoder.next(&mut buf)? {
            values.push(value);
        }
        Ok(values)
    }

    fn bulk(text: &'static str) -> Value {
        Value::Bulk(Bytes::from_static(text.as_bytes()))
    }

    #[test]
    fn every_type_of_resp3_becomes_its_value() {
        let bytes = b"+OK\r\n:-7\r\n$1\r\nv\r\n_\r\n#t\r\n,1.5\r\n,inf\r\n(123\r\n=6\r\ntxt:hi\r\n-ERR no\r\n!6\r\nERR no\r\n~1\r\n:1\r\n>1\r\n:2\r\n";
        let values = decoded(Protocol::Resp3, bytes).unwrap();
        let error = || Value::Error(ServerError::new(b"ERR no"));
        assert_eq!(
            values,
            vec![
                Value::Simple(Bytes::from_static(b"OK")),
                Value::Int(-7),
                bulk("v"),
                Value::Null,
                Value::Bool(true),
                Value::Double(1.5),
                Value::Double(f64::INFINITY),
                Value::BigNumber(Bytes::from_static(b"123")),
                Value::Verbatim(*b"txt", Bytes::from_static(b"hi")),
                error(),
                error(),
                Value::Set(vec![Value::Int(1)]),
                Value::Push(vec![Value::Int(2)]),
            ]
        );
    }

    #[test]
    fn a_map_keeps_the_order_of_the_server() {
        let values = decoded(Protocol::Resp3, b"%3\r\n+c\r\n:1\r\n+a\r\n:2\r\n+b\r\n:3\r\n").unwrap();
        let keys: Vec<_> = values[0].clone().into_pairs().unwrap().into_iter().map(|(k, _)| k).collect();
        assert_eq!(keys.iter().map(|k| k.as_str().unwrap()).collect::<Vec<_>>(), ["c", "a", "b"]);
    }

    #[test]
    fn nulls_of_resp2_and_attributes_of_resp3_are_understood() {
        assert_eq!(
            decoded(Protocol::Resp2, b"$-1\r\n*-1\r\n*1\r\n$-1\r\n").unwrap(),
            [Value::Null, Value::Null, Value::Array(vec![Value::Null])]
        );
        assert_eq!(decoded(Protocol::Resp3, b"|1\r\n+ttl\r\n:5\r\n$1\r\nv\r\n").unwrap(), [bulk("v")]);
    }

    #[test]
    fn what_is_no_reply_is_an_error() {
        assert!(decoded(Protocol::Resp3, b":abc\r\n").is_err());
        assert!(decoded(Protocol::Resp3, b"#x\r\n").is_err());
        assert!(decoded(Protocol::Resp2, b"%1\r\n+a\r\n+b\r\n").is_err());
        assert!(decoded(Protocol::Resp2, &b"*1\r\n".repeat(100_000)).is_err());
    }
}
