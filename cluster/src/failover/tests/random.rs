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
            shards.step();
        }
    }
    happen(&mut shards, 0, Trouble::Calm, &mut wiped);
    let healed = shards.run_until(60_000, Shards::all_in_sync);
    assert!(healed, "seed {seed}: not healed\n{}", shards.picture());
    for (&shard, saved) in &shards.saved {
        let primary = shards.primary(shard).unwrap();
        assert!(shards.log(primary).starts_with(saved));
    }
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
