//! A replica that was away for longer than the logs reach back gets what differs, and has the rest.

use std::fs;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use shared::limits::RANGES;
use shared::slot::Slot;
use shared::testing::cluster::Cluster;
use shared::testing::node::{Node, Program};
use shared::testing::wait;

use crate::contents::contents;
use crate::raw::Raw;
use crate::replication::{in_sync, primary, received, replica_of, rewrite, same};
use crate::server::Server;

/// A deadline that no test sees.
const FAR_MS: u64 = 4_000_000_000_000;

/// Keys of every type in all ranges, a slot of many keys, and a long value.
fn fill(server: &Server) {
    let mut client = server.connect();
    let mut lines = vec![format!("SET long {}", "x".repeat(3_000_000))];
    for n in 0..600 {
        lines.push(format!("SET key:{n} {n}"));
        lines.push(format!("SET dies:{n} {n} PXAT {}", FAR_MS + n));
        lines.push(format!("HSET hash:{n} a {n} b {n}"));
        lines.push(format!("RPUSH list:{n} a {n}"));
        lines.push(format!("SADD set:{n} a {n}"));
        lines.push(format!("ZADD sorted:{n} {n} a 2 b"));
        lines.push(format!("XADD stream:{n} 1-{n} f {n}"));
    }
    lines.extend((0..3_000).map(|n| format!("SET {{many}}{n} {n}")));
    say_all(&mut client, &lines);
}

fn say_all(client: &mut Raw, lines: &[String]) {
    for some in lines.chunks(500) {
        some.iter().for_each(|line| client.send_line(line));
        some.iter().for_each(|line| assert_ne!(client.read().kind, '-', "{line:.60}"));
    }
}

/// Writes in every range, and undoes it: the logs go on, and what is there stays.
fn write_and_undo(client: &mut Raw) {
    for range in 0..RANGES {
        let key =
            (0..).map(|n| format!("undone:{n}")).find(|key| Slot::of_key(key.as_bytes()).range() == range);
        let key = key.unwrap();
        assert_eq!(client.say(&format!("SET {key} 1")), "+OK");
        assert_eq!(client.say(&format!("DEL {key}")), ":1");
    }
    for line in
        ["HSET hash:7 c 1", "HDEL hash:7 c", "INCR {many}7", "DECR {many}7", "LPUSH list:7 x", "LPOP list:7"]
    {
        client.say(line);
    }
}

/// Has writers stop when it is dropped, also by a test that fails.
struct Stops<'s>(&'s AtomicBool);

impl Drop for Stops<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// Of how many ranges something was received, how many were equal, and how many slots came.
fn came(replica: &Server) -> (u64, u64, u64) {
    let number = |name| replica.number("replication", name);
    (received(replica), number("ranges_equal"), number("slots_received"))
}

#[test]
fn of_ranges_that_the_logs_forgot_only_the_slot_that_differs_comes() {
    let primary = primary();
    // What is compared in the background has nothing to do with it.
    assert_eq!(primary.connect().say("CONFIG SET repl-digest-period 0"), "+OK");
    let mut replica = replica_of(&primary);
    fill(&primary);
    same(&primary, &replica);
    replica.node.terminate();
    let mut client = primary.connect();
    write_and_undo(&mut client);
    client.say("SET key:7 other");
    rewrite(&primary);
    replica.node.start();
    same(&primary, &replica);
    assert_eq!(came(&replica), (1, RANGES as u64 - 1, 1));
    assert_eq!(replica.connect().say("GET key:7"), "$other");
    // From here on it follows the log from where the primary's is, range by range.
    for n in 0..600 {
        client.say(&format!("APPEND key:{n} +"));
        client.say(&format!("RPUSH list:{n} +"));
    }
    same(&primary, &replica);
    // And it has all of that on its own disk.
    assert_eq!(client.say("WAITAOF 1 1 10000"), "*[:1, :1]");
    let before = contents(&mut client);
    replica.node.kill();
    primary.node.process().unwrap().pause();
    replica.node.start();
    assert_eq!(contents(&mut replica.connect()), before);
    primary.node.process().unwrap().resume();
    client.say("INCR key:7x");
    same(&primary, &replica);
    assert_eq!(came(&replica), (0, 0, 0), "the log leads on");
}

#[test]
fn a_deadline_another_type_and_a_key_that_is_gone_count_as_differences() {
    let primary = primary();
    let mut replica = replica_of(&primary);
    fill(&primary);
    same(&primary, &replica);
    replica.node.kill();
    let mut client = primary.connect();
    write_and_undo(&mut client);
    let changes =
        ["PERSIST dies:1", "DEL {many}5", "DEL set:3", "XDEL stream:4 1-4", "XADD stream:5 9-1 f 5"];
    changes.iter().for_each(|line| {
        assert_eq!(client.say(line).chars().next(), Some(if line.starts_with("XADD") { '$' } else { ':' }))
    });
    client.say("DEL list:6");
    client.say("SADD list:6 a 6");
    rewrite(&primary);
    replica.node.start();
    same(&primary, &replica);
    let slots: std::collections::BTreeSet<_> =
        ["dies:1", "{many}", "set:3", "stream:4", "stream:5", "list:6"]
            .iter()
            .map(|key| Slot::of_key(key.as_bytes()))
            .map(|slot| (slot.range(), slot.index()))
            .collect();
    let ranges = slots.iter().map(|(range, _)| range).collect::<std::collections::BTreeSet<_>>().len() as u64;
    assert_eq!(came(&replica), (ranges, RANGES as u64 - ranges, slots.len() as u64));
}

#[test]
fn of_a_log_that_others_wrote_only_what_differs_comes_and_what_only_the_replica_had_is_gone() {
    const ALONE: usize = 20;
    let old = primary();
    let new = replica_of(&old);
    fill(&old);
    in_sync(&old, &new);
    assert_eq!(new.connect().say("REPLICAOF NO ONE"), "+OK");
    wait::until("it takes writes", || new.connect().say("SET on:new 1") == "+OK");
    // Both go on alone, in all ranges.
    write_and_undo(&mut old.connect());
    write_and_undo(&mut new.connect());
    for number in 0..ALONE {
        old.connect().say(&format!("SET lost:{number} 1"));
        new.connect().say(&format!("SET kept:{number} 1"));
    }
    rewrite(&new);
    let port = new.node.port();
    assert_eq!(old.connect().say(&format!("REPLICAOF 127.0.0.1 {port}")), "+OK");
    same(&new, &old);
    assert_eq!(old.connect().say("EXISTS lost:7 kept:7"), ":1");
    let (received, equal, slots) = came(&old);
    assert_eq!(received + equal, RANGES as u64);
    assert!((ALONE..=2 * ALONE + 1).contains(&(slots as usize)), "{slots} slots came");
}

#[test]
fn writes_that_come_while_ranges_are_compared_are_neither_lost_nor_done_twice() {
    const WRITERS: usize = 4;
    let primary = primary();
    let mut replica = replica_of(&primary);
    fill(&primary);
    // One of each writer in each range. All are 0 while the replica is there.
    let in_range = |name: &str, range: usize| {
        (0..).map(|n| format!("{name}:{n}")).find(|key| Slot::of_key(key.as_bytes()).range() == range)
    };
    let keys: Vec<Vec<String>> = (0..WRITERS)
        .map(|writer| (0..RANGES).filter_map(|range| in_range(&format!("hot:{writer}"), range)).collect())
        .collect();
    let zeros: Vec<String> = keys.iter().flatten().map(|key| format!("SET {key} 0")).collect();
    say_all(&mut primary.connect(), &zeros);
    same(&primary, &replica);
    replica.node.kill();
    write_and_undo(&mut primary.connect());
    rewrite(&primary);
    let stop = AtomicBool::new(false);
    thread::scope(|scope| {
        let _stops = Stops(&stop);
        for keys in &keys {
            let (primary, stop) = (&primary, &stop);
            scope.spawn(move || {
                let mut client = primary.connect();
                // Half of the time a slot holds what the replica has, and is about to change.
                while !stop.load(Ordering::Relaxed) {
                    for command in ["INCR", "DECR"] {
                        for key in keys {
                            client.say(&format!("{command} {key}"));
                        }
                    }
                }
            });
        }
        replica.node.start();
        wait::until("every range has come", || {
            let (received, equal, _) = came(&replica);
            received + equal == RANGES as u64 && replica.info("replication", "master_sync_in_progress") == "0"
        });
    });
    same(&primary, &replica);
    let (_, _, slots) = came(&replica);
    println!("{slots} slots came");
    assert!(slots < (WRITERS * RANGES) as u64, "no slot was the same while it was written");
}

fn raw(node: &Node) -> Raw {
    Raw::connect(node.port(), false)
}

fn told(node: &Node, name: &str) -> String {
    let info = String::from_utf8(raw(node).call(&["INFO", "replication"]).text).unwrap();
    info.lines()
        .find_map(|line| line.strip_prefix(name)?.strip_prefix(':').map(str::to_owned))
        .unwrap_or_default()
}

fn number(node: &Node, name: &str) -> u64 {
    told(node, name).parse().unwrap_or_default()
}

fn both_in_sync(primary: &Node) {
    wait::until("its replica is in sync", || told(primary, "in_sync_copies") == "2");
}

/// The number of the highest key of each name that a primary said to have at QUORUM, until it is stopped or gone.
fn write_at_quorum(port: u16, keys: &[String], stop: &AtomicBool) -> u64 {
    let mut client = Raw::connect(port, false);
    assert_eq!(client.say("CLIENT CONSISTENCY QUORUM"), "+OK");
    let mut answered = 0;
    while !stop.load(Ordering::Relaxed) {
        let key = &keys[answered as usize % keys.len()];
        client.send_line(&format!("SET {key}:{{{key}}} {}", answered + 1));
        match client.try_read() {
            Some(reply) if reply.kind == '+' => answered += 1,
            _ => break,
        }
    }
    answered
}

#[test]
fn a_replica_that_is_killed_while_it_catches_up_loses_nothing_that_was_answered_at_quorum() {
    const KILLS: u64 = 5;
    let mut cluster = Cluster::with_options(
        Program::Ours,
        3,
        1,
        &["--appendonly", "yes", "--auto-aof-rewrite-percentage", "0"],
    );
    both_in_sync(cluster.node(0));
    // The first primary's slots are those of ranges 0 to 5.
    let mine = |key: &String| Slot::of_key(key.as_bytes()).index() < 5_461;
    let keys: Vec<String> = (0..).map(|n| format!("k{n}")).filter(mine).take(3_000).collect();
    let lines: Vec<String> = keys.iter().map(|key| format!("SET {key} {}", "v".repeat(300))).collect();
    say_all(&mut raw(cluster.node(0)), &lines);
    assert_eq!(raw(cluster.node(0)).say("WAITAOF 1 1 10000"), "*[:1, :1]");
    let (stop, port) = (AtomicBool::new(false), cluster.node(0).port());
    let answered = thread::scope(|scope| {
        let stops = Stops(&stop);
        let writer = scope.spawn(|| write_at_quorum(port, &keys[..50], &stop));
        for kill in 0..KILLS {
            cluster.node_mut(3).kill();
            wait::until("it is taken out of the set", || told(cluster.node(0), "in_sync_copies") == "1");
            // All logs go on, and are rewritten.
            let lines: Vec<String> = keys
                .iter()
                .flat_map(|key| [format!("APPEND {key} x"), format!("SETRANGE {key} 300 x")])
                .collect();
            say_all(&mut raw(cluster.node(0)), &lines);
            let mut client = raw(cluster.node(0));
            client.say("BGREWRITEAOF");
            wait::until("the log is rewritten", || {
                let info = String::from_utf8(client.call(&["INFO", "persistence"]).text).unwrap();
                info.contains("aof_rewrite_in_progress:0")
            });
            cluster.node_mut(3).start();
            // Each time somewhat later: in the middle of the first range, or when some have come.
            wait::until("some ranges have come", || {
                let replica = cluster.node(3);
                let ranges = number(replica, "ranges_received") + number(replica, "ranges_equal");
                told(replica, "master_sync_in_progress") == "1" && ranges >= kill
                    || told(cluster.node(0), "in_sync_copies") == "2"
            });
        }
        cluster.node_mut(3).kill();
        cluster.node_mut(3).start();
        both_in_sync(cluster.node(0));
        drop(stops);
        writer.join().unwrap()
    });
    let before = contents(&mut raw(cluster.node(0)));
    cluster.node_mut(0).kill();
    wait::until("the replica takes over", || told(cluster.node(3), "role") == "master");
    let mut client = raw(cluster.node(3));
    wait::until("it serves", || client.say(&format!("EXISTS {}", keys[0])) == ":1");
    let after = contents(&mut client);
    for (key, value) in &before {
        assert_eq!(after.get(key), Some(value), "{} of {answered} writes", key.escape_ascii());
    }
    assert_eq!(after.len(), before.len());
    assert!(answered > 50);
    for (at, key) in keys[..50].iter().enumerate() {
        let last = (0..answered).rev().find(|number| *number % 50 == at as u64).unwrap() + 1;
        assert_eq!(client.say(&format!("GET {key}:{{{key}}}")), format!("${last}"));
    }
}

/// Leaves the disk of a node as a crash does while a range is received.
fn crash_in_receipt(node: &Path, range: usize) {
    let text = format!("rustidocs range manifest 1\nrange {range}\nbase receiving\nlogs 0 1000\nreaches 0\n");
    let crc = crc32fast::hash(text.as_bytes());
    let folder = node.join(format!("appendonlydir/range-{range:02}"));
    fs::write(folder.join("manifest"), format!("{text}crc {crc:08x}\n")).unwrap();
    fs::write(folder.join("log.1000"), b"").unwrap();
}

#[test]
fn who_crashed_while_a_range_came_does_not_take_office_with_what_is_left() {
    const LOOKED_AT: Duration = Duration::from_secs(4);
    let mut cluster = Cluster::ours(3, 1);
    both_in_sync(cluster.node(0));
    let key = (0..).map(|n| format!("k{n}")).find(|key| Slot::of_key(key.as_bytes()).range() == 2).unwrap();
    let mut client = raw(cluster.node(0));
    assert_eq!(client.say(&format!("SET {key} saved")), "+OK");
    assert_eq!(client.say("WAITAOF 1 1 10000"), "*[:1, :1]");
    // In the set of those in sync, both of them.
    cluster.node_mut(0).kill();
    cluster.node_mut(3).kill();
    crash_in_receipt(cluster.node(3).dir(), 2);
    cluster.node_mut(3).start();
    let until = Instant::now() + LOOKED_AT;
    while Instant::now() < until {
        assert_eq!(told(cluster.node(3), "role"), "slave");
        thread::sleep(Duration::from_millis(50));
    }
    cluster.node_mut(0).start();
    both_in_sync(cluster.node(0));
    let mut client = raw(cluster.node(0));
    wait::until("it serves", || client.say(&format!("GET {key}")) == "$saved");
    let mut reader = raw(cluster.node(3));
    reader.say("READONLY");
    wait::until("the replica serves", || reader.say(&format!("GET {key}")) == "$saved");
}
