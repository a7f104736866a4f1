//! Something a person is told, in plain words.

/// Why nothing about the list of documents can be done offline.
pub const NEEDS_CONNECTION: &str = "This needs a connection. Try again when you are online.";

/// One sentence for a toast or a page.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Notice {
    /// The sentence.
    pub words: String,
}

impl Notice {
    /// From a sentence.
    pub fn new(words: impl Into<String>) -> Notice {
        Notice { words: words.into() }
    }
}
