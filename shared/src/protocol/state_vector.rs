//! A state vector: for each client the clock up to which its edits are known (Yjs). Kept in order, so that equal vectors have
//! equal bytes.

use std::collections::BTreeMap;

use super::lib0::{BadEncoding, Reader, write_number};

/// Names one writer of edits: random, at most 53 bits (Yjs: client id).
pub type ClientId = u64;

/// For each client the clock of its next unknown edit; clients that are not in it are at 0.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct StateVector(BTreeMap<ClientId, u32>);

impl StateVector {
    /// The vector that knows nothing.
    pub fn new() -> StateVector {
        StateVector::default()
    }

    /// The clock up to which this client's edits are known.
    pub fn clock(&self, client: ClientId) -> u32 {
        self.0.get(&client).copied().unwrap_or(0)
    }

    /// Raises a client's clock to `clock` if it is lower.
    pub fn raise(&mut self, client: ClientId, clock: u32) {
        if clock > 0 {
            let known = self.0.entry(client).or_insert(clock);
            *known = clock.max(*known);
        }
    }

    /// Raises every clock to what `other` knows.
    pub fn merge(&mut self, other: &StateVector) {
        for (client, clock) in other.iter() {
            self.raise(client, clock);
        }
    }

    /// Whether all that `other` knows is known here too.
    pub fn covers(&self, other: &StateVector) -> bool {
        other.iter().all(|(client, clock)| self.clock(client) >= clock)
    }

    /// Clients and their clocks, in the order of their ids.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = (ClientId, u32)> + '_ {
        self.0.iter().map(|(&client, &clock)| (client, clock))
    }

    /// Whether it knows nothing.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// How many clients it knows.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Its Yjs v1 bytes, clients with higher ids first as Yjs writes them.
    pub fn encode(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(1 + self.0.len() * 8);
        write_number(&mut out, self.0.len() as u64);
        for (client, clock) in self.0.iter().rev() {
            write_number(&mut out, *client);
            write_number(&mut out, u64::from(*clock));
        }
        out
    }

    /// Reads Yjs v1 bytes. A client named twice has its highest clock.
    pub fn decode(bytes: &[u8]) -> Result<StateVector, BadEncoding> {
        let mut reader = Reader::new(bytes);
        let mut vector = StateVector::new();
        for _ in 0..reader.count(2)? {
            let client = reader.number()?;
            vector.raise(client, reader.number_u32()?);
        }
        Ok(vector)
    }
}

impl FromIterator<(ClientId, u32)> for StateVector {
    fn from_iter<I: IntoIterator<Item = (ClientId, u32)>>(clocks: I) -> StateVector {
        let mut vector = StateVector::new();
        clocks.into_iter().for_each(|(client, clock)| vector.raise(client, clock));
        vector
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn covers_means_nothing_is_missing() {
        let one: StateVector = [(1, 5), (2, 3)].into_iter().collect();
        let other: StateVector = [(1, 4)].into_iter().collect();
        assert!(one.covers(&other) && !other.covers(&one) && other.covers(&StateVector::new()));
    }

    proptest! {
        #[test]
        fn what_is_written_is_read(clocks in proptest::collection::btree_map(0..(1u64 << 53), 1..u32::MAX, 0..20)) {
            let vector: StateVector = clocks.into_iter().collect();
            prop_assert_eq!(StateVector::decode(&vector.encode()), Ok(vector));
        }

        #[test]
        fn no_bytes_make_it_panic(bytes in proptest::collection::vec(any::<u8>(), 0..60)) {
            let _ = StateVector::decode(&bytes);
        }
    }
}
