//! What the node at the other end wants to be sent.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use shared::limits::SLOTS;
use shared::slot::Slot;

use super::super::packet::BadPacket;
use crate::pubsub::interest::{News, Topic, Topics};

/// What a peer wants, asked with every message that is published: one or two loads, no lock. 2 KiB.
#[derive(Debug)]
pub struct Wanted {
    /// It has told what it wants on the link that stands now.
    known: AtomicBool,
    /// It listens to a pattern.
    patterns: AtomicBool,
    /// Bit `n % 64` of word `n / 64`: it listens to a channel of slot `n`.
    slots: [AtomicU64; SLOTS / 64],
}

impl Default for Wanted {
    fn default() -> Wanted {
        Wanted {
            known: AtomicBool::new(false),
            patterns: AtomicBool::new(false),
            slots: [const { AtomicU64::new(0) }; SLOTS / 64],
        }
    }
}

impl Wanted {
    /// Whether messages of channels of this slot are sent: they are wanted, or it is not known that they are not.
    #[inline]
    pub fn has(&self, slot: Slot) -> bool {
        let word = self.slots[slot.index() / 64].load(Ordering::Acquire);
        word & (1 << (slot.index() % 64)) != 0
            || self.patterns.load(Ordering::Acquire)
            || !self.known.load(Ordering::Acquire)
    }

    /// Whether it has told.
    pub fn is_known(&self) -> bool {
        self.known.load(Ordering::Acquire)
    }

    /// The link is gone, and what it told with it.
    pub(super) fn forget(&self) {
        self.known.store(false, Ordering::Release);
    }

    /// It tells.
    ///
    /// # Errors
    /// Changes of what it has not told.
    pub(super) fn hear(&self, news: &News) -> Result<(), BadPacket> {
        match news {
            News::All(topics) => self.replace(topics),
            News::Changes(_) if !self.is_known() => {
                return Err(BadPacket::Value("changes of what was not told"));
            }
            News::Changes(changes) => changes.iter().for_each(|&(topic, wanted)| self.change(topic, wanted)),
        }
        Ok(())
    }

    fn replace(&self, topics: &Topics) {
        let wire = topics.slots.to_wire();
        for (word, bytes) in self.slots.iter().zip(wire.chunks_exact(8)) {
            let bits = bytes.iter().rev().fold(0, |bits, &byte| bits << 8 | u64::from(byte));
            word.store(bits, Ordering::Release);
        }
        self.patterns.store(topics.patterns, Ordering::Release);
        // Last: until then everything is sent.
        self.known.store(true, Ordering::Release);
    }

    fn change(&self, topic: Topic, wanted: bool) {
        match topic {
            Topic::Patterns => self.patterns.store(wanted, Ordering::Release),
            Topic::Slot(slot) => {
                let (word, bit) = (&self.slots[slot.index() / 64], 1 << (slot.index() % 64));
                match wanted {
                    true => word.fetch_or(bit, Ordering::AcqRel),
                    false => word.fetch_and(!bit, Ordering::AcqRel),
                };
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn slot(number: u16) -> Slot {
        Slot::new(number).unwrap()
    }

    #[test]
    fn everything_is_sent_to_who_has_not_told_and_then_only_what_is_wanted() {
        let wanted = Wanted::default();
        assert!(wanted.has(slot(1)) && !wanted.is_known());
        let slots = [slot(0), slot(9), slot(16_383)];
        wanted.hear(&News::All(Topics { slots: slots.into_iter().collect(), patterns: false })).unwrap();
        assert!(Slot::all().all(|slot| wanted.has(slot) == slots.contains(&slot)));
        wanted
            .hear(&News::Changes(vec![(Topic::Slot(slot(9)), false), (Topic::Slot(slot(10)), true)]))
            .unwrap();
        assert!(!wanted.has(slot(9)) && wanted.has(slot(10)) && wanted.has(slot(0)));
        wanted.forget();
        assert!(wanted.has(slot(9)));
    }

    #[test]
    fn who_listens_to_a_pattern_wants_everything() {
        let wanted = Wanted::default();
        wanted.hear(&News::All(Topics::default())).unwrap();
        assert!(!wanted.has(slot(5)));
        wanted.hear(&News::Changes(vec![(Topic::Patterns, true)])).unwrap();
        assert!(wanted.has(slot(5)));
        wanted.hear(&News::Changes(vec![(Topic::Patterns, false)])).unwrap();
        assert!(!wanted.has(slot(5)));
    }

    #[test]
    fn changes_of_what_was_not_told_are_refused() {
        let wanted = Wanted::default();
        assert!(wanted.hear(&News::Changes(vec![(Topic::Patterns, true)])).is_err());
        assert!(!wanted.is_known());
    }
}
