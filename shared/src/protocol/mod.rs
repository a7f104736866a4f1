//! The messages of a document's channel: y-protocols, byte for byte, and one message of ours.
//!
//! A WebSocket frame or a message on a channel is exactly one [`Message`].
//!
//! # Layout
//!
//! - [`message`]: the messages and their bytes.
//! - [`state_vector`]: how far each client's edits are known; what *saved* is told by.
//! - [`awareness`]: who is here and where their carets are, with the rules of y-protocols.
//! - [`presence`] (feature `document`): what we and the browser editors write into an awareness state.
//! - [`lib0`]: numbers, byte strings and texts as lib0 encodes them, read with bounds.

pub mod awareness;
pub mod lib0;
pub mod message;
#[cfg(feature = "document")]
pub mod presence;
pub mod state_vector;

pub use awareness::Awareness;
pub use message::{BadMessage, Message};
pub use state_vector::StateVector;
