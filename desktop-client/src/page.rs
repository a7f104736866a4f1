//! What the window and a page say to each other, whatever the page shows.
//!
//! A page owns the replica of its document and edits it on the window's thread, and hands its edits to its
//! [`DocumentHandle`](crate::session::DocumentHandle). The window knows only these messages, so a new kind of document is a new
//! component with `Input = PageInput` and `Output = PageOutput`, and an arm in `app::Page`.

use bytes::Bytes;

use crate::session::person::Peer;

/// From the window to the page.
#[derive(Debug)]
pub enum PageInput {
    /// Others edited: apply these in one transaction. At most one a frame.
    Updates(Vec<Bytes>),
    /// Who else is here, and where their carets or cells are.
    Peers(Vec<Peer>),
    /// Whether the person may edit.
    Editable(bool),
    /// Hand over what the session was too busy to take.
    Retry,
    /// Take back one's own last edits.
    Undo,
    /// Do again what undo took back.
    Redo,
    /// Open the find bar.
    Find,
    /// Take the keyboard.
    Focus,
}

/// From the page to the window.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PageOutput {
    /// A few words about the document for the status bar, such as its count of words.
    Summary(String),
    /// What can be undone and redone.
    UndoState {
        /// Whether undo would do something.
        can_undo: bool,
        /// Whether redo would do something.
        can_redo: bool,
    },
    /// Something could not be done; why, for the person.
    Notice(String),
    /// The page cannot go on; why, for the person.
    Failed(String),
}
