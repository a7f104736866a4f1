//! Which of two claims to a slot holds (Redis Cluster specification, hash slots configuration propagation).

use shared::epoch::Epoch;
use shared::node_id::NodeId;
use shared::slot_set::SlotSet;

use super::{Member, ShardId, Topology};

/// What a claim changed.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct ClaimOutcome {
    /// Whether any slot changed hands.
    pub changed: bool,
    /// Slots this node had and has no more.
    pub lost: SlotSet,
    /// The owner of a claimed slot whose epoch is higher than the claim's: the claimant should hear of it.
    pub overruled_by: Option<NodeId>,
}

impl Topology {
    /// A peer says it owns these slots since `epoch`: it gets those nobody has and those whose owner claimed them in a lower
    /// epoch. Claims of unknown nodes and of replicas, and claims about this node itself, change nothing.
    pub fn claim(&mut self, claimant: NodeId, epoch: Epoch, slots: &SlotSet) -> ClaimOutcome {
        let mut outcome = ClaimOutcome::default();
        let Some(member) = self.member(claimant).filter(|member| member.primary.is_none()) else {
            return outcome;
        };
        if claimant == self.my_id() {
            return outcome;
        }
        let (shard, term) = (member.shard, member.term);
        // It has heard that they are this node's.
        self.won.retain(|slot, from| *from != shard || slots.contains(*slot));
        let Some(member) = self.member(claimant).filter(|member| member.slots() != slots) else {
            return outcome;
        };
        // Who was to have them says that it has: the higher epoch of who gave them counts no more.
        let given = self.given_to(shard);
        for slot in slots.minus(member.slots()).iter() {
            // Whose it is once it has moved is said by whoever moves it, and by nobody else. Until then it is the old owner's, and of
            // who is elected in its place.
            if self.moves.importing.get(&slot).is_some_and(|from| self.shard_of(*from) != Some(shard)) {
                continue;
            }
            // It has let go of it, and has not heard the claim that followed.
            if self.won.get(&slot) == Some(&shard) {
                outcome.overruled_by.get_or_insert(self.my_id());
                continue;
            }
            // Inside a shard the term decides, which only elections raise: config epochs also rise when slots move.
            let to = self.moves.migrating.get(&slot).filter(|_| self.moves.let_go.contains(&slot));
            let let_go = to.is_some_and(|to| self.shard_of(*to) == Some(shard));
            let given_up = self.is_disclaimed(slot) || given.contains(slot) || let_go;
            let succeeds = |owner: &Member| given_up || (owner.shard == shard && owner.term < term);
            match self.owner(slot).map(|owner| (owner.id, owner.config_epoch, succeeds(owner))) {
                Some((owner, held_since, false)) if held_since >= epoch => {
                    if held_since > epoch {
                        outcome.overruled_by.get_or_insert(owner);
                    }
                }
                holder => {
                    if holder.is_some_and(|(owner, ..)| owner == self.my_id()) {
                        outcome.lost.insert(slot);
                        self.moves.end(slot);
                    }
                    self.assign(slot, claimant);
                    if let Some(from) = self.moves.importing.get_mut(&slot) {
                        *from = claimant;
                    }
                    outcome.changed = true;
                }
            }
        }
        outcome
    }
}

impl Topology {
    fn shard_of(&self, node: NodeId) -> Option<ShardId> {
        self.member(node).map(|member| member.shard)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::topology::tests::{id, three_nodes};
    use crate::topology::{Side, Transfer, TransferId};
    use shared::slot::Slot;

    fn slots(numbers: &[u16]) -> SlotSet {
        numbers.iter().filter_map(|&n| Slot::new(n)).collect()
    }

    #[test]
    fn a_free_slot_goes_to_who_claims_it() {
        let mut topology = three_nodes();
        let outcome = topology.claim(id(2), Epoch(0), &slots(&[1, 2]));
        assert!(outcome.changed && outcome.lost.is_empty() && outcome.overruled_by.is_none());
        assert_eq!(topology.member(id(2)).unwrap().slots(), &slots(&[1, 2]));
    }

    #[test]
    fn the_higher_epoch_holds_and_the_loser_is_named() {
        let mut topology = three_nodes();
        topology.member_mut(id(2)).unwrap().config_epoch = Epoch(5);
        topology.claim(id(2), Epoch(5), &slots(&[1]));
        let outcome = topology.claim(id(3), Epoch(4), &slots(&[1]));
        assert_eq!(outcome, ClaimOutcome { overruled_by: Some(id(2)), ..ClaimOutcome::default() });
        assert!(
            !topology.claim(id(3), Epoch(5), &slots(&[1])).changed,
            "an equal epoch is a collision, not a win"
        );
        assert!(topology.claim(id(3), Epoch(6), &slots(&[1])).changed);
        assert!(topology.member(id(2)).unwrap().slots().is_empty());
    }

    #[test]
    fn a_node_learns_which_of_its_own_slots_it_lost() {
        let mut topology = three_nodes();
        topology.assign(Slot::new(9).unwrap(), id(1));
        let outcome = topology.claim(id(2), Epoch(1), &slots(&[8, 9]));
        assert_eq!(outcome.lost, slots(&[9]));
        assert!(topology.me().slots().is_empty());
    }

    #[test]
    fn what_a_node_gives_away_goes_to_whom_it_is_given_in_any_epoch_and_to_others_in_a_higher_one() {
        let mut topology = three_nodes();
        let slot = Slot::new(9).unwrap();
        topology.assign(slot, id(1));
        topology.me_mut().config_epoch = Epoch(7);
        let transfer =
            Transfer { side: Side::Giving, shard: ShardId(id(2)), epoch: Epoch(7), slots: slots(&[9]) };
        topology.transfers.insert(TransferId(id(5)), transfer);
        assert!(!topology.claim(id(3), Epoch(6), &slots(&[9])).changed, "an old owner that comes back");
        assert_eq!(topology.claim(id(2), Epoch(6), &slots(&[9])).lost, slots(&[9]));
        assert_eq!(topology.owner(slot).unwrap().id, id(2));
    }

    #[test]
    fn what_its_owner_does_not_claim_any_more_goes_to_whoever_claims_it() {
        let mut topology = three_nodes();
        topology.member_mut(id(2)).unwrap().config_epoch = Epoch(5);
        topology.claim(id(2), Epoch(5), &slots(&[1, 2]));
        topology.disclaim(id(2), &slots(&[2]));
        assert_eq!(
            topology.owner(Slot::new(1).unwrap()).unwrap().id,
            id(2),
            "until then it is shown as before"
        );
        topology.claim(id(3), Epoch(4), &slots(&[1, 2]));
        assert_eq!(topology.member(id(3)).unwrap().slots(), &slots(&[1]));
        assert!(!topology.is_disclaimed(Slot::new(1).unwrap()));
    }

    #[test]
    fn a_slot_that_is_imported_comes_from_whoever_is_elected_in_its_owners_place() {
        let mut topology = three_nodes();
        let slot = Slot::new(9).unwrap();
        topology.assign(slot, id(2));
        topology.moves.importing.insert(slot, id(2));
        let replica = topology.member_mut(id(3)).unwrap();
        (replica.term, replica.config_epoch) = (Epoch(4), Epoch(4));
        assert!(!topology.claim(id(3), Epoch(4), &slots(&[9])).changed, "of another shard");
        let shard = topology.member(id(2)).unwrap().shard;
        topology.member_mut(id(3)).unwrap().shard = shard;
        assert!(topology.claim(id(3), Epoch(4), &slots(&[9])).changed);
        assert_eq!(topology.owner(slot).unwrap().id, id(3));
        assert_eq!(topology.moves.importing.get(&slot), Some(&id(3)));
        assert!(!topology.claim(id(2), Epoch(1), &slots(&[9])).changed, "the old owner comes back");
    }

    #[test]
    fn claims_of_strangers_and_about_oneself_change_nothing() {
        let mut topology = three_nodes();
        assert_eq!(topology.claim(id(8), Epoch(9), &slots(&[1])), ClaimOutcome::default());
        assert_eq!(topology.claim(id(1), Epoch(9), &slots(&[1])), ClaimOutcome::default());
        assert_eq!(topology.assigned(), 0);
    }

    #[test]
    fn a_slot_no_longer_claimed_stays_where_it_was() {
        let mut topology = three_nodes();
        topology.claim(id(2), Epoch(1), &slots(&[1, 2]));
        topology.claim(id(2), Epoch(1), &slots(&[1]));
        assert_eq!(topology.owner(Slot::new(2).unwrap()).unwrap().id, id(2));
    }
}
