//! Awareness (y-protocols `awareness.js`): for each client a clock and a small JSON state, such as a name and a caret.
//! A higher clock wins, `null` removes, and whoever says nothing for 30 s is gone.
//!
//! It is no part of the document and is never saved. The map is bounded: see [`AWARENESS_CLIENTS_MAX`].

use std::collections::BTreeMap;

use super::lib0::{BadEncoding, NUMBER_MAX, Reader, write_byte_string, write_number};
use super::state_vector::ClientId;
use crate::limits::{AWARENESS_CLIENTS_MAX, AWARENESS_STATE_BYTES_MAX};

/// A client that was silent for so long is taken as gone, milliseconds (y-protocols `outdatedTimeout`).
pub const OUTDATED_MS: u64 = 30_000;

/// A client repeats its state when so long has passed since it last said something, milliseconds (y-protocols: half of it).
pub const RENEW_MS: u64 = OUTDATED_MS / 2;

/// What a removed client's state reads on the wire.
const NULL: &str = "null";

/// The states of all clients of one document, as one peer knows them.
#[derive(Debug, Clone, Default)]
pub struct Awareness {
    clients: BTreeMap<ClientId, Entry>,
}

#[derive(Debug, Clone)]
struct Entry {
    clock: u64,
    /// JSON; `None` for a client that has left: its clock is kept so that an old message does not bring it back.
    state: Option<String>,
    last_seen_ms: u64,
}

/// What an awareness update, or the passing of time, changed.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Changes {
    /// Clients that are new.
    pub added: Vec<ClientId>,
    /// Clients with a new state (a repeated one is not named).
    pub updated: Vec<ClientId>,
    /// Clients that have left.
    pub removed: Vec<ClientId>,
}

/// Why an awareness update is refused. Nothing of it was applied.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum BadAwareness {
    /// Its bytes are not what lib0 would have written.
    #[error("malformed awareness update: {0}")]
    Encoding(#[from] BadEncoding),
    /// It speaks for more clients than a document may have.
    #[error("an awareness update speaks for at most {AWARENESS_CLIENTS_MAX} clients")]
    TooManyClients,
    /// A state is longer than allowed.
    #[error("an awareness state has at most {AWARENESS_STATE_BYTES_MAX} bytes")]
    StateTooLong,
    /// Bytes follow after its end.
    #[error("{0} bytes follow after the awareness update")]
    Trailing(usize),
}

/// One client's part of an awareness update.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Report<'a> {
    /// Whose state.
    pub client: ClientId,
    /// Its clock.
    pub clock: u64,
    /// JSON; `null` for a client that leaves.
    pub state: &'a str,
}

impl Report<'_> {
    /// Whether its client leaves.
    pub fn leaves(&self) -> bool {
        self.state == NULL
    }
}

impl Changes {
    /// Whether nothing changed.
    pub fn is_empty(&self) -> bool {
        self.added.is_empty() && self.updated.is_empty() && self.removed.is_empty()
    }

    /// Everyone named, for [`Awareness::encode`].
    pub fn clients(&self) -> Vec<ClientId> {
        [&self.added[..], &self.updated, &self.removed].concat()
    }
}

impl Awareness {
    /// Knows nobody.
    pub fn new() -> Awareness {
        Awareness::default()
    }

    /// Applies what a peer said at `now_ms`. `own` is the client that lives here, if one does: nobody else speaks for it. It
    /// answers by raising its clock, so send its state again when it is in `updated` (y-protocols does so when it is removed,
    /// but lets others replace its state).
    pub fn apply(
        &mut self,
        update: &[u8],
        own: Option<ClientId>,
        now_ms: u64,
    ) -> Result<Changes, BadAwareness> {
        let mut changes = Changes::default();
        for report in decode(update)? {
            self.apply_report(&report, own, now_ms, &mut changes);
        }
        Ok(changes)
    }

    /// Sets the state (JSON) of the client that lives here; `None` when it leaves. Returns the update to send.
    pub fn set(&mut self, own: ClientId, state: Option<String>, now_ms: u64) -> Vec<u8> {
        // Not 0: y-protocols takes that as the clock of whoever it has not heard of, and so as nothing new.
        let clock = self.clients.get(&own).map_or(1, |entry| next(entry.clock));
        self.clients.insert(own, Entry { clock, state, last_seen_ms: now_ms });
        self.encode(&[own])
    }

    /// Whether the client that lives here should say its state again, so that it is not taken as gone.
    pub fn needs_renewal(&self, own: ClientId, now_ms: u64) -> bool {
        self.clients.get(&own).is_some_and(|entry| {
            entry.state.is_some() && now_ms.saturating_sub(entry.last_seen_ms) >= RENEW_MS
        })
    }

    /// Says the same state again with a higher clock. Returns the update to send.
    pub fn renew(&mut self, own: ClientId, now_ms: u64) -> Vec<u8> {
        let state = self.state(own).map(str::to_owned);
        self.set(own, state, now_ms)
    }

    /// Removes these clients, as when their connection is gone. Returns those that were here; [`Awareness::encode`] them to
    /// tell the others.
    pub fn remove(&mut self, clients: &[ClientId], now_ms: u64) -> Vec<ClientId> {
        let mut removed = Vec::new();
        for &client in clients {
            if let Some(entry) = self.clients.get_mut(&client)
                && entry.state.take().is_some()
            {
                entry.clock = next(entry.clock);
                entry.last_seen_ms = now_ms;
                removed.push(client);
            }
        }
        removed
    }

    /// Removes whoever was silent for [`OUTDATED_MS`], except `own`, and forgets those that left long ago.
    pub fn expire(&mut self, own: Option<ClientId>, now_ms: u64) -> Changes {
        let silent = |entry: &Entry| now_ms.saturating_sub(entry.last_seen_ms) >= OUTDATED_MS;
        let gone = |(client, entry): (&ClientId, &Entry)| {
            (Some(*client) != own && entry.state.is_some() && silent(entry)).then_some(*client)
        };
        let removed: Vec<ClientId> = self.clients.iter().filter_map(gone).collect();
        for client in &removed {
            if let Some(entry) = self.clients.get_mut(client) {
                entry.state = None;
                entry.last_seen_ms = now_ms;
            }
        }
        self.clients.retain(|_, entry| entry.state.is_some() || !silent(entry));
        Changes { removed, ..Changes::default() }
    }

    /// The state of a client that is here, JSON.
    pub fn state(&self, client: ClientId) -> Option<&str> {
        self.clients.get(&client)?.state.as_deref()
    }

    /// Everyone who is here with their JSON state, in the order of client ids.
    pub fn states(&self) -> impl Iterator<Item = (ClientId, &str)> {
        self.clients.iter().filter_map(|(client, entry)| Some((*client, entry.state.as_deref()?)))
    }

    /// The update that tells about these clients, including those that left.
    pub fn encode(&self, clients: &[ClientId]) -> Vec<u8> {
        let known: Vec<_> =
            clients.iter().filter_map(|client| Some((*client, self.clients.get(client)?))).collect();
        encode_entries(&known)
    }

    /// The update that tells about everyone who is here.
    pub fn encode_all(&self) -> Vec<u8> {
        let here: Vec<_> = self
            .clients
            .iter()
            .filter(|(_, entry)| entry.state.is_some())
            .map(|(client, entry)| (*client, entry))
            .collect();
        encode_entries(&here)
    }

    /// Whether this says more than what is known of its client.
    pub fn is_news(&self, report: &Report<'_>) -> bool {
        self.clients.get(&report.client).is_none_or(|entry| {
            let removes = entry.clock == report.clock && report.leaves() && entry.state.is_some();
            entry.clock < report.clock || removes
        })
    }

    fn apply_report(
        &mut self,
        report: &Report<'_>,
        own: Option<ClientId>,
        now_ms: u64,
        changes: &mut Changes,
    ) {
        if !self.is_news(report) {
            return;
        }
        let Report { client, clock, state } = *report;
        if Some(client) == own
            && let Some(entry) = self.clients.get_mut(&client)
            && entry.state.is_some()
        {
            entry.clock = next(clock);
            changes.updated.push(client);
            return;
        }
        let known = self.clients.get(&client);
        if known.is_none() && self.clients.len() >= AWARENESS_CLIENTS_MAX {
            return;
        }
        let is_here = known.is_some_and(|entry| entry.state.is_some());
        let state = (!report.leaves()).then(|| state.to_owned());
        match (is_here, &state) {
            (false, Some(_)) => changes.added.push(client),
            (true, None) => changes.removed.push(client),
            (true, Some(new)) if known.and_then(|entry| entry.state.as_ref()) != Some(new) => {
                changes.updated.push(client);
            }
            _ => {}
        }
        self.clients.insert(client, Entry { clock, state, last_seen_ms: now_ms });
    }
}

/// Reads an awareness update without applying it: whom it speaks for.
pub fn decode(update: &[u8]) -> Result<Vec<Report<'_>>, BadAwareness> {
    let mut reader = Reader::new(update);
    let count = reader.count(3)?;
    if count > AWARENESS_CLIENTS_MAX {
        return Err(BadAwareness::TooManyClients);
    }
    let mut reports = Vec::with_capacity(count);
    for _ in 0..count {
        let (client, clock, state) = (reader.number()?, reader.number()?, reader.text()?);
        if state.len() > AWARENESS_STATE_BYTES_MAX {
            return Err(BadAwareness::StateTooLong);
        }
        reports.push(Report { client, clock, state });
    }
    match reader.remaining() {
        0 => Ok(reports),
        bytes => Err(BadAwareness::Trailing(bytes)),
    }
}

/// The awareness update that says all this.
pub fn encode(reports: &[Report<'_>]) -> Vec<u8> {
    let mut out = Vec::new();
    write_number(&mut out, reports.len() as u64);
    for Report { client, clock, state } in reports {
        write_number(&mut out, *client);
        write_number(&mut out, *clock);
        write_byte_string(&mut out, state.as_bytes());
    }
    out
}

fn encode_entries(entries: &[(ClientId, &Entry)]) -> Vec<u8> {
    let reports: Vec<Report<'_>> = entries
        .iter()
        .map(|(client, entry)| Report {
            client: *client,
            clock: entry.clock,
            state: entry.state.as_deref().unwrap_or(NULL),
        })
        .collect();
    encode(&reports)
}

/// The clock after this one. The last one is never left: nobody could read a higher one.
fn next(clock: u64) -> u64 {
    (clock + 1).min(NUMBER_MAX)
}

#[cfg(test)]
#[path = "awareness_tests.rs"]
mod tests;
