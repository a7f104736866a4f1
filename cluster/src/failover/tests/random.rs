//! Whatever happens, nothing that was called saved is lost; and once it is over, every shard serves and its copies are the same.

use proptest::prelude::*;

use super::shards::Shards;

/// One thing that happens.
#[derive(Debug, Clone, Copy)]
enum Trouble {
    Crash,
    Wipe,
    Silence,
    Block(usize),
    Stall,
    HandOver,
    Force,
    Move(usize),
    Calm,
}

fn troubles() -> impl Strategy<Value = Vec<(usize, Trouble, u64)>> {
    let kinds = prop_oneof![
        3 => Just(Trouble::Crash),
        1 => Just(Trouble::Wipe),
        3 => Just(Trouble::Silence),
        2 => (0..9_usize).prop_map(Trouble::Block),
        2 => Just(Trouble::Stall),
        1 => Just(Trouble::HandOver),
        1 => Just(Trouble::Force),
        4 => (0..9_usize).prop_map(Trouble::Move),
        2 => Just(Trouble::Calm),
    ];
    prop::collection::vec((0..9_usize, kinds, 0..3_000_u64), 1..14)
}

fn happen(shards: &mut Shards, node: usize, trouble: Trouble, wiped: &mut Vec<usize>) {
    match trouble {
        Trouble::Crash => shards.crash(node),
        // What the last copy in sync loses is lost: that is no single fault.
        Trouble::Wipe if shards.copies_in_sync(node) > 1 && !wiped.contains(&(node % 3)) => {
            wiped.push(node % 3);
            shards.wipe(node);
        }
        Trouble::Wipe => {}
        Trouble::Silence => shards.network.silent[node] = !shards.network.silent[node],
        Trouble::Block(other) => {
            let pair = (node, other % shards.nodes());
            if !shards.network.blocked.remove(&pair) {
                shards.network.blocked.insert(pair);
            }
        }
        Trouble::Stall => shards.stall(node, true),
        Trouble::HandOver | Trouble::Force => {
            let manner = match trouble {
                Trouble::HandOver => crate::failover::handover::Manner::HandOver,
                _ => crate::failover::handover::Manner::Force,
            };
            // Refused where it makes no sense.
            let _ = shards.network.order(node, |engine, now, rng| engine.fail_over(manner, now, rng));
        }
        Trouble::Move(target) => shards.begin_move(target % shards.nodes()),
        Trouble::Calm => {
            shards.network.silent.fill(false);
            shards.network.blocked.clear();
            (0..shards.nodes()).for_each(|node| shards.stall(node, false));
        }
    }
}

fn survives(replicas_each: usize, seed: u64, troubles: &[(usize, Trouble, u64)]) {
    let mut shards = Shards::new(replicas_each, seed);
    let mut wiped = Vec::new();
    for &(node, trouble, ms) in troubles {
        let node = node % shards.nodes();
        happen(&mut shards, node, trouble, &mut wiped);
        let end = shards.network.now + ms;
        while shards.network.now < end {
            let writer = shards.rng.below(shards.nodes() as u64) as usize;
            shards.write(writer);
            (0..shards.nodes()).for_each(|node| shards.write_moving(node));
            shards.step();
        }
    }
    happen(&mut shards, 0, Trouble::Calm, &mut wiped);
    let healed = shards.run_until(60_000, |shards| shards.all_in_sync() && shards.all_moved());
    assert!(healed, "seed {seed}: not healed\n{}", shards.picture());
    for (&shard, saved) in &shards.saved {
        let primary = shards.primary(shard).unwrap();
        assert!(shards.log(primary).starts_with(saved));
    }
    shards.check_moved();
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 60, ..ProptestConfig::default() })]

    #[test]
    fn two_copies_lose_nothing_that_was_saved(seed: u64, troubles in troubles()) {
        survives(1, seed, &troubles);
    }

    #[test]
    fn three_copies_lose_nothing_that_was_saved(seed: u64, troubles in troubles()) {
        survives(2, seed, &troubles);
    }
}

/// Two candidates got a vote each in an epoch above the primary's, and neither was elected: no voter granted that one anything any
/// more.
#[test]
fn votes_that_elected_nobody_leave_no_primary_without_voters() {
    use Trouble::{Block, Calm, Force, HandOver, Silence, Stall, Wipe};
    let troubles = [
        (4, Silence, 1_696),
        (5, Stall, 2_157),
        (3, Wipe, 31),
        (8, Calm, 2_771),
        (0, Block(2), 310),
        (1, Block(5), 451),
        (5, HandOver, 1_609),
        (5, Silence, 1_065),
        (2, Force, 2_179),
        (3, Silence, 2_093),
        (6, Calm, 312),
        (4, Calm, 1_116),
        (2, Stall, 277),
    ];
    survives(2, 7_760_800_717_706_299_975, &troubles);
}

/// The primary said that its replica was in sync and lost its folder: the voters had heard it, the replica had not.
#[test]
fn a_replica_that_does_not_know_that_it_is_in_sync_is_told_so_by_the_voters() {
    survives(1, 10_890_187_948_589_909_665, &[(0, Trouble::Wipe, 508)]);
}

/// A replica heard its primary's heartbeats without the slots that it gave, but not that it gave them, and was elected: it owned
/// them, and did not know it.
#[test]
fn who_is_elected_before_it_heard_of_a_transfer_has_the_slots() {
    use Trouble::{Calm, Crash, Force, Move, Silence, Stall};
    let troubles = [
        (1, Stall, 2_769),
        (0, Move(1), 2_202),
        (0, Silence, 255),
        (5, Crash, 2_205),
        (6, Silence, 2_965),
        (7, Calm, 669),
        (2, Force, 704),
        (5, Move(0), 2_467),
    ];
    survives(2, 207, &troubles);
}

/// What the primary had not saved was copied with slots that were to move, and saved there; then it was gone with the primary, and the
/// slots stayed.
#[test]
fn what_is_saved_where_slots_never_came_to_be_was_not_called_saved() {
    use Trouble::{Block, Crash, HandOver, Move, Silence, Wipe};
    let troubles = [
        (0, Block(4), 281),
        (6, Silence, 21),
        (6, Silence, 2_881),
        (6, HandOver, 241),
        (0, Wipe, 1_541),
        (0, Move(1), 2_421),
        (3, Silence, 181),
        (0, Crash, 1_181),
    ];
    survives(1, 28_851_628_858_222_025, &troubles);
}

/// Who was asked what became of slots that it never took believed them with an owner before the last one, and told that.
#[test]
fn who_never_took_slots_says_so_whomever_it_believes_to_have_them() {
    use Trouble::{Crash, Move, Silence};
    let troubles =
        [(3, Move(0), 2_949), (2, Crash, 81), (6, Move(5), 838), (4, Silence, 1_352), (1, Move(4), 271)];
    survives(2, 482, &troubles);
}

/// A primary voted for a candidate, and then the one elected in its place did, in the same epoch: the candidate took office by one seat
/// that it counted twice, while the old primary had the promise of the only other one.
#[test]
fn a_seat_that_changes_hands_votes_once() {
    use Trouble::{Calm, Crash, Silence, Stall, Wipe};
    let troubles = [
        (1, Stall, 241),
        (0, Stall, 1_961),
        (2, Crash, 681),
        (1, Silence, 1_981),
        (0, Stall, 2_241),
        (7, Silence, 1_581),
        (0, Stall, 61),
        (0, Calm, 341),
        (0, Silence, 841),
        (8, Wipe, 1_681),
    ];
    survives(1, 2_537_016_398_951_294_419, &troubles);
}
