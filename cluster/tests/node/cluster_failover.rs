//! A primary is gone, and a replica takes over: what was saved is there, and the old primary follows when it comes back.

use std::time::{Duration, Instant};

use shared::testing::cluster::Cluster;
use shared::testing::node::Node;
use shared::testing::wait;

use crate::contents::contents;
use crate::raw::Raw;

fn raw(node: &Node) -> Raw {
    Raw::connect(node.port(), false)
}

fn replication(node: &Node, name: &str) -> String {
    let info = String::from_utf8(raw(node).call(&["INFO", "replication"]).text).unwrap();
    info.lines().find_map(|line| line.strip_prefix(name).map(str::to_owned)).unwrap_or_default()
}

/// A cluster of three shards of two copies each that are in sync.
fn in_sync() -> Cluster {
    let cluster = Cluster::ours(3, 1);
    for primary in 0..3 {
        wait::until("its replica is in sync", || {
            replication(cluster.node(primary), "in_sync_copies:") == "2"
        });
    }
    cluster
}

/// Sets a key at its owner, and has it saved.
fn save(client: &mut Raw, key: &str, value: &str) {
    assert_eq!(client.call(&["SET", key, value]).text, b"OK");
    assert_eq!(client.say("WAITAOF 1 0 5000").split(',').next(), Some("*[:1"));
}

/// A key of the shard whose primary is this node.
fn key_at(cluster: &Cluster, owner: usize) -> String {
    (0..).map(|number| format!("key:{number}")).find(|key| cluster.owner_of(key) == owner).unwrap()
}

#[test]
fn a_replica_takes_over_from_a_primary_that_is_killed_and_loses_nothing_that_was_saved() {
    let mut cluster = in_sync();
    let key = key_at(&cluster, 0);
    save(&mut raw(cluster.node(0)), &format!("{{{key}}}:saved"), "saved");
    cluster.node_mut(0).kill();
    let killed = Instant::now();
    let mut replica = raw(cluster.node(3));
    wait::until("it takes over", || replica.call(&["SET", &key, "after"]).text == b"OK");
    println!("writes again after {:?}", killed.elapsed());
    assert_eq!(replication(cluster.node(3), "role:"), "master");
    assert_eq!(replica.say("WAITAOF 1 0 5000"), "*[:1, :0]");
    // It comes back as the replica of the other, and is in sync again.
    cluster.node_mut(0).start();
    wait::until("the old primary follows", || replication(cluster.node(0), "role:") == "slave");
    wait::until("it is in sync", || replication(cluster.node(3), "in_sync_copies:") == "2");
    cluster.wait_ok();
    let mut old = raw(cluster.node(0));
    assert_eq!(old.say("READONLY"), "+OK");
    wait::until("both are the same", || contents(&mut old) == contents(&mut replica));
    assert_eq!(old.say(&format!("GET {{{key}}}:saved")), "$saved");
    // And back again.
    cluster.node_mut(3).kill();
    wait::until("it takes over again", || old.call(&["SET", &key, "back"]).text == b"OK");
}

#[test]
fn a_primary_that_was_stopped_answers_no_write_before_it_has_heard_a_majority() {
    let cluster = in_sync();
    let key = key_at(&cluster, 1);
    let mut client = raw(cluster.node(1));
    save(&mut client, &key, "before");
    let process = cluster.node(1).process().unwrap();
    process.pause();
    // These wait in its socket.
    client.send(&["SET", &key, "while it slept"]);
    let mut replica = raw(cluster.node(4));
    wait::until("the replica takes over", || replica.call(&["SET", &key, "after"]).text == b"OK");
    process.resume();
    assert_eq!(client.try_read(), None, "what it did when it woke is not answered");
    wait::until("it follows", || replication(cluster.node(1), "role:") == "slave");
    let mut old = raw(cluster.node(1));
    assert_eq!(old.say("READONLY"), "+OK");
    wait::until("what it did is given up", || old.say(&format!("GET {key}")) == "$after");
}

#[test]
fn an_office_is_handed_over_without_losing_a_write_or_an_error() {
    let cluster = in_sync();
    let key = key_at(&cluster, 2);
    let ports = [cluster.node(2).port(), cluster.node(5).port()];
    let (stop, counter) = (std::sync::atomic::AtomicBool::new(false), key.clone());
    let written = std::thread::scope(|scope| {
        let writer = scope.spawn(|| {
            let (mut client, mut written) = (Raw::connect(ports[0], false), 0);
            while !stop.load(std::sync::atomic::Ordering::Relaxed) {
                match client.say(&format!("INCR {counter}")).as_str() {
                    moved if moved.starts_with("-MOVED") => client = Raw::connect(ports[1], false),
                    answer => {
                        written += 1;
                        assert_eq!(answer, format!(":{written}"));
                    }
                }
            }
            written
        });
        wait::until("it writes", || raw(cluster.node(2)).say(&format!("EXISTS {key}")) == ":1");
        let began = Instant::now();
        assert_eq!(raw(cluster.node(5)).say("CLUSTER FAILOVER"), "+OK");
        wait::until("the replica is primary", || replication(cluster.node(5), "role:") == "master");
        println!("handed over in {:?}", began.elapsed());
        assert!(began.elapsed() < Duration::from_secs(4));
        wait::until("the old one follows", || replication(cluster.node(5), "in_sync_copies:") == "2");
        stop.store(true, std::sync::atomic::Ordering::Relaxed);
        writer.join().unwrap()
    });
    assert_eq!(raw(cluster.node(5)).say(&format!("GET {key}")), format!("${written}"));
}

#[test]
fn a_client_sets_how_many_copies_hold_what_its_replies_tell() {
    let cluster = in_sync();
    let key = key_at(&cluster, 0);
    let mut client = raw(cluster.node(0));
    assert_eq!(client.say("CLIENT CONSISTENCY SOME"), "-ERR CLIENT CONSISTENCY must be ONE, QUORUM or ALL");
    // One replica, which is stopped: nothing is confirmed until it has left the in-sync set.
    let process = cluster.node(3).process().unwrap();
    for (level, held) in [("ONE", false), ("QUORUM", true)] {
        assert_eq!(client.say(&format!("CLIENT CONSISTENCY {level}")), "+OK");
        for words in
            [["SET", &key, level].as_slice(), &["GET", &key], &["LPUSH", &format!("list:{{{key}}}"), "x"]]
        {
            process.pause();
            client.send(words);
            assert_eq!(client.is_silent_for(Duration::from_millis(250)), held, "{level} {words:?}");
            process.resume();
            let reply = client.read();
            assert_ne!(reply.kind, '-', "{reply:?}");
            wait::until("it is in sync again", || replication(cluster.node(0), "in_sync_copies:") == "2");
        }
    }
    // What was answered at QUORUM is on the disk of the replica: it serves it alone.
    assert_eq!(client.say("MULTI"), "+OK");
    client.send(&["SET", &key, "all"]);
    assert_eq!(format!("{:?}", client.read()), "+QUEUED");
    assert_eq!(client.say("EXEC"), "*[+OK]");
    let mut reader = raw(cluster.node(3));
    assert_eq!(reader.say("READONLY"), "+OK");
    assert_eq!(reader.say(&format!("GET {key}")), "$all");
    assert_eq!(reader.say("CLIENT CONSISTENCY QUORUM"), "+OK");
    assert!(reader.say(&format!("GET {key}")).starts_with("-MOVED"), "a replica confirms nothing alone");
    // ALL waits for a replica that has left the set too; who waits in vain is hung up on.
    assert_eq!(client.say("CLIENT CONSISTENCY ALL"), "+OK");
    process.pause();
    wait::until("the set is the primary alone", || {
        let mut other = raw(cluster.node(0));
        other.say(&format!("SET {key} other"));
        other.say("WAITAOF 1 0 100");
        replication(cluster.node(0), "in_sync_copies:") == "1"
    });
    client.send(&["SET", &key, "in vain"]);
    assert_eq!(client.try_read(), None);
    process.resume();
}
