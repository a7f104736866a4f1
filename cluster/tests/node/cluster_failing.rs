//! A node that is killed is missed, and taken back when it returns.

use shared::testing::cluster::Cluster;
use shared::testing::node::Program;
use shared::testing::wait;

fn said(cluster: &Cluster, node: usize, words: &[&str]) -> String {
    let answer = cluster.node(node).wire().call(words);
    answer.as_error().map(|e| e.as_str().to_owned()).unwrap_or_default()
}

#[test]
fn a_killed_node_fails_by_majority_and_serves_again_after_its_restart() {
    let mut cluster = Cluster::with_options(Program::Ours, 3, 0, &[]);
    let id = cluster.node(2).wire().call(&["CLUSTER", "MYID"]).as_str().unwrap().to_owned();
    cluster.node_mut(2).kill();
    for node in 0..2 {
        let mut wire = cluster.node(node).wire();
        wait::until("the others say FAIL", || {
            let nodes = wire.call(&["CLUSTER", "NODES"]);
            nodes
                .as_str()
                .is_some_and(|text| text.lines().any(|l| l.starts_with(&id) && l.contains("master,fail ")))
        });
        // Slot 0 is its own, and yet it is not served while a part of the cluster is gone.
        assert_eq!(said(&cluster, node, &["GET", "{06S}"]), "CLUSTERDOWN The cluster is down");
    }
    cluster.node_mut(2).start();
    cluster.wait_ok();
    assert_eq!(
        cluster.node(2).wire().call(&["CLUSTER", "MYID"]).as_str(),
        Some(&*id),
        "nodes.conf keeps the name"
    );
    let owner = cluster.owner_of("foo");
    assert_eq!(said(&cluster, owner, &["SET", "foo", "1"]), "");
}

#[test]
fn a_node_that_sleeps_through_its_timeout_stops_writes_and_comes_back() {
    let cluster = Cluster::with_options(Program::Ours, 3, 0, &[]);
    cluster.node(1).process().unwrap().pause();
    let mut wire = cluster.node(0).wire();
    wait::until("the cluster is down", || {
        wire.call(&["CLUSTER", "INFO"]).as_str().is_some_and(|info| info.contains("cluster_state:fail"))
    });
    cluster.node(1).process().unwrap().resume();
    cluster.wait_ok();
}

#[test]
fn without_full_coverage_the_living_go_on_serving_their_slots() {
    let mut cluster = Cluster::with_options(Program::Ours, 3, 0, &["--cluster-require-full-coverage", "no"]);
    cluster.node_mut(2).kill();
    let mut wire = cluster.node(0).wire();
    wait::until("the others say FAIL", || {
        wire.call(&["CLUSTER", "INFO"]).as_str().is_some_and(|info| info.contains("cluster_slots_fail:5462"))
    });
    let served: Vec<String> = (0..2).map(|n| said(&cluster, n, &["GET", "{06S}"])).collect();
    assert!(served.contains(&String::new()), "{served:?}");
}
