//! Whatever the network does, once it behaves all nodes agree.

use super::network::{Network, TIMEOUT_MS};
use proptest::prelude::*;

proptest! {
    #![proptest_config(ProptestConfig { cases: 12, ..ProptestConfig::default() })]

    #[test]
    fn all_nodes_agree_after_loss_delay_restarts_and_silence(
        seed: u64,
        nodes in 2_usize..8,
        loss in 0_u64..40,
        delay_ms_max in 0_u64..200,
        trouble in prop::collection::vec((0_usize..8, 0_u8..3, 0_u64..2_000), 0..10),
    ) {
        let mut network = Network::formed(nodes, seed);
        network.loss = loss;
        network.delay_ms_max = delay_ms_max;
        for (node, kind, ms) in trouble {
            let node = node % nodes;
            match kind {
                0 => network.restart(node),
                1 => network.cut(node),
                _ => network.silent[node] = !network.silent[node],
            }
            network.run(ms);
        }
        network.loss = 0;
        network.delay_ms_max = 2;
        network.silent.fill(false);
        let agreed = network.run_until(30 * TIMEOUT_MS, |n| n.all_up() && n.all_agree());
        prop_assert!(agreed, "{:#?}", (0..nodes).map(|n| network.picture(n)).collect::<Vec<_>>());
        for node in 0..nodes {
            prop_assert_eq!(network.engines[node].topology().len(), nodes);
            prop_assert_eq!(network.engines[node].topology().assigned(), 16_384);
        }
    }

    #[test]
    fn nodes_that_meet_through_a_bad_network_find_each_other(seed: u64, nodes in 2_usize..7, loss in 0_u64..30) {
        let mut network = Network::new(nodes, seed);
        network.share_slots();
        network.loss = loss;
        network.delay_ms_max = 50;
        // A lost handshake is given up; an administrator asks again.
        for _ in 0..10 {
            network.meet_all();
            network.run(2 * TIMEOUT_MS);
        }
        network.loss = 0;
        // Each time three packets must arrive in a row, so ten times may not do; whoever sees a node missing asks once more.
        network.meet_all();
        prop_assert!(network.run_until(20 * TIMEOUT_MS, |n| n.all_up() && n.all_agree()));
    }
}

#[test]
fn the_same_seed_gives_the_same_run() {
    let run = |seed| {
        let mut network = Network::formed(5, seed);
        network.loss = 20;
        network.run(5_000);
        (network.now, (0..5).map(|n| format!("{:?}", network.engines[n])).collect::<Vec<_>>())
    };
    assert_eq!(run(42), run(42));
    assert_ne!(run(42).1, run(43).1);
}
