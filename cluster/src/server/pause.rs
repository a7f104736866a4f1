//! What a connection may wait for before it takes its next request.

use crate::commit::Wait;

/// What a connection waits for.
pub enum Pause {
    /// Keys (BLPOP, XREAD BLOCK).
    Keys(Wait),
}
