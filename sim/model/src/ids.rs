//! Names of nodes.

use std::fmt;

/// Copies that a model can hold.
pub const COPIES_MAX: usize = 3;
/// Voters besides the shard's own primary: P2 and P3.
pub const VOTERS: usize = 2;

/// A copy of the shard.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct CopyId(pub u8);

/// The primary at first.
pub const P1: CopyId = CopyId(0);

impl CopyId {
    /// Its place in tables.
    pub fn index(self) -> usize {
        usize::from(self.0)
    }

    /// Its bit in masks.
    pub fn bit(self) -> u8 {
        1 << self.0
    }
}

impl fmt::Debug for CopyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(["P1", "R1", "R2"].get(self.index()).copied().unwrap_or("?"))
    }
}

/// A primary of another shard. The two are alike and change places between steps, so a trace names them by place only.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct VoterId(pub u8);

impl VoterId {
    /// Its place in tables.
    pub fn index(self) -> usize {
        usize::from(self.0)
    }
}

impl fmt::Debug for VoterId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.0 == 0 { "Pa" } else { "Pb" })
    }
}
