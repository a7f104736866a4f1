//! Somebody copied the folder of a node that runs, and starts another one on it: two nodes with one id.

use std::time::{Duration, Instant};

use shared::slot::Slot;
use shared::testing::cluster::Cluster;
use shared::testing::wait;

/// For how long it is looked whether anything changes: several node timeouts.
const WATCHED: Duration = Duration::from_secs(4);

/// The line of `CLUSTER NODES` about a node, as another one sees it: without the times of pings.
fn line(cluster: &Cluster, at: usize, id: &str) -> Vec<String> {
    let nodes = cluster.node(at).wire().call(&["CLUSTER", "NODES"]);
    let nodes = nodes.as_str().expect("CLUSTER NODES");
    let line = nodes.lines().find(|line| line.starts_with(id)).expect("it knows the node");
    let told = line.split(' ').enumerate().filter(|(place, _)| ![4, 5].contains(place));
    told.map(|(_, word)| word.trim_start_matches("myself,").to_owned()).collect()
}

fn logged(cluster: &Cluster, node: usize, what: &str) -> bool {
    cluster.node(node).process().expect("it runs").log().contains(what)
}

fn my_id(cluster: &Cluster, node: usize) -> String {
    cluster.node(node).wire().call(&["CLUSTER", "MYID"]).as_str().expect("an id").to_owned()
}

#[test]
fn a_node_on_a_copy_of_a_primarys_folder_answers_nothing_and_changes_nothing() {
    let mut cluster = Cluster::ours(3, 1);
    let id = my_id(&cluster, 0);
    let key = (0..).map(|n| format!("key{n}")).find(|key| Slot::of_key(key.as_bytes()).index() < 5_000);
    let key = key.expect("a key of the first node");
    assert!(cluster.node(0).wire().call(&["SET", &key, "before"]).is_ok());
    let before: Vec<_> = (1..6).map(|at| line(&cluster, at, &id)).collect();
    let twin = cluster.add_copy(0);
    let end = Instant::now() + WATCHED;
    while Instant::now() < end {
        let answer = cluster.node(twin).wire().call(&["SET", &key, "twin"]);
        assert_eq!(
            answer.as_error().map(|error| error.code().to_owned()).as_deref(),
            Some("CLUSTERDOWN"),
            "{answer}"
        );
        assert!(cluster.node(0).wire().call(&["SET", &key, "true"]).is_ok(), "the true one goes on");
    }
    assert_eq!((1..6).map(|at| line(&cluster, at, &id)).collect::<Vec<_>>(), before);
    assert!((1..6).all(|at| logged(&cluster, at, "two nodes have one id")));
}

#[test]
fn a_node_on_a_copy_of_a_replicas_folder_is_no_copy_that_counts() {
    let mut cluster = Cluster::ours(3, 1);
    let id = my_id(&cluster, 3);
    let before: Vec<_> = (0..3).map(|at| line(&cluster, at, &id)).collect();
    let twin = cluster.add_copy(3);
    wait::until("its link is refused", || logged(&cluster, twin, "another node has this id"));
    let link = |node: usize| {
        let info = cluster.node(node).wire().call(&["INFO", "replication"]);
        info.as_str().is_some_and(|info| info.contains("master_link_status:up"))
    };
    let end = Instant::now() + WATCHED;
    while Instant::now() < end {
        assert!(link(3) && !link(twin), "one of them is linked");
        std::thread::sleep(Duration::from_millis(20));
    }
    assert_eq!((0..3).map(|at| line(&cluster, at, &id)).collect::<Vec<_>>(), before);
}
