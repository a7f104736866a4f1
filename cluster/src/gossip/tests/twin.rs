//! Two processes under one name.

use std::net::IpAddr;

use super::network::Network;
use crate::topology::Moment;

/// The node whose folder is copied, and the process on the copy.
const FIRST: usize = 0;
const TWIN: usize = 3;

/// Three primaries, and a place for a process that starts on a copy of the first one's files.
fn three(seed: u64) -> Network {
    let mut network = Network::new(4, seed);
    network.silent[TWIN] = true;
    network.share_slots_of(3);
    network.meet(0, 1);
    network.meet(0, 2);
    assert!(network.run_until(20_000, |n| n.all_up() && is_leased(n, FIRST)), "seed {seed}");
    network
}

/// Where a node reaches the first one.
fn known_at(network: &Network, node: usize) -> Option<IpAddr> {
    network.engines[node].topology().member(network.id(FIRST))?.address?.ip
}

fn is_leased(network: &Network, node: usize) -> bool {
    let now = Moment::from_ms(network.now);
    network.engines[node].leased_until().is_some_and(|until| until > now)
}

fn address(node: usize) -> Option<IpAddr> {
    Some(IpAddr::from([127, 0, 0, node as u8 + 1]))
}

#[test]
fn a_second_process_under_the_name_of_a_node_that_lives_is_not_believed() {
    for seed in 0..20 {
        let mut network = three(seed);
        let before = [network.picture(1), network.picture(2)];
        network.copy(FIRST, TWIN);
        for _ in 0..100 {
            network.run(100);
            assert!(!is_leased(&network, TWIN), "seed {seed}");
            assert!(is_leased(&network, FIRST), "seed {seed}");
        }
        assert_eq!([network.picture(1), network.picture(2)], before, "seed {seed}");
        assert!(!network.engines[TWIN].up() && network.engines[FIRST].up(), "seed {seed}");
    }
}

#[test]
fn a_node_whose_folder_was_moved_is_known_at_its_new_address_once_the_old_one_is_silent() {
    let mut network = three(1);
    network.silent[FIRST] = true;
    network.cut(FIRST);
    network.copy(FIRST, TWIN);
    let moved = |n: &Network| (1..3).all(|node| known_at(n, node) == address(TWIN));
    assert!(network.run_until(5_000, |n| moved(n) && is_leased(n, TWIN)));
    // The old process wakes: the name is taken.
    network.silent[FIRST] = false;
    for _ in 0..50 {
        network.run(100);
        assert!(moved(&network) && is_leased(&network, TWIN) && !is_leased(&network, FIRST));
    }
}
