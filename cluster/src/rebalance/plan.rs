//! Which slots go where, so that all primaries have the same number and as few as possible move. Pure.

use std::cmp::Reverse;

use shared::limits::SLOTS;
use shared::node_id::NodeId;
use shared::slot::Slot;
use shared::slot_set::SlotSet;

use super::survey::{Primary, missing};

/// Slots that go from one primary to another.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Step {
    /// Who has them.
    pub from: NodeId,
    /// Who is to have them.
    pub to: NodeId,
    /// Which.
    pub slots: SlotSet,
}

/// Plans. Primaries that are `drained` own nothing afterwards; the others own as many slots as each other, or one more.
///
/// # Errors
/// A slot is owned by nobody, a primary that would have a part in it does not answer, or none is left.
pub fn plan(primaries: &[Primary], drained: &[NodeId]) -> Result<Vec<Step>, String> {
    if let Some(slot) = missing(primaries) {
        return Err(format!("slot {slot} is owned by nobody: redis-cli --cluster fix says how to mend that"));
    }
    let silent = |primary: &&Primary| !primary.reachable && !primary.slots.is_empty();
    if let Some(primary) = primaries.iter().find(silent) {
        return Err(format!("the primary {} does not answer: its slots cannot move now", primary.id));
    }
    let mut kept: Vec<&Primary> =
        primaries.iter().filter(|p| p.reachable && !drained.contains(&p.id)).collect();
    if kept.is_empty() {
        return Err("no primary is left to own the slots".into());
    }
    // Who has most gets the one more, if there is a remainder: then fewest move.
    kept.sort_by_key(|primary| (Reverse(primary.slots.len()), primary.id));
    let (each, more) = (SLOTS / kept.len(), SLOTS % kept.len());
    let quota = |id: NodeId| {
        let place = kept.iter().position(|primary| primary.id == id);
        place.map_or(0, |place| each + usize::from(place < more))
    };
    let mut surplus: Vec<(NodeId, Vec<Slot>)> = Vec::new();
    let mut wanting: Vec<(NodeId, usize)> = Vec::new();
    for primary in primaries {
        let (has, quota) = (primary.slots.len(), quota(primary.id));
        if has > quota {
            surplus.push((primary.id, primary.slots.iter().skip(quota).collect()));
        } else if quota > has {
            wanting.push((primary.id, quota - has));
        }
    }
    let mut steps = Vec::new();
    let mut wanting = wanting.into_iter();
    let mut next = wanting.next();
    for (from, slots) in surplus {
        let mut rest = &slots[..];
        while let (Some((to, wants)), false) = (&mut next, rest.is_empty()) {
            let (gone, left) = rest.split_at(rest.len().min(*wants));
            steps.push(Step { from, to: *to, slots: gone.iter().copied().collect() });
            *wants -= gone.len();
            rest = left;
            if *wants == 0 {
                next = wanting.next();
            }
        }
    }
    Ok(steps)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn id(number: u8) -> NodeId {
        NodeId::from_bytes([number; NodeId::BYTES])
    }

    fn primary(number: u8, slots: SlotSet) -> Primary {
        Primary { id: id(number), address: ("h".into(), 1), slots, reachable: true }
    }

    fn range(first: u16, last: u16) -> SlotSet {
        (first..=last).filter_map(Slot::new).collect()
    }

    fn three() -> Vec<Primary> {
        vec![primary(1, range(0, 5_460)), primary(2, range(5_461, 10_922)), primary(3, range(10_923, 16_383))]
    }

    /// Who owns how many afterwards, and how many have moved.
    fn after(primaries: &[Primary], steps: &[Step]) -> (Vec<usize>, usize) {
        let mut owned: Vec<SlotSet> = primaries.iter().map(|primary| primary.slots.clone()).collect();
        let place = |id| primaries.iter().position(|primary| primary.id == id).unwrap();
        for step in steps {
            for slot in step.slots.iter() {
                assert!(owned[place(step.from)].remove(slot), "it has what it gives");
                assert!(owned[place(step.to)].insert(slot));
            }
        }
        (owned.iter().map(SlotSet::len).collect(), steps.iter().map(|step| step.slots.len()).sum())
    }

    #[test]
    fn one_more_node_gets_its_share_and_nothing_else_moves() {
        assert_eq!(plan(&three(), &[]).unwrap(), []);
        let mut four = three();
        four.push(primary(4, SlotSet::new()));
        assert_eq!(after(&four, &plan(&four, &[]).unwrap()), (vec![4_096; 4], 4_096));
    }

    #[test]
    fn a_node_that_is_drained_gives_all_it_has_to_the_others() {
        let steps = plan(&three(), &[id(2)]).unwrap();
        assert_eq!(after(&three(), &steps), (vec![8_192, 0, 8_192], 5_462));
        assert!(plan(&three(), &[id(1), id(2), id(3)]).unwrap_err().starts_with("no primary is left"));
    }

    #[test]
    fn what_cannot_be_moved_well_is_not_begun() {
        let mut silent = three();
        silent[0].reachable = false;
        assert!(plan(&silent, &[]).unwrap_err().contains("does not answer"));
        assert!(plan(&three()[..2], &[]).unwrap_err().starts_with("slot 10923 is owned by nobody"));
        let mut empty = three();
        empty.push(Primary { reachable: false, ..primary(4, SlotSet::new()) });
        assert_eq!(plan(&empty, &[]).unwrap(), [], "an empty node that does not answer gets nothing");
    }

    proptest! {
        #[test]
        fn everybody_has_as_many_or_one_more_and_as_few_as_possible_move(
            owners in proptest::collection::vec(0_u8..6, SLOTS),
            drained in proptest::collection::vec(0_u8..6, 0..3),
        ) {
            let of = |n: u8| Slot::all().zip(&owners).filter(|(_, o)| **o == n).map(|(s, _)| s).collect();
            let primaries: Vec<Primary> = (0..6).map(|n| primary(n, of(n))).collect();
            let gone: Vec<NodeId> = drained.iter().map(|n| id(*n)).collect();
            let steps = plan(&primaries, &gone).unwrap();
            let (owned, moved) = after(&primaries, &steps);
            let kept: Vec<usize> = (0..6).filter(|n| !drained.contains(n)).map(usize::from).collect();
            let each = SLOTS / kept.len();
            prop_assert!(kept.iter().all(|n| owned[*n] == each || owned[*n] == each + 1), "{owned:?}");
            prop_assert_eq!(kept.iter().map(|n| owned[*n]).sum::<usize>(), SLOTS);
            let must: usize = kept.iter().map(|n| each.saturating_sub(primaries[*n].slots.len())).sum();
            prop_assert!(moved >= must && moved <= must + kept.len(), "{moved} moved, {must} had to");
        }
    }
}
