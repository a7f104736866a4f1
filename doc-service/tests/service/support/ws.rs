//! A WebSocket client that sends whatever bytes a test wants, and keeps a Yjs document of what it hears.

use futures_util::{SinkExt, StreamExt};
use shared::document::validate;
use shared::protocol::{Message, StateVector};
use shared::rt::net::TcpStream;
use shared::rt::time::{Duration, Instant, sleep_until, timeout, timeout_at};
use tokio_tungstenite::tungstenite::Message as Frame;
use tokio_tungstenite::{WebSocketStream, client_async};
use yrs::updates::decoder::Decode;
use yrs::updates::encoder::Encode;
use yrs::{Doc, GetString, OffsetKind, Options, ReadTxn, Text, Transact, Update};

const PATIENCE: Duration = Duration::from_secs(20);

/// A connected client.
pub(crate) struct Ws {
    socket: WebSocketStream<TcpStream>,
    doc: Doc,
    /// What was said to be saved last.
    pub(crate) saved: StateVector,
    /// How many of its edits were said to be saved last.
    pub(crate) saved_edits: u64,
    heard_own: u32,
}

/// How a connection ended.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Closed {
    pub(crate) code: u16,
    pub(crate) reason: String,
}

impl Ws {
    /// Connects and does not yet say anything. `path` is what follows `/ws/`.
    pub(crate) async fn connect(address: &str, path: &str) -> Ws {
        Ws::with_doc(address, path, new_doc()).await
    }

    /// Connects with a document from before.
    pub(crate) async fn with_doc(address: &str, path: &str, doc: Doc) -> Ws {
        let socket = TcpStream::connect(address).await.unwrap();
        let (socket, _) = client_async(format!("ws://{address}/ws/{path}"), socket).await.unwrap();
        Ws { socket, doc, saved: StateVector::new(), saved_edits: 0, heard_own: 0 }
    }

    /// Connects and syncs.
    pub(crate) async fn join(address: &str, path: &str) -> Ws {
        let mut ws = Ws::connect(address, path).await;
        ws.sync().await;
        ws
    }

    /// Sends step 1 and waits for step 2; what comes before is handled too.
    pub(crate) async fn sync(&mut self) {
        let vector = self.doc.transact().state_vector().encode_v1();
        self.send(&Message::SyncStep1(&vector).encode()).await;
        while !self.hear().await.expect("open").starts_with(&[0, 1]) {}
    }

    /// The document, to take to another connection.
    pub(crate) fn into_doc(self) -> Doc {
        self.doc
    }

    /// Sends a message.
    pub(crate) async fn send(&mut self, message: &[u8]) {
        self.send_frame(Frame::Binary(message.to_vec().into())).await;
    }

    /// Sends any frame; a connection that is gone takes it silently.
    pub(crate) async fn send_frame(&mut self, frame: Frame) {
        let _ = timeout(PATIENCE, self.socket.send(frame)).await.expect("the service reads");
    }

    /// Types at the end and sends the edit; returns its update.
    pub(crate) async fn type_in(&mut self, letters: &str) -> Vec<u8> {
        let update = typed(&self.doc, letters);
        self.send(&Message::Update(&update).encode()).await;
        update
    }

    /// Sends all it has as one edit.
    pub(crate) async fn send_everything(&mut self) {
        let update = self.doc.transact().encode_state_as_update_v1(&yrs::StateVector::default());
        self.send(&Message::Update(&update).encode()).await;
    }

    /// Deletes the first letters and sends the edit.
    pub(crate) async fn delete_first(&mut self, letters: u32) {
        let update = {
            let content = self.doc.get_or_insert_text("content");
            let mut transaction = self.doc.transact_mut();
            content.remove_range(&mut transaction, 0, letters);
            transaction.encode_update_v1()
        };
        self.send(&Message::Update(&update).encode()).await;
    }

    /// Listens until its own edits have come back: they are seen. (A deletion has no clock and does not count.)
    pub(crate) async fn seen(&mut self) {
        while self.heard_own < self.own().1 {
            if let Err(closed) = self.hear().await {
                panic!("{closed:?} while waiting for what it typed");
            }
        }
    }

    /// The clock up to which it knows a Yjs client's edits.
    pub(crate) fn clock(&self, client: u64) -> u32 {
        self.doc.transact().state_vector().get(&yrs::ClientID::new(client))
    }

    /// The text as it has it.
    pub(crate) fn text(&self) -> String {
        let content = self.doc.get_or_insert_text("content");
        content.get_string(&self.doc.transact())
    }

    /// Its own clock.
    pub(crate) fn own(&self) -> (u64, u32) {
        let client = self.doc.client_id();
        (client.get(), self.doc.transact().state_vector().get(&client))
    }

    /// The next message, handled as a Yjs client does; `Err` when the service hangs up. That nobody moves a caret, which is said
    /// to silent clients now and then, is no message: whoever waits in vain ends.
    pub(crate) async fn hear(&mut self) -> Result<Vec<u8>, Closed> {
        let deadline = Instant::now() + PATIENCE;
        let reassurance = Message::Awareness(&[0]).encode();
        loop {
            let frame = timeout_at(deadline, self.socket.next()).await.expect("the service says something");
            match frame {
                Some(Ok(Frame::Binary(bytes))) if bytes[..] == reassurance[..] => {}
                Some(Ok(Frame::Binary(bytes))) => {
                    self.handle(&bytes).await;
                    return Ok(bytes.to_vec());
                }
                Some(Ok(Frame::Close(Some(frame)))) => {
                    return Err(Closed { code: frame.code.into(), reason: frame.reason.to_string() });
                }
                Some(Ok(_)) => {}
                Some(Err(_)) | None => return Err(Closed { code: 1006, reason: String::new() }),
            }
        }
    }

    /// Listens until the text is this.
    pub(crate) async fn wait_text(&mut self, text: &str) {
        while self.text() != text {
            if let Err(closed) = self.hear().await {
                panic!("{closed:?} while waiting for {text:?}, has {:?}", self.text());
            }
        }
    }

    /// Listens until so much of its own is saved.
    pub(crate) async fn wait_saved(&mut self, client: u64, clock: u32) {
        while self.saved.clock(client) < clock {
            self.hear().await.expect("open");
        }
    }

    /// Listens until this moment; panics when the service hangs up.
    pub(crate) async fn hear_until(&mut self, moment: Instant) {
        loop {
            tokio::select! {
                biased;
                () = sleep_until(moment) => return,
                heard = self.hear() => drop(heard.expect("the connection stays")),
            }
        }
    }

    /// Listens until the service hangs up.
    pub(crate) async fn wait_closed(&mut self) -> Closed {
        loop {
            if let Err(closed) = self.hear().await {
                return closed;
            }
        }
    }

    async fn handle(&mut self, bytes: &[u8]) {
        match Message::decode(bytes).expect("the service sends what is sound") {
            Message::SyncStep1(vector) => {
                let vector = yrs::StateVector::decode_v1(vector).unwrap();
                let update = self.doc.transact().encode_state_as_update_v1(&vector);
                self.send(&Message::SyncStep2(&update).encode()).await;
            }
            Message::SyncStep2(update) | Message::Update(update) => {
                let own = validate(update).unwrap().state_vector().clock(self.doc.client_id().get());
                self.heard_own = self.heard_own.max(own);
                self.doc.transact_mut().apply_update(Update::decode_v1(update).unwrap()).unwrap();
            }
            Message::Saved { vector, edits } => (self.saved, self.saved_edits) = (vector, edits),
            _ => {}
        }
    }
}

/// A document as a Yjs client has it.
pub(crate) fn new_doc() -> Doc {
    Doc::with_options(Options { offset_kind: OffsetKind::Utf16, ..Options::default() })
}

/// Types at the end of a document; the update.
pub(crate) fn typed(doc: &Doc, letters: &str) -> Vec<u8> {
    let content = doc.get_or_insert_text("content");
    let mut transaction = doc.transact_mut();
    let end = content.len(&transaction);
    content.insert(&mut transaction, end, letters);
    transaction.encode_update_v1()
}
