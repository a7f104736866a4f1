//! Which primaries wrote a log, one after the other. FORMAT.md, "History".
//!
//! Two nodes that have logs of one cluster ask: up to which offset do ours hold the same bytes? While one primary writes, its
//! replicas' logs are prefixes of its own. A **stretch** is what one process wrote while it was primary: it has a random name,
//! and begins, in each range, where the log stream ended then. Logs agree up to where the first of them left the last stretch
//! that both know.

use shared::limits::{HISTORY_STRETCHES_MAX, RANGES};
use shared::rt::rng;

use crate::layout::canonical;

/// An offset in the log stream of each range.
pub type Offsets = [u64; RANGES];

/// Length of a stretch's name, hexadecimal digits: as a replication id of Redis.
pub const STRETCH_ID_CHARS: usize = 40;

const TITLE: &str = "rustidocs history 1";

/// What one process wrote while it was primary.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stretch {
    /// Its random name: 40 hexadecimal digits.
    pub id: String,
    /// Where it begins in each range.
    pub starts: Offsets,
}

/// The stretches of a log, oldest first. Older ones than the last [`HISTORY_STRETCHES_MAX`] are forgotten.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct History {
    stretches: Vec<Stretch>,
}

impl History {
    /// The stretches, oldest first.
    pub fn stretches(&self) -> &[Stretch] {
        &self.stretches
    }

    /// The name of the last stretch; empty if there is none.
    pub fn id(&self) -> &str {
        self.stretches.last().map_or("", |last| &last.id)
    }

    /// The same history with one more stretch, which begins where the log ends now.
    #[must_use]
    pub fn continued(&self, ends: Offsets) -> History {
        let id = (0..STRETCH_ID_CHARS / 8).map(|_| format!("{:08x}", rng::random_u64() as u32)).collect();
        let mut stretches = self.stretches.clone();
        stretches.push(Stretch { id, starts: ends });
        let forgotten = stretches.len().saturating_sub(HISTORY_STRETCHES_MAX);
        stretches.drain(..forgotten);
        History { stretches }
    }

    /// Up to where a log with this history that ends at `ends` holds the same bytes, in each range, as another one.
    /// None: they have no stretch in common.
    pub fn agreed(&self, ends: &Offsets, other: &History, other_ends: &Offsets) -> Option<Offsets> {
        let (mine, theirs) = self.stretches.iter().enumerate().rev().find_map(|(mine, stretch)| {
            let theirs = other.stretches.iter().position(|other| other == stretch)?;
            Some((mine, theirs))
        })?;
        let left = |history: &History, at: usize, ends: &Offsets, range: usize| {
            history.stretches.get(at + 1).map_or(ends[range], |next| next.starts[range]).min(ends[range])
        };
        Some(std::array::from_fn(|range| {
            left(self, mine, ends, range).min(left(other, theirs, other_ends, range))
        }))
    }

    /// The text, with its CRC.
    pub fn encode(&self) -> String {
        let mut text = format!("{TITLE}\n");
        for Stretch { id, starts } in &self.stretches {
            text += id;
            for start in starts {
                text += &format!(" {start}");
            }
            text.push('\n');
        }
        let crc = crc32fast::hash(text.as_bytes());
        format!("{text}crc {crc:08x}\n")
    }

    /// Reads a history: exactly what [`History::encode`] writes, nothing else. The error says what is wrong.
    pub fn decode(bytes: &[u8]) -> Result<History, &'static str> {
        let text = std::str::from_utf8(bytes).map_err(|_| "not a text")?;
        let lines = text.strip_prefix(TITLE).and_then(|rest| rest.strip_prefix('\n')).ok_or("wrong title")?;
        let mut stretches = Vec::new();
        for line in lines.lines().take_while(|line| !line.starts_with("crc ")) {
            stretches.push(stretch(line).ok_or("no stretch of a log")?);
        }
        if stretches.len() > HISTORY_STRETCHES_MAX {
            return Err("too many stretches");
        }
        let history = History { stretches };
        if history.encode().as_bytes() != bytes {
            return Err("not in its one form, or its CRC is wrong");
        }
        Ok(history)
    }
}

fn stretch(line: &str) -> Option<Stretch> {
    let mut words = line.split(' ');
    let id = words.next()?;
    let hex = |digit: u8| digit.is_ascii_digit() || (b'a'..=b'f').contains(&digit);
    if id.len() != STRETCH_ID_CHARS || !id.bytes().all(hex) {
        return None;
    }
    let starts: Vec<u64> = words.map(canonical).collect::<Option<_>>()?;
    Some(Stretch { id: id.to_owned(), starts: starts.try_into().ok()? })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// A node's log as one number a write in range 0: what is compared with what histories say.
    #[derive(Clone, Default)]
    struct Node {
        history: History,
        log: Vec<u32>,
    }

    impl Node {
        fn ends(&self) -> Offsets {
            std::array::from_fn(|range| if range == 0 { self.log.len() as u64 } else { 0 })
        }
    }

    proptest! {
        /// Three nodes take turns as primary, write, and follow each other: cut to what is agreed, or copied whole where nothing is.
        #[test]
        fn what_histories_call_agreed_is_the_same_in_both_logs(
            steps in prop::collection::vec((0..3usize, 0..3usize, 0..4u32), 1..60)
        ) {
            let mut nodes = [Node::default(), Node::default(), Node::default()];
            let mut written = 0;
            for (primary, other, count) in steps {
                let begun = nodes[primary].history.continued(nodes[primary].ends());
                nodes[primary].history = begun;
                for _ in 0..count {
                    written += 1;
                    nodes[primary].log.push(written);
                }
                if primary == other {
                    continue;
                }
                let [a, b] = [nodes[primary].clone(), nodes[other].clone()];
                let agreed = a.history.agreed(&a.ends(), &b.history, &b.ends());
                let same = a.log.iter().zip(&b.log).take_while(|(a, b)| a == b).count() as u64;
                prop_assert!(agreed.is_none_or(|agreed| agreed[0] <= same), "{agreed:?}, but {same} are the same");
                // What a primary wrote of late reaches part of the way.
                let from = agreed.map_or(0, |agreed| agreed[0] as usize);
                let to = a.log.len() - (count as usize / 2).min(a.log.len() - from);
                nodes[other] = Node { history: a.history, log: a.log[..to].to_vec() };
            }
        }

        #[test]
        fn any_bytes_are_refused_or_are_the_one_form(bytes: Vec<u8>) {
            if let Ok(history) = History::decode(&bytes) {
                prop_assert_eq!(history.encode().into_bytes(), bytes);
            }
        }
    }

    #[test]
    fn a_replica_that_fell_behind_agrees_up_to_its_end_and_one_that_went_on_alone_up_to_where_it_left() {
        let at = |offset| [offset; RANGES];
        let first = History::default().continued(at(0));
        let promoted = first.continued(at(70));
        assert_eq!(first.agreed(&at(100), &first, &at(60)), Some(at(60)));
        assert_eq!(promoted.agreed(&at(90), &first, &at(60)), Some(at(60)));
        assert_eq!(promoted.agreed(&at(90), &first, &at(100)), Some(at(70)), "the old primary wrote 30 more");
        let other = History::default().continued(at(0));
        assert_eq!(promoted.agreed(&at(90), &other, &at(60)), None);
    }

    #[test]
    fn the_text_is_read_as_it_was_written_and_old_stretches_are_forgotten() {
        let mut history = History::default();
        for count in 0..HISTORY_STRETCHES_MAX + 3 {
            assert_eq!(history.stretches().len(), count.min(HISTORY_STRETCHES_MAX));
            assert_eq!(History::decode(history.encode().as_bytes()), Ok(history.clone()));
            history = history.continued([count as u64; RANGES]);
        }
        assert_eq!(history.id().len(), STRETCH_ID_CHARS);
        let text = history.encode();
        for bit in 0..text.len() * 8 {
            let mut flipped = text.clone().into_bytes();
            flipped[bit / 8] ^= 1 << (bit % 8);
            assert!(History::decode(&flipped).is_err(), "bit {bit}");
        }
    }
}
