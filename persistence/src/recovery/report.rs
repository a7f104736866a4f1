//! What recovery found.

use std::fmt;
use std::path::PathBuf;

use shared::rt::time::Duration;

/// What recovery found in all ranges.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RecoveryReport {
    /// Each range, in order.
    pub ranges: Vec<RangeReport>,
    /// How long it took.
    pub elapsed: Duration,
}

/// What recovery found in one range.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RangeReport {
    /// Entries restored from the base.
    pub entries: u64,
    /// Effects replayed.
    pub effects: u64,
    /// Effects that the base has already.
    pub covered: u64,
    /// Length of what was read, bytes.
    pub bytes: u64,
    /// What was cut off at the end of the log.
    pub torn: Option<TornTail>,
    /// Files of unfinished steps that were removed.
    pub removed: Vec<PathBuf>,
}

/// The end of a log that a crash left unfinished.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TornTail {
    /// The file.
    pub file: PathBuf,
    /// Byte of the file from which on it was cut off.
    pub at: u64,
    /// How much was cut off, bytes.
    pub bytes: u64,
}

impl RecoveryReport {
    /// Everything that was cut off, in the order of the ranges.
    pub fn torn(&self) -> impl Iterator<Item = &TornTail> {
        self.ranges.iter().filter_map(|range| range.torn.as_ref())
    }

    fn sum(&self, of: impl Fn(&RangeReport) -> u64) -> u64 {
        self.ranges.iter().map(of).sum()
    }
}

impl fmt::Display for RecoveryReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} entries and {} effects ({} more are in the bases) from {} bytes in {:.3} s",
            self.sum(|range| range.entries),
            self.sum(|range| range.effects),
            self.sum(|range| range.covered),
            self.sum(|range| range.bytes),
            self.elapsed.as_secs_f64()
        )?;
        self.torn().try_for_each(|torn| write!(f, "; {torn}"))
    }
}

impl fmt::Display for TornTail {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: torn at byte {}, {} bytes cut off", self.file.display(), self.at, self.bytes)
    }
}
