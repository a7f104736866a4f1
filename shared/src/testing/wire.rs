//! A blocking RESP connection: the shortest way to ask a server something.

use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};

use bytes::BytesMut;

use crate::resp::{Protocol, ReplyDecoder, Value, write};
use crate::rt::time::Duration;

/// How long a reply may take.
const REPLY_DEADLINE: Duration = Duration::from_secs(20);

/// A connection to one server that follows no redirection.
#[derive(Debug)]
pub struct Wire {
    stream: TcpStream,
    decoder: ReplyDecoder,
    buf: BytesMut,
}

impl Wire {
    /// Connects, RESP2; `None` if nobody listens there.
    pub fn try_connect(port: u16) -> Option<Wire> {
        let address = SocketAddr::from(([127, 0, 0, 1], port));
        let stream = TcpStream::connect_timeout(&address, REPLY_DEADLINE).ok()?;
        stream.set_read_timeout(Some(REPLY_DEADLINE)).ok()?;
        stream.set_nodelay(true).ok()?;
        Some(Wire { stream, decoder: ReplyDecoder::new(Protocol::Resp2), buf: BytesMut::new() })
    }

    /// Connects, RESP2.
    pub fn connect(port: u16) -> Wire {
        Wire::try_connect(port).unwrap_or_else(|| panic!("nobody listens on port {port}"))
    }

    /// The same connection once more, so that one thread sends while another one reads.
    pub fn again(&self) -> Wire {
        let stream = self.stream.try_clone().expect("a second handle of the socket");
        Wire { stream, decoder: ReplyDecoder::new(Protocol::Resp2), buf: BytesMut::new() }
    }

    /// Ends the connection, for all its handles.
    pub fn hang_up(&self) {
        let _ended_already = self.stream.shutdown(Shutdown::Both);
    }

    /// Switches to RESP3.
    pub fn resp3(mut self) -> Wire {
        self.send(&["HELLO", "3"]);
        self.decoder.set_protocol(Protocol::Resp3);
        let answer = self.read();
        assert!(answer.as_error().is_none(), "HELLO 3: {answer}");
        self
    }

    /// Sends a request and reads its answer; panics if the connection breaks.
    pub fn call<A: AsRef<[u8]>>(&mut self, args: &[A]) -> Value {
        self.try_call(args).unwrap_or_else(|| panic!("no answer to {}", args[0].as_ref().escape_ascii()))
    }

    /// Sends a request and reads its answer; `None` if the connection breaks or no answer comes.
    pub fn try_call<A: AsRef<[u8]>>(&mut self, args: &[A]) -> Option<Value> {
        self.try_send(args)?;
        self.try_read()
    }

    /// Sends a request without waiting for its answer.
    pub fn send<A: AsRef<[u8]>>(&mut self, args: &[A]) {
        self.try_send(args).expect("a request is sent");
    }

    /// Sends bytes as they are.
    pub fn send_raw(&mut self, bytes: &[u8]) {
        self.try_send_raw(bytes).expect("bytes are sent");
    }

    /// Sends bytes as they are; `None` if the connection breaks.
    pub fn try_send_raw(&mut self, bytes: &[u8]) -> Option<()> {
        self.stream.write_all(bytes).ok()
    }

    /// Reads the next answer or message.
    pub fn read(&mut self) -> Value {
        self.try_read().expect("an answer")
    }

    /// Reads the next answer or message; `None` if the connection ends or nothing comes.
    pub fn try_read(&mut self) -> Option<Value> {
        loop {
            match self.decoder.next(&mut self.buf) {
                Ok(Some(value)) => return Some(value),
                Ok(None) => {}
                Err(error) => panic!("{error}: {}", self.buf.escape_ascii()),
            }
            let mut chunk = [0; 16 * 1024];
            match self.stream.read(&mut chunk) {
                Ok(0) | Err(_) => return None,
                Ok(bytes) => self.buf.extend_from_slice(&chunk[..bytes]),
            }
        }
    }

    fn try_send<A: AsRef<[u8]>>(&mut self, args: &[A]) -> Option<()> {
        let mut out = Vec::new();
        write::request(&mut out, args);
        self.try_send_raw(&out)
    }
}
