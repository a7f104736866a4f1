//! The in-sync set: whose acknowledgement *saved* needs, and who may be elected.

use std::fmt;

use crate::ids::{COPIES_MAX, CopyId};

/// A set of logs: which copy, and which generation of its data folder. A copy that comes back empty has a new generation
/// and so is in no set that was written down before.
#[derive(Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Isr(u8);

impl Isr {
    /// Whether nobody is in it.
    pub fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// The set and one log more.
    pub fn with(self, copy: CopyId, generation: u8) -> Isr {
        Isr(self.0 | bit(copy, generation))
    }

    /// Whether this log is in it.
    pub fn holds(self, copy: CopyId, generation: u8) -> bool {
        self.0 & bit(copy, generation) != 0
    }

    /// Whether a log of this copy is in it.
    pub fn names(self, copy: CopyId) -> bool {
        self.holds(copy, 0) || self.holds(copy, 1)
    }

    /// The logs in either.
    pub fn or(self, other: Isr) -> Isr {
        Isr(self.0 | other.0)
    }

    /// The logs in it: copy and generation.
    pub fn logs(self) -> impl Iterator<Item = (CopyId, u8)> {
        let all = (0..COPIES_MAX as u8).flat_map(|copy| [(CopyId(copy), 0), (CopyId(copy), 1)]);
        all.filter(move |&(copy, generation)| self.holds(copy, generation))
    }
}

impl fmt::Debug for Isr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.logs()).finish()
    }
}

fn bit(copy: CopyId, generation: u8) -> u8 {
    1 << (copy.0 * 2 + generation)
}
