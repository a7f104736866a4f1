//! The unmodified redis-cli of the Debian package.

use std::process::Command;

use shared::testing::binary;
use shared::testing::cluster::Cluster;
use shared::testing::node::Program;

/// What it prints; it must succeed.
fn redis_cli(args: &[&str]) -> String {
    let ran = Command::new(binary::installed("redis-cli")).args(args).output().unwrap();
    let text = String::from_utf8_lossy(&ran.stdout).into_owned() + &String::from_utf8_lossy(&ran.stderr);
    assert!(ran.status.success(), "redis-cli {args:?}: {text}");
    text
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
