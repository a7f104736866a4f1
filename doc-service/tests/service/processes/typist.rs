//! A typist at the service: comes back when its connection ends, and hands in what is not *saved* yet.
//!
//! It begins with an empty document each time, and answers the service's question only with its own unsaved words: what was
//! saved and is lost it could not mend.

use std::collections::VecDeque;
use std::sync::Arc;
use std::thread;

use shared::document::TextDocument;
use shared::protocol::Message;
use shared::rt::rng::Rng;
use shared::rt::time::{Duration, Instant, now_ms};
use shared::testing::wait;

use crate::support::blocking::{Gone, Socket};

use super::oracle::{BETWEEN_WORDS, Oracle, place};

/// How long a typist listens before it looks whether a word is due.
const LISTEN: Duration = Duration::from_millis(5);

/// A word on its way to *saved*.
struct Unsaved {
    client: u64,
    /// The Yjs clock of its client behind it.
    clock: u32,
    word: String,
    typed_at: Instant,
    update: Vec<u8>,
}

pub(crate) struct Typist {
    pub(crate) number: usize,
    pub(crate) document: usize,
    /// The addresses of the services, taken in turn.
    pub(crate) services: Vec<String>,
    pub(crate) rng: Rng,
    pub(crate) oracle: Arc<Oracle>,
}

/// A connection and what was heard on it.
struct Seat {
    socket: Socket,
    client: u64,
    clock: u32,
    text: TextDocument,
    synced: bool,
}

impl Typist {
    /// Types until it is told to stop, then listens until it has every word; the text as it then has it.
    pub(crate) fn run(mut self) -> String {
        let mut unsaved: VecDeque<Unsaved> = VecDeque::new();
        let (mut seat, mut written, mut due) = (None::<Seat>, 0, Instant::now());
        let (mut typing, mut patience) = (true, Instant::now());
        loop {
            if typing && self.oracle.is_stopped() {
                typing = false;
                patience = Instant::now() + wait::PATIENCE;
                self.oracle.rest();
            }
            let Some(open) = &mut seat else {
                seat = self.sit_down(&unsaved);
                if seat.is_none() {
                    thread::sleep(LISTEN);
                }
                continue;
            };
            let mut alive = self.listen(open, &mut unsaved);
            while alive && typing && open.synced && due <= Instant::now() {
                due += BETWEEN_WORDS;
                let word = format!("<{}.{written}>", self.number);
                written += 1;
                alive = self.type_word(open, word, &mut unsaved);
            }
            if !typing {
                let text = open.text.visible().to_string();
                let complete = unsaved.is_empty() && self.oracle.is_complete(self.document, &text);
                if complete || Instant::now() > patience {
                    return text;
                }
            }
            if !alive {
                seat = None;
            }
        }
    }

    /// Connects to the next service, asks for the document and hands in what is not saved.
    fn sit_down(&mut self, unsaved: &VecDeque<Unsaved>) -> Option<Seat> {
        self.services.rotate_left(1);
        let server = &self.services[0];
        let mut socket = Socket::open(server, &super::name(self.document), LISTEN).ok()?;
        for edit in unsaved {
            socket.send(&Message::Update(&edit.update)).ok()?;
        }
        let client = self.rng.next_u64() >> 32;
        let text = TextDocument::new(client).expect("a document");
        Some(Seat { socket, client, clock: 0, text, synced: false })
    }

    /// Inserts a word between others; false when the service is gone.
    fn type_word(&mut self, seat: &mut Seat, word: String, unsaved: &mut VecDeque<Unsaved>) -> bool {
        let text = seat.text.visible().to_string();
        let at = place(&text, self.rng.below(text.len() as u64 + 1) as usize);
        let update = seat.text.splice(at, 0, &word, now_ms()).expect("a sound document").expect("an edit");
        seat.clock += word.len() as u32;
        self.oracle.typed(self.document, &word);
        let sent = seat.socket.send(&Message::Update(&update)).is_ok();
        let (client, clock, typed_at) = (seat.client, seat.clock, Instant::now());
        unsaved.push_back(Unsaved { client, clock, word, typed_at, update });
        sent
    }

    /// Takes messages until there is none for a moment; false when the service is gone.
    fn listen(&mut self, seat: &mut Seat, unsaved: &mut VecDeque<Unsaved>) -> bool {
        loop {
            let frame = match seat.socket.read() {
                Ok(Some(frame)) => frame,
                Ok(None) => return true,
                Err(Gone) => return false,
            };
            match Message::decode(&frame).expect("a message of the service") {
                Message::SyncStep2(update) => {
                    apply(&mut seat.text, update);
                    seat.synced = true;
                }
                Message::Update(update) => apply(&mut seat.text, update),
                Message::Saved { vector, .. } => {
                    let is_saved = |edit: &Unsaved| vector.clock(edit.client) >= edit.clock;
                    while unsaved.front().is_some_and(is_saved) {
                        let edit = unsaved.pop_front().expect("the one that was looked at");
                        self.oracle.saved(self.document, edit.word, edit.typed_at);
                    }
                }
                _ => {}
            }
            // Where many type there is always a message: words are due all the same.
            if seat.synced && !self.oracle.is_stopped() {
                return true;
            }
        }
    }
}

/// Takes in an update that the service or the channel brought.
pub(crate) fn apply(text: &mut TextDocument, update: &[u8]) {
    let (_, applied) = text.apply(&[update]);
    assert!(applied.iter().all(Result::is_ok), "a bad update: {applied:?}");
}
