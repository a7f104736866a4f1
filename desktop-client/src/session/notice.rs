//! Something a person is told, in plain words.

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
