//! The unmodified redis-cli of the Debian package.

use std::process::Command;

use shared::testing::cluster::Cluster;
use shared::testing::folder::TempFolder;
use shared::testing::node::{Node, Program};
use shared::testing::{binary, wait};

/// What it prints; it must succeed.
fn redis_cli(args: &[&str]) -> String {
    let ran = Command::new(binary::installed("redis-cli")).args(args).output().unwrap();
    let text = String::from_utf8_lossy(&ran.stdout).into_owned() + &String::from_utf8_lossy(&ran.stderr);
    assert!(ran.status.success(), "redis-cli {args:?}: {text}");
    text
}

#[test]
fn it_creates_checks_and_asks_a_cluster() {
    let folder = TempFolder::new("redis-cli");
    let options = ["--cluster-enabled", "yes", "--cluster-node-timeout", "1000"];
    let nodes: Vec<Node> = (0..3).map(|_| Node::start_in(Program::Ours, folder.path(), &options)).collect();
    let addresses: Vec<String> = nodes.iter().map(Node::address).collect();
    let [a, b, c] = [&*addresses[0], &*addresses[1], &*addresses[2]];
    let created = redis_cli(&["--cluster", "create", a, b, c, "--cluster-yes"]);
    assert!(created.contains("[OK] All 16384 slots covered."), "{created}");
    wait::until("every node is ok", || {
        nodes.iter().all(|node| {
            let info = node.wire().call(&["CLUSTER", "INFO"]);
            info.as_str().is_some_and(|info| info.contains("cluster_state:ok"))
        })
    });
    let checked = redis_cli(&["--cluster", "check", b]);
    assert!(checked.contains("[OK] All nodes agree about slots configuration."), "{checked}");
    let info = redis_cli(&["--cluster", "info", c]);
    assert!(info.contains("[OK] 0 keys in 3 masters."), "{info}");
    let called = redis_cli(&["--cluster", "call", a, "PING"]);
    assert_eq!(called.matches("PONG").count(), 3, "{called}");
}

#[test]
fn with_c_it_follows_to_the_owner() {
    let cluster = Cluster::with_options(Program::Ours, 3, 0, &[]);
    for key in ["foo", "bar", "hello", "doc:{notes}"] {
        for node in cluster.nodes() {
            let port = node.port().to_string();
            assert_eq!(redis_cli(&["-c", "-p", &port, "SET", key, key]), "OK\n");
            assert_eq!(redis_cli(&["-c", "-p", &port, "GET", key]).trim(), key);
        }
    }
}

#[test]
fn without_c_it_finds_every_key_where_nodes_forward() {
    let cluster = crate::cluster_proxy::with_replicas();
    for index in [0, 1, 5] {
        let port = cluster.node(index).port().to_string();
        for key in ["foo", "bar", "hello"] {
            assert_eq!(redis_cli(&["-p", &port, "SET", key, "1"]), "OK\n");
        }
        assert_eq!(redis_cli(&["-p", &port, "MGET", "foo", "none", "bar"]), "1\n\n1\n");
        assert_eq!(redis_cli(&["-p", &port, "DEL", "foo", "bar", "hello", "none"]), "3\n");
    }
}
