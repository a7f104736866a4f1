//! A replica that holds something else than its primary is found out and repaired; one that does not is never accused.

use std::fs;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use shared::limits::SLOTS;
use shared::rt::rng::random_u64;
use shared::slot::Slot;
use shared::testing::wait;

use crate::contents::contents;
use crate::replication::same;
use crate::server::Server;
use crate::templates::{Generator, collections, strings};

fn primary(more: &[&str]) -> Server {
    let options = ["--appendonly", "yes", "--auto-aof-rewrite-percentage", "0", "--repl-digest-period", "1"];
    Server::start(&[&options, more].concat())
}

fn replica_of(primary: &Server) -> Server {
    let port = primary.node.port().to_string();
    Server::start(&["--appendonly", "yes", "--replicaof", "127.0.0.1", &port])
}

fn number(server: &Server, field: &str) -> u64 {
    server.number("replication", field)
}

/// Waits until the replica has compared all slots so many times more.
fn rounds(replica: &Server, rounds: u64) {
    let until = number(replica, "range_digests_checked") + rounds * SLOTS as u64;
    wait::until("all slots are compared", || number(replica, "range_digests_checked") >= until);
}

/// Replaces bytes by as many others in the log of a range, in a record that stays a valid one.
fn alter(node: &Path, key: &[u8], old: &[u8], new: &[u8]) {
    assert_eq!(old.len(), new.len());
    let range = node.join(format!("appendonlydir/range-{:02}", Slot::of_key(key).range()));
    let logs = fs::read_dir(&range).unwrap().map(|entry| entry.unwrap().path());
    let is_log = |path: &Path| path.file_name().unwrap().to_str().unwrap().starts_with("log.");
    let mut altered = 0;
    for log in logs.filter(|path| is_log(path)) {
        let mut bytes = fs::read(&log).unwrap();
        let mut at = 32;
        while at < bytes.len() {
            let length = u32::from_le_bytes(*bytes[at + 4..].first_chunk().unwrap()) as usize;
            let record = &mut bytes[at..at + 16 + length];
            while let Some(found) = record.windows(old.len()).position(|window| window == old) {
                record[found..found + new.len()].copy_from_slice(new);
                altered += 1;
            }
            let crc = crc32fast::hash(&record[4..]);
            record[..4].copy_from_slice(&crc.to_le_bytes());
            at += 16 + length;
        }
        fs::write(&log, bytes).unwrap();
    }
    assert_eq!(altered, 1, "the log holds it once");
}

#[test]
fn a_value_that_differs_on_a_replica_is_found_and_its_range_received_anew() {
    let primary = primary(&[]);
    let mut replica = replica_of(&primary);
    let mut client = primary.connect();
    for number in 0..300 {
        client.say(&format!("SET key:{number} value:{number}"));
        client.say(&format!("HSET hash:{number} f {number}"));
    }
    client.say("SET altered right");
    same(&primary, &replica);
    rounds(&replica, 1);
    assert_eq!(number(&replica, "range_digests_differed"), 0);
    replica.node.terminate();
    alter(replica.node.dir(), b"altered", b"right", b"wrong");
    replica.node.start();
    wait::until("the range is repaired", || number(&replica, "ranges_repaired") == 1);
    same(&primary, &replica);
    assert_eq!(replica.connect().say("GET altered"), "$right");
    // Only this range came, and nothing differs any more.
    let (differed, received) =
        (number(&replica, "range_digests_differed"), number(&replica, "ranges_received"));
    assert_eq!((differed, received), (1, 1));
    rounds(&replica, 2);
    assert_eq!((number(&replica, "range_digests_differed"), number(&replica, "ranges_repaired")), (1, 1));
    assert!(number(&primary, "range_digests_sent") > 2 * SLOTS as u64);
    assert_eq!(number(&primary, "range_digests_checked"), 0);
    // On its disk too.
    assert_eq!(client.say("SET last 1"), "+OK");
    assert_eq!(client.say("WAITAOF 1 1 10000"), "*[:1, :1]");
    let before = contents(&mut client);
    replica.node.kill();
    primary.node.process().unwrap().pause();
    replica.node.start();
    assert_eq!(contents(&mut replica.connect()), before);
    primary.node.process().unwrap().resume();
}

#[test]
fn in_a_slot_of_many_keys_a_key_of_another_name_is_found() {
    let primary = primary(&[]);
    let mut replica = replica_of(&primary);
    let mut client = primary.connect();
    client.say(&format!("SET {{many}}long {}", "x".repeat(3_000_000)));
    for number in 0..6_000 {
        client.send_line(&format!("SET {{many}}{number} value"));
    }
    for _ in 0..6_000 {
        client.read();
    }
    client.say("SET {many}right value");
    same(&primary, &replica);
    rounds(&replica, 1);
    assert_eq!(number(&replica, "range_digests_differed"), 0);
    replica.node.terminate();
    alter(replica.node.dir(), b"{many}", b"{many}right", b"{many}wrong");
    replica.node.start();
    wait::until("the range is repaired", || number(&replica, "ranges_repaired") == 1);
    same(&primary, &replica);
    rounds(&replica, 1);
    assert_eq!((number(&replica, "range_digests_differed"), number(&replica, "ranges_received")), (1, 1));
}

#[test]
fn without_a_period_nothing_is_compared_and_it_can_be_set_meanwhile() {
    let primary = primary(&["--repl-digest-period", "0"]);
    let replica = replica_of(&primary);
    primary.connect().say("SET a 1");
    same(&primary, &replica);
    assert_eq!(number(&primary, "range_digests_sent"), 0);
    assert_eq!(primary.connect().say("CONFIG SET repl-digest-period 1"), "+OK");
    rounds(&replica, 1);
    assert_eq!(number(&replica, "range_digests_differed"), 0);
}

#[test]
fn nothing_differs_under_a_load_of_every_kind() {
    let seed = random_u64();
    println!("seed {seed}");
    let primary =
        primary(&["--maxmemory", "1mb", "--maxmemory-policy", "allkeys-lru", "--repl-timeout", "5"]);
    let replica = replica_of(&primary);
    let stop = AtomicBool::new(false);
    let filled = "x".repeat(200);
    thread::scope(|scope| {
        for (number, templates) in
            [strings::TEMPLATES, collections::TEMPLATES, strings::TEMPLATES].into_iter().enumerate()
        {
            let (primary, stop) = (&primary, &stop);
            scope.spawn(move || {
                let mut client = primary.connect();
                let mut generator = Generator::new(seed.wrapping_add(number as u64), templates);
                let mut count = 0_u64;
                while !stop.load(Ordering::Relaxed) {
                    let words = generator.command();
                    count += 1;
                    if !words[0].eq_ignore_ascii_case(b"flushall") || count.is_multiple_of(50) {
                        client.call(&words);
                    }
                }
            });
        }
        // Fills the memory so that keys are evicted, has keys expire, renames, and does several things as one.
        scope.spawn(|| {
            let mut client = primary.connect();
            let mut number = 0_u64;
            while !stop.load(Ordering::Relaxed) {
                number += 1;
                client.say(&format!("SET fill:{} {filled}", number % 50_000));
                client.say(&format!("SET short:{} {number} PX 5", number % 500));
                client.say(&format!("HSET {{t}}hash:{} field:{} {number}", number % 9, number % 900));
                client.say(&format!("HDEL {{t}}hash:{} field:{}", number % 9, (number + 450) % 900));
                for line in
                    ["MULTI", "INCR {t}a", "RENAME {t}a {t}b", "LPUSH {t}l x", "LMOVE {t}l {t}m LEFT RIGHT"]
                {
                    client.say(line);
                }
                client.say(&format!("SPOP {{t}}set {}", number % 3));
                client.say(&format!("SADD {{t}}set {number} m{number}"));
                client.say("EXEC");
                client.say("LTRIM {t}m -100 -1");
                client.say("COPY {t}m copied:1 REPLACE");
                if number.is_multiple_of(2_000) {
                    client.say("BGREWRITEAOF");
                }
            }
        });
        rounds(&replica, 4);
        wait::until("keys were evicted and have expired", || {
            primary.number("stats", "evicted_keys") > 0 && primary.number("stats", "expired_keys") > 0
        });
        stop.store(true, Ordering::Relaxed);
    });
    // One that dies between the looks at the two would be missed on one of them.
    wait::until("what was to die soon is gone", || primary.connect().say("KEYS short:*") == "*[]");
    same(&primary, &replica);
    rounds(&replica, 1);
    let differed = number(&replica, "range_digests_differed");
    assert_eq!((differed, number(&replica, "ranges_repaired")), (0, 0), "seed {seed}");
}
