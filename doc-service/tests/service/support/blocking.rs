//! A WebSocket of a thread that blocks: for typists whose service is killed under them.

use std::io::ErrorKind;
use std::net::TcpStream;

use bytes::Bytes;
use shared::protocol::{Message, StateVector};
use shared::rt::time::Duration;
use tokio_tungstenite::tungstenite::{self, WebSocket};

/// How long a handshake may take: a service that is stopped accepts connections and says nothing.
const HANDSHAKE: Duration = Duration::from_secs(1);

/// A connection to a document.
pub(crate) struct Socket(WebSocket<TcpStream>);

/// The service is gone.
pub(crate) struct Gone;

impl Socket {
    /// Connects, wants to hear of what is saved, and asks for the document. Reading waits for so long.
    pub(crate) fn open(server: &str, document: &str, patience: Duration) -> Result<Socket, Gone> {
        let stream = TcpStream::connect(server).map_err(|_| Gone)?;
        stream.set_read_timeout(Some(HANDSHAKE)).map_err(|_| Gone)?;
        let url = format!("ws://{server}/ws/{document}?saved=1");
        let (socket, _) = tungstenite::client(url, stream).map_err(|_| Gone)?;
        socket.get_ref().set_read_timeout(Some(patience)).map_err(|_| Gone)?;
        let mut socket = Socket(socket);
        socket.send(&Message::SyncStep1(&StateVector::new().encode()))?;
        Ok(socket)
    }

    /// Sends a message.
    pub(crate) fn send(&mut self, message: &Message<'_>) -> Result<(), Gone> {
        self.0.send(message.encode().into()).map_err(|_| Gone)
    }

    /// The next message, if there is one soon.
    pub(crate) fn read(&mut self) -> Result<Option<Bytes>, Gone> {
        loop {
            match self.0.read() {
                Ok(tungstenite::Message::Binary(frame)) => return Ok(Some(frame)),
                Ok(tungstenite::Message::Close(_)) => return Err(Gone),
                Ok(_) => {}
                Err(tungstenite::Error::Io(error))
                    if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) =>
                {
                    return Ok(None);
                }
                Err(_) => return Err(Gone),
            }
        }
    }
}
