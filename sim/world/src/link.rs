//! A connection of a client to a node.

use std::io;
use std::time::Duration;

use bytes::BytesMut;
use shared::resp::reply::ReplyDecoder;
use shared::resp::value::Value;
use shared::resp::{Protocol, write};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::time::timeout;
use turmoil::net::TcpStream;

use crate::world::PORT;

/// Why there is no answer. What was asked may have been done.
#[derive(Debug)]
pub(crate) struct NoAnswer;

/// A connection; after one answer that does not come it is of no more use.
pub(crate) struct Link {
    stream: TcpStream,
    input: BytesMut,
    decoder: ReplyDecoder,
}

impl Link {
    /// Connects, or gives up after this time.
    pub(crate) async fn open(host: &str, patience: Duration) -> io::Result<Link> {
        let stream = timeout(patience, TcpStream::connect((host, PORT))).await;
        let stream = stream.map_err(|_| io::Error::from(io::ErrorKind::TimedOut))??;
        Ok(Link { stream, input: BytesMut::new(), decoder: ReplyDecoder::new(Protocol::Resp2) })
    }

    /// Asks, and waits for the answer as long as this.
    pub(crate) async fn ask(&mut self, words: &[&str], patience: Duration) -> Result<Value, NoAnswer> {
        timeout(patience, self.exchange(words)).await.map_err(|_| NoAnswer)?
    }

    async fn exchange(&mut self, words: &[&str]) -> Result<Value, NoAnswer> {
        let mut request = BytesMut::new();
        write::request(&mut request, words);
        self.stream.write_all(&request).await.map_err(|_| NoAnswer)?;
        loop {
            if let Some(value) = self.decoder.next(&mut self.input).map_err(|_| NoAnswer)? {
                return Ok(value);
            }
            match self.stream.read_buf(&mut self.input).await {
                Ok(0) | Err(_) => return Err(NoAnswer),
                Ok(_) => {}
            }
        }
    }
}
