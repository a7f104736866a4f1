//! What the service counts, and the text of `/metrics`.

mod histogram;
mod text;

use std::sync::atomic::{AtomicU64, Ordering};

pub use histogram::Histogram;

/// Counters and gauges of the whole service. Updated without locks, read only to be shown.
#[derive(Debug, Default)]
pub struct Metrics {
    /// Documents open now.
    pub rooms: Gauge,
    /// WebSocket clients connected now.
    pub clients: Gauge,
    /// Edits on their way into the log now: many where the cluster is slow or away.
    pub edits_waiting: Gauge,
    /// Documents closed because the cluster did not do its part in time.
    pub away_total: Counter,
    /// WebSocket clients ever connected.
    pub clients_total: Counter,
    /// Edits received from WebSocket clients.
    pub edits_received_total: Counter,
    /// Edits applied that were heard on channels and come from elsewhere.
    pub edits_heard_total: Counter,
    /// Bytes of messages received from WebSocket clients.
    pub received_bytes_total: Counter,
    /// Bytes of messages handed to WebSocket clients.
    pub sent_bytes_total: Counter,
    /// Clients refused or closed for what they sent.
    pub refused_total: Counter,
    /// Clients closed because they read too slowly.
    pub too_slow_total: Counter,
    /// Messages on a document's channel, or entries of its log, that were not applied because they are malformed or hostile.
    pub bad_messages_total: Counter,
    /// Documents rebuilt from their snapshot and log after damage.
    pub rebuilt_total: Counter,
    /// Snapshots written.
    pub snapshots_total: Counter,
    /// Snapshots that could not be written.
    pub snapshot_failures_total: Counter,
    /// Time of rooms spent encoding what goes into a snapshot, edits waiting meanwhile.
    pub snapshot_stall: Histogram,
    /// From publishing an edit to hearing it on the channel.
    pub seen: Histogram,
    /// From publishing an edit to the barrier that says it is saved.
    pub saved: Histogram,
}

/// A number that only grows.
#[derive(Debug, Default)]
pub struct Counter(AtomicU64);

impl Counter {
    /// Adds to it.
    pub fn add(&self, count: u64) {
        self.0.fetch_add(count, Ordering::Relaxed);
    }

    /// Its value.
    pub fn value(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

/// How many of something there are.
#[derive(Debug, Default)]
pub struct Gauge(AtomicU64);

impl Gauge {
    /// One more.
    pub fn up(&self) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }

    /// One less.
    pub fn down(&self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }

    /// How many.
    pub fn value(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}
