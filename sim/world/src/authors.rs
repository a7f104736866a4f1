//! What people typed and were told: of each window the words in their order, and up to which they are kept and saved.
//!
//! Words are `<author.number>`, numbers rising from 1, each window an author of its own, so that every word of a document tells who
//! typed it when.

use std::time::Duration;

/// How long a session takes at most to have an edit in its journal, and in the count of what is not saved.
const TAKEN_AFTER: Duration = Duration::from_millis(100);

/// One window.
#[derive(Debug, Default)]
pub(crate) struct Author {
    /// When each word was typed.
    typed: Vec<Duration>,
    /// So many of the first ones are in a journal at least: they must not be lost, as the machine's disk is whole.
    pub(crate) kept: usize,
    /// Of so many of the first ones it was said that they are saved.
    pub(crate) saved: usize,
}

impl Author {
    /// How many words were typed.
    pub(crate) fn words(&self) -> usize {
        self.typed.len()
    }

    /// How many of the first words the session has certainly taken at a time.
    fn taken(&self, at: Duration) -> usize {
        self.typed.partition_point(|typed| *typed + TAKEN_AFTER <= at)
    }
}

/// All windows that ever were.
#[derive(Debug, Default)]
pub(crate) struct Authors {
    pub(crate) authors: Vec<Author>,
}

impl Authors {
    /// Somebody opens a window.
    pub(crate) fn arrive(&mut self) -> usize {
        self.authors.push(Author::default());
        self.authors.len() - 1
    }

    /// The next word of an author.
    pub(crate) fn types(&mut self, author: usize, now: Duration) -> String {
        let typed = &mut self.authors[author].typed;
        typed.push(now);
        format!("<{author}.{}>", typed.len())
    }

    /// The window lives: what it typed a while ago is in its journal.
    pub(crate) fn looks(&mut self, author: usize, now: Duration) {
        let author = &mut self.authors[author];
        author.kept = author.taken(now);
    }

    /// A window is told how many of its edits are not saved, by a status that is not older than `since`. Returns how many are saved,
    /// of all that it typed.
    pub(crate) fn saw_unsaved(&mut self, author: usize, unsaved: u64, since: Duration) -> usize {
        let author = &mut self.authors[author];
        let saved = author.taken(since).saturating_sub(usize::try_from(unsaved).unwrap_or(usize::MAX));
        author.saved = author.saved.max(saved);
        author.saved
    }

    /// The words of a document, each as author and number.
    ///
    /// # Errors
    /// There is something else in it.
    pub(crate) fn words(text: &str) -> Result<Vec<(usize, usize)>, String> {
        let mut words = Vec::new();
        for word in text.split_inclusive('>') {
            let parts = word.strip_prefix('<').and_then(|word| word.strip_suffix('>'));
            let numbers = parts.and_then(|parts| parts.split_once('.'));
            let parsed =
                numbers.and_then(|(author, number)| Some((author.parse().ok()?, number.parse().ok()?)));
            words.push(parsed.ok_or_else(|| format!("{word:?} is no word that anybody typed"))?);
        }
        Ok(words)
    }
}
