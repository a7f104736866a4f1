//! A Yjs v1 update as bytes: walked without recursion and without trust, before any of it reaches the merge engine.
//!
//! yrs decodes what it is given: nested values overflow its stack, a few bytes that declare a huge count or a clock near 2³²
//! make it panic or loop. So every foreign byte comes through here first (DESIGN, "Hostile updates are its weak side").
//!
//! # Layout
//!
//! - [`validate`]: the check that needs no document, and what an update is about.
//! - [`walk`]: an update as a list of blocks and deletions that borrow its bytes.
//! - `content`: the kinds of content, their lengths, nested values.

pub(super) mod content;
pub mod walk;

use crate::limits::{
    DOCUMENT_BLOCKS_MAX, DOCUMENT_BYTES_MAX, MESSAGE_BYTES_MAX, UPDATE_BLOCKS_MAX, UPDATE_CLIENTS_MAX,
    UPDATE_LOOKS_MAX,
};
use crate::protocol::lib0::BadEncoding;
use crate::protocol::state_vector::{ClientId, StateVector};

pub use walk::{Block, Delete, Update};

/// The bounds that an update is held to.
#[derive(Debug, Clone, Copy)]
pub struct Bounds {
    /// Longest update, bytes.
    pub bytes: usize,
    /// Most blocks, and most values in all of them.
    pub blocks: usize,
    /// Most clients that it speaks for.
    pub clients: usize,
    /// How many edits that were put between the same neighbours may be looked at to place its own among them: where many people
    /// insert at one place, the merge engine looks at each for each.
    pub looks: usize,
    /// What becomes of an edit that fits nowhere.
    pub misfits: Misfits,
    /// What becomes of an update that builds on an unknown edit.
    pub waits: Waits,
}

/// What becomes of an edit that fits nowhere.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Misfits {
    /// It is taken as deleted.
    Forget,
    /// Its update is refused.
    Refuse,
}

/// What becomes of an update that builds on an unknown edit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Waits {
    /// It is not kept.
    Refuse,
    /// It is kept while there is room ([`crate::limits::PENDING_UPDATES_MAX`]).
    Keep,
    /// It is kept whatever waits already.
    KeepAll,
}

impl Bounds {
    /// For what a client sends.
    pub const MESSAGE: Bounds = Bounds {
        bytes: MESSAGE_BYTES_MAX,
        blocks: UPDATE_BLOCKS_MAX,
        clients: UPDATE_CLIENTS_MAX,
        looks: UPDATE_LOOKS_MAX,
        misfits: Misfits::Forget,
        waits: Waits::Keep,
    };
    /// For what a client sends and nobody has heard yet.
    pub const UNPUBLISHED: Bounds =
        Bounds { misfits: Misfits::Refuse, waits: Waits::Refuse, ..Bounds::MESSAGE };
    /// For a whole document as it was saved.
    pub const DOCUMENT: Bounds = Bounds {
        bytes: DOCUMENT_BYTES_MAX,
        blocks: DOCUMENT_BLOCKS_MAX,
        clients: DOCUMENT_BLOCKS_MAX,
        looks: usize::MAX,
        misfits: Misfits::Forget,
        waits: Waits::Keep,
    };
}

/// Why an update is refused. Nothing of it was applied.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum BadUpdate {
    /// Longer than allowed.
    #[error("an update has at most {0} bytes")]
    TooLong(usize),
    /// Its bytes are not what lib0 would have written.
    #[error("malformed update: {0}")]
    Encoding(#[from] BadEncoding),
    /// Bytes follow after its end.
    #[error("{0} bytes follow after the update")]
    Trailing(usize),
    /// More blocks or values than allowed.
    #[error("an update has at most {0} blocks and values")]
    TooManyBlocks(usize),
    /// More clients than allowed.
    #[error("an update speaks for at most {0} clients")]
    TooManyClients(usize),
    /// One client has two lists of blocks or of deletions.
    #[error("client {0} is named twice")]
    ClientTwice(ClientId),
    /// A kind of content that no Yjs client writes, or that we do not take: JSON (obsolete), sub-documents, moves, weak links.
    #[error("content of kind {0} is not taken")]
    Kind(u8),
    /// A shared type that we do not take, such as a weak link.
    #[error("a shared type of kind {0} is not taken")]
    Type(u8),
    /// A block of no length.
    #[error("a block is empty")]
    EmptyBlock,
    /// Clocks end before 2³¹.
    #[error("a clock is too large")]
    Clock,
    /// Values are nested too deep.
    #[error("values are nested too deep")]
    Nesting,
    /// A format or an embed is not JSON.
    #[error("a format or embed is not JSON")]
    Json,
    /// A block says that it comes after itself.
    #[error("a block refers to itself or to its own future")]
    OwnFuture,
    /// The deletions of a client are not in order, or are empty.
    #[error("deletions are out of order")]
    DeleteOrder,
    /// The kind of a block's parent is none.
    #[error("a block's parent is of no known kind")]
    Parent,
    /// An embedded value that looks like letters.
    #[error("a text holds content that is no text")]
    NotText,
    /// An edit of it fits nowhere.
    #[error(
        "an edit lies where no client can have put it: between neighbours that never stood side by side, or in what holds no such content"
    )]
    Misfit,
    /// Placing its edits among others between the same neighbours would take too long.
    #[error("too many edits at one place")]
    Crowded,
    /// It builds on an unknown edit, and there is no room for more that wait. It is in the log: read that again later.
    #[error("too many updates wait for others")]
    NoRoom,
    /// The merge engine refused it, or broke and was rebuilt without it.
    #[error("the merge engine refused the update")]
    Engine,
}

/// What an update is about, told by its bytes alone.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct UpdateFacts {
    /// For each client the clocks that its blocks cover, in the order of the bytes; gaps inside are counted as covered.
    pub clocks: Vec<ClockRange>,
    /// For each client with deletions the end of the last: what must be known before all of them can be carried out.
    pub deletes: Vec<(ClientId, u32)>,
}

/// Clocks of one client.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ClockRange {
    /// Whose.
    pub client: ClientId,
    /// The first.
    pub start: u32,
    /// One after the last.
    pub end: u32,
}

impl UpdateFacts {
    /// Whether it changes nothing anywhere.
    pub fn is_empty(&self) -> bool {
        self.clocks.is_empty() && self.deletes.is_empty()
    }

    /// What is known when this update is: told to its author as *saved*.
    pub fn state_vector(&self) -> StateVector {
        self.clocks.iter().map(|range| (range.client, range.end)).collect()
    }
}

/// Checks an update as a client may send it, without a document: a few hundred nanoseconds for a key stroke.
pub fn validate(update: &[u8]) -> Result<UpdateFacts, BadUpdate> {
    Ok(Update::walk(update, Bounds::MESSAGE)?.facts())
}

#[cfg(test)]
#[path = "tests.rs"]
mod tests;
