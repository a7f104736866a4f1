//! Slots move by `redis-cli --cluster`, also while clients write.

use std::collections::BTreeMap;
use std::process::Command as Process;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use shared::client::{Client, Command};
use shared::slot::Slot;
use shared::testing::cluster::Cluster;
use shared::testing::node::Program;
use shared::testing::{binary, wait};

use crate::cluster_moving::id;

/// `redis-cli --cluster …`: whether it succeeded, and what it printed.
fn redis_cli(words: &[&str]) -> (bool, String) {
    let ran = Process::new(binary::installed("redis-cli")).arg("--cluster").args(words).output().unwrap();
    let text = String::from_utf8_lossy(&ran.stdout) + String::from_utf8_lossy(&ran.stderr);
    (ran.status.success(), text.into_owned())
}

fn run(words: &[&str]) -> String {
    let (succeeded, text) = redis_cli(words);
    assert!(succeeded, "{words:?}: {text}");
    text
}

fn wait_agreed(address: &str) {
    wait::until("all agree", || redis_cli(&["check", address]).0);
}

#[test]
fn redis_cli_gives_a_node_slots_mends_what_was_left_open_and_removes_the_node() {
    const SLOTS_MOVED: &str = "40";
    let mut cluster = Cluster::ours(3, 0);
    let keys: Vec<String> = (0..4_000).map(|number| format!("key:{number}")).collect();
    let keys = keys.iter().filter(|key| Slot::of_key(key.as_bytes()).number() < 100);
    for key in keys.clone() {
        assert!(cluster.node(0).wire().call(&["SET", key, key]).is_ok());
    }
    let new = cluster.add_primary(Program::Ours);
    let (address, home_id) = (cluster.node(1).address(), id(&mut cluster.node(0).wire()));
    let new_id = id(&mut cluster.node(new).wire());
    let reshard = |from: &str, to: &str| {
        let sides = ["--cluster-from", from, "--cluster-to", to, "--cluster-slots", SLOTS_MOVED];
        run(&[&["reshard", &address, "--cluster-yes"][..], &sides].concat());
        wait_agreed(&address);
    };
    reshard(&home_id, &new_id);
    let moved = cluster.node(new).wire().call(&["DBSIZE"]).as_int().unwrap_or_default();
    assert!(moved > 0 && moved < keys.clone().count() as i64, "{moved}");

    // Somebody began to move a slot and went away.
    let slot = Slot::of_key(b"key:7");
    let (from, to) = (cluster.owner_of("key:7"), 1);
    let (from_id, to_id) = (id(&mut cluster.node(from).wire()), id(&mut cluster.node(to).wire()));
    let slot = slot.to_string();
    assert!(cluster.node(to).wire().call(&["CLUSTER", "SETSLOT", &slot, "IMPORTING", &from_id]).is_ok());
    assert!(cluster.node(from).wire().call(&["CLUSTER", "SETSLOT", &slot, "MIGRATING", &to_id]).is_ok());
    assert!(!redis_cli(&["check", &address]).0, "a slot is open");
    run(&["fix", &address]);
    wait_agreed(&address);

    // The new node gives back what it has and leaves.
    reshard(&new_id, &home_id);
    assert_eq!(cluster.node(new).wire().call(&["DBSIZE"]).as_int(), Some(0));
    run(&["del-node", &address, &new_id]);
    wait_agreed(&address);
    for key in keys {
        let value = cluster.node(cluster.owner_of(key)).wire().call(&["GET", key]);
        assert_eq!(value.as_str(), Some(key.as_str()));
    }
}

#[test]
fn redis_cli_adds_a_primary_and_its_replica_and_rebalances_onto_them() {
    let mut cluster = Cluster::ours(3, 0);
    let keys: Vec<String> = (0..300).map(|number| format!("key:{number}")).collect();
    for key in &keys {
        assert!(cluster.node(cluster.owner_of(key)).wire().call(&["SET", key, key]).is_ok());
    }
    let (new, replica) = (cluster.add_stranger(Program::Ours), cluster.add_stranger(Program::Ours));
    let [first, added, follower] = [0, new, replica].map(|node| cluster.node(node).address());
    let run = |args: &[&str]| {
        let (ok, text) = redis_cli(args);
        assert!(ok, "{args:?}: {text}");
    };
    run(&["add-node", &added, &first]);
    wait_agreed(&first);
    let new_id = id(&mut cluster.node(new).wire());
    run(&["add-node", &follower, &first, "--cluster-slave", "--cluster-master-id", &new_id]);
    cluster.wait_ok();
    run(&["rebalance", &first, "--cluster-use-empty-masters"]);
    wait_agreed(&first);
    let slots = |node: usize| {
        let all = cluster.node(0).wire().call(&["CLUSTER", "SLOTS"]).into_elements().unwrap();
        let port = i64::from(cluster.node(node).port());
        let mine = all.iter().filter_map(|range| match range.elements()? {
            [from, to, owner, ..] if owner.elements()?[1].as_int() == Some(port) => {
                Some(to.as_int()? - from.as_int()? + 1)
            }
            _ => None,
        });
        mine.sum::<i64>()
    };
    assert_eq!([0, 1, 2, new].map(slots), [4_096; 4]);
    for key in &keys {
        let value = cluster.node(cluster.owner_of(key)).wire().call(&["GET", key]);
        assert_eq!(value.as_str(), Some(key.as_str()));
    }
    let keys_of = |node: usize| cluster.node(node).wire().call(&["DBSIZE"]).as_int();
    wait::until("the replica holds what its primary does", || {
        keys_of(new).is_some_and(|keys| keys > 0) && keys_of(replica) == keys_of(new)
    });
}

/// Clients that write keys of moving slots all the time, each value once.
struct Writers {
    stop: Arc<AtomicBool>,
    writing: Vec<tokio::task::JoinHandle<BTreeMap<String, u64>>>,
}

impl Writers {
    fn begin(client: &Client, keys: &[String], count: usize) -> Writers {
        let stop = Arc::new(AtomicBool::new(false));
        let share = keys.len().div_ceil(count);
        let writing = keys.chunks(share).map(|keys| {
            let (client, keys, stop) = (client.clone(), keys.to_vec(), Arc::clone(&stop));
            tokio::spawn(async move {
                let mut last: BTreeMap<String, u64> = BTreeMap::new();
                while !stop.load(Ordering::Relaxed) {
                    for key in &keys {
                        // Not idempotent: run twice or lost, the sum is wrong.
                        let written = client.call(Command::new("INCR").key(key)).await;
                        written.unwrap_or_else(|error| panic!("{key}: {error}"));
                        *last.entry(key.clone()).or_default() += 1;
                    }
                }
                last
            })
        });
        Writers { stop: Arc::clone(&stop), writing: writing.collect() }
    }

    async fn end(self) -> BTreeMap<String, u64> {
        self.stop.store(true, Ordering::Relaxed);
        let mut all = BTreeMap::new();
        for writing in self.writing {
            all.extend(writing.await.expect("no writer failed"));
        }
        all
    }
}

#[tokio::test]
async fn redis_cli_moves_slots_while_clients_write_and_no_write_is_lost_or_done_twice() {
    const SLOTS_MOVED: u16 = 60;
    let mut cluster = Cluster::ours(3, 0);
    let new = cluster.add_primary(Program::Ours);
    let keys: Vec<String> = (0..)
        .map(|number| format!("key:{number}"))
        .filter(|key| Slot::of_key(key.as_bytes()).number() < SLOTS_MOVED)
        .take(200)
        .collect();
    let client = Client::connect_url(&cluster.url()).await.expect("a client");
    let writers = Writers::begin(&client, &keys, 8);
    let (from, to) = (id(&mut cluster.node(0).wire()), id(&mut cluster.node(new).wire()));
    let address = cluster.node(1).address();
    let moved = tokio::task::spawn_blocking(move || {
        let count = SLOTS_MOVED.to_string();
        let mut reshard = Process::new(binary::installed("redis-cli"));
        reshard.args(["--cluster", "reshard", &address, "--cluster-from", &from, "--cluster-to", &to]);
        reshard.args(["--cluster-slots", &count, "--cluster-yes"]).output()
    });
    let moved = moved.await.expect("it ran").expect("redis-cli");
    let text = String::from_utf8_lossy(&moved.stdout) + String::from_utf8_lossy(&moved.stderr);
    assert!(moved.status.success(), "{text}");
    let written = writers.end().await;
    assert!(written.values().all(|count| *count > 1), "they wrote all the time: {written:?}");
    let mut owner = cluster.node(new).wire();
    for (key, count) in &written {
        let value = owner.call(&["GET", key]);
        assert_eq!(value.as_str(), Some(count.to_string().as_str()), "{key}");
    }
    wait::until("the old owner has none of them", || {
        cluster.node(0).wire().call(&["DBSIZE"]).as_int() == Some(0)
    });
}
