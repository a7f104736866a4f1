//! A WebSocket client that speaks the y-websocket protocol with Yjs updates as bytes.

use futures_util::stream::{SplitSink, SplitStream};
use futures_util::{SinkExt, StreamExt};
use shared::rt::net::TcpStream;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::{WebSocketStream, client_async};

/// The half that sends.
pub(crate) struct Sender(SplitSink<WebSocketStream<TcpStream>, Message>);

/// The half that receives.
pub(crate) struct Receiver(SplitStream<WebSocketStream<TcpStream>>);

/// Connects to a document, answers the service's step 1 with an empty step 2, and asks for nothing.
pub(crate) async fn connect(server: &str, document: &str) -> (Sender, Receiver) {
    let socket = TcpStream::connect(server).await.expect("the service listens");
    socket.set_nodelay(true).expect("nodelay");
    let (socket, _) =
        client_async(format!("ws://{server}/ws/{document}"), socket).await.expect("a handshake");
    let (sink, stream) = socket.split();
    let (mut sender, mut receiver) = (Sender(sink), Receiver(stream));
    while receiver.next().await.expect("step 1").first() != Some(&0) {}
    sender.send(message(1, &[0, 0])).await;
    (sender, receiver)
}

impl Sender {
    /// Sends one message.
    pub(crate) async fn send(&mut self, message: Vec<u8>) {
        self.0.send(Message::Binary(message.into())).await.expect("the service takes messages");
    }

    /// Sends an edit.
    pub(crate) async fn edit(&mut self, update: &[u8]) {
        self.send(message(2, update)).await;
    }
}

impl Receiver {
    /// The next message.
    pub(crate) async fn next(&mut self) -> Option<Vec<u8>> {
        loop {
            match self.0.next().await? {
                Ok(Message::Binary(bytes)) => return Some(bytes.to_vec()),
                Ok(Message::Close(frame)) => panic!("the service closed the connection: {frame:?}"),
                Ok(_) => {}
                Err(_) => return None,
            }
        }
    }

    /// The next update; other messages are skipped.
    pub(crate) async fn update(&mut self) -> Option<Vec<u8>> {
        loop {
            let message = self.next().await?;
            if message.starts_with(&[0, 2]) {
                let length = 1 + message[2..].iter().take_while(|&&byte| byte >= 0x80).count();
                return Some(message[2 + length..].to_vec());
            }
        }
    }
}

/// Sync step 1 of a client that has nothing.
pub(crate) fn step_1() -> Vec<u8> {
    vec![0, 0, 1, 0]
}

/// A sync message of this kind: 1 step 2, 2 update.
pub(crate) fn message(kind: u8, update: &[u8]) -> Vec<u8> {
    let mut message = vec![0, kind];
    let mut length = update.len();
    while length >= 0x80 {
        message.push(length as u8 | 0x80);
        length >>= 7;
    }
    message.push(length as u8);
    message.extend_from_slice(update);
    message
}
