//! A slot goes from one node to another by the orders of CLUSTER SETSLOT.

use shared::node_id::NodeId;
use shared::slot::Slot;
use shared::slot_set::SlotSet;

use super::network::Network;
use crate::gossip::Claim;
use crate::gossip::admin::Refused;
use crate::keyspace::Left;
use crate::topology::tests::id;
use crate::topology::{Moves, TransferId};

/// Three nodes of a formed cluster, and a slot of the first.
fn formed(seed: u64) -> (Network, Slot) {
    let network = Network::formed(3, seed);
    let slot = network.engines[0].topology().me().slots().iter().next().unwrap();
    (network, slot)
}

fn claim_id() -> TransferId {
    TransferId(id(200))
}

/// A slot of the first node that moves to the second.
fn moving(seed: u64) -> (Network, Slot) {
    let (mut network, slot) = formed(seed);
    begin(&mut network, slot, 0, 1);
    (network, slot)
}

fn begin(network: &mut Network, slot: Slot, from: usize, to: usize) {
    let ids = [network.id(from), network.id(to)];
    network.order(to, |engine, _, _| engine.import_slot(slot, ids[0])).unwrap();
    network.order(from, |engine, _, _| engine.migrate_slot(slot, ids[1])).unwrap();
}

fn lets_go(network: &mut Network, slot: Slot, from: usize, to: NodeId) {
    network.order(from, |engine, _, _| engine.give_slot(slot, to, Left::Nothing)).unwrap();
}

/// Has a node claim a slot that it imported, if its owner says yes soon.
fn claim(network: &mut Network, slot: Slot, node: usize) -> Result<(), Refused> {
    network.order(node, |engine, _, _| engine.claim_imported(claim_id(), slot)).unwrap();
    complete(network, node)
}

fn complete(network: &mut Network, node: usize) -> Result<(), Refused> {
    let mut claimed = Ok(());
    for try_number in 0..400 {
        claimed = network.order(node, |engine, _, _| engine.complete(claim_id())).map(drop);
        if !matches!(claimed, Err(Refused::NotLetGo(_))) {
            break;
        }
        if try_number % 40 == 0 {
            network.order(node, |engine, _, _| engine.ask_to_claim(claim_id()));
        }
        network.run(5);
    }
    claimed
}

fn owner(network: &Network, node: usize, slot: Slot) -> NodeId {
    network.engines[node].topology().owner(slot).unwrap().id
}

#[test]
fn a_slot_that_was_handed_over_is_the_new_owners_everywhere() {
    let (mut network, slot) = moving(1);
    let to = network.id(1);
    let before = network.engines[1].topology().me().config_epoch;
    // Only the new owner is told; it asks the old one, and the others hear it from its claim in a higher epoch.
    claim(&mut network, slot, 1).unwrap();
    assert!(network.engines[1].topology().me().config_epoch > before);
    assert!(network.run_until(2_000, |n| n.all_agree() && (0..3).all(|node| owner(n, node, slot) == to)));
    let lost: SlotSet = [slot].into_iter().collect();
    assert_eq!(network.lost[0], lost, "its subscribers are told");
    assert!(network.engines.iter().all(|e| e.topology().moves == Moves::default()));
}

#[test]
fn a_mark_that_a_crash_forgets_leaves_the_slot_with_its_old_owner() {
    for forgetful in [&[0][..], &[1], &[0, 1]] {
        let (mut network, slot) = moving(6);
        let (from, to) = (network.id(0), network.id(1));
        for &node in forgetful {
            network.restart(node);
            assert_eq!(network.engines[node].topology().moves, Moves::default());
        }
        network.run(3_000);
        assert!((0..3).all(|node| owner(&network, node, slot) == from));
        // It is begun anew, and comes to its end.
        begin(&mut network, slot, 0, 1);
        claim(&mut network, slot, 1).unwrap();
        assert!(network.run_until(5_000, |n| n.all_agree() && (0..3).all(|node| owner(n, node, slot) == to)));
    }
}

#[test]
fn a_slot_is_not_claimed_before_its_old_owner_has_let_go_of_it() {
    // It does not answer, and is held failed: it may come back with keys.
    let (mut network, slot) = moving(9);
    let (from, to) = (network.id(0), network.id(1));
    network.silent[0] = true;
    assert_eq!(claim(&mut network, slot, 1), Err(Refused::NotLetGo(slot.number())));
    let failed = |n: &Network| !n.engines[1].topology().member(from).unwrap().reachable();
    assert!(network.run_until(10_000, failed));
    network.run(5_000);
    assert_eq!(complete(&mut network, 1), Err(Refused::NotLetGo(slot.number())));
    network.silent[0] = false;
    assert!(network.run_until(10_000, |n| n.all_agree()));
    assert_eq!(complete(&mut network, 1), Ok(()));
    assert!(network.run_until(2_000, |n| (0..3).all(|node| owner(n, node, slot) == to)));

    // Its owner has stopped to give it away, or gives it to another one.
    for third in [false, true] {
        let (mut network, slot) = moving(10);
        let (from, other) = (network.id(0), network.id(2));
        network.order(0, |engine, _, _| match third {
            true => engine.migrate_slot(slot, other).unwrap(),
            false => engine.keep_slot(slot).unwrap(),
        });
        assert_eq!(claim(&mut network, slot, 1), Err(Refused::TransferOver));
        let topology = network.engines[1].topology();
        assert!(topology.moves.importing.contains_key(&slot) && topology.transfers.is_empty());
        assert!((0..3).all(|node| owner(&network, node, slot) == from));
    }

    // It is forgotten with all that it has.
    let (mut network, slot) = moving(11);
    let from = network.id(0);
    network.silent[0] = true;
    assert_eq!(claim(&mut network, slot, 1), Err(Refused::NotLetGo(slot.number())));
    network.order(1, |engine, now, _| engine.forget(from, now)).unwrap();
    assert_eq!(complete(&mut network, 1), Ok(()));
}

#[test]
fn a_slot_that_was_let_go_is_the_old_owners_until_the_new_one_claims_it_in_whatever_epoch() {
    for restarts in [false, true] {
        let (mut network, slot) = moving(7);
        let (from, to) = (network.id(0), network.id(1));
        lets_go(&mut network, slot, 0, to);
        network.run(3_000);
        assert_eq!((owner(&network, 0, slot), owner(&network, 2, slot)), (from, from));
        assert_eq!(network.engines[0].topology().moves.migrating.get(&slot), Some(&to));
        network.order(1, |engine, _, _| {
            engine.claim_imported(claim_id(), slot).unwrap();
            engine.ask_to_claim(claim_id());
        });
        assert!(network.run_until(1_000, |n| !n.engines[1].awaits_answer(claim_id())));
        // The new owner does not know yet that the old one took a newer epoch than its own for something else.
        network.silent[1] = true;
        network.order(0, |engine, _, _| engine.take_new_epoch());
        complete(&mut network, 1).unwrap();
        network.order(0, |engine, _, _| engine.take_new_epoch());
        if restarts {
            network.restart(0);
        }
        let claim = Claim::of(network.engines[1].topology(), network.engines[1].topology().me());
        assert!(claim.config_epoch < network.engines[0].topology().me().config_epoch);
        network.order(0, |engine, _, _| engine.told_of_claim(to, &claim));
        assert_eq!(owner(&network, 0, slot), to);
    }
}

#[test]
fn with_a_slot_that_was_let_go_nothing_else_is_done() {
    let (mut network, slot) = moving(12);
    let [from, to, third] = [0, 1, 2].map(|node| network.id(node));
    lets_go(&mut network, slot, 0, to);
    let before = network.engines[0].topology().moves.clone();
    network.order(0, |engine, _, _| {
        let refused = Err(Refused::LetGo(slot.number(), to));
        assert_eq!(engine.keep_slot(slot), refused);
        assert_eq!(engine.migrate_slot(slot, third), refused);
        assert_eq!(engine.give_slot(slot, from, Left::Nothing), refused);
        // Perhaps it has gone there by now.
        assert_eq!(engine.give_slot(slot, third, Left::Nothing), Ok(()));
        assert_eq!(
            (engine.migrate_slot(slot, to), engine.give_slot(slot, to, Left::Nothing)),
            (Ok(()), Ok(()))
        );
        assert_eq!(engine.topology().moves, before);
        assert!(engine.awaits_claims());
    });
    // Keys that a crash has brought back.
    network.order(0, |engine, _, _| {
        assert_eq!(engine.give_slot(slot, to, Left::Keys), Err(Refused::HoldsKeys(slot.number())));
        assert_eq!((engine.keep_slot(slot), engine.migrate_slot(slot, to)), (Ok(()), Ok(())));
        engine.give_slot(slot, to, Left::Nothing).unwrap();
    });
    // Who has it is gone for good.
    network.order(0, |engine, now, _| engine.forget(to, now)).unwrap();
    assert!(!network.engines[0].awaits_claims());
    network.order(0, |engine, _, _| engine.keep_slot(slot)).unwrap();
}

#[test]
fn a_claim_goes_forward_only_once_the_old_owner_has_let_go() {
    let (mut network, slot) = moving(13);
    let to = network.id(1);
    network.order(1, |engine, _, _| {
        engine.claim_imported(claim_id(), slot).unwrap();
        engine.ask_to_claim(claim_id());
    });
    assert!(network.run_until(1_000, |n| !n.engines[1].awaits_answer(claim_id())));
    network.order(1, |engine, _, _| engine.claim_not(claim_id()));
    assert_eq!(network.engines[1].takings(), [claim_id()]);
    // Over its own restart too, when it asks again.
    network.order(1, |engine, _, _| engine.take_new_epoch());
    network.restart(1);
    assert!(network.run_until(10_000, |n| n.engines[1].takings() == [claim_id()] && n.all_agree()));
    complete(&mut network, 1).unwrap();
    assert!(network.run_until(2_000, |n| (0..3).all(|node| owner(n, node, slot) == to)));
}

#[test]
fn who_does_not_know_the_owner_yet_asks_whom_it_was_told() {
    let (mut network, slot) = moving(14);
    let to = network.id(1);
    // The third has not heard that the first is not the owner any more.
    network.silent[2] = true;
    claim(&mut network, slot, 1).unwrap();
    network.run(10);
    network.silent[2] = false;
    begin(&mut network, slot, 1, 2);
    assert_ne!(owner(&network, 2, slot), to);
    claim(&mut network, slot, 2).unwrap();
    assert!(
        network.run_until(2_000, |n| { n.all_agree() && (0..3).all(|node| owner(n, node, slot) == n.id(2)) })
    );
}

#[test]
fn who_has_claimed_a_slot_keeps_it_although_its_old_owner_takes_newer_epochs_before_it_hears_that() {
    let (mut network, slot) = moving(15);
    let to = network.id(1);
    network.order(1, |engine, _, _| {
        engine.claim_imported(claim_id(), slot).unwrap();
        engine.ask_to_claim(claim_id());
    });
    assert!(network.run_until(1_000, |n| !n.engines[1].awaits_answer(claim_id())));
    network.blocked.extend([(1, 0), (2, 0)]);
    network.order(1, |engine, _, _| engine.complete(claim_id())).unwrap();
    for _ in 0..10 {
        network.order(0, |engine, _, _| engine.take_new_epoch());
        network.run(100);
        assert_eq!(owner(&network, 1, slot), to);
    }
    network.blocked.clear();
    assert!(network.run_until(5_000, |n| n.all_agree() && (0..3).all(|node| owner(n, node, slot) == to)));
    assert!(network.engines[1].topology().won.is_empty());
}

#[test]
fn a_claim_is_heard_although_its_epoch_is_known() {
    let (mut network, slot) = moving(16);
    let to = network.id(1);
    network.order(1, |engine, _, _| engine.take_new_epoch());
    network.run(3_000);
    claim(&mut network, slot, 1).unwrap();
    // As long as a message takes; no ping comes in between.
    network.run(10);
    assert!((0..3).all(|node| owner(&network, node, slot) == to));
}

#[test]
fn a_claim_that_nobody_answers_is_given_up_by_order() {
    let (mut network, slot) = moving(17);
    network.silent[0] = true;
    claim(&mut network, slot, 1).unwrap_err();
    network.order(1, |engine, _, _| engine.keep_slot(slot)).unwrap();
    let topology = network.engines[1].topology();
    assert!(topology.transfers.is_empty() && topology.moves == Moves::default());
}

#[test]
fn a_third_node_believes_the_claim_alone() {
    let (mut network, slot) = moving(8);
    let (from, to) = (network.id(0), network.id(1));
    network.order(2, |engine, _, _| engine.give_slot(slot, to, Left::Nothing)).unwrap();
    assert_eq!(owner(&network, 2, slot), from);
}

#[test]
fn nobodys_claim_takes_a_slot_away_that_is_being_imported() {
    let (mut network, slot) = moving(2);
    let (from, third) = (network.id(0), network.id(2));
    // The third takes it meanwhile, in a higher epoch.
    begin(&mut network, slot, 0, 2);
    claim(&mut network, slot, 2).unwrap();
    network.run(3_000);
    assert_eq!(owner(&network, 0, slot), third);
    assert_eq!(owner(&network, 1, slot), from, "it imports from whom it was told");
    // Nor does who had it allow a claim of who imports it.
    assert_eq!(claim(&mut network, slot, 1), Err(Refused::NotLetGo(slot.number())));
    network.order(1, |engine, _, _| {
        engine.claim_not(claim_id());
        engine.keep_slot(slot).unwrap();
    });
    assert!(network.run_until(10_000, |n| n.all_agree()));
}

#[test]
fn orders_about_slots_that_make_no_sense_change_nothing() {
    let (mut network, slot) = formed(3);
    let (me, peer, stranger) = (network.id(0), network.id(1), id(77));
    let before = network.engines[0].topology().moves.clone();
    network.order(0, |engine, _, _| {
        let number = slot.number();
        assert_eq!(engine.import_slot(slot, peer), Err(Refused::AlreadyOwner(number)));
        assert_eq!(engine.migrate_slot(slot, stranger), Err(Refused::Stranger(stranger.to_string())));
        assert_eq!(
            engine.give_slot(slot, stranger, Left::Nothing),
            Err(Refused::UnknownNode(stranger.to_string()))
        );
        assert_eq!(engine.give_slot(slot, peer, Left::Keys), Err(Refused::HoldsKeys(number)));
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
        begin(&mut network, slot, from, to);
        lets_go(&mut network, slot, from, ids[1]);
        claim(&mut network, slot, to).unwrap();
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
        assert_eq!(engine.give_slot(slot, primary, Left::Nothing), Err(Refused::NotPrimary));
    });
    network.run(2_000);
    for engine in &mut network.engines[..2] {
        assert_eq!(engine.topology().member(replica).unwrap().primary, Some(primary));
        assert!(engine.topology().member(replica).unwrap().slots().is_empty());
        assert_eq!(engine.give_slot(slot, replica, Left::Nothing), Err(Refused::TargetIsReplica));
    }
}
