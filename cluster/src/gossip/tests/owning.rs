//! Who owns a slot.

use super::network::Network;
use crate::gossip::admin::{Bumped, Refused};
use crate::gossip::{Claim, Event, LinkId, Message};
use crate::topology::ShardId;
use shared::epoch::Epoch;
use shared::slot::Slot;
use shared::slot_set::SlotSet;

fn slots(numbers: std::ops::Range<u16>) -> SlotSet {
    numbers.filter_map(Slot::new).collect()
}

#[test]
fn two_primaries_with_one_epoch_end_with_two() {
    let mut network = Network::new(3, 1);
    for node in 0..3 {
        let range = slots(node as u16 * 5_461..(node as u16 + 1) * 5_461);
        network.order(node, |engine, _, _| engine.add_slots(&range)).unwrap();
    }
    network.meet_all();
    network.run(10_000);
    let mut epochs: Vec<Epoch> = network.engines.iter().map(|e| e.topology().me().config_epoch).collect();
    epochs.sort();
    epochs.dedup();
    assert_eq!(epochs.len(), 3, "every primary has its own epoch");
    assert!(network.all_agree());
}

#[test]
fn of_two_claims_the_later_epoch_wins_everywhere_and_the_loser_is_told() {
    let mut network = Network::formed(3, 2);
    let all_of_first = network.engines[0].topology().me().slots().clone();
    // While node 0 is away, node 1 takes its slots in a new epoch.
    network.silent[0] = true;
    network.order(1, |engine, _, _| {
        engine.delete_slots(&all_of_first).unwrap();
        engine.add_slots(&all_of_first).unwrap();
        assert_eq!(engine.bump_epoch(), Bumped::To(Epoch(4)));
    });
    network.run(5_000);
    network.silent[0] = false;
    assert!(network.run_until(20_000, |n| n.all_agree() && n.all_up()));
    assert!(network.engines[0].topology().me().slots().is_empty());
    assert_eq!(network.lost[0], all_of_first);
}

#[test]
fn an_update_is_believed_only_with_a_higher_epoch_and_never_about_oneself() {
    let mut network = Network::formed(3, 3);
    let (me, peer, other) = (network.id(0), network.id(1), network.id(2));
    let update = |node, epoch| Event::Received {
        link: LinkId::In(1),
        local: [127, 0, 0, 1].into(),
        remote: [127, 0, 0, 2].into(),
        sender: peer,
        message: Message::Update(Claim {
            node,
            config_epoch: Epoch(epoch),
            shard: ShardId(node),
            term: Epoch(0),
            slots: SlotSet::full(),
        }),
    };
    let before = network.picture(0);
    network.give(0, update(me, 100));
    network.give(0, update(other, 3));
    assert_eq!(network.picture(0), before);
    network.give(0, update(other, 100));
    assert_eq!(network.engines[0].topology().member(other).unwrap().slots().len(), 16_384);
}

#[test]
fn orders_are_refused_whole() {
    let mut network = Network::formed(2, 4);
    let taken = slots(0..10);
    assert_eq!(network.order(0, |e, _, _| e.add_slots(&taken)), Err(Refused::Busy(0)));
    network.order(0, |e, _, _| e.delete_slots(&taken)).unwrap();
    assert_eq!(network.order(0, |e, _, _| e.delete_slots(&slots(5..20))), Err(Refused::Unassigned(5)));
    assert_eq!(network.order(0, |e, _, _| e.add_slots(&slots(5..20))), Err(Refused::Busy(10)));
    assert_eq!(network.engines[0].topology().unassigned(), taken);
    assert_eq!(network.order(0, |e, _, _| e.set_config_epoch(9)), Err(Refused::NotAlone));
    let me = network.id(0);
    assert_eq!(network.order(0, |e, now, _| e.forget(me, now)), Err(Refused::ForgetMyself));
}

#[test]
fn a_reset_node_knows_nobody_and_owns_nothing() {
    let mut network = Network::formed(3, 5);
    let old = network.id(0);
    let new = shared::node_id::NodeId::from_bytes([5; 20]);
    network.order(0, |engine, now, rng| engine.reset(Some(new), now, rng));
    let topology = network.engines[0].topology();
    assert_eq!((topology.len(), topology.assigned(), topology.my_id()), (1, 0, new));
    assert_eq!((topology.current_epoch, network.lost[0].len()), (Epoch(0), 8_192 - 2_730));
    assert!(topology.member(old).is_none());
}

#[test]
fn a_lone_node_bumps_its_epoch_once() {
    let mut network = Network::new(1, 6);
    assert_eq!(network.order(0, |e, _, _| e.bump_epoch()), Bumped::To(Epoch(1)));
    assert_eq!(network.order(0, |e, _, _| e.bump_epoch()), Bumped::Still(Epoch(1)));
    assert_eq!(network.order(0, |e, _, _| e.set_config_epoch(5)), Err(Refused::EpochSet));
    assert_eq!(network.order(0, |e, _, _| e.set_config_epoch(-5)), Err(Refused::BadEpoch(-5)));
}
