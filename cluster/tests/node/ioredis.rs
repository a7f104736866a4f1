//! The unmodified ioredis from npm, in Cluster mode.

use std::path::Path;
use std::process::Command;

use shared::testing::cluster::Cluster;
use shared::testing::node::Program;
use shared::testing::npm;

#[test]
fn it_does_a_round_of_everything() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/ioredis");
    npm::install(&folder);
    let cluster = Cluster::with_options(Program::Ours, 3, 0, &[]);
    let port = cluster.node(1).port().to_string();
    let ran = Command::new("node").args(["round.mjs", &port]).current_dir(&folder).output().unwrap();
    let said = String::from_utf8_lossy(&ran.stdout).into_owned() + &String::from_utf8_lossy(&ran.stderr);
    assert!(ran.status.success() && said.contains("all well"), "{said}");
}
