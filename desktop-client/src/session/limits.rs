//! Bounds of a session, unit last. What both ends of a socket must agree on is in `shared::limits`.

use shared::limits::{DOCUMENT_BYTES_MAX, MESSAGE_BYTES_MAX};
use shared::rt::time::Duration;

/// Own edits kept as entries of their own before neighbours are merged: 20 minutes of fast typing.
pub const PENDING_ENTRIES_MAX: usize = 8_192;

/// Longest update that merging makes, bytes: a small part of a message, so that one lost frame costs little.
pub const PENDING_MERGE_BYTES_MAX: usize = 1024 * 1024;

/// Most bytes of own edits that are kept while they cannot be saved. The page is read-only beyond.
pub const PENDING_BYTES_MAX: usize = DOCUMENT_BYTES_MAX;

/// A journal that grew beyond this is written anew with what is pending, bytes.
pub const JOURNAL_REWRITE_BYTES: u64 = 4 * 1024 * 1024;

/// Longest a journal's bytes wait for their fsync, if they are not *saved* before.
pub const JOURNAL_SYNC_WAIT: Duration = Duration::from_millis(200);

/// Edits between the window's thread and the network's. A typist makes 20 a second; a full queue makes the window hand over
/// the difference in one update later.
pub const EDIT_QUEUE_MAX: usize = 4_096;

/// Requests of the window that are not answered yet.
pub const REQUEST_QUEUE_MAX: usize = 256;

/// Shortest time between two batches to the window: one frame.
pub const BATCH_WAIT: Duration = Duration::from_millis(16);

/// Foreign updates in one batch before they are merged into one.
pub const BATCH_UPDATES_MAX: usize = 512;

/// Shortest time between two awareness messages about one's own caret.
pub const CARET_WAIT: Duration = Duration::from_millis(50);

/// Awareness is repeated after this time (y-protocols: half of the timeout).
pub const PRESENCE_REPEAT: Duration = Duration::from_secs(15);

/// A peer that was not heard of for this time is gone (y-protocols `outdatedTimeout`).
pub const PRESENCE_TIMEOUT: Duration = Duration::from_secs(30);

/// Most peers that are remembered; later ones are not shown.
pub const PEERS_MAX: usize = 1_024;

/// Longest wait for a connection to stand, handshake included.
pub const CONNECT_DEADLINE: Duration = Duration::from_secs(5);

/// Longest wait for the document's state after the connection stands.
pub const SYNC_DEADLINE: Duration = Duration::from_secs(15);

/// How long a cluster's channel may be away before the window says that it is offline: a slot that moves is back sooner.
pub const RESUME_DEADLINE: Duration = Duration::from_secs(2);

/// How often a window on the cluster asks the document service to hold its document open: a service that was started again
/// saves the document after this time at most.
pub const HOLD_REPEAT: Duration = Duration::from_secs(10);

/// A ping goes out after this time.
pub const PING_WAIT: Duration = Duration::from_secs(2);

/// A link that was silent for this time is dead.
pub const LINK_SILENCE_MAX: Duration = Duration::from_secs(5);

/// A link that held for this time shows that the server takes what this window says.
pub const LINK_HELD_MIN: Duration = Duration::from_secs(5);

/// Longest wait for one frame to be taken by the system.
pub const SEND_DEADLINE: Duration = Duration::from_secs(5);

/// Longest wait for a link to close politely.
pub const LINK_CLOSE_DEADLINE: Duration = Duration::from_millis(300);

/// Longest wait for an answer about the list of documents.
pub const DIRECTORY_DEADLINE: Duration = Duration::from_secs(5);

/// How often the list of documents is read anew while a window is open.
pub const DIRECTORY_WAIT: Duration = Duration::from_secs(4);

/// Most documents in the list.
pub const DIRECTORY_DOCUMENTS_MAX: usize = 1_000;

/// Longest answer about the list of documents, bytes.
pub const DIRECTORY_ANSWER_BYTES_MAX: usize = 4 * 1024 * 1024;

/// How long a closed window stays to have its last edits saved; the journal keeps what is left.
pub const CLOSE_DEADLINE: Duration = Duration::from_millis(1_500);

/// How often a changed document's copy on this computer is written anew.
pub const COPY_WAIT: Duration = Duration::from_secs(20);

/// Journals of earlier windows that are delivered at the same time.
pub const LEFTOVER_ROOMS_MAX: usize = 64;

const _: () = assert!(PENDING_MERGE_BYTES_MAX <= MESSAGE_BYTES_MAX && PENDING_BYTES_MAX >= MESSAGE_BYTES_MAX);
const _: () = assert!(PING_WAIT.as_millis() * 2 < LINK_SILENCE_MAX.as_millis());
const _: () = assert!(PRESENCE_REPEAT.as_millis() * 2 <= PRESENCE_TIMEOUT.as_millis());
