//! Primaries whose files are gone or whose disk is full, orphans, a replica that was away, and offices that are taken by order.

use std::fs;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;

use shared::testing::cluster::Cluster;
use shared::testing::node::{Node, Program};
use shared::testing::wait;

use crate::raw::Raw;

fn raw(node: &Node) -> Raw {
    Raw::connect(node.port(), false)
}

fn replication(node: &Node, name: &str) -> String {
    let info = String::from_utf8(raw(node).call(&["INFO", "replication"]).text).unwrap();
    info.lines().find_map(|line| line.strip_prefix(name).map(str::to_owned)).unwrap_or_default()
}

fn in_sync(node: &Node) {
    wait::until("its replica is in sync", || replication(node, "in_sync_copies:") == "2");
}

/// A cluster of three shards of two copies each that are in sync.
fn cluster() -> Cluster {
    let cluster = Cluster::ours(3, 1);
    cluster.nodes()[..3].iter().for_each(in_sync);
    cluster
}

/// A tag whose slot is the first primary's.
fn tag(cluster: &Cluster) -> String {
    (0..).map(|n| format!("t{n}")).find(|tag| cluster.owner_of(tag) == 0).unwrap()
}

/// Sets so many keys, one after the other, and has them saved.
fn save(node: &Node, tag: &str, count: usize) {
    let mut client = raw(node);
    for number in 0..count {
        assert_eq!(client.say(&format!("SET {{{tag}}}:{number} {number}")), "+OK");
    }
    assert_eq!(client.say("WAITAOF 1 1 10000"), "*[:1, :1]");
}

/// All that was saved is there.
fn check(node: &Node, tag: &str, count: usize) {
    let mut client = raw(node);
    for number in 0..count {
        wait::until("it serves", || client.say(&format!("GET {{{tag}}}:{number}")) == format!("${number}"));
    }
}

#[test]
fn a_primary_whose_folder_was_emptied_is_replaced_and_filled_again() {
    let mut cluster = cluster();
    let tag = tag(&cluster);
    save(cluster.node(0), &tag, 100);
    cluster.node_mut(0).kill();
    // It knows who it is, and nothing else.
    let dir = cluster.node(0).dir().to_owned();
    for entry in fs::read_dir(dir).unwrap().flatten().filter(|entry| entry.path().is_dir()) {
        fs::remove_dir_all(entry.path()).unwrap();
    }
    cluster.node_mut(0).start();
    wait::until("the replica has its office", || replication(cluster.node(3), "role:") == "master");
    wait::until("it follows", || replication(cluster.node(0), "role:") == "slave");
    in_sync(cluster.node(3));
    check(cluster.node(3), &tag, 100);
    assert_eq!(
        raw(cluster.node(3)).say("CLUSTER FAILOVER"),
        "-ERR You should send CLUSTER FAILOVER to a replica"
    );
    assert_eq!(raw(cluster.node(0)).say("CLUSTER FAILOVER"), "+OK");
    wait::until("it is primary again", || replication(cluster.node(0), "role:") == "master");
    check(cluster.node(0), &tag, 100);
}

#[test]
fn a_primary_whose_disk_is_full_gives_its_office_to_its_replica_and_loses_nothing_that_was_saved() {
    /// A file may be no longer once the disk is full, bytes.
    const FULL_BYTES: u64 = 64 * 1024;
    let mut cluster = cluster();
    let tag = tag(&cluster);
    let mut client = raw(cluster.node(0));
    cluster.node(0).process().unwrap().limit_files(Some(FULL_BYTES));
    let value = "x".repeat(1_000);
    let mut saved = 0;
    loop {
        if client.say(&format!("SET {{{tag}}}:{saved} {value}")) != "+OK"
            || client.say("WAITAOF 1 1 2000") != "*[:1, :1]"
        {
            break;
        }
        saved += 1;
        assert!(saved < 1_000, "the disk is never full");
    }
    println!("{saved} writes were saved before the disk was full");
    wait::until("the replica takes over", || replication(cluster.node(3), "role:") == "master");
    let mut client = raw(cluster.node(3));
    for number in 0..saved {
        wait::until("it serves", || client.say(&format!("STRLEN {{{tag}}}:{number}")) == ":1000");
    }
    // A disk with room again, and a process that trusts it.
    cluster.node_mut(0).kill();
    cluster.node_mut(0).start();
    wait::until("the old primary follows", || replication(cluster.node(0), "role:") == "slave");
    in_sync(cluster.node(3));
}

#[test]
fn a_primary_without_replicas_gets_one_of_who_has_two() {
    let mut cluster = cluster();
    let spare = cluster.add_stranger(Program::Ours);
    let first = cluster.node(0).port();
    assert_eq!(raw(cluster.node(spare)).say(&format!("CLUSTER MEET 127.0.0.1 {first}")), "+OK");
    let id = String::from_utf8(raw(cluster.node(0)).call(&["CLUSTER", "MYID"]).text).unwrap();
    wait::until("it follows the first primary", || {
        raw(cluster.node(spare)).say(&format!("CLUSTER REPLICATE {id}")) == "+OK"
    });
    wait::until("that one has two in sync", || replication(cluster.node(0), "in_sync_copies:") == "3");
    cluster.wait_ok();
    // The second primary has nobody now.
    cluster.node_mut(4).kill();
    let orphan = cluster.node(1).port().to_string();
    wait::until("one of the two follows the orphan", || {
        [3, spare].iter().any(|node| replication(cluster.node(*node), "master_port:") == orphan)
    });
    in_sync(cluster.node(1));
    // And it stands for it.
    cluster.node_mut(1).kill();
    wait::until("it takes over", || {
        [3, spare].iter().any(|node| replication(cluster.node(*node), "role:") == "master")
    });
}

#[test]
fn a_replica_takes_the_office_of_a_primary_that_does_not_answer_when_it_is_told_to() {
    let cluster = cluster();
    let tag = tag(&cluster);
    save(cluster.node(0), &tag, 50);
    let process = cluster.node(0).process().unwrap();
    process.pause();
    assert_eq!(raw(cluster.node(3)).say("CLUSTER FAILOVER FORCE"), "+OK");
    wait::until("it is primary", || replication(cluster.node(3), "role:") == "master");
    check(cluster.node(3), &tag, 50);
    process.resume();
    wait::until("the old one follows", || replication(cluster.node(0), "role:") == "slave");
    in_sync(cluster.node(3));
}

#[test]
fn a_replica_takes_over_without_a_majority_when_it_is_told_to() {
    let mut cluster = cluster();
    let tag = tag(&cluster);
    save(cluster.node(0), &tag, 50);
    for gone in [0, 1, 2] {
        cluster.node_mut(gone).kill();
    }
    assert_eq!(raw(cluster.node(3)).say("CLUSTER FAILOVER TAKEOVER"), "+OK");
    wait::until("it is primary", || replication(cluster.node(3), "role:") == "master");
    for other in [4, 5] {
        assert_eq!(raw(cluster.node(other)).say("CLUSTER FAILOVER TAKEOVER"), "+OK");
    }
    check(cluster.node(3), &tag, 50);
    for gone in [0, 1, 2] {
        cluster.node_mut(gone).start();
    }
    wait::until("the old primaries follow", || {
        (0..3).all(|old| replication(cluster.node(old), "role:") == "slave")
    });
    cluster.nodes()[3..].iter().for_each(in_sync);
    check(cluster.node(3), &tag, 50);
}

#[test]
fn a_replica_that_was_away_under_load_gets_what_it_missed_and_no_range_whole() {
    const AWAY: Duration = Duration::from_secs(5);
    const BETWEEN_WRITES: Duration = Duration::from_millis(1);
    let mut cluster = cluster();
    let tag = tag(&cluster);
    let port = cluster.node(0).port();
    let (stop, written) = (AtomicBool::new(false), AtomicUsize::new(0));
    thread::scope(|scope| {
        scope.spawn(|| {
            let mut client = Raw::connect(port, false);
            while !stop.load(Ordering::Relaxed) {
                let number = written.load(Ordering::Relaxed);
                assert_eq!(client.say(&format!("SET {{{tag}}}:{} {number}", number % 10_000)), "+OK");
                written.fetch_add(1, Ordering::Relaxed);
                // A range whose log is rewritten meanwhile comes whole: not at the pace of many editors.
                thread::sleep(BETWEEN_WRITES);
            }
        });
        cluster.node_mut(3).kill();
        let before = written.load(Ordering::Relaxed);
        thread::sleep(AWAY);
        let missed = written.load(Ordering::Relaxed) - before;
        cluster.node_mut(3).start();
        in_sync(cluster.node(0));
        stop.store(true, Ordering::Relaxed);
        let whole = replication(cluster.node(3), "ranges_received:");
        println!("{missed} writes while it was away, {whole} ranges came whole");
        assert!(missed > 0);
        assert_eq!(whole, "0");
    });
    wait::until("it has everything", || {
        replication(cluster.node(3), "slave_repl_offset:")
            == replication(cluster.node(0), "master_repl_offset:")
    });
}

#[test]
fn what_was_answered_at_one_is_read_out_of_the_sockets_by_a_replica_that_stalled_before_the_kill() {
    // As many packets as the socket of a process that takes nothing holds for sure.
    const WRITES: usize = 20;
    // As in the measurement of lost writes; long enough for the replica to know that it was stopped, and for its system to have them all.
    const STALL: Duration = Duration::from_millis(500);
    let mut cluster = cluster();
    let tag = tag(&cluster);
    let mut client = raw(cluster.node(0));
    assert_eq!(client.say(&format!("SET {{{tag}}}:first 1")), "+OK");
    cluster.node(3).process().unwrap().pause();
    let value = "x".repeat(50);
    for number in 0..WRITES {
        assert_eq!(client.say(&format!("SET {{{tag}}}:{number} {value}")), "+OK");
    }
    thread::sleep(STALL);
    cluster.node_mut(0).kill();
    cluster.node(3).process().unwrap().resume();
    wait::until("the replica takes over", || replication(cluster.node(3), "role:") == "master");
    let mut client = raw(cluster.node(3));
    wait::until("it serves", || client.say(&format!("GET {{{tag}}}:first")) == "$1");
    for number in 0..WRITES {
        assert_eq!(client.say(&format!("GET {{{tag}}}:{number}")), format!("${value}"), "write {number}");
    }
}

#[test]
fn what_was_answered_at_quorum_or_saved_survives_a_replica_that_stalled_before_the_kill() {
    const STALL: Duration = Duration::from_millis(500);
    let mut cluster = cluster();
    let tag = tag(&cluster);
    let port = cluster.node(0).port();
    let key = format!("{{{tag}}}:saved");
    let writer = thread::spawn({
        let tag = tag.clone();
        move || {
            let mut client = Raw::connect(port, false);
            assert_eq!(client.say("CLIENT CONSISTENCY QUORUM"), "+OK");
            let mut answered = 0;
            // Eight at a time, until the primary is gone.
            while client.send_bytes(format!("INCR {{{tag}}}\r\n").repeat(8).as_bytes()) {
                for _ in 0..8 {
                    match client.try_read() {
                        Some(reply) if reply.kind == ':' => answered += 1,
                        _ => return answered,
                    }
                }
            }
            answered
        }
    });
    let saver = thread::spawn({
        let key = key.clone();
        move || {
            let (mut client, mut written, mut saved) = (Raw::connect(port, false), 0, 0);
            // As the document service: an edit is called saved when WAITAOF says so.
            let requests = format!("INCR {key}\r\n").repeat(8) + "WAITAOF 1 0 10000\r\n";
            while client.send_bytes(requests.as_bytes()) {
                for _ in 0..8 {
                    match client.try_read() {
                        Some(reply) if reply.kind == ':' => written += 1,
                        _ => return saved,
                    }
                }
                match client.try_read() {
                    Some(reply) if format!("{reply:?}").starts_with("*[:1") => saved = written,
                    _ => return saved,
                }
            }
            saved
        }
    });
    wait::until("they write", || raw(cluster.node(0)).say(&format!("EXISTS {{{tag}}} {key}")) == ":2");
    cluster.node(3).process().unwrap().pause();
    thread::sleep(STALL);
    cluster.node_mut(0).kill();
    cluster.node(3).process().unwrap().resume();
    let saved: i64 = saver.join().unwrap();
    let answered: i64 = writer.join().unwrap();
    wait::until("the replica takes over", || replication(cluster.node(3), "role:") == "master");
    let mut client = raw(cluster.node(3));
    let mut there = 0;
    wait::until("it serves", || {
        let said = client.say(&format!("GET {{{tag}}}"));
        said.strip_prefix('$').and_then(|text| text.parse().ok()).is_some_and(|value: i64| {
            there = value;
            true
        })
    });
    println!("{answered} answered, {there} there");
    assert!(answered > 0 && there >= answered);
    let kept = client.say(&format!("GET {key}"));
    let kept: i64 = kept.strip_prefix('$').and_then(|text| text.parse().ok()).unwrap_or_default();
    println!("{saved} saved, {kept} there");
    assert!(saved > 0 && kept >= saved);
}
