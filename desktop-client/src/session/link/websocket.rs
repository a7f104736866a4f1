//! The link to a document service: WebSocket frames of the y-websocket protocol, with `?saved=1`.

use std::collections::VecDeque;

use bytes::Bytes;
use futures_util::stream::{SplitSink, SplitStream};
use futures_util::{SinkExt, StreamExt};
use shared::limits::MESSAGE_BYTES_MAX;
use shared::names::DocumentId;
use shared::protocol::{Message, StateVector};
use shared::rt::net::TcpStream;
use shared::rt::task;
use shared::rt::time::{Instant, MissedTickBehavior, interval, timeout};
use tokio::sync::mpsc;
use tokio_tungstenite::tungstenite::protocol::{CloseFrame, WebSocketConfig};
use tokio_tungstenite::tungstenite::{Error as WebSocketError, Message as Frame};
use tokio_tungstenite::{WebSocketStream, client_async_with_config};

use super::{LINK_QUEUE_MAX, Link, LinkError};
use crate::session::limits::{
    CONNECT_DEADLINE, LINK_CLOSE_DEADLINE, LINK_SILENCE_MAX, PING_WAIT, SEND_DEADLINE,
};
use crate::session::room::{Heard, Said};
use crate::session::url::path_segment;

/// The close code of a document that was deleted (the service's gateway).
const CLOSED_AS_DELETED: u16 = 4410;

/// The close codes of a message that the server does not take: against its rules, or too big (RFC 6455, 7.4.1).
const CLOSED_AS_REFUSED: [u16; 2] = [1008, 1009];

type Socket = WebSocketStream<TcpStream>;

/// Connects a document by way of the service at `host:port`.
pub async fn connect(authority: &str, document: &DocumentId) -> Result<Link, LinkError> {
    let attempt = timeout(CONNECT_DEADLINE, handshake(authority, document)).await;
    let socket = attempt.map_err(|_| LinkError::Unreachable("the server does not answer".into()))??;
    let (say, said) = mpsc::channel(LINK_QUEUE_MAX);
    let (heard, hear) = mpsc::channel(LINK_QUEUE_MAX);
    let (sink, stream) = socket.split();
    let task = task::spawn(async move {
        let why = Talk { sink, stream, said, heard, sent: Sent::default() }.run().await;
        tracing::info!(why, "the link is gone");
    });
    Ok(Link { say, hear, task })
}

async fn handshake(authority: &str, document: &DocumentId) -> Result<Socket, LinkError> {
    let unreachable = |error: std::io::Error| LinkError::Unreachable(error.to_string());
    let stream = TcpStream::connect(authority).await.map_err(unreachable)?;
    stream.set_nodelay(true).map_err(unreachable)?;
    let address = format!("ws://{authority}/ws/{}?saved=1", path_segment(document.as_str()));
    let config = WebSocketConfig::default()
        .max_message_size(Some(MESSAGE_BYTES_MAX))
        .max_frame_size(Some(MESSAGE_BYTES_MAX));
    let (socket, _) = client_async_with_config(address, stream, Some(config)).await.map_err(no_handshake)?;
    Ok(socket)
}

/// Only a server that answers refuses; a connection that breaks meanwhile says nothing.
fn no_handshake(error: WebSocketError) -> LinkError {
    match error {
        WebSocketError::Http(_) => LinkError::Refused(error.to_string()),
        _ => LinkError::Unreachable(error.to_string()),
    }
}

/// The numbers of the edits that went out on this connection, in order, until they are saved.
#[derive(Debug, Default)]
struct Sent {
    numbers: VecDeque<u64>,
    saved: u64,
}

impl Sent {
    fn push(&mut self, number: u64) {
        self.numbers.push_back(number);
    }

    /// The service saved so many edits of this connection in all. Returns the number of the last of them.
    fn saved(&mut self, count: u64) -> Option<u64> {
        let mut last = None;
        while self.saved < count {
            last = Some(self.numbers.pop_front()?);
            self.saved += 1;
        }
        last
    }
}

struct Talk {
    sink: SplitSink<Socket, Frame>,
    stream: SplitStream<Socket>,
    said: mpsc::Receiver<Said>,
    heard: mpsc::Sender<Heard>,
    sent: Sent,
}

impl Talk {
    /// Talks until the connection is gone; says why it is.
    async fn run(&mut self) -> &'static str {
        let mut pings = interval(PING_WAIT);
        pings.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut last_heard = Instant::now();
        loop {
            let outcome = tokio::select! {
                biased;
                frame = self.stream.next() => {
                    last_heard = Instant::now();
                    match frame {
                        Some(Ok(frame)) => self.hear(frame).await,
                        Some(Err(_)) | None => Err("it was closed"),
                    }
                }
                said = self.said.recv() => match said {
                    Some(said) => self.say(said).await,
                    None => {
                        let _ = timeout(LINK_CLOSE_DEADLINE, self.sink.close()).await;
                        Err("the document was closed")
                    }
                },
                _ = pings.tick() => {
                    if last_heard.elapsed() > LINK_SILENCE_MAX {
                        Err("the server is silent")
                    } else {
                        self.send(Frame::Ping(Bytes::new())).await
                    }
                }
            };
            if let Err(why) = outcome {
                return why;
            }
        }
    }

    async fn hear(&mut self, frame: Frame) -> Result<(), &'static str> {
        let bytes = match frame {
            Frame::Binary(bytes) => bytes,
            Frame::Close(reason) => {
                let Some(CloseFrame { code, reason }) = reason else { return Err("the server closed it") };
                let code = u16::from(code);
                tracing::info!(code, %reason, "the server closes the link");
                if code == CLOSED_AS_DELETED {
                    self.tell(Heard::Deleted).await?;
                } else if CLOSED_AS_REFUSED.contains(&code) {
                    self.tell(Heard::Refused(reason.as_str().to_owned())).await?;
                }
                return Err("the server closed it");
            }
            _ => return Ok(()),
        };
        let owned = |part: &[u8]| bytes.slice_ref(part);
        let heard = match Message::decode(&bytes) {
            Ok(Message::SyncStep1(known)) => match StateVector::decode(known) {
                Ok(known) => Heard::Asked(known),
                Err(_) => return Err("the server sent what cannot be read"),
            },
            Ok(Message::SyncStep2(update)) => {
                self.tell(Heard::Update(owned(update))).await?;
                Heard::Synced
            }
            Ok(Message::Update(update)) => Heard::Update(owned(update)),
            Ok(Message::Awareness(update)) => Heard::Presence(owned(update)),
            Ok(Message::QueryAwareness) => Heard::PresenceAsked,
            Ok(Message::PermissionDenied(_)) => return Err("the server refused access"),
            Ok(Message::Saved { edits, .. }) => match self.sent.saved(edits) {
                Some(number) => Heard::Saved(number),
                None => return Ok(()),
            },
            Err(_) => return Err("the server sent what cannot be read"),
        };
        self.tell(heard).await
    }

    async fn tell(&mut self, heard: Heard) -> Result<(), &'static str> {
        self.heard.send(heard).await.map_err(|_| "the document was closed")
    }

    async fn say(&mut self, said: Said) -> Result<(), &'static str> {
        let message = match &said {
            Said::Ask(known) => Message::SyncStep1(&known.encode()).encode(),
            Said::Update { number, update } => {
                self.sent.push(*number);
                Message::Update(update).encode()
            }
            Said::Answer(update) => Message::SyncStep2(update).encode(),
            Said::Presence(update) => Message::Awareness(update).encode(),
        };
        self.send(Frame::Binary(message.into())).await
    }

    async fn send(&mut self, frame: Frame) -> Result<(), &'static str> {
        match timeout(SEND_DEADLINE, self.sink.send(frame)).await {
            Ok(Ok(())) => Ok(()),
            Ok(Err(_)) => Err("it was closed"),
            Err(_) => Err("the server takes nothing"),
        }
    }
}

#[cfg(test)]
mod tests {
    use shared::rt::net::TcpListener;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    use super::*;

    /// Connects to a server that does this with the connection.
    fn connected<F: Future<Output = ()>>(
        serve: impl FnOnce(TcpStream) -> F,
    ) -> (tokio::runtime::Runtime, Result<Link, LinkError>) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let link = runtime.block_on(async {
            let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
            let authority = listener.local_addr().unwrap().to_string();
            let document = "notes".parse().unwrap();
            let server = async { serve(listener.accept().await.unwrap().0).await };
            tokio::join!(connect(&authority, &document), server).0
        });
        (runtime, link)
    }

    #[test]
    fn a_server_that_refuses_a_message_is_heard_with_its_reason() {
        for (code, reason) in [(1008, "message refused"), (1009, "the document is too big")] {
            let (runtime, link) = connected(async |stream| {
                let mut socket = tokio_tungstenite::accept_async(stream).await.unwrap();
                let frame = CloseFrame { code: code.into(), reason: reason.into() };
                socket.close(Some(frame)).await.unwrap();
            });
            let heard = runtime.block_on(async { link.unwrap().hear.recv().await });
            assert_eq!(heard, Some(Heard::Refused(reason.into())), "{code}");
        }
    }

    #[test]
    fn only_an_answer_is_a_refusal() {
        let (_, link) = connected(async |stream| drop(stream));
        assert!(matches!(link, Err(LinkError::Unreachable(_))), "{link:?}");
        let (_, link) = connected(async |mut stream| {
            assert!(stream.read(&mut [0; 4096]).await.unwrap() > 0);
            stream.write_all(b"HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n").await.unwrap();
        });
        assert!(matches!(link, Err(LinkError::Refused(_))), "{link:?}");
    }

    #[test]
    fn saved_counts_edits_of_this_connection() {
        let mut sent = Sent::default();
        [3, 4, 9].into_iter().for_each(|number| sent.push(number));
        assert_eq!(sent.saved(0), None);
        assert_eq!(sent.saved(2), Some(4));
        assert_eq!(sent.saved(2), None, "a repeated word is no news");
        assert_eq!(sent.saved(3), Some(9));
        assert_eq!(sent.saved(7), None, "more than was sent is nobody's");
    }
}
