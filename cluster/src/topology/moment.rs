//! A point on the node's own clock.

/// Milliseconds since the node started, on a clock that never jumps: every delay of the cluster bus is measured on it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Moment(u64);

impl Moment {
    /// The moment this many milliseconds after the start.
    #[must_use]
    pub fn from_ms(ms: u64) -> Moment {
        Moment(ms)
    }

    /// Milliseconds since the start.
    #[must_use]
    pub fn as_ms(self) -> u64 {
        self.0
    }

    /// Milliseconds from `earlier` to this one; 0 if that lies ahead.
    #[must_use]
    pub fn since(self, earlier: Moment) -> u64 {
        self.0.saturating_sub(earlier.0)
    }

    /// The moment this many milliseconds later.
    #[must_use]
    pub fn after(self, ms: u64) -> Moment {
        Moment(self.0.saturating_add(ms))
    }
}
