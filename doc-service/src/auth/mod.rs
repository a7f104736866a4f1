//! Who may do what with a document. Every right that the service checks is asked for here and nowhere else.

use shared::names::DocumentId;

/// What one client may do with one document.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rights {
    /// It may send edits. (Whoever may connect may read.)
    pub write: bool,
}

/// The rights of whoever comes with no proof of who they are: documents have no owners yet, everybody may write.
pub fn of_anybody(_document: &DocumentId) -> Rights {
    Rights { write: true }
}
