//! Every process is killed in the middle of typing and started again: nothing that was called *saved* is gone.
//!
//! The oracle stands on the client's side. Typists write words that occur once, and remember which of them the service called
//! saved. When everything was killed they are gone too, so nobody can hand in again what the cluster lost; only then is the
//! document read.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread::{self, JoinHandle};

use shared::document::TextDocument;
use shared::protocol::{Message, StateVector};
use shared::rt::rng::{Rng, random_u64};
use shared::rt::time::{Duration, Instant, now_ms};
use shared::testing::{Cluster, Service, wait};

use crate::support::blocking::{Gone, Socket};

/// How often everything is killed.
const ROUNDS: usize = 10;
/// Typists at one document.
const TYPISTS: u64 = 3;
/// Words that must have been saved before a round's processes are killed, so that the kill hits typing.
const SAVED_MIN: usize = 60;
/// How long a typist waits for messages between two words.
const BETWEEN_WORDS: Duration = Duration::from_millis(3);
/// Words after which a typist only listens: a round is bounded on any machine.
const WORDS_MAX: usize = 3_000;
const DOCUMENT: &str = "minutes";

#[test]
fn nothing_saved_is_gone_when_every_process_is_killed_in_the_middle_of_typing() {
    let seed = random_u64();
    println!("seed {seed}");
    let mut rng = Rng::from_seed(seed);
    let mut cluster = Cluster::ours(3, 0);
    let mut service = Service::start_on(&cluster.url(), cluster.folder().path(), &[]);
    let mut must_be_there: Vec<String> = Vec::new();
    for round in 0..ROUNDS {
        let saved = Arc::new(AtomicUsize::new(0));
        let typists: Vec<Typing> = (0..TYPISTS)
            .map(|typist| {
                Typing::start(service.address(), format!("{round}.{typist}"), rng.next_u64(), saved.clone())
            })
            .collect();
        let goal = SAVED_MIN + rng.below(SAVED_MIN as u64) as usize;
        wait::until("typists are told saved", || saved.load(Ordering::Relaxed) >= goal);

        let mut victims = [0, 1, 2, 3];
        for last in (1..victims.len()).rev() {
            victims.swap(last, rng.below(last as u64 + 1) as usize);
        }
        for victim in victims {
            if victim == 3 { service.kill() } else { cluster.node_mut(victim).kill() }
        }
        for typing in typists {
            must_be_there.extend(typing.stop());
        }

        for node in 0..3 {
            cluster.node_mut(node).start();
        }
        cluster.wait_ok();
        service.start();
        let text = wait::until_some("the document is read", || {
            let answer = service.get(&format!("/documents/{DOCUMENT}?format=text"))?;
            answer.starts_with("HTTP/1.1 200").then_some(answer)
        });
        let lost: Vec<&String> = must_be_there.iter().filter(|word| !text.contains(word.as_str())).collect();
        assert!(
            lost.is_empty(),
            "round {round}, seed {seed}: {} of {} saved words are gone: {lost:?}",
            lost.len(),
            must_be_there.len()
        );
    }
    println!("{} saved words survived {ROUNDS} rounds", must_be_there.len());
}

/// A typist on a thread of its own.
struct Typing {
    stop: Arc<AtomicBool>,
    thread: JoinHandle<Vec<String>>,
}

impl Typing {
    fn start(server: String, name: String, seed: u64, saved: Arc<AtomicUsize>) -> Typing {
        let stop = Arc::new(AtomicBool::new(false));
        let stopped = stop.clone();
        let thread = thread::spawn(move || Typist::new(&server, name, seed).run(&stopped, &saved));
        Typing { stop, thread }
    }

    /// The words that it was told are saved.
    fn stop(self) -> Vec<String> {
        self.stop.store(true, Ordering::Relaxed);
        self.thread.join().expect("a typist")
    }
}

struct Typist {
    name: String,
    rng: Rng,
    socket: Socket,
    document: TextDocument,
    /// Words in the order in which they were sent, one edit each.
    typed: Vec<String>,
    /// How many of them are saved.
    saved: usize,
}

impl Typist {
    fn new(server: &str, name: String, seed: u64) -> Typist {
        let socket = Socket::open(server, DOCUMENT, BETWEEN_WORDS).ok().expect("the service listens");
        let mut rng = Rng::from_seed(seed);
        let client = rng.next_u64() >> 32;
        let document = TextDocument::new(client).expect("a document");
        Typist { name, rng, socket, document, typed: Vec::new(), saved: 0 }
    }

    /// Types until it is stopped or the service is gone; the words that were saved.
    fn run(mut self, stop: &AtomicBool, told: &AtomicUsize) -> Vec<String> {
        let (mut alive, mut counted) = (true, 0);
        let deadline = Instant::now() + wait::PATIENCE;
        while alive && !stop.load(Ordering::Relaxed) && Instant::now() < deadline {
            alive = self.listen() && self.type_word();
            told.fetch_add(self.saved - counted, Ordering::Relaxed);
            counted = self.saved;
        }
        // What was sent before the kill may still say saved.
        while alive && self.listen() {}
        self.typed.truncate(self.saved);
        self.typed
    }

    /// Inserts a word between others; false when the service is gone.
    fn type_word(&mut self) -> bool {
        if self.typed.len() >= WORDS_MAX {
            return true;
        }
        let word = format!("<{}.{}>", self.name, self.typed.len());
        // Between words only: a word that was torn could not be found again.
        let text = self.document.visible().to_string();
        let ends: Vec<usize> = std::iter::once(0)
            .chain(text.chars().enumerate().filter(|(_, letter)| *letter == '>').map(|(at, _)| at + 1))
            .collect();
        let at = ends[self.rng.below(ends.len() as u64) as usize];
        let update =
            self.document.splice(at, 0, &word, now_ms()).expect("a sound document").expect("an edit");
        self.typed.push(word);
        self.socket.send(&Message::Update(&update)).is_ok()
    }

    /// Takes messages until there is none for a moment; false when the service is gone.
    fn listen(&mut self) -> bool {
        loop {
            let frame = match self.socket.read() {
                Ok(Some(frame)) => frame,
                Ok(None) => return true,
                Err(Gone) => return false,
            };
            match Message::decode(&frame).expect("a message of the service") {
                Message::SyncStep2(update) | Message::Update(update) => {
                    let (_, applied) = self.document.apply(&[update]);
                    assert!(applied.iter().all(Result::is_ok), "the service sent a bad update: {applied:?}");
                }
                Message::SyncStep1(known) => {
                    let known = StateVector::decode(known).expect("a state vector");
                    let update = self.document.document().encode_since(&known).expect("a sound document");
                    if self.socket.send(&Message::SyncStep2(&update)).is_err() {
                        return false;
                    }
                }
                Message::Saved { edits, .. } => self.saved = edits as usize,
                _ => {}
            }
        }
    }
}
