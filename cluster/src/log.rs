//! The node's log: where effects go.

use shared::slot::Slot;

use crate::command::CommandError;

/// The log of a node. Without persistence nothing is kept.
#[derive(Default)]
pub struct Log;

impl Log {
    /// Appends effects to the log of a slot; called under the lock of its partition, so their order is the order of
    /// the changes.
    #[inline]
    pub fn append(&self, _slot: Slot, _effects: &[u8]) -> Result<(), CommandError> {
        Ok(())
    }
}
