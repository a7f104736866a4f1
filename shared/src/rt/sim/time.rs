//! Clocks of a simulated machine. Its wall clock can be set, what it measures durations with cannot.

use super::sim::Host;

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
    let now = turmoil::since_epoch().unwrap_or_default().as_micros();
    let ahead_us = Host::current().map_or(0, |host| host.ahead_ms()) * 1_000;
    u64::try_from(now).unwrap_or(u64::MAX).saturating_add_signed(ahead_us)
}

/// How long the machine has been up.
pub fn uptime() -> Duration {
    turmoil::sim_elapsed().unwrap_or_default()
}
