//! What somebody on this node listens to, as other nodes are told it, so that they send only such messages.
//!
//! Channels are told by the slot of their name, so that what one node keeps of another is bounded (2 KiB) however many channels
//! there are; a message of another channel of the same slot comes for nothing. Who listens to a pattern is sent everything. Sharded
//! channels are no part of it: their messages stay on the node that owns the slot.
//!
//! Every change has a number, its *version*. A peer that has heard of a version sends everything that was wanted then.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use parking_lot::Mutex;
use shared::limits::INTEREST_CHANGES_MAX;
use shared::slot::Slot;
use shared::slot_set::SlotSet;
use tokio::sync::watch;

/// Something to listen to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Topic {
    /// Channels with a name of this slot.
    Slot(Slot),
    /// All channels: patterns may match any.
    Patterns,
}

/// A set of topics.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Topics {
    /// Slots of channels.
    pub slots: SlotSet,
    /// Whether some pattern is listened to.
    pub patterns: bool,
}

impl Topics {
    fn contains(&self, topic: Topic) -> bool {
        match topic {
            Topic::Slot(slot) => self.slots.contains(slot),
            Topic::Patterns => self.patterns,
        }
    }

    fn set(&mut self, topic: Topic, wanted: bool) {
        match topic {
            Topic::Slot(slot) if wanted => drop(self.slots.insert(slot)),
            Topic::Slot(slot) => drop(self.slots.remove(slot)),
            Topic::Patterns => self.patterns = wanted,
        }
    }
}

/// What a peer is to be told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum News {
    /// All that is wanted; the rest is not.
    All(Topics),
    /// What changed, and whether it is wanted now; at most [`INTEREST_CHANGES_MAX`].
    Changes(Vec<(Topic, bool)>),
}

/// What is wanted on this node.
pub struct Interest {
    wanted: Mutex<Wanted>,
    /// The version now: whoever tells peers is woken by it.
    version: watch::Sender<u64>,
}

#[derive(Default)]
struct Wanted {
    /// How many channels of a slot, or patterns, somebody listens to; none of them 0.
    counts: BTreeMap<Topic, usize>,
    /// What peers are told.
    told: Topics,
    /// Told, though nobody listens any more: somebody may come back.
    idle: BTreeSet<Topic>,
    version: u64,
    /// When something was wanted last that was not before.
    turned_on: u64,
    /// The last changes; the last of them made `version`.
    recent: VecDeque<Topic>,
}

impl Default for Interest {
    fn default() -> Interest {
        Interest { wanted: Mutex::default(), version: watch::Sender::new(0) }
    }
}

impl Interest {
    /// The first listener of a channel or pattern came.
    pub(super) fn began(&self, topic: Topic) {
        let mut wanted = self.wanted.lock();
        *wanted.counts.entry(topic).or_default() += 1;
        wanted.idle.remove(&topic);
        if !wanted.told.contains(topic) {
            wanted.turn(topic, true);
            wanted.turned_on = wanted.version;
            self.version.send_replace(wanted.version);
        }
    }

    /// The last listener of a channel or pattern left.
    pub(super) fn ended(&self, topic: Topic) {
        let wanted = &mut *self.wanted.lock();
        let Some(count) = wanted.counts.get_mut(&topic) else { return };
        *count -= 1;
        if *count == 0 {
            wanted.counts.remove(&topic);
            wanted.idle.insert(topic);
        }
    }

    /// What nobody listens to any more is not wanted from here on. To be called now and then: until then peers go on sending, and
    /// who comes back soon need not wait for them.
    pub fn sweep(&self) {
        let wanted = &mut *self.wanted.lock();
        if wanted.idle.is_empty() {
            return;
        }
        for topic in std::mem::take(&mut wanted.idle) {
            wanted.turn(topic, false);
        }
        self.version.send_replace(wanted.version);
    }

    /// The version that peers must have heard of to send everything that is wanted now.
    pub fn turned_on(&self) -> u64 {
        self.wanted.lock().turned_on
    }

    /// The version now, and each one that follows.
    pub fn versions(&self) -> watch::Receiver<u64> {
        self.version.subscribe()
    }

    /// What is to be told to a peer that was told a version, or nothing yet; and the version it is told by that. `None` if there is
    /// nothing.
    pub fn since(&self, told: Option<u64>) -> Option<(u64, News)> {
        let wanted = self.wanted.lock();
        let behind = told.map(|told| usize::try_from(wanted.version - told).unwrap_or(usize::MAX));
        let news = match behind {
            Some(0) => return None,
            Some(behind) if behind <= wanted.recent.len() => News::Changes(wanted.changes(behind)),
            _ => News::All(wanted.told.clone()),
        };
        Some((wanted.version, news))
    }
}

impl Wanted {
    fn turn(&mut self, topic: Topic, on: bool) {
        self.told.set(topic, on);
        self.version += 1;
        if self.recent.len() == INTEREST_CHANGES_MAX {
            self.recent.pop_front();
        }
        self.recent.push_back(topic);
    }

    /// The last so many changes.
    fn changes(&self, count: usize) -> Vec<(Topic, bool)> {
        let first = self.recent.len() - count;
        self.recent.range(first..).map(|&topic| (topic, self.told.contains(topic))).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn slot(number: u16) -> Topic {
        Topic::Slot(Slot::new(number).unwrap())
    }

    /// What a peer holds that was told this.
    fn tell(peer: &mut (Option<u64>, Topics), interest: &Interest) {
        let Some((version, news)) = interest.since(peer.0) else { return };
        match news {
            News::All(topics) => peer.1 = topics,
            News::Changes(changes) => changes.into_iter().for_each(|(topic, on)| peer.1.set(topic, on)),
        }
        peer.0 = Some(version);
    }

    #[test]
    fn a_slot_is_wanted_from_its_first_channel_until_a_while_after_its_last() {
        let interest = Interest::default();
        interest.began(slot(7));
        interest.began(slot(7));
        assert_eq!(
            (interest.turned_on(), *interest.versions().borrow()),
            (1, 1),
            "the second changed nothing"
        );
        interest.ended(slot(7));
        interest.sweep();
        assert_eq!(interest.since(Some(1)), None, "there is another one");
        interest.ended(slot(7));
        assert_eq!(interest.since(Some(1)), None, "somebody may come back");
        interest.sweep();
        assert_eq!(interest.since(Some(1)), Some((2, News::Changes(vec![(slot(7), false)]))));
        assert_eq!(interest.turned_on(), 1, "nobody waits for what is not wanted any more");
    }

    #[test]
    fn who_comes_back_soon_changes_nothing() {
        let interest = Interest::default();
        interest.began(Topic::Patterns);
        interest.ended(Topic::Patterns);
        interest.began(Topic::Patterns);
        interest.sweep();
        assert_eq!(interest.since(Some(1)), None);
        assert!(matches!(interest.since(None), Some((1, News::All(Topics { patterns: true, .. })))));
    }

    #[test]
    fn who_missed_more_changes_than_are_kept_is_told_all() {
        let interest = Interest::default();
        let count = INTEREST_CHANGES_MAX as u64 + 10;
        (0..count).for_each(|number| interest.began(slot(number as u16)));
        let told = |behind: u64| interest.since(Some(count - behind)).unwrap().1;
        let News::Changes(changes) = told(INTEREST_CHANGES_MAX as u64) else { panic!("told all") };
        assert_eq!(changes.len(), INTEREST_CHANGES_MAX);
        assert_eq!(changes.first(), Some(&(slot(10), true)));
        assert!(matches!(told(INTEREST_CHANGES_MAX as u64 + 1), News::All(_)));
    }

    #[test]
    fn who_is_told_changes_knows_what_who_is_told_all_knows() {
        let mut rng = shared::rt::rng::Rng::from_seed(3);
        let interest = Interest::default();
        let mut often = (None, Topics::default());
        let mut seldom = (None, Topics::default());
        for step in 0..20_000 {
            let topic = if rng.below(10) == 0 { Topic::Patterns } else { slot(rng.below(300) as u16) };
            match rng.below(20) {
                0 => interest.sweep(),
                1..10 => interest.began(topic),
                _ => interest.ended(topic),
            }
            tell(&mut often, &interest);
            // More changes than are kept lie between.
            if step % (5 * INTEREST_CHANGES_MAX) == 0 {
                tell(&mut seldom, &interest);
                let mut new = (None, Topics::default());
                tell(&mut new, &interest);
                assert_eq!(often, new, "step {step}");
                assert_eq!(seldom, new, "step {step}");
            }
        }
    }
}
