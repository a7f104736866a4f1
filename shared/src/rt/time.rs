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

/// How long the machine has been up, the time that it was suspended included, as an [`Instant`] does not: for what others may do
/// meanwhile.
pub fn uptime() -> Duration {
    let now = rustix::time::clock_gettime(rustix::time::ClockId::Boottime);
    let seconds = u64::try_from(now.tv_sec).unwrap_or_default();
    Duration::new(seconds, u32::try_from(now.tv_nsec).unwrap_or_default())
}
