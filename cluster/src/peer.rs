//! A connection of this node, as a client, to the port of another one (or of any server that speaks RESP).

use std::io;

use bytes::BytesMut;
use shared::resp::reply::ReplyDecoder;
use shared::resp::{Protocol, Value, write};
use shared::rt::net::TcpStream;
use shared::rt::time::{Instant, timeout_at};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

/// A connection; replies are read in RESP2.
#[derive(Debug)]
pub struct Peer {
    stream: TcpStream,
    decoder: ReplyDecoder,
    input: BytesMut,
}

impl Peer {
    /// Connects.
    ///
    /// # Errors
    /// As the system says, or that the deadline has passed.
    pub async fn connect(host: &str, port: u16, deadline: Instant) -> io::Result<Peer> {
        let stream = timeout_at(deadline, TcpStream::connect((host, port))).await??;
        stream.set_nodelay(true)?;
        Ok(Peer { stream, decoder: ReplyDecoder::new(Protocol::Resp2), input: BytesMut::new() })
    }

    /// Whether the other side has not hung up, and owes nothing.
    pub fn stands(&self) -> bool {
        let read = self.stream.try_read(&mut [0]);
        self.input.is_empty() && read.is_err_and(|error| error.kind() == io::ErrorKind::WouldBlock)
    }

    /// Sends bytes.
    ///
    /// # Errors
    /// As the system says, or that the deadline has passed.
    pub async fn write(&mut self, bytes: &[u8], deadline: Instant) -> io::Result<()> {
        timeout_at(deadline, self.stream.write_all(bytes)).await?
    }

    /// Reads replies in this version from the next one on.
    pub fn speak(&mut self, protocol: Protocol) {
        self.decoder.set_protocol(protocol);
    }

    /// Reads a reply.
    ///
    /// # Errors
    /// As the system says, that the deadline has passed, or that what came is no reply.
    pub async fn read(&mut self, deadline: Instant) -> io::Result<Value> {
        loop {
            if let Some(value) = self.decoder.next(&mut self.input).map_err(io::Error::other)? {
                return Ok(value);
            }
            if timeout_at(deadline, self.stream.read_buf(&mut self.input)).await?? == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
        }
    }

    /// The socket, and what was read from it and is no reply yet.
    pub fn into_parts(self) -> (TcpStream, BytesMut) {
        (self.stream, self.input)
    }
}

/// Appends a request.
pub fn encode(out: &mut Vec<u8>, words: &[&[u8]]) {
    write::array(out, words.len());
    words.iter().for_each(|word| write::bulk(out, word));
}
