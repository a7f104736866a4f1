//! `rustidocs-node local`: several nodes in one process.

use shared::testing::folder::TempFolder;
use shared::testing::process::Process;
use shared::testing::wire::Wire;
use shared::testing::{binary, ports, wait};

fn start(folder: &TempFolder, port: u16) -> Process {
    let port = port.to_string();
    let dir = folder.path().display().to_string();
    let args = ["local", "--nodes", "3", "--port", &port, "--dir", &dir, "--cluster-node-timeout", "1000"];
    Process::spawn(&binary::ours(binary::NODE), &args, &folder.path().join("log"))
}

fn ids(port: u16) -> Vec<String> {
    (port..port + 3)
        .map(|port| {
            let mut wire = wait::until_some("a node listens", || Wire::try_connect(port));
            wait::until("the cluster is ok", || {
                let info = wire.call(&["CLUSTER", "INFO"]);
                let wanted = ["cluster_state:ok", "cluster_known_nodes:3", "cluster_size:3"];
                info.as_str().is_some_and(|info| wanted.iter().all(|line| info.contains(line)))
            });
            wire.call(&["CLUSTER", "MYID"]).as_str().unwrap().to_owned()
        })
        .collect()
}

#[test]
fn it_forms_a_cluster_by_itself_and_finds_it_again_after_sigkill() {
    let folder = TempFolder::new("local");
    let port = ports::free_ports_in_a_row(3);
    let mut process = start(&folder, port);
    let before = ids(port);
    wait::until("it says that the cluster is formed", || process.log().contains("The cluster is formed"));
    assert_eq!(process.log().matches("Ready to accept connections").count(), 3);
    process.kill();
    let mut process = start(&folder, port);
    assert_eq!(ids(port), before);
    assert!(process.terminate().success());
}

#[test]
fn six_nodes_are_three_primaries_with_a_replica_each_also_after_sigkill() {
    let folder = TempFolder::new("local-six");
    let port = ports::free_ports_in_a_row(6);
    let start = || {
        let (port, dir) = (port.to_string(), folder.path().display().to_string());
        let args =
            ["local", "--nodes", "6", "--port", &port, "--dir", &dir, "--cluster-node-timeout", "1000"];
        Process::spawn(&binary::ours(binary::NODE), &args, &folder.path().join("log"))
    };
    let in_sync = || {
        for port in port..port + 3 {
            let mut wire = wait::until_some("a node listens", || Wire::try_connect(port));
            wait::until("its replica is in sync", || {
                let info = wire.call(&["INFO", "replication"]);
                info.as_str().is_some_and(|info| info.contains("in_sync_copies:2"))
            });
        }
    };
    let mut process = start();
    in_sync();
    process.kill();
    let mut process = start();
    in_sync();
    assert!(process.terminate().success());
}

#[test]
fn what_cannot_be_the_same_for_all_is_refused() {
    let folder = TempFolder::new("local");
    let mut process = Process::spawn(
        &binary::ours(binary::NODE),
        &["local", "--cluster-port", "1"],
        &folder.path().join("log"),
    );
    wait::until("it ends", || !process.is_running());
    assert!(process.log().contains("--cluster-port cannot be the same for all nodes"));
}
