//! Records of another node's log: appended as they are, then applied.

use shared::slot::Slot;

use crate::error::Error;
use crate::record::{Placed, records_of};
use crate::signal::Urgency;
use crate::store::{Appended, Store};

/// Records of another node's log that were appended, with effects that the log has and the keyspace has not.
#[derive(Debug)]
#[must_use = "the log holds what was not applied"]
pub struct Unapplied<'r> {
    effects: Vec<Placed<'r>>,
    appended: Appended,
}

impl Store {
    /// Appends records of another node's log as they are: each must be whole and the first must begin where the log stream ends.
    /// Nothing else may be appended to the range before their effects are applied.
    ///
    /// # Errors
    ///
    /// [`Error::Unfit`]: nothing was taken. [`Error::Poisoned`].
    pub fn append_records<'r>(&self, range: usize, records: &'r [u8]) -> Result<Unapplied<'r>, Error> {
        let core = self.core();
        core.poison.check()?;
        let state = core.ranges.get(range).ok_or(Error::NoSuchRange { range })?;
        let mut pending = state.pending.lock();
        let effects =
            records_of(range, pending.end(), records).map_err(|what| Error::Unfit { range, what })?;
        let appended = pending.append_records(records);
        drop(pending);
        core.writer_signal.raise_after_lock(if appended.pressed { Urgency::Now } else { Urgency::Soon });
        Ok(Unapplied { effects, appended })
    }

    /// Applies effects that were appended: `each` gets every one's slot, position in the log stream and bytes, in order.
    ///
    /// # Errors
    ///
    /// [`Error::Poisoned`]: one of them cannot be applied.
    pub fn apply(
        &self,
        unapplied: Unapplied<'_>,
        mut each: impl FnMut(Slot, u64, &[u8]) -> Result<(), String>,
    ) -> Result<Appended, Error> {
        for (slot, position, bytes) in unapplied.effects {
            if let Err(reason) = each(slot, position, bytes) {
                let core = self.core();
                core.poison_because(&format!("an effect of slot {slot} cannot be applied: {reason}"));
                return Err(core.poison.error());
            }
        }
        Ok(unapplied.appended)
    }
}
