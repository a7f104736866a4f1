//! A primary is gone, and a replica takes over: what was saved is there, and the old primary follows when it comes back.

use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use shared::testing::cluster::Cluster;
use shared::testing::node::Node;
use shared::testing::wait;
use shared::testing::wire::Wire;

use crate::contents::contents;
use crate::raw::Raw;

/// Of the clusters that tests make.
const NODE_TIMEOUT: Duration = Duration::from_secs(1);

/// Writes that a client has under way.
const PIPELINE: usize = 64;

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
    let mut reader = raw(cluster.node(1));
    assert_eq!(reader.say("CLIENT CONSISTENCY QUORUM"), "+OK");
    assert_eq!(reader.say(&format!("GET {key}")), "$before");
    process.pause();
    // These wait in its socket.
    client.send(&["SET", &key, "while it slept"]);
    reader.send(&["GET", &key]);
    let mut replica = raw(cluster.node(4));
    wait::until("the replica takes over", || replica.call(&["SET", &key, "after"]).text == b"OK");
    process.resume();
    assert_eq!(client.try_read(), None, "what it did when it woke is not answered");
    let told = reader.try_read();
    assert!(told.as_ref().is_none_or(|told| told.kind == '-'), "what is over is not told: {told:?}");
    wait::until("it follows", || replication(cluster.node(1), "role:") == "slave");
    let mut old = raw(cluster.node(1));
    assert_eq!(old.say("READONLY"), "+OK");
    wait::until("what it did is given up", || old.say(&format!("GET {key}")) == "$after");
}

/// When a client calls a write done.
#[derive(Debug, Clone, Copy)]
enum Level {
    /// When it was answered.
    One,
    /// When it was answered after CLIENT CONSISTENCY QUORUM.
    Quorum,
    /// When WAITAOF behind it says that it is on the disk, as the document service does before it calls an edit saved.
    Saved,
}

/// Counts a key up in a pipeline until the server refuses or is gone; the highest number that was called done.
fn count_up(port: u16, key: &str, level: Level, done: &AtomicU64) {
    let mut wire = Wire::connect(port);
    if matches!(level, Level::Quorum) {
        assert!(wire.call(&["CLIENT", "CONSISTENCY", "QUORUM"]).is_ok());
    }
    let mut requests = format!("INCR {key}\r\n").repeat(PIPELINE);
    if matches!(level, Level::Saved) {
        requests += "WAITAOF 1 0 10000\r\n";
    }
    while wire.try_send_raw(requests.as_bytes()).is_some() {
        let mut answered = 0;
        for _ in 0..PIPELINE {
            let Some(value) = wire.try_read().and_then(|value| value.as_int()) else { return };
            answered = u64::try_from(value).unwrap();
            if !matches!(level, Level::Saved) {
                done.store(answered, Ordering::Relaxed);
            }
        }
        if matches!(level, Level::Saved) {
            let Some(said) = wire.try_read().and_then(|said| said.into_elements()) else { return };
            if said[0].as_int() == Some(1) {
                done.store(answered, Ordering::Relaxed);
            }
        }
    }
}

#[test]
fn what_a_primary_answered_or_saved_before_it_was_stopped_is_there_after_another_was_elected() {
    let cluster = in_sync();
    let (old, new) = (cluster.node(0), cluster.node(3));
    let keys: Vec<String> =
        (0..).map(|n| format!("key:{n}")).filter(|key| cluster.owner_of(key) == 0).take(9).collect();
    let levels = [Level::One, Level::Quorum, Level::Saved].into_iter().cycle();
    let answers: Vec<AtomicU64> = keys.iter().map(|_| AtomicU64::new(0)).collect();
    thread::scope(|scope| {
        for ((key, answers), level) in keys.iter().zip(&answers).zip(levels) {
            scope.spawn(move || count_up(old.port(), key, level, answers));
        }
        let busy = |answers: &AtomicU64| answers.load(Ordering::Relaxed) > 20 * PIPELINE as u64;
        wait::until("every client has had answers", || answers.iter().all(busy));
        old.process().unwrap().pause();
        let stopped = Instant::now();
        wait::until("the replica takes over", || replication(new, "role:") == "master");
        wait::until("two node timeouts are over", || stopped.elapsed() > 2 * NODE_TIMEOUT);
        old.process().unwrap().resume();
        // Its clients end.
    });
    let mut client = raw(new);
    for (key, answers) in keys.iter().zip(&answers) {
        let answered = answers.load(Ordering::Relaxed);
        wait::until("its slots are served", || client.call(&["GET", key]).kind == '$');
        let there = String::from_utf8(client.call(&["GET", key]).text).unwrap();
        assert!(there.parse::<u64>().unwrap() >= answered, "{key}: {there} of {answered} answered");
    }
}

#[test]
fn a_replica_that_takes_nothing_keeps_no_reply_back_and_has_everything_later() {
    let cluster = in_sync();
    let key = key_at(&cluster, 0);
    let mut client = raw(cluster.node(0));
    save(&mut client, &key, "before");
    let replica = cluster.node(3).process().unwrap();
    replica.pause();
    // More than the sockets of a link hold.
    let value = "x".repeat(1 << 20);
    for number in 0..24 {
        assert_eq!(client.call(&["SET", &format!("{{{key}}}:{number}"), &value]).text, b"OK");
    }
    replica.resume();
    assert_eq!(client.say("WAIT 1 20000"), ":1");
    cluster.wait_ok();
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

/// Forwards connections to a port and counts how often something was said each way.
fn counting(to: u16) -> (u16, Arc<[AtomicU64; 2]>) {
    let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let (port, counts) = (listener.local_addr().unwrap().port(), Arc::new([const { AtomicU64::new(0) }; 2]));
    let counted = Arc::clone(&counts);
    thread::spawn(move || {
        for from in listener.incoming().map_while(Result::ok) {
            let to = TcpStream::connect(("127.0.0.1", to)).unwrap();
            for end in [&from, &to] {
                end.set_nodelay(true).unwrap();
            }
            let ends = [(from.try_clone().unwrap(), to.try_clone().unwrap()), (to, from)];
            for (way, (mut from, mut to)) in ends.into_iter().enumerate() {
                let counts = Arc::clone(&counted);
                thread::spawn(move || {
                    let mut bytes = vec![0; 1 << 16];
                    while let Ok(read @ 1..) = from.read(&mut bytes) {
                        counts[way].fetch_add(1, Ordering::Relaxed);
                        if to.write_all(&bytes[..read]).is_err() {
                            break;
                        }
                    }
                });
            }
        }
    });
    (port, counts)
}

#[test]
fn a_write_at_quorum_is_one_message_to_the_replica_and_one_back() {
    const WRITES: u64 = 300;
    let mut cluster = in_sync();
    let key = key_at(&cluster, 0);
    let (port, counts) = counting(cluster.node(0).port());
    assert_eq!(raw(cluster.node(0)).say(&format!("CONFIG SET cluster-announce-port {port}")), "+OK");
    wait::until("it is known where it is", || {
        let nodes = raw(cluster.node(3)).call(&["CLUSTER", "NODES"]).text;
        String::from_utf8(nodes).unwrap().contains(&format!("127.0.0.1:{port}@"))
    });
    cluster.node_mut(3).kill();
    cluster.node_mut(3).start();
    let said = || [&counts[0], &counts[1]].map(|count| count.load(Ordering::Relaxed));
    let mut client = raw(cluster.node(0));
    assert_eq!(client.say("CLIENT CONSISTENCY QUORUM"), "+OK");
    wait::until("it is linked and in sync", || {
        said()[0] > 0 && replication(cluster.node(0), "in_sync_copies:") == "2"
    });
    assert_eq!(client.say(&format!("SET {key} warm")), "+OK");
    let before = said();
    for number in 0..WRITES {
        assert_eq!(client.say(&format!("SET {key} {number}")), "+OK");
    }
    let after = said();
    let [from_replica, from_primary] = [after[0] - before[0], after[1] - before[1]];
    println!("{WRITES} writes: {from_primary} times from the primary, {from_replica} times from its replica");
    // Now and then a sign of life is said besides.
    let bounds = WRITES..=WRITES + WRITES / 5;
    assert!(
        bounds.contains(&from_primary) && bounds.contains(&from_replica),
        "{from_primary} {from_replica}"
    );
}

#[test]
fn what_is_answered_at_all_is_on_every_replica_also_on_one_that_has_left_the_set() {
    let cluster = Cluster::ours(3, 2);
    let in_sync = |copies: &str| replication(cluster.node(0), "in_sync_copies:") == copies;
    wait::until("all three are in sync", || in_sync("3"));
    let key = key_at(&cluster, 0);
    let text = |node: &Node, words: &[&str]| String::from_utf8(raw(node).call(words).text).unwrap();
    let id = text(cluster.node(0), &["CLUSTER", "MYID"]);
    let follows = |node: &&Node| {
        let nodes = text(node, &["CLUSTER", "NODES"]);
        nodes.lines().any(|line| line.contains("myself,slave") && line.contains(&id))
    };
    let replicas: Vec<&Node> = cluster.nodes()[3..].iter().filter(follows).collect();
    assert_eq!(replicas.len(), 2);
    let level = |level: &str| {
        let mut client = raw(cluster.node(0));
        assert_eq!(client.say(&format!("CLIENT CONSISTENCY {level}")), "+OK");
        client
    };
    let on_all = |value: &str| {
        for replica in &replicas {
            let mut reader = raw(replica);
            assert_eq!(reader.say("READONLY"), "+OK");
            assert_eq!(reader.say(&format!("GET {key}")), format!("${value}"), "as soon as it was answered");
        }
    };
    let mut all = level("ALL");
    for number in 0..20 {
        assert_eq!(all.say(&format!("SET {key} {number}")), "+OK");
        on_all(&number.to_string());
    }
    let stopped = replicas[1].process().unwrap();
    stopped.pause();
    let mut quorum = level("QUORUM");
    wait::until("it has left the set", || quorum.say(&format!("SET {key} quorum")) == "+OK" && in_sync("2"));
    let mut reader = level("ALL");
    all.send(&["SET", &key, "waits"]);
    reader.send(&["GET", &key]);
    assert!(all.is_silent_for(Duration::from_millis(300)) && reader.is_silent_for(Duration::from_millis(1)));
    assert_eq!(quorum.say(&format!("GET {key}")), "$waits", "two of three have it");
    stopped.resume();
    wait::until("it is in the set again", || in_sync("3"));
    let mut all = level("ALL");
    assert_eq!(all.say(&format!("SET {key} again")), "+OK");
    on_all("again");
    assert_eq!(all.say(&format!("GET {key}")), "$again");
}
