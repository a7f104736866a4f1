//! Clocks, sleeping, deadlines.

use std::time::{SystemTime, UNIX_EPOCH};

pub use std::time::Duration;
pub use tokio::time::{
    Instant, Interval, MissedTickBehavior, Sleep, interval, sleep, sleep_until, timeout, timeout_at,
};

/// The wall clock, Unix milliseconds: for expiry and stream ids, never for measuring a duration.
pub fn now_ms() -> u64 {
    now_us() / 1_000
}

/// The wall clock, Unix microseconds.
pub fn now_us() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_micros()).unwrap_or(u64::MAX)
}
