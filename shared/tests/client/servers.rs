//! The helpers of `shared::testing` themselves: what they start is really there.

use shared::testing::node::Program;
use shared::testing::{Cluster, Node, TempFolder};

#[test]
fn a_redis_cluster_of_three_primaries_serves_and_survives_a_kill() {
    let mut cluster = Cluster::redis(3, 0);
    let owner = cluster.owner_of("doc:{notes}");
    assert_eq!(owner, 1, "slot 9,643 lies in the second third");
    assert!(cluster.node(owner).wire().call(&["SET", "doc:{notes}", "x"]).is_ok());
    let moved = cluster.node(0).wire().call(&["GET", "doc:{notes}"]);
    assert_eq!(moved.as_error().map(|error| error.code()), Some("MOVED"));
    cluster.node_mut(owner).kill();
    cluster.node_mut(owner).start();
    cluster.wait_ok();
    assert_eq!(cluster.node(owner).wire().call(&["GET", "doc:{notes}"]).as_str(), Some("x"));
}

#[test]
fn a_redis_cluster_with_replicas_replicates() {
    let cluster = Cluster::with_options(Program::Redis, 3, 1, &[]);
    let role = cluster.node(3).wire().call(&["ROLE"]);
    assert_eq!(role.elements().and_then(|role| role[0].as_str()), Some("slave"));
}

#[test]
fn a_stand_alone_redis_speaks_both_versions() {
    let folder = TempFolder::new("alone");
    let node = Node::redis(folder.path(), &[]);
    let mut wire = node.wire().resp3();
    assert!(wire.call(&["SET", "k", "v"]).is_ok());
    assert_eq!(node.wire().call(&["GET", "k"]).as_str(), Some("v"));
}
