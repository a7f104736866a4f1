//! When each edit was sent, and how long it took to arrive.

use std::collections::HashMap;
use std::sync::Arc;

use parking_lot::Mutex;
use serde_json::{Value, json};
use shared::rt::time::{Duration, Instant};

/// The edits of one author: clock, and when it was sent.
pub(crate) type Sent = Arc<Mutex<Vec<(u32, Instant)>>>;

/// Shared by all clients of a run.
#[derive(Debug, Default)]
pub(crate) struct Latencies {
    /// By Yjs client: its clocks in order, each with the time it was sent.
    sent: Mutex<HashMap<u64, Sent>>,
    taken: Mutex<Vec<Duration>>,
}

impl Latencies {
    /// The list that an author notes its edits in.
    pub(crate) fn author(&self, client: u64) -> Sent {
        self.sent.lock().entry(client).or_default().clone()
    }

    /// An update arrived somewhere.
    pub(crate) fn arrived(&self, update: &[u8], now: Instant) {
        let Some((client, clock)) = first_block(update) else { return };
        let Some(author) = self.sent.lock().get(&client).cloned() else { return };
        let author = author.lock();
        if let Ok(index) = author.binary_search_by_key(&clock, |(clock, _)| *clock) {
            self.taken.lock().push(now - author[index].1);
        }
    }

    /// Milliseconds at some percentiles.
    pub(crate) fn summary(&self) -> Value {
        let mut taken = std::mem::take(&mut *self.taken.lock());
        taken.sort_unstable();
        let at = |percent: f64| {
            let index = ((taken.len() as f64 - 1.0).max(0.0) * percent / 100.0).round() as usize;
            taken.get(index).map(|time| (time.as_secs_f64() * 1e6).round() / 1e3)
        };
        json!({ "arrivals": taken.len(), "p50": at(50.0), "p95": at(95.0), "p99": at(99.0), "p999": at(99.9), "max": at(100.0) })
    }
}

/// Yjs client and clock of the first block of a Yjs v1 update; `None` if it has no block (it only deletes).
fn first_block(update: &[u8]) -> Option<(u64, u32)> {
    let mut rest = update;
    let clients = varint(&mut rest)?;
    if clients == 0 {
        return None;
    }
    let _blocks = varint(&mut rest)?;
    let client = varint(&mut rest)?;
    let clock = varint(&mut rest)?;
    Some((client, clock as u32))
}

fn varint(bytes: &mut &[u8]) -> Option<u64> {
    let mut value = 0;
    for shift in (0..64).step_by(7) {
        let (&byte, rest) = bytes.split_first()?;
        *bytes = rest;
        value |= u64::from(byte & 0x7f) << shift;
        if byte < 0x80 {
            return Some(value);
        }
    }
    None
}
