//! What is there after a node was killed, and what is refused when files are damaged.

use shared::rt::rng::random_u64;
use shared::slot::Slot;
use shared::testing::{Process, binary, wait};
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use crate::contents::contents;
use crate::raw::Raw;
use crate::server::Server;
use crate::templates::{Generator, collections, strings};

/// Random commands of each family before a kill.
const COMMANDS: usize = 6_000;

pub(crate) const SAVED: &str = "*[:1, :0]";

fn start() -> Server {
    Server::start(&["--appendonly", "yes"])
}

pub(crate) fn kill_and_start(server: &mut Server) -> Raw {
    server.node.kill();
    server.node.start();
    server.connect()
}

#[test]
fn every_kind_of_effect_comes_back_after_a_kill_also_through_a_rewritten_log() {
    let mut server = start();
    let seed = std::env::var("RECOVERY_SEED").map_or_else(|_| random_u64(), |seed| seed.parse().unwrap());
    println!("RECOVERY_SEED={seed}");
    let mut client = server.connect();
    for (round, templates) in
        [strings::TEMPLATES, collections::TEMPLATES, strings::TEMPLATES].into_iter().enumerate()
    {
        let mut generator = Generator::new(seed.wrapping_add(round as u64), templates);
        for number in 0..COMMANDS {
            let words = generator.command();
            if !words[0].eq_ignore_ascii_case(b"flushall") || number == COMMANDS / 2 {
                client.call(&words);
            }
        }
        if round == 1 {
            assert_eq!(client.say("BGREWRITEAOF"), "+Background append only file rewriting started");
            wait::until("the log is rewritten", || {
                server.info("persistence", "aof_rewrite_in_progress") == "0"
            });
        }
        assert_eq!(client.say("WAITAOF 1 0 0"), SAVED);
        let before = contents(&mut client);
        assert!(before.len() > 10, "{} keys", before.len());
        client = kill_and_start(&mut server);
        let after = contents(&mut client);
        for (key, value) in &before {
            assert_eq!(after.get(key), Some(value), "RECOVERY_SEED={seed} {}", key.escape_ascii());
        }
        assert_eq!(after.len(), before.len());
    }
}

#[test]
fn transactions_and_commands_over_several_slots_come_back() {
    let mut server = start();
    let mut client = server.connect();
    for line in [
        "MSET a 1 b 2 c 3",
        "MULTI",
        "SET d 4",
        "RPUSH l x y z",
        "LPOP l",
        "RENAME a e",
        "EXEC",
        "SUNIONSTORE union nosuch",
        "SADD s1 a b",
        "SADD s2 b c",
        "SINTERSTORE inter s1 s2",
        "SMOVE s1 s2 a",
        "COPY b f",
        "PEXPIRE f 100000000",
        "RENAME f g",
        "MSETNX new1 x new2 y",
        "DEL c nosuch",
    ] {
        client.say(line);
    }
    assert_eq!(client.say("WAITAOF 1 0 0"), SAVED);
    let before = contents(&mut client);
    assert_eq!(before.len(), 10);
    let mut client = kill_and_start(&mut server);
    assert_eq!(contents(&mut client), before);
    assert_eq!(client.say("FLUSHALL"), "+OK");
    client.say("SET after 1");
    assert_eq!(client.say("WAITAOF 1 0 0"), SAVED);
    let mut client = kill_and_start(&mut server);
    assert_eq!(client.say("KEYS *"), "*[$after]");
}

#[test]
fn deadlines_hold_over_a_kill() {
    let mut server = start();
    let mut client = server.connect();
    client.say("SET far v EX 5000");
    client.say("SET near v PX 400");
    client.say("RPUSH list x");
    client.say("PEXPIRE list 400");
    client.say("SET gone v PX 1");
    client.say("SET kept v PX 400");
    client.say("PERSIST kept");
    client.say("SET again v PX 400");
    client.say("SET again v2 KEEPTTL");
    let far = client.say("PEXPIRETIME far");
    wait::until("it has expired", || client.say("EXISTS gone") == ":0");
    assert_eq!(client.say("WAITAOF 1 0 0"), SAVED);
    let mut client = kill_and_start(&mut server);
    assert_eq!(client.say("PEXPIRETIME far"), far);
    assert_eq!(client.say("TTL kept"), ":-1");
    wait::until("the others expire", || client.say("EXISTS near list again gone") == ":0");
    wait::until("and are given back", || client.say("DBSIZE") == ":2");
    let mut client = kill_and_start(&mut server);
    // Nobody wrote their removal, so the kill may have come before it was in the log: then they expire again.
    wait::until("they stay away", || client.say("DBSIZE") == ":2");
}

#[test]
fn with_appendfsync_always_every_answered_write_survives_sigkill() {
    let mut server = Server::start(&["--appendonly", "yes", "--appendfsync", "always"]);
    let mut answered = [0_u64; 3];
    for _ in 0..4 {
        let killed = AtomicBool::new(false);
        let port = server.node.port();
        thread::scope(|scope| {
            let writers: Vec<_> = answered
                .iter()
                .enumerate()
                .map(|(writer, first)| {
                    let (first, killed) = (*first, &killed);
                    scope.spawn(move || write_until_it_ends(port, writer, first, killed))
                })
                .collect();
            let mut client = server.connect();
            let enough: u64 = answered.iter().sum::<u64>() + 60;
            wait::until("something is written", || {
                let count = (0..3)
                    .map(|writer| client.say(&format!("LLEN {{{writer}}}l"))[1..].parse::<u64>().unwrap());
                count.sum::<u64>() > enough
            });
            server.node.kill();
            killed.store(true, Ordering::Release);
            for (slot, writer) in answered.iter_mut().zip(writers) {
                *slot = writer.join().unwrap();
            }
        });
        server.node.start();
        let mut client = server.connect();
        for (writer, answered) in answered.iter_mut().enumerate() {
            let len: u64 = client.say(&format!("LLEN {{{writer}}}l"))[1..].parse().unwrap();
            // The last one may have been written and not answered.
            assert!(len == *answered || len == *answered + 1, "{answered} were answered, {len} are there");
            *answered = len;
            assert_eq!(client.say(&format!("GET {{{writer}}}k")), format!("${}", len - 1));
        }
    }
}

/// Writes numbers one after another; how many were answered in all.
fn write_until_it_ends(port: u16, writer: usize, first: u64, killed: &AtomicBool) -> u64 {
    let mut client = Raw::connect(port, false);
    for number in first.. {
        client.send_bytes(b"MULTI\r\n");
        client.send_bytes(
            format!("RPUSH {{{writer}}}l {number}\r\nSET {{{writer}}}k {number}\r\nEXEC\r\n").as_bytes(),
        );
        let answers: Option<Vec<_>> = (0..4).map(|_| client.try_read()).collect();
        match answers {
            Some(answers) => assert_eq!(answers[3].items.len(), 2, "{answers:?}"),
            None => {
                wait::until("it was killed", || killed.load(Ordering::Acquire));
                return number;
            }
        }
    }
    unreachable!("numbers do not end")
}

/// The file of a range's log that holds a key.
pub(crate) fn log_of(server: &Server, key: &str) -> PathBuf {
    let range = Slot::of_key(key.as_bytes()).range();
    let folder = server.node.dir().join(format!("appendonlydir/range-{range:02}"));
    let logs = fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().path());
    logs.filter(|path| path.file_name().is_some_and(|name| name.to_string_lossy().starts_with("log.")))
        .max()
        .unwrap()
}

/// Starts the node on its files again and expects that it ends by itself: what it said.
fn refused(server: &Server) -> String {
    refused_with(server, &["--appendonly", "yes"])
}

fn refused_with(server: &Server, options: &[&str]) -> String {
    let dir = server.node.dir();
    let log = dir.join("refused");
    let dir = dir.display().to_string();
    let args = [&["--port", "0", "--bind", "127.0.0.1", "--dir", &dir], options].concat();
    let mut process = Process::spawn(&binary::ours(binary::NODE), &args, &log);
    assert!(!process.wait().success());
    process.log()
}

/// A node that was killed after records went to the log of `{t}` one by one; its journal could mend that.
fn with_records() -> (Server, PathBuf) {
    let mut server = start();
    let mut client = server.connect();
    for number in 0..20 {
        client.say(&format!("SET {{t}}{number} value-{number}-of-twenty"));
        assert_eq!(client.say("WAITAOF 1 0 0"), SAVED);
    }
    let log = log_of(&server, "{t}0");
    server.node.kill();
    (server, log)
}

fn place_of(bytes: &[u8], text: &str) -> usize {
    bytes.windows(text.len()).position(|window| window == text.as_bytes()).unwrap()
}

#[test]
fn damage_in_the_middle_is_refused_with_the_file_and_the_place() {
    let (mut server, log) = with_records();
    let whole = fs::read(&log).unwrap();
    let mut damaged = whole.clone();
    let at = place_of(&whole, "value-9-of-twenty");
    damaged[at] ^= 1;
    fs::write(&log, &damaged).unwrap();
    let said = refused(&server);
    assert!(said.contains(&format!("{}: damaged at byte ", log.display())), "{said}");
    let place: usize =
        said.split("damaged at byte ").nth(1).unwrap().split(':').next().unwrap().parse().unwrap();
    let before = place_of(&whole, "value-8-of-twenty");
    assert!(place > before && place <= at, "the record of the byte {at} begins at {place}?");
    // Nothing was changed by looking: with the right bytes everything is there.
    fs::write(&log, &whole).unwrap();
    server.node.start();
    assert_eq!(server.connect().say("DBSIZE"), ":20");
}

/// As the power may leave it where nobody has waited for the disk.
fn without_journal(server: &Server) {
    fs::remove_file(server.node.dir().join("appendonlydir/journal")).unwrap();
}

#[test]
fn what_the_power_took_from_a_log_is_in_the_journal() {
    let none: fn(&[u8]) -> Vec<u8> = |_| Vec::new();
    let before_the_last = |whole: &[u8]| whole[..place_of(whole, "value-19-of-twenty")].to_vec();
    let and_zeros = |whole: &[u8]| [&whole[..place_of(whole, "value-9-of-twenty")], &[0; 7]].concat();
    for left in [none, before_the_last, and_zeros] {
        let (mut server, log) = with_records();
        let whole = fs::read(&log).unwrap();
        fs::write(&log, left(&whole)).unwrap();
        server.node.start();
        assert_eq!(server.connect().say("DBSIZE"), ":20");
        assert_eq!(fs::read(&log).unwrap(), whole);
        assert!(!server.node.dir().join("appendonlydir/journal").exists(), "it is in the logs now");
    }
}

#[test]
fn a_torn_end_is_cut_off_and_told() {
    let (mut server, log) = with_records();
    without_journal(&server);
    let whole = fs::read(&log).unwrap();
    // A record of which only a part reached the disk.
    let last = place_of(&whole, "value-19-of-twenty");
    fs::write(&log, &whole[..last + 5]).unwrap();
    server.node.start();
    let said = server.node.process().unwrap().log();
    assert!(said.contains("torn") && said.contains(&log.display().to_string()), "{said}");
    let mut client = server.connect();
    assert_eq!(client.say("DBSIZE"), ":19");
    client.say("SET {t}more v");
    assert_eq!(client.say("WAITAOF 1 0 0"), SAVED);
    let mut client = kill_and_start(&mut server);
    assert_eq!(client.say("DBSIZE"), ":20");
}

#[test]
fn a_foreign_file_in_the_place_of_a_log_is_refused_and_left_as_it_is() {
    let (mut server, log) = with_records();
    let whole = fs::read(&log).unwrap();
    let letter = b"This is fifty-five bytes of a letter to somebody else.\n";
    for foreign in [&letter[..], &[&whole[..], letter].concat()] {
        fs::write(&log, foreign).unwrap();
        let at = foreign.len() - letter.len();
        let said = refused(&server);
        assert!(said.contains(&format!("{}: damaged at byte {at}: ", log.display())), "{said}");
        assert_eq!(fs::read(&log).unwrap(), foreign);
    }
    fs::write(&log, &whole).unwrap();
    server.node.start();
    assert_eq!(server.connect().say("DBSIZE"), ":20");
    // Once started, the node knows how much there was: nothing at all is missed too.
    server.node.kill();
    fs::write(&log, b"").unwrap();
    let said = refused(&server);
    assert!(said.contains(&log.display().to_string()) && said.contains("durable up to"), "{said}");
}

#[test]
fn a_missing_file_and_a_damaged_header_are_refused_by_name() {
    let (server, log) = with_records();
    let whole = fs::read(&log).unwrap();
    fs::remove_file(&log).unwrap();
    assert!(refused(&server).contains(&log.display().to_string()));
    let mut header = whole.clone();
    header[9] ^= 1;
    fs::write(&log, header).unwrap();
    let said = refused(&server);
    assert!(said.contains(&log.display().to_string()) && !said.contains("panicked"), "{said}");
    fs::write(&log, whole).unwrap();
    let manifest = log.with_file_name("manifest");
    fs::write(&manifest, "rustidocs range manifest 1\nrange 99\n").unwrap();
    assert!(refused(&server).contains(&manifest.display().to_string()));
}

#[test]
fn two_processes_do_not_share_a_folder() {
    let server = start();
    server.connect().say("SET k v");
    assert!(refused(&server).contains("in use by another process"));
    assert_eq!(server.connect().say("GET k"), "$v");
}

#[test]
fn two_processes_are_not_one_node_of_a_cluster() {
    for appendonly in ["yes", "no"] {
        let options = ["--cluster-enabled", "yes", "--appendonly", appendonly];
        let server = Server::start(&options);
        let nodes_conf = server.node.dir().join("nodes.conf");
        // What the node has still to write by itself is written.
        assert_eq!(server.connect().say("CLUSTER SAVECONFIG"), "+OK");
        let before = fs::read(&nodes_conf).unwrap();
        // Ports of its own: the system would not choose one that leaves room for a bus.
        let port = server.node.port().to_string();
        let other = Server::start(&["--cluster-enabled", "no"]);
        let free = other.node.port().to_string();
        drop(other);
        assert_ne!(port, free);
        let said = refused_with(&server, &[&options[..], &["--port", &free]].concat());
        assert!(said.contains("nodes.conf is already used by a different cluster node"), "{said}");
        assert_eq!(fs::read(&nodes_conf).unwrap(), before);
        assert_eq!(server.connect().say("PING"), "+PONG");
    }
}

#[test]
fn a_torn_end_is_not_cut_off_where_that_is_not_wished() {
    let (server, log) = with_records();
    without_journal(&server);
    let whole = fs::read(&log).unwrap();
    let torn = &whole[..whole.len() - 3];
    fs::write(&log, torn).unwrap();
    let said = refused_with(&server, &["--appendonly", "yes", "--aof-load-truncated", "no"]);
    assert!(said.contains(&log.display().to_string()) && said.contains("not to be cut"), "{said}");
    assert_eq!(fs::read(&log).unwrap(), torn);
}

#[test]
fn sigterm_and_shutdown_write_everything_and_end_in_order() {
    let mut server = Server::start(&["--appendonly", "yes", "--appendfsync", "no", "--pidfile", "node.pid"]);
    let pidfile = server.node.dir().join("node.pid");
    for (round, by_command) in [false, true].into_iter().enumerate() {
        assert!(pidfile.exists());
        let mut client = server.connect();
        let mut waiting = server.connect();
        waiting.send_line("BLPOP nothing 0");
        wait::until("one waits", || server.number("clients", "blocked_clients") == 1);
        for number in 0..2_000 {
            client.send_line(&format!("SET {round}-{number} v"));
        }
        (0..2_000).for_each(|_| drop(client.read()));
        if by_command {
            client.send_line("SHUTDOWN");
        }
        server.node.terminate();
        assert!(client.try_read().is_none() && waiting.try_read().is_none());
        let log = fs::read_to_string(server.node.log_path()).unwrap();
        assert!(log.contains("bye bye...") && !log.contains("panicked"), "{log}");
        assert!(!Path::new(&pidfile).exists());
        server.node.start();
        assert_eq!(server.connect().say("DBSIZE"), format!(":{}", 2_000 * (round + 1)));
    }
}

#[test]
fn what_a_waiting_client_was_served_is_gone_after_a_kill_too() {
    let mut server = start();
    let (mut client, mut waiting) = (server.connect(), server.connect());
    waiting.send_line("BLPOP l 0");
    wait::until("it waits", || client.say("INFO clients").contains("blocked_clients:1"));
    assert_eq!(client.say("RPUSH l a b"), ":2");
    assert_eq!(format!("{:?}", waiting.read()), "*[$l, $a]");
    waiting.send_line("BLMOVE other moved LEFT LEFT 0");
    wait::until("it waits", || client.say("INFO clients").contains("blocked_clients:1"));
    assert_eq!(client.say("RPUSH other c"), ":1");
    assert_eq!(format!("{:?}", waiting.read()), "$c");
    assert_eq!(client.say("WAITAOF 1 0 0"), SAVED);
    let mut client = kill_and_start(&mut server);
    assert_eq!(client.say("LRANGE l 0 -1"), "*[$b]");
    assert_eq!(client.say("EXISTS other"), ":0");
    assert_eq!(client.say("LRANGE moved 0 -1"), "*[$c]");
}
