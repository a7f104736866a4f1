//! A primary and its replicas: what there was, what is written, what was missed, and what is never thrown away.

use std::fs;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use shared::rt::rng::random_u64;
use shared::slot::Slot;
use shared::testing::wait;

use crate::contents::contents;
use crate::server::Server;
use crate::templates::{Generator, collections, strings};

const COMMANDS: usize = 3_000;

pub(crate) fn primary() -> Server {
    // Logs are rewritten when a test says so.
    Server::start(&["--appendonly", "yes", "--auto-aof-rewrite-percentage", "0"])
}

pub(crate) fn replica_of(primary: &Server) -> Server {
    let port = primary.node.port().to_string();
    Server::start(&["--appendonly", "yes", "--replicaof", "127.0.0.1", &port])
}

/// Waits until a replica has everything. Offsets that are equal say so: its log is a prefix of the primary's.
pub(crate) fn in_sync(primary: &Server, replica: &Server) {
    wait::until("the replica has everything", || {
        replica.info("replication", "master_link_status") == "up"
            && replica.info("replication", "master_sync_in_progress") == "0"
            && replica.number("replication", "slave_repl_offset")
                == primary.number("replication", "master_repl_offset")
    });
}

/// The same keys with the same values.
pub(crate) fn same(primary: &Server, replica: &Server) {
    in_sync(primary, replica);
    let (ours, theirs) = (contents(&mut primary.connect()), contents(&mut replica.connect()));
    assert_eq!(ours.len(), theirs.len());
    for (key, value) in &ours {
        assert_eq!(theirs.get(key), Some(value), "{}", key.escape_ascii());
    }
}

fn random_commands(server: &Server, seed: u64) {
    let mut client = server.connect();
    for templates in [strings::TEMPLATES, collections::TEMPLATES] {
        let mut generator = Generator::new(seed, templates);
        for _ in 0..COMMANDS {
            let words = generator.command();
            if !words[0].eq_ignore_ascii_case(b"flushall") {
                client.call(&words);
            }
        }
    }
}

pub(crate) fn rewrite(server: &Server) {
    server.connect().say("BGREWRITEAOF");
    wait::until("the log is rewritten", || server.info("persistence", "aof_rewrite_in_progress") == "0");
}

pub(crate) fn received(replica: &Server) -> u64 {
    replica.number("replication", "ranges_received")
}

#[test]
fn a_replica_gets_what_there_was_and_what_is_written_and_has_it_after_a_kill() {
    let seed = random_u64();
    println!("seed {seed}");
    let primary = primary();
    random_commands(&primary, seed);
    // Half of it in bases, so that ranges come whole.
    rewrite(&primary);
    random_commands(&primary, seed.wrapping_add(1));
    let mut replica = replica_of(&primary);
    same(&primary, &replica);
    assert!(received(&replica) > 0, "no range came whole");
    random_commands(&primary, seed.wrapping_add(2));
    same(&primary, &replica);
    let mut client = primary.connect();
    client.say("SET last 1");
    assert_eq!(client.say("WAITAOF 1 1 10000"), "*[:1, :1]");
    let before = contents(&mut client);
    replica.node.kill();
    replica.node.start();
    assert_eq!(contents(&mut replica.connect()), before, "on the replica's own disk");
    same(&primary, &replica);
    assert_eq!(received(&replica), 0, "nothing was to be received again");
}

#[test]
fn ranges_are_received_while_writes_go_on_and_each_effect_counts_once() {
    let primary = primary();
    {
        // A slot of many keys, and a value that is longer than a frame of entries.
        let mut client = primary.connect();
        client.say(&format!("SET {{long}} {}", "x".repeat(3_000_000)));
        for first in 0..20 {
            let keys: String = (0..500)
                .map(|number| format!(" {{many}}{} {}", first * 500 + number, "v".repeat(100)))
                .collect();
            client.say(&format!("MSET{keys}"));
        }
    }
    rewrite(&primary);
    let stop = AtomicBool::new(false);
    let replica = thread::scope(|scope| {
        for writer in 0..4 {
            let (primary, stop) = (&primary, &stop);
            scope.spawn(move || {
                let mut client = primary.connect();
                let mut number = 0_u64;
                while !stop.load(Ordering::Relaxed) {
                    number += 1;
                    client.say(&format!("INCR counter:{writer}:{}", number % 997));
                    client.say(&format!("RPUSH {{many}}list {writer}:{number}"));
                    client.say(&format!("APPEND {{long}} {writer}"));
                }
            });
        }
        let replica = replica_of(&primary);
        wait::until("every range has come", || {
            replica.info("replication", "master_link_status") == "up"
                && replica.info("replication", "master_sync_in_progress") == "0"
        });
        stop.store(true, Ordering::Relaxed);
        replica
    });
    assert!(received(&replica) > 0);
    same(&primary, &replica);
}

#[test]
fn who_was_away_gets_what_it_missed_and_of_ranges_the_log_forgot_only_those() {
    let primary = primary();
    let mut replica = replica_of(&primary);
    random_commands(&primary, 1);
    same(&primary, &replica);
    replica.node.kill();
    random_commands(&primary, 2);
    replica.node.start();
    same(&primary, &replica);
    assert_eq!(received(&replica), 0, "the log leads there");
    replica.node.kill();
    // One range is written, and all are rewritten: what the others have is what the replica has.
    primary.connect().say("SET foo 1");
    rewrite(&primary);
    replica.node.start();
    same(&primary, &replica);
    assert_eq!(received(&replica), 1, "the log of one range does not lead there");
}

#[test]
fn a_dead_key_is_not_seen_on_a_replica_and_its_log_stays_that_of_its_primary() {
    let primary = primary();
    let replica = replica_of(&primary);
    let mut client = primary.connect();
    client.say("SET a 1");
    client.say("SET short 1 PX 400");
    assert_eq!(client.say("WAIT 1 10000"), ":1");
    // From here on the primary removes nothing.
    let process = primary.node.process().unwrap();
    process.pause();
    let offset = replica.info("replication", "slave_repl_offset");
    let mut reader = replica.connect();
    wait::until("the key has expired", || reader.say("GET short") == "$null");
    assert_eq!(reader.say("EXISTS short a"), ":1");
    assert_eq!(reader.say("TTL short"), ":-2");
    assert_eq!(
        replica.info("replication", "slave_repl_offset"),
        offset,
        "a replica writes nothing by itself"
    );
    process.resume();
    client.say("SET b 1");
    same(&primary, &replica);
}

#[test]
fn a_replica_takes_no_writes_and_tells_what_it_is() {
    let primary = primary();
    let replica = replica_of(&primary);
    let mut client = primary.connect();
    client.say("SET a 1");
    client.say("SET short 1 PX 50");
    assert_eq!(client.say("WAIT 1 10000"), ":1");
    let mut reader = replica.connect();
    assert_eq!(reader.say("GET a"), "$1");
    let refused = "-READONLY You can't write against a read only replica.";
    for write in ["SET a 2", "FLUSHALL", "BLPOP a 0", "MSET a 1 b 2", "GETDEL a"] {
        assert_eq!(reader.say(write), refused, "{write}");
    }
    reader.say("MULTI");
    assert_eq!(reader.say("SET a 3"), refused);
    assert_eq!(reader.say("EXEC"), "-EXECABORT Transaction discarded because of previous errors.");
    assert!(reader.say("WAIT 0 0").starts_with("-ERR WAIT cannot be used with replica instances."));
    wait::until("the key has expired", || reader.say("GET short") == "$null");
    same(&primary, &replica);
    let port = primary.node.port();
    let role = reader.say("ROLE");
    assert!(role.starts_with(&format!("*[$slave, $127.0.0.1, :{port}, $connected, :")), "{role}");
    let role = client.say("ROLE");
    assert!(role.contains(&format!("*[$127.0.0.1, ${}, ", replica.node.port())), "{role}");
    assert_eq!(primary.number("replication", "connected_slaves"), 1);
    assert!(primary.info("replication", "slave0").contains("state=online"));
    assert_eq!(primary.info("replication", "master_replid"), replica.info("replication", "master_replid"));
}

#[test]
fn wait_counts_replicas_that_hold_a_write_and_waitaof_those_that_have_it_on_disk() {
    let primary = primary();
    let replicas = [replica_of(&primary), replica_of(&primary)];
    replicas.iter().for_each(|replica| in_sync(&primary, replica));
    let mut client = primary.connect();
    client.say("SET a 1");
    assert_eq!(client.say("WAIT 2 10000"), ":2");
    client.say("SET a 2");
    assert_eq!(client.say("WAITAOF 1 2 10000"), "*[:1, :2]");
    // One that stands still is not counted: neither for what it has not got, nor for long.
    let stopped = replicas[0].node.process().unwrap();
    stopped.pause();
    client.say("SET a 3");
    assert_eq!(client.say("WAIT 2 2000"), ":1");
    assert_eq!(client.say("WAITAOF 1 2 2000"), "*[:1, :1]");
    stopped.resume();
    assert_eq!(client.say("WAIT 2 10000"), ":2");
    client.say("CONFIG SET min-replicas-to-write 3");
    assert_eq!(client.say("SET a 4"), "-NOREPLICAS Not enough good replicas to write.");
    client.say("CONFIG SET min-replicas-to-write 2");
    assert_eq!(client.say("SET a 4"), "+OK");
}

#[test]
fn a_promoted_replica_leads_and_the_old_primary_follows_it_with_what_both_have() {
    let old = primary();
    let new = replica_of(&old);
    random_commands(&old, 3);
    in_sync(&old, &new);
    assert_eq!(new.connect().say("REPLICAOF NO ONE"), "+OK");
    wait::until("it takes writes", || new.connect().say("SET on:new 1") == "+OK");
    // Both go on alone for a while: of what the old one wrote then nothing stays.
    for number in 0..100 {
        old.connect().say(&format!("SET lost:{number} 1"));
        new.connect().say(&format!("SET kept:{number} 1"));
    }
    let port = new.node.port();
    assert_eq!(old.connect().say(&format!("REPLICAOF 127.0.0.1 {port}")), "+OK");
    same(&new, &old);
    assert_eq!(old.connect().say("GET kept:7"), "$1");
    assert_eq!(old.connect().say("EXISTS lost:7"), ":0");
    assert!(received(&old) > 0, "ranges that both had written in are received");
    // And back again: now one is a prefix of the other.
    let before = received(&old);
    assert_eq!(old.connect().say("REPLICAOF NO ONE"), "+OK");
    wait::until("it takes writes", || old.connect().say("SET on:old 1") == "+OK");
    let port = old.node.port();
    new.connect().say(&format!("REPLICAOF 127.0.0.1 {port}"));
    same(&old, &new);
    assert_eq!((received(&old), received(&new)), (before, 0));
}

#[test]
fn a_primary_that_comes_back_empty_or_older_takes_nothing_from_its_replica() {
    let mut primary = primary();
    let replica = replica_of(&primary);
    primary.connect().say("SET precious 1");
    in_sync(&primary, &replica);
    let log = primary.node.dir().join("appendonlydir");
    primary.node.terminate();
    let older = primary.node.dir().join("older");
    fs::rename(&log, &older).unwrap();
    primary.node.start();
    let refused = |replica: &Server| {
        wait::until("the replica refuses", || {
            replica
                .info("replication", "master_link_trouble")
                .contains("the primary lacks what this replica holds")
        });
        assert_eq!(replica.connect().say("GET precious"), "$1");
    };
    refused(&replica);
    // With its old files it goes on where they end.
    primary.node.terminate();
    fs::remove_dir_all(&log).unwrap();
    fs::rename(&older, &log).unwrap();
    primary.node.start();
    same(&primary, &replica);
    // What was saved is kept even if the primary has lost the end of it and writes on.
    primary.node.terminate();
    let copy = primary.node.dir().join("copy");
    copy_all(&log, &copy);
    primary.node.start();
    primary.connect().say("SET precious 2");
    in_sync(&primary, &replica);
    primary.node.terminate();
    fs::remove_dir_all(&log).unwrap();
    fs::rename(&copy, &log).unwrap();
    primary.node.start();
    primary.connect().say(&format!("SET precious {}", "x".repeat(100)));
    wait::until("the replica refuses", || {
        replica
            .info("replication", "master_link_trouble")
            .contains("the primary lacks what this replica holds")
    });
    assert_eq!(replica.connect().say("GET precious"), "$2");
    // Whoever says so has it follow all the same.
    let port = primary.node.port();
    let mut client = replica.connect();
    client.say("REPLICAOF NO ONE");
    wait::until("it takes writes", || client.say("SET mine 1") == "+OK");
    client.say(&format!("REPLICAOF 127.0.0.1 {port}"));
    same(&primary, &replica);
}

fn copy_all(from: &std::path::Path, to: &std::path::Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let to = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            copy_all(&entry.path(), &to);
        } else {
            fs::copy(entry.path(), to).unwrap();
        }
    }
}

#[test]
fn a_full_replica_that_stops_in_the_middle_goes_on_with_what_is_missing() {
    let primary = primary();
    let mut client = primary.connect();
    for number in 0..20_000 {
        client.send(&["SET", &format!("key:{number}"), &"v".repeat(500)]);
    }
    for _ in 0..20_000 {
        client.read();
    }
    rewrite(&primary);
    let mut replica = replica_of(&primary);
    for _ in 0..5 {
        replica.node.kill();
        replica.node.start();
    }
    same(&primary, &replica);
}

#[test]
fn a_link_that_breaks_while_ranges_come_leaves_no_part_that_counts_as_the_whole() {
    let primary = primary();
    let mut client = primary.connect();
    for number in 0..40_000 {
        client.send(&["SET", &format!("key:{number}"), &"v".repeat(500)]);
    }
    for _ in 0..40_000 {
        client.read();
    }
    rewrite(&primary);
    let replica = replica_of(&primary);
    let mut broken = 0;
    // Each time some more, until one goes through.
    wait::until("the link was broken in the middle", || {
        let list = String::from_utf8(client.call(&["CLIENT", "LIST"]).text).unwrap();
        for line in list.lines().filter(|line| line.contains("cmd=replsync")) {
            let id = line.split(' ').next().unwrap().trim_start_matches("id=").to_owned();
            if replica.info("replication", "master_sync_in_progress") == "1" {
                assert_eq!(client.say(&format!("CLIENT KILL ID {id}")), ":1");
                broken += 1;
            }
        }
        broken >= 3 || replica.number("replication", "ranges_received") >= 12
    });
    println!("broken {broken} times");
    assert!(broken > 0);
    same(&primary, &replica);
}

#[test]
fn what_does_not_fit_is_refused_in_words() {
    let server = primary();
    let mut client = server.connect();
    let zeros = ["0"; 16].join(" ");
    for (line, answer) in [
        ("REPLICAOF 127.0.0.1 70000".to_owned(), "-ERR Invalid master port"),
        ("REPLICAOF 127.0.0.1 x".to_owned(), "-ERR Invalid master port"),
        ("REPLSYNC 1 x".to_owned(), "-ERR this node speaks version 7 of REPLSYNC"),
        ("REPLSYNC 7 x".to_owned(), "-ERR wrong number of arguments for 'replsync' command"),
    ] {
        assert_eq!(client.say(&line), answer, "{line}");
    }
    let words = |version: &str, port: &str, history: &str, ends: &str| {
        let words = ["REPLSYNC", version, port, history, ends, "-", "-", "-1", "0"];
        words.map(str::to_owned)
    };
    for (words, answer) in [
        (words("99", "1", "", &zeros), "-ERR this node speaks version 7 of REPLSYNC"),
        (words("7", "70000", "", &zeros), "-ERR invalid port"),
        (words("7", "1", "nonsense", &zeros), "-ERR invalid history of a log: wrong title"),
    ] {
        assert_eq!(format!("{:?}", client.call(&words)), answer);
    }
    // Neither do they work without a log.
    let without = Server::start(&[]);
    let port = server.node.port();
    assert_eq!(
        without.connect().say(&format!("REPLICAOF 127.0.0.1 {port}")),
        "-ERR a replica keeps a log: appendonly must be yes"
    );
    // One that nobody answers leaves the node a replica that says what is wrong.
    let lonely = primary();
    let nobody = shared::testing::ports::free_port();
    lonely.connect().say("SET kept 1");
    assert_eq!(lonely.connect().say(&format!("REPLICAOF 127.0.0.1 {nobody}")), "+OK");
    wait::until("it says what is wrong", || {
        lonely.info("replication", "master_link_trouble").contains("refused")
    });
    assert_eq!(lonely.connect().say("GET kept"), "$1");
    assert_eq!(lonely.connect().say("REPLICAOF NO ONE"), "+OK");
    wait::until("it takes writes", || lonely.connect().say("SET kept 2") == "+OK");
}

/// A frame of the link: kind, length, bytes.
fn frame(kind: u8, bytes: &[u8]) -> Vec<u8> {
    [&[kind][..], &(bytes.len() as u32).to_le_bytes(), bytes].concat()
}

#[test]
fn a_primary_that_talks_nonsense_changes_nothing() {
    let plan = |way: u8, history: &[u8]| frame(1, &[&[0; 128][..], &[way; 16], history].concat());
    let nonsense = [
        (b"-ERR go away\r\n".to_vec(), "the primary answered: ERR go away"),
        (b"+SYNC\r\n\x07\x00\x00\x00\x00".to_vec(), "no frame"),
        ([&b"+SYNC\r\n\x02"[..], &[0xff; 4]].concat(), "no frame"),
        ([&b"+SYNC\r\n"[..], &frame(2, b"\x00records")].concat(), "something before its plan"),
        ([&b"+SYNC\r\n"[..], &plan(1, b"no history")].concat(), "wrong title"),
        ([&b"+SYNC\r\n"[..], &plan(2, b"")].concat(), "no frame"),
        ([&b"+SYNC\r\n"[..], &plan(0, b"rustidocs history 1\ncrc 00000000\n")].concat(), "CRC is wrong"),
    ];
    let server = primary();
    let mut client = server.connect();
    client.say("SET kept 1");
    for (said, trouble) in nonsense {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        assert_eq!(client.say(&format!("REPLICAOF 127.0.0.1 {port}")), "+OK");
        let (mut link, _) = listener.accept().unwrap();
        std::io::Write::write_all(&mut link, &said).unwrap();
        wait::until("it says what is wrong", || {
            server.info("replication", "master_link_trouble").contains(trouble)
        });
        assert_eq!(client.say("GET kept"), "$1", "{trouble}");
        assert_eq!(client.say("REPLICAOF NO ONE"), "+OK");
        wait::until("it takes writes", || client.say("SET kept 1") == "+OK");
    }
}

/// A record of a range's log that begins at `offset`: it sets a key.
fn record(offset: u64, key: &str) -> Vec<u8> {
    let effect = format!("*3\r\n$3\r\nSET\r\n${}\r\n{key}\r\n$1\r\n1\r\n", key.len());
    let slot = Slot::of_key(key.as_bytes()).number().to_le_bytes();
    let payload = [&slot[..], &(effect.len() as u32).to_le_bytes(), effect.as_bytes()].concat();
    let (length, offset) = ((payload.len() as u32).to_le_bytes(), offset.to_le_bytes());
    let crc = crc32fast::hash(&[&length[..], &offset, &payload].concat());
    [&crc.to_le_bytes()[..], &length, &offset, &payload].concat()
}

#[test]
fn what_came_before_records_that_do_not_fit_is_in_the_log_and_among_the_keys() {
    let of_range = |range| {
        let keys = (0..).map(|at| format!("key:{at}"));
        keys.filter(move |key| Slot::of_key(key.as_bytes()).range() == range)
    };
    let (first, third) = of_range(0).zip(of_range(0).skip(1)).next().unwrap();
    let second = of_range(1).next().unwrap();
    let record_1 = record(0, &first);
    let record_3 = record(record_1.len() as u64, &third);
    let records = |range: u8, record: &[u8]| frame(2, &[&[range][..], record].concat());
    let history = format!("rustidocs history 1\ncrc {:08x}\n", crc32fast::hash(b"rustidocs history 1\n"));
    let said = [
        b"+SYNC\r\n".to_vec(),
        frame(1, &[&[0; 128][..], &[0; 16], history.as_bytes()].concat()),
        // In one write, so that all is there at once.
        records(0, &record_1),
        records(1, &record(0, &second)),
        records(0, &record_3),
        records(2, b"what is no record"),
        frame(6, &[1; 16]),
    ];
    let mut server = primary();
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    assert_eq!(server.connect().say(&format!("REPLICAOF 127.0.0.1 {port}")), "+OK");
    let (mut link, _) = listener.accept().unwrap();
    std::io::Write::write_all(&mut link, &said.concat()).unwrap();
    wait::until("it says what is wrong", || {
        server.info("replication", "master_link_trouble").contains("range 2")
    });
    drop((link, listener));
    let there = |server: &Server| {
        let mut client = server.connect();
        [&first, &second, &third].map(|key| client.say(&format!("GET {key}")))
    };
    assert_eq!(there(&server), ["$1", "$1", "$1"], "among the keys");
    assert_eq!(server.connect().say("REPLICAOF NO ONE"), "+OK");
    server.node.kill();
    server.node.start();
    assert_eq!(there(&server), ["$1", "$1", "$1"], "in the log");
}

#[test]
fn a_replica_that_talks_nonsense_is_hung_up_on_and_nobody_else_notices() {
    let primary = primary();
    let good = replica_of(&primary);
    in_sync(&primary, &good);
    let history = format!("rustidocs history 1\ncrc {:08x}\n", crc32fast::hash(b"rustidocs history 1\n"));
    let zeros = ["0"; 16].join(" ");
    let nonsense: [&[u8]; 4] =
        [b"PING\r\n", &[7, 0xff, 0xff, 0xff, 0xff], &frame(7, b"short"), &frame(9, &[0; 24])];
    for said in nonsense {
        let mut bad = primary.connect();
        assert_eq!(
            format!("{:?}", bad.call(&["REPLSYNC", "7", "1", &history, &zeros, "-", "-", "-1", "0"])),
            "+SYNC - 0"
        );
        wait::until("it is fed", || primary.number("replication", "connected_slaves") == 2);
        bad.send_bytes(said);
        wait::until("it is hung up on", || primary.number("replication", "connected_slaves") == 1);
    }
    primary.connect().say("SET a 1");
    same(&primary, &good);
}
