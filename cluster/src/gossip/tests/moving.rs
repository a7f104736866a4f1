//! A slot goes from one node to another by the orders of CLUSTER SETSLOT.

use shared::slot::Slot;
use shared::slot_set::SlotSet;

use super::network::Network;
use crate::gossip::admin::Refused;

/// Three nodes of a formed cluster, and a slot of the first.
fn formed(seed: u64) -> (Network, Slot) {
    let network = Network::formed(3, seed);
    let slot = network.engines[0].topology().me().slots().iter().next().unwrap();
    (network, slot)
}

#[test]
fn a_slot_that_was_handed_over_is_the_new_owners_everywhere() {
    let (mut network, slot) = formed(1);
    let (from, to) = (network.id(0), network.id(1));
    network.order(1, |engine, _, _| engine.import_slot(slot, from)).unwrap();
    network.order(0, |engine, _, _| engine.migrate_slot(slot, to)).unwrap();
    let before = network.engines[1].topology().me().config_epoch;
    // Only the new owner is told; the others hear it from its claim in a higher epoch.
    network.order(1, |engine, _, _| engine.give_slot(slot, to, false)).unwrap();
    assert!(network.engines[1].topology().me().config_epoch > before);
    assert!(network.run_until(2_000, |n| {
        n.all_agree() && n.engines.iter().all(|e| e.topology().owner(slot).unwrap().id == to)
    }));
    let lost: SlotSet = [slot].into_iter().collect();
    assert_eq!(network.lost[0], lost, "its subscribers are told");
    assert!(network.engines.iter().all(|e| e.topology().moves == crate::topology::Moves::default()));
}

#[test]
fn a_mark_that_a_crash_forgets_leaves_the_slot_with_its_old_owner() {
    for forgetful in [&[0][..], &[1], &[0, 1]] {
        let (mut network, slot) = formed(6);
        let (from, to) = (network.id(0), network.id(1));
        network.order(1, |engine, _, _| engine.import_slot(slot, from)).unwrap();
        network.order(0, |engine, _, _| engine.migrate_slot(slot, to)).unwrap();
        for &node in forgetful {
            network.restart(node);
            assert_eq!(network.engines[node].topology().moves, crate::topology::Moves::default());
        }
        network.run(3_000);
        assert!(network.engines.iter().all(|engine| engine.topology().owner(slot).unwrap().id == from));
        // It is begun anew, and comes to its end.
        network.order(1, |engine, _, _| engine.import_slot(slot, from)).unwrap();
        network.order(0, |engine, _, _| engine.migrate_slot(slot, to)).unwrap();
        network.order(1, |engine, _, _| engine.give_slot(slot, to, false)).unwrap();
        network.order(0, |engine, _, _| engine.give_slot(slot, to, true)).unwrap();
        assert!(network.run_until(5_000, |n| {
            n.all_agree() && n.engines.iter().all(|e| e.topology().owner(slot).unwrap().id == to)
        }));
    }
}

#[test]
fn a_slot_that_was_let_go_is_the_old_owners_until_the_new_one_claims_it_in_whatever_epoch() {
    for let_go in [true, false] {
        let (mut network, slot) = formed(7);
        let (from, to) = (network.id(0), network.id(1));
        network.order(1, |engine, _, _| engine.import_slot(slot, from)).unwrap();
        network.order(0, |engine, _, _| engine.migrate_slot(slot, to)).unwrap();
        if let_go {
            network.order(0, |engine, _, _| engine.give_slot(slot, to, true)).unwrap();
        }
        network.run(3_000);
        let owner = |network: &Network, node: usize| network.engines[node].topology().owner(slot).unwrap().id;
        assert_eq!((owner(&network, 0), owner(&network, 2)), (from, from), "nobody else has claimed it");
        assert_eq!(network.engines[0].topology().moves.migrating.get(&slot), Some(&to));
        // The new owner does not know yet that the old one took a newer epoch than its own for something else.
        network.silent[1] = true;
        network.order(0, |engine, _, _| engine.take_new_epoch());
        network.order(1, |engine, _, _| engine.give_slot(slot, to, false)).unwrap();
        network.order(0, |engine, _, _| engine.take_new_epoch());
        let claim =
            crate::gossip::Claim::of(network.engines[1].topology(), network.engines[1].topology().me());
        assert!(claim.config_epoch < network.engines[0].topology().me().config_epoch);
        network.order(0, |engine, _, _| engine.told_of_claim(&claim));
        assert_eq!(owner(&network, 0), if let_go { to } else { from });
    }
}

#[test]
fn a_third_node_believes_the_claim_alone_and_a_slot_that_stays_after_all_is_awaited_no_more() {
    let (mut network, slot) = formed(8);
    let (from, to) = (network.id(0), network.id(1));
    network.order(1, |engine, _, _| engine.import_slot(slot, from)).unwrap();
    network.order(0, |engine, _, _| engine.migrate_slot(slot, to)).unwrap();
    network.order(2, |engine, _, _| engine.give_slot(slot, to, true)).unwrap();
    assert_eq!(network.engines[2].topology().owner(slot).unwrap().id, from);
    network.order(0, |engine, _, _| engine.give_slot(slot, to, true)).unwrap();
    assert!(network.engines[0].awaits_claims());
    network.order(0, |engine, _, _| engine.give_slot(slot, from, true)).unwrap();
    assert!(!network.engines[0].awaits_claims());
    assert_eq!(network.engines[0].topology().moves, crate::topology::Moves::default());
}

#[test]
fn nobodys_claim_takes_a_slot_away_that_is_being_imported() {
    let (mut network, slot) = formed(2);
    let (from, third) = (network.id(0), network.id(2));
    network.order(1, |engine, _, _| engine.import_slot(slot, from)).unwrap();
    // The third takes it meanwhile, in a higher epoch.
    network
        .order(2, |engine, _, _| {
            engine.import_slot(slot, from).unwrap();
            engine.give_slot(slot, third, true)
        })
        .unwrap();
    network.run(3_000);
    assert_eq!(network.engines[0].topology().owner(slot).unwrap().id, third);
    assert_eq!(
        network.engines[1].topology().owner(slot).unwrap().id,
        from,
        "it imports from whom it was told"
    );
    network.order(1, |engine, _, _| engine.keep_slot(slot).unwrap());
    assert!(network.run_until(10_000, |n| n.all_agree()));
}

#[test]
fn orders_about_slots_that_make_no_sense_change_nothing() {
    let (mut network, slot) = formed(3);
    let (me, peer, stranger) = (network.id(0), network.id(1), crate::topology::tests::id(77));
    let before = network.engines[0].topology().moves.clone();
    network.order(0, |engine, _, _| {
        let number = slot.number();
        assert_eq!(engine.import_slot(slot, peer), Err(Refused::AlreadyOwner(number)));
        assert_eq!(engine.migrate_slot(slot, stranger), Err(Refused::Stranger(stranger.to_string())));
        assert_eq!(engine.give_slot(slot, stranger, true), Err(Refused::UnknownNode(stranger.to_string())));
        assert_eq!(engine.give_slot(slot, peer, false), Err(Refused::HoldsKeys(number)));
        assert_eq!(engine.topology().owner(slot).unwrap().id, me);
    });
    network.order(1, |engine, _, _| {
        assert_eq!(engine.migrate_slot(slot, me), Err(Refused::NotOwner(slot.number())));
    });
    assert_eq!(network.engines[0].topology().moves, before);
}

#[test]
fn a_node_that_is_forgotten_has_no_slots_on_the_move() {
    let (mut network, slot) = formed(4);
    let peer = network.id(1);
    network.order(0, |engine, now, _| {
        engine.migrate_slot(slot, peer).unwrap();
        engine.forget(peer, now).unwrap();
        assert!(engine.topology().moves.migrating.is_empty());
    });
}

#[test]
fn a_slot_that_goes_to_and_fro_is_never_claimed_in_an_epoch_that_the_last_owner_already_has() {
    let (mut network, slot) = formed(5);
    for round in 0..6 {
        let (from, to) = (round % 2, (round + 1) % 2);
        let ids = [network.id(from), network.id(to)];
        network.order(to, |engine, _, _| engine.import_slot(slot, ids[0])).unwrap();
        network.order(from, |engine, _, _| engine.migrate_slot(slot, ids[1])).unwrap();
        network.order(to, |engine, _, _| engine.give_slot(slot, ids[1], false)).unwrap();
        network.order(from, |engine, _, _| engine.give_slot(slot, ids[1], true)).unwrap();
        // As long as a message takes; no ping comes in between.
        network.run(10);
        let epochs = [from, to].map(|node| network.engines[node].topology().me().config_epoch);
        assert!(epochs[1] > epochs[0], "round {round}: {epochs:?}");
        assert_eq!(network.engines[from].topology().member(ids[1]).unwrap().config_epoch, epochs[1]);
    }
    assert!(network.run_until(5_000, |n| n.all_agree()));
}

#[test]
fn a_replica_owns_no_slots_and_gets_none() {
    let mut network = Network::formed(3, 1);
    let [primary, replica] = [network.id(0), network.id(2)];
    let mine = network.engines[2].topology().me().slots().clone();
    let slot = mine.iter().next().unwrap();
    network.order(2, |engine, now, rng| {
        engine.flush_slots();
        engine.replicate(primary, true, now, rng).unwrap();
        assert_eq!(engine.add_slots(&mine), Err(Refused::OwnsNothing));
        assert_eq!(engine.give_slot(slot, primary, true), Err(Refused::NotPrimary));
    });
    network.run(2_000);
    for engine in &mut network.engines[..2] {
        assert_eq!(engine.topology().member(replica).unwrap().primary, Some(primary));
        assert!(engine.topology().member(replica).unwrap().slots().is_empty());
        assert_eq!(engine.give_slot(slot, replica, true), Err(Refused::TargetIsReplica));
    }
}
