//! What happens when one thing fails.

use shared::epoch::Epoch;
use shared::node_id::NodeId;
use shared::slot::Slot;
use shared::slot_set::SlotSet;

use super::shards::Shards;
use crate::failover::handover::{Manner, NotNow};
use crate::gossip::Effect;
use crate::gossip::admin::Refused;
use crate::gossip::tests::network::TIMEOUT_MS;
use crate::topology::{CopyId, TransferId};

/// Writes to a shard's primary until so much is saved.
fn save(shards: &mut Shards, primary: usize, count: usize) {
    let shard = shards.shard(primary);
    for _ in 0..count {
        shards.write(primary);
        shards.step();
    }
    let saved = |shards: &Shards| shards.saved.get(&shard).map_or(0, Vec::len) >= count;
    assert!(shards.run_until(5_000, saved), "{}", shards.picture());
}

#[test]
fn a_replica_is_elected_within_half_a_node_timeout_after_its_primary_failed() {
    let mut shards = Shards::new(1, 1);
    save(&mut shards, 0, 5);
    let shard = shards.shard(0);
    shards.network.silent[0] = true;
    let fell = shards.network.now;
    assert!(shards.run_until(5_000, |shards| shards.primary(shard) == Some(3)), "{}", shards.picture());
    // Nothing tells of it but silence: the next ping is due in half a timeout.
    assert!(shards.network.now - fell < 2 * TIMEOUT_MS, "after {} ms", shards.network.now - fell);
    shards.network.silent[0] = false;
    assert!(shards.run_until(20_000, Shards::all_in_sync), "{}", shards.picture());
    assert_eq!(shards.network.engines[0].topology().me().primary, Some(shards.network.id(3)));
}

#[test]
fn of_two_replicas_the_one_with_more_is_elected() {
    for seed in 0..4 {
        let mut shards = Shards::new(2, seed);
        save(&mut shards, 0, 5);
        // One replica does not hear the primary any more, which goes on writing for a while: less than it takes to leave the set.
        shards.network.blocked.insert((0, 3));
        for _ in 0..15 {
            shards.write(0);
            shards.step();
        }
        shards.network.silent[0] = true;
        let shard = shards.shard(6);
        let elected = |shards: &Shards| [Some(3), Some(6)].contains(&shards.primary(shard));
        assert!(shards.run_until(10_000, elected), "{}", shards.picture());
        assert_eq!(shards.primary(shard), Some(6), "seed {seed}: {}", shards.picture());
    }
}

#[test]
fn of_two_replicas_that_have_the_same_the_one_with_the_lower_priority_number_is_elected() {
    for (seed, first) in [(1, 3), (2, 6), (3, 3), (4, 6)] {
        let mut shards = Shards::new(2, seed);
        shards.network.configure(first, |settings| settings.replica_priority = 10);
        save(&mut shards, 0, 5);
        // Both have everything, and know each other's priority.
        shards.run(5_000);
        shards.network.silent[0] = true;
        let shard = shards.shard(3);
        let elected = |shards: &Shards| [Some(3), Some(6)].contains(&shards.primary(shard));
        assert!(shards.run_until(10_000, elected), "{}", shards.picture());
        assert_eq!(shards.primary(shard), Some(first), "seed {seed}: {}", shards.picture());
    }
}

#[test]
fn a_primary_that_lost_its_folder_does_not_serve_and_its_replica_takes_over() {
    let mut shards = Shards::new(1, 2);
    save(&mut shards, 1, 5);
    let shard = shards.shard(1);
    shards.wipe(1);
    assert!(!shards.network.engines[1].in_office());
    assert!(shards.run_until(10_000, |shards| shards.primary(shard) == Some(4)), "{}", shards.picture());
    assert!(shards.run_until(20_000, Shards::all_in_sync), "{}", shards.picture());
    assert_eq!(shards.log(1).len(), 5, "it got everything back");
}

#[test]
fn what_only_a_wiped_primary_had_is_lost_but_its_old_replica_is_not_wiped_too() {
    let mut shards = Shards::new(1, 8);
    save(&mut shards, 0, 5);
    shards.network.silent[3] = true;
    save(&mut shards, 0, 8);
    shards.wipe(0);
    shards.network.silent[3] = false;
    shards.taken_over = true;
    shards.run(20_000);
    assert_eq!(shards.primary(shards.shard(0)), None, "a person has to say who serves: {}", shards.picture());
    assert!(shards.log(3).len() >= 5);
    shards.network.order(3, |engine, now, rng| engine.fail_over(Manner::TakeOver, now, rng)).unwrap();
    assert!(shards.run_until(20_000, Shards::all_in_sync), "{}", shards.picture());
    assert!(shards.log(0).len() >= 5);
}

#[test]
fn a_primary_that_comes_back_older_is_replaced_by_the_replica_that_has_more() {
    let mut shards = Shards::new(1, 3);
    save(&mut shards, 2, 6);
    let shard = shards.shard(2);
    shards.set_back(2, 4);
    assert!(shards.run_until(20_000, |shards| shards.primary(shard) == Some(5)), "{}", shards.picture());
    assert!(shards.run_until(20_000, Shards::all_in_sync), "{}", shards.picture());
    assert!(shards.log(2).starts_with(&shards.saved[&shard]));
}

#[test]
fn a_replica_without_a_folder_of_its_own_any_more_is_not_elected() {
    let mut shards = Shards::new(1, 4);
    save(&mut shards, 0, 5);
    shards.network.blocked.insert((0, 3));
    shards.wipe(3);
    shards.network.silent[0] = true;
    shards.run(10_000);
    let shard = shards.shard(3);
    assert_eq!(shards.primary(shard).filter(|&node| node == 3), None, "{}", shards.picture());
    let refused = shards.network.order(3, |engine, now, rng| engine.fail_over(Manner::Force, now, rng));
    assert_eq!(refused, Err(NotNow::NotInSync));
    // Somebody gives up what was saved.
    shards.taken_over = true;
    shards.network.order(3, |engine, now, rng| engine.fail_over(Manner::TakeOver, now, rng)).unwrap();
    assert!(shards.run_until(10_000, |shards| shards.primary(shard) == Some(3)));
}

#[test]
fn a_stalled_replica_leaves_the_set_and_what_is_saved_without_it_survives() {
    let mut shards = Shards::new(2, 5);
    save(&mut shards, 0, 3);
    shards.stall(3, true);
    save(&mut shards, 0, 6);
    shards.network.silent[0] = true;
    let shard = shards.shard(3);
    assert!(shards.run_until(20_000, |shards| shards.primary(shard) == Some(6)), "{}", shards.picture());
    shards.stall(3, false);
    shards.network.silent[0] = false;
    assert!(shards.run_until(20_000, Shards::all_in_sync), "{}", shards.picture());
}

#[test]
fn an_office_is_handed_over_and_force_takes_it_from_a_primary_that_lives() {
    let mut shards = Shards::new(1, 6);
    save(&mut shards, 0, 5);
    let shard = shards.shard(0);
    for (manner, from, to) in [(Manner::HandOver, 0, 3), (Manner::Force, 3, 0), (Manner::HandOver, 0, 3)] {
        // Its primary counts it in sync a moment before it hears so.
        let heard = |shards: &Shards| shards.network.engines[to].may_be_elected();
        assert!(shards.run_until(1_000, heard), "{}", shards.picture());
        shards.network.order(to, |engine, now, rng| engine.fail_over(manner, now, rng)).unwrap();
        assert!(shards.run_until(5_000, |shards| shards.primary(shard) == Some(to)), "{}", shards.picture());
        assert!(shards.run_until(20_000, Shards::all_in_sync), "{}", shards.picture());
        let refused = shards.network.order(to, |engine, now, rng| engine.fail_over(manner, now, rng));
        assert_eq!(refused, Err(NotNow::NotAReplica));
        assert!(shards.network.engines[from].topology().me().primary.is_some());
    }
}

#[test]
fn a_primary_that_gave_its_office_to_one_that_is_gone_takes_it_back_with_what_it_was_about() {
    for seed in 0..20 {
        let mut shards = Shards::new(1, seed);
        save(&mut shards, 0, 5);
        let (shard, slot, to) = (shards.shard(0), Slot::new(7).unwrap(), shards.network.id(1));
        shards.network.order(0, |engine, _, _| engine.migrate_slot(slot, to)).unwrap();
        let knows =
            |shards: &Shards| !shards.network.engines[3].topology().primary_moves.migrating.is_empty();
        assert!(shards.run_until(5_000, knows), "seed {seed}: {}", shards.picture());
        shards.network.order(3, |engine, now, rng| engine.fail_over(Manner::HandOver, now, rng)).unwrap();
        let led = |shards: &Shards| shards.network.engines[3].in_office();
        assert!(shards.run_until(5_000, led), "seed {seed}: {}", shards.picture());
        // Before anybody knows who is in sync with it, and before it has told what moves.
        shards.network.silent[3] = true;
        let follows = |shards: &Shards| shards.network.engines[0].topology().me().primary.is_some();
        assert!(shards.run_until(5_000, follows), "seed {seed}: {}", shards.picture());
        let leads = |shards: &Shards| shards.network.engines[0].in_office();
        assert!(shards.run_until(20_000, leads), "seed {seed}: {}", shards.picture());
        assert_eq!(shards.primary(shard), Some(0));
        let moves = &shards.network.engines[0].topology().moves.migrating;
        assert_eq!(moves.get(&slot), Some(&to), "seed {seed}: keys that have moved are asked for there");
    }
}

#[test]
fn who_has_resigned_for_somebody_who_is_gone_is_elected_by_a_voter_that_took_its_seat_since() {
    let mut shards = Shards::new(1, 9);
    save(&mut shards, 0, 5);
    let (shard, other) = (shards.shard(0), shards.shard(1));
    shards.network.order(3, |engine, now, rng| engine.fail_over(Manner::HandOver, now, rng)).unwrap();
    assert!(shards.run_until(5_000, |shards| shards.primary(shard) == Some(3)), "{}", shards.picture());
    assert!(shards.run_until(20_000, Shards::all_in_sync), "{}", shards.picture());
    // A replica that has more says so, and is not heard of again.
    let copy = CopyId { node: shards.network.id(0), store: shards.store(0) };
    let term = shards.network.engines[3].topology().me().term;
    shards.network.silent[0] = true;
    shards.network.order(3, |engine, now, _| engine.replica_has_more(copy, term, now));
    assert!(!shards.network.engines[3].in_office(), "it has resigned");
    shards.network.silent[1] = true;
    assert!(shards.run_until(10_000, |shards| shards.primary(other) == Some(4)), "{}", shards.picture());
    let serves = |shards: &Shards| shards.network.engines[3].in_office();
    assert!(shards.run_until(20_000, serves), "{}", shards.picture());
    for node in [0, 1] {
        shards.network.silent[node] = false;
    }
    assert!(shards.run_until(20_000, Shards::all_in_sync), "{}", shards.picture());
}

#[test]
fn a_minority_primary_loses_its_lease_within_the_node_timeout() {
    let mut shards = Shards::new(1, 7);
    save(&mut shards, 0, 3);
    for other in (1..6).filter(|other| *other != 3) {
        shards.network.blocked.extend([(0, other), (other, 0), (3, other), (other, 3)]);
    }
    shards.run(TIMEOUT_MS);
    let leased = shards.network.engines[0].leased_until().unwrap();
    assert!(leased <= shards.now());
    shards.run(5 * TIMEOUT_MS);
    assert_eq!(
        shards.network.engines[3].topology().me().primary,
        Some(shards.network.id(0)),
        "no minority elects"
    );
    shards.network.blocked.clear();
    assert!(shards.run_until(20_000, Shards::all_in_sync), "{}", shards.picture());
}

#[test]
fn a_primary_whose_disk_has_failed_gives_its_office_to_a_replica() {
    let mut shards = Shards::new(1, 9);
    save(&mut shards, 0, 5);
    let shard = shards.shard(0);
    shards.break_disk(0);
    assert!(shards.run_until(10_000, |shards| shards.primary(shard) == Some(3)), "{}", shards.picture());
    save(&mut shards, 3, 6);
}

#[test]
fn a_primary_that_has_lost_all_replicas_gets_one_of_a_shard_that_has_some_to_spare() {
    let mut shards = Shards::new(2, 10);
    for node in 0..9 {
        shards.network.configure(node, |settings| settings.allow_replica_migration = true);
    }
    save(&mut shards, 0, 5);
    shards.network.silent[3] = true;
    shards.network.silent[6] = true;
    let shard = shards.shard(0);
    let moved =
        |shards: &Shards| [4, 5, 7, 8].into_iter().filter(|&node| shards.shard(node) == shard).count();
    let spared =
        shards.run_until(10 * TIMEOUT_MS, |shards| moved(shards) == 1 && shards.copies_in_sync(0) == 2);
    assert!(spared, "{}", shards.picture());
    // It is one, and the shard that gave it keeps the other.
    shards.run(10 * TIMEOUT_MS);
    assert_eq!(moved(&shards), 1);
    // Now it may take over.
    shards.network.silent[0] = true;
    let elected = |shards: &Shards| shards.primary(shard).is_some_and(|primary| primary != 0);
    assert!(shards.run_until(10 * TIMEOUT_MS, elected), "{}", shards.picture());
}

#[test]
fn a_smaller_set_saves_nothing_before_a_majority_has_noted_it() {
    let mut shards = Shards::new(1, 11);
    save(&mut shards, 0, 3);
    shards.network.blocked.extend([(0, 1), (0, 2)]);
    shards.stall(3, true);
    let shard = shards.shard(0);
    for _ in 0..40 {
        shards.write(0);
        shards.step();
    }
    assert_eq!(shards.saved[&shard].len(), 3, "{}", shards.picture());
    // One voter is a majority with the primary.
    shards.network.blocked.remove(&(0, 1));
    let more = |shards: &Shards| shards.saved[&shard].len() > 3;
    assert!(shards.run_until(2 * TIMEOUT_MS, more), "{}", shards.picture());
}

#[test]
fn one_vote_of_two_elects_nobody() {
    let mut shards = Shards::new(1, 12);
    save(&mut shards, 0, 3);
    let (shard, voted) = (shards.shard(3), shards.network.engines[1].topology().last_vote_epoch);
    shards.network.blocked.extend([(3, 2), (2, 3)]);
    shards.network.silent[0] = true;
    let force = |shards: &mut Shards| {
        shards.network.order(3, |engine, now, rng| engine.fail_over(Manner::Force, now, rng)).unwrap();
    };
    force(&mut shards);
    shards.run(10 * TIMEOUT_MS);
    assert!(shards.network.engines[1].topology().last_vote_epoch > voted, "it has one vote");
    assert_eq!(shards.network.engines[3].topology().me().primary, Some(shards.network.id(0)));
    shards.network.blocked.clear();
    force(&mut shards);
    assert!(
        shards.run_until(10 * TIMEOUT_MS, |shards| shards.primary(shard) == Some(3)),
        "{}",
        shards.picture()
    );
}

#[test]
fn slots_that_were_given_to_a_shard_that_is_lost_are_added_again_with_their_keys() {
    let mut shards = Shards::new(1, 10);
    let (slots, to): (SlotSet, _) = (Slot::all().take(3).collect(), shards.network.id(1));
    let transfer = TransferId(NodeId::from_bytes([5; 20]));
    shards.network.order(0, |engine, _, _| engine.give(transfer, slots.clone(), to)).unwrap();
    shards.network.order(0, |engine, _, _| engine.left_alone(transfer));
    [1, 4].into_iter().for_each(|lost| shards.network.silent[lost] = true);
    shards.run(5 * TIMEOUT_MS);
    assert_eq!(shards.network.engines[0].topology().given(), slots, "nobody can say what became of them");
    shards.network.order(0, |engine, _, _| engine.delete_slots(&slots)).unwrap();
    shards.run(TIMEOUT_MS);
    shards.network.order(0, |engine, _, _| engine.add_slots(&slots)).unwrap();
    let forgotten = |(node, effect): &(usize, Effect)| *node == 0 && matches!(effect, Effect::Forget(_));
    assert!(!shards.network.moves.iter().any(forgotten));
    let topology = shards.network.engines[0].topology();
    assert!(topology.given().is_empty() && slots.minus(topology.me().slots()).is_empty());
}

#[test]
fn a_seat_is_that_of_the_newest_primary_of_its_shard_alone() {
    let mut shards = Shards::new(1, 17);
    let (shard, old) = (shards.shard(1), shards.network.id(1));
    let engine = &mut shards.network.engines[3];
    assert!(engine.voters().contains(&old));
    // Another one was elected there, and it is not known yet which slots that has.
    engine.topology.shard_mut(shard).term = Epoch(9);
    assert!(!engine.voters().contains(&old));
}

#[test]
fn a_slot_whose_owner_is_not_known_for_a_moment_is_not_claimed() {
    let mut shards = Shards::new(1, 16);
    save(&mut shards, 0, 5);
    let (slot, claim) = (Slot::new(7).unwrap(), TransferId(NodeId::from_bytes([5; 20])));
    let [from, to] = [0, 1].map(|node| shards.network.id(node));
    shards.network.order(1, |engine, _, _| engine.import_slot(slot, from)).unwrap();
    shards.network.order(0, |engine, _, _| engine.migrate_slot(slot, to)).unwrap();
    shards.network.order(1, |engine, _, _| engine.claim_imported(claim, slot)).unwrap();
    let knows =
        |shards: &Shards| shards.network.engines[3].topology().primary_moves.migrating.contains_key(&slot);
    assert!(shards.run_until(5_000, knows), "{}", shards.picture());
    // It hears that the old owner follows somebody, and not yet whom.
    shards.network.blocked.extend([(3, 1), (1, 3)]);
    shards.taken_over = true;
    shards.network.order(3, |engine, now, rng| engine.fail_over(Manner::TakeOver, now, rng)).unwrap();
    let owner = |shards: &Shards| shards.network.engines[1].topology().owner(slot).map(|owner| owner.id);
    for _ in 0..200 {
        shards.network.run(10);
        assert_ne!(owner(&shards), Some(to), "{}", shards.picture());
        shards.network.order(1, |engine, _, _| engine.complete(claim)).unwrap_err();
    }
    assert_eq!(owner(&shards), None, "{}", shards.picture());
    shards.network.blocked.clear();
    shards.network.order(1, |engine, _, _| engine.ask_to_claim(claim));
    let claims = |shards: &Shards| owner(shards) == Some(to);
    let asks = |shards: &mut Shards| {
        shards.network.order(1, |engine, _, _| engine.ask_to_claim(claim));
        shards.run(200);
        shards.network.order(1, |engine, _, _| engine.complete(claim)).is_ok()
    };
    assert!((0..20).any(|_| asks(&mut shards)) && claims(&shards), "{}", shards.picture());
}

#[test]
fn who_is_elected_in_the_place_of_who_has_let_a_slot_go_accepts_its_claim_in_whatever_epoch() {
    let mut shards = Shards::new(1, 12);
    save(&mut shards, 0, 5);
    let slot = Slot::new(7).unwrap();
    let [from, to, heir] = [0, 1, 3].map(|node| shards.network.id(node));
    let claim = TransferId(NodeId::from_bytes([5; 20]));
    shards.network.order(1, |engine, _, _| engine.import_slot(slot, from)).unwrap();
    shards.network.order(0, |engine, _, _| engine.migrate_slot(slot, to)).unwrap();
    shards.network.order(1, |engine, _, _| {
        engine.claim_imported(claim, slot).unwrap();
        engine.ask_to_claim(claim);
    });
    let answered = |shards: &Shards| !shards.network.engines[1].awaits_answer(claim);
    assert!(shards.run_until(5_000, answered), "{}", shards.picture());
    let knows = |shards: &Shards| shards.network.engines[3].topology().primary_moves.let_go.contains(&slot);
    assert!(shards.run_until(5_000, knows), "{}", shards.picture());
    // It claims when it hears of nobody: what it says is in a lower epoch than that of who is elected meanwhile.
    shards.network.silent[1] = true;
    shards.network.order(1, |engine, _, _| engine.complete(claim)).unwrap();
    shards.network.silent[0] = true;
    shards.run(TIMEOUT_MS);
    shards.network.silent[1] = false;
    let leads = |shards: &Shards| shards.network.engines[3].in_office();
    assert!(shards.run_until(20_000, leads), "{}", shards.picture());
    let owner = |shards: &Shards, node: usize| {
        shards.network.engines[node].topology().owner(slot).map(|owner| owner.id)
    };
    let all = |shards: &Shards| [1, 2, 3, 4, 5].into_iter().all(|node| owner(shards, node) == Some(to));
    assert!(shards.run_until(5_000, all), "{heir}: {}", shards.picture());
}

#[test]
fn who_is_elected_claims_a_slot_that_its_primary_had_imported_and_was_about_to_claim() {
    let mut shards = Shards::new(1, 11);
    save(&mut shards, 1, 5);
    let (slot, from) = (Slot::new(7).unwrap(), shards.network.id(0));
    let claim = TransferId(NodeId::from_bytes([5; 20]));
    let to = shards.network.id(1);
    shards.network.order(1, |engine, _, _| engine.import_slot(slot, from)).unwrap();
    shards.network.order(0, |engine, _, _| engine.migrate_slot(slot, to)).unwrap();
    shards.network.order(1, |engine, _, _| engine.claim_imported(claim, slot)).unwrap();
    let knows = |shards: &Shards| shards.network.engines[4].topology().transfers.contains_key(&claim);
    assert!(shards.run_until(5_000, knows), "{}", shards.picture());
    assert_eq!(shards.network.engines[2].topology().owner(slot).map(|owner| owner.id), Some(from), "not yet");
    shards.network.silent[1] = true;
    let leads = |shards: &Shards| shards.network.engines[4].in_office();
    assert!(shards.run_until(20_000, leads), "{}", shards.picture());
    assert_eq!(shards.network.engines[4].takings(), [claim]);
    // It asks the old owner anew.
    let asked = shards.network.order(4, |engine, _, _| engine.complete(claim));
    assert_eq!(asked, Err(Refused::NotLetGo(slot.number())));
    shards.network.order(4, |engine, _, _| engine.ask_to_claim(claim));
    let answered = |shards: &Shards| !shards.network.engines[4].awaits_answer(claim);
    assert!(shards.run_until(5_000, answered), "{}", shards.picture());
    shards.network.order(4, |engine, _, _| engine.complete(claim)).unwrap();
    let heir = shards.network.id(4);
    let has =
        |engine: &crate::gossip::Engine| engine.topology().owner(slot).map(|owner| owner.id) == Some(heir);
    let all = |shards: &Shards| [0, 2, 3, 4, 5].into_iter().all(|node| has(&shards.network.engines[node]));
    assert!(shards.run_until(5_000, all), "{}", shards.picture());
    assert!(shards.network.engines[4].topology().transfers.is_empty());
}
