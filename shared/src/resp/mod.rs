//! RESP, the protocol between clients and nodes, in both versions.
//!
//! Nothing in here does input or output: bytes in, values out, and the other way round.
//!
//! # Layout
//!
//! - [`request`]: what a server reads: one request as ranges into the read buffer; [`inline`] for what people type into `nc`.
//! - [`write`]: what a server answers (and a client sends), appended to a buffer; [`double`] for the text of numbers.
//! - [`value`]: what a client reads, as a tree; [`reply`] cuts it out of the read buffer, [`boundary`] finds where it ends.
//! - [`error`]: why bytes are not RESP.

pub mod boundary;
pub mod double;
pub mod error;
pub mod inline;
pub mod reply;
pub mod request;
pub mod value;
pub mod write;

pub use error::ProtocolError;
pub use reply::ReplyDecoder;
pub use value::{ServerError, Value};

/// The version of RESP that a connection speaks: 2 until `HELLO 3`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Protocol {
    /// RESP2: simple strings, errors, integers, bulk strings and arrays.
    #[default]
    Resp2,
    /// RESP3: also maps, sets, pushes, doubles, booleans and a null of its own.
    Resp3,
}
