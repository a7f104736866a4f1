//! What the typists know: which words were typed, which were called saved, and how long that took.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};

use parking_lot::Mutex;
use shared::rt::time::{Duration, Instant};

/// How many documents there are.
pub(crate) const DOCUMENTS: usize = 5;
/// How many typists, the same number at each document.
pub(crate) const TYPISTS: usize = 20;
/// From one word of a typist to the next: 250 a second of all together.
pub(crate) const BETWEEN_WORDS: Duration = Duration::from_millis(80);

/// What all typists share.
pub(crate) struct Oracle {
    documents: [Mutex<Words>; DOCUMENTS],
    stop: AtomicBool,
    /// How many may still type.
    typing: AtomicUsize,
    saved: AtomicUsize,
    longest_ms: AtomicU64,
}

/// The words of one document.
#[derive(Default)]
pub(crate) struct Words {
    pub(crate) typed: BTreeSet<String>,
    pub(crate) saved: BTreeSet<String>,
}

impl Oracle {
    pub(crate) fn new() -> Oracle {
        Oracle {
            documents: Default::default(),
            stop: AtomicBool::new(false),
            typing: AtomicUsize::new(TYPISTS),
            saved: AtomicUsize::new(0),
            longest_ms: AtomicU64::new(0),
        }
    }

    pub(crate) fn words(&self, document: usize) -> parking_lot::MutexGuard<'_, Words> {
        self.documents[document].lock()
    }

    pub(crate) fn typed(&self, document: usize, word: &str) {
        self.words(document).typed.insert(word.to_owned());
    }

    pub(crate) fn saved(&self, document: usize, word: String, typed_at: Instant) {
        self.words(document).saved.insert(word);
        self.saved.fetch_add(1, Ordering::Relaxed);
        self.longest_ms.fetch_max(typed_at.elapsed().as_millis() as u64, Ordering::Relaxed);
    }

    /// How many words were called saved.
    pub(crate) fn saved_count(&self) -> usize {
        self.saved.load(Ordering::Relaxed)
    }

    /// The longest from a word's key to *saved* since this was asked last, milliseconds.
    pub(crate) fn take_longest_ms(&self) -> u64 {
        self.longest_ms.swap(0, Ordering::Relaxed)
    }

    /// Has the typists type no more.
    pub(crate) fn stop(&self) {
        self.stop.store(true, Ordering::Relaxed);
    }

    pub(crate) fn is_stopped(&self) -> bool {
        self.stop.load(Ordering::Relaxed)
    }

    /// A typist types no more: each says so once.
    pub(crate) fn rest(&self) {
        self.typing.fetch_sub(1, Ordering::AcqRel);
    }

    /// Nobody types any more, and this text holds every word that was typed.
    pub(crate) fn is_complete(&self, document: usize, text: &str) -> bool {
        self.typing.load(Ordering::Acquire) == 0 && words_of(text).len() == self.words(document).typed.len()
    }

    /// The text holds all that was typed once, and nothing else.
    ///
    /// # Panics
    /// It does not; says which words.
    pub(crate) fn check(&self, document: usize, whose: &str, text: &str) {
        let words = self.words(document);
        let found = words_of(text);
        let there: BTreeSet<String> = found.iter().cloned().collect();
        let lost: Vec<_> = words.saved.difference(&there).collect();
        assert!(
            lost.is_empty(),
            "document {document}, {whose}: {} saved words are lost: {lost:?}",
            lost.len()
        );
        let invented: Vec<_> = there.difference(&words.typed).collect();
        assert!(invented.is_empty(), "document {document}, {whose}: nobody typed {invented:?}");
        assert_eq!(found.len(), there.len(), "document {document}, {whose}: words are there twice");
        let missing: Vec<_> = words.typed.difference(&there).collect();
        assert!(missing.is_empty(), "document {document}, {whose}: typed and missing: {missing:?}");
    }
}

fn words_of(text: &str) -> Vec<String> {
    text.split_inclusive('>').map(str::to_owned).collect()
}

/// Where a word may stand so that it tears no other: behind the first word that ends at or after `from`.
pub(crate) fn place(text: &str, from: usize) -> usize {
    // All words are ASCII: bytes are letters.
    text.as_bytes()
        .iter()
        .skip(from)
        .position(|letter| *letter == b'>')
        .map_or(text.len(), |at| from + at + 1)
}

/// What the check says of a document where two words were typed, and the first was saved.
fn verdict(text: &str) -> Result<(), String> {
    let oracle = Oracle::new();
    for word in ["<0.1>", "<0.2>"] {
        oracle.typed(0, word);
    }
    oracle.saved(0, "<0.1>".into(), Instant::now());
    let checked = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| oracle.check(0, "a copy", text)));
    checked.map_err(|said| said.downcast_ref::<String>().cloned().unwrap_or_default())
}

#[test]
fn the_oracle_tells_what_is_lost_invented_twice_or_missing() {
    assert_eq!(verdict("<0.2><0.1>"), Ok(()));
    for (text, says) in [
        ("<0.2>", "1 saved words are lost"),
        ("<0.1><0.2><9.9>", "nobody typed"),
        ("<0.1><0.2><0.2>", "words are there twice"),
        ("<0.1>", "typed and missing"),
        ("<0.<0.2>1>", "saved words are lost"),
    ] {
        let said = verdict(text).unwrap_err();
        assert!(said.contains(says), "{text}: {said}");
    }
}
