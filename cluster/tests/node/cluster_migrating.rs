//! Slots go to another node as a stream: nobody gets an error, and nothing is lost, whatever is killed meanwhile.

use std::collections::BTreeMap;
use std::io::{self, Read as _};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::process::Command;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

use shared::slot::Slot;
use shared::testing::cluster::Cluster;
use shared::testing::node::{Node, Program};
use shared::testing::process::Process;
use shared::testing::{binary, wait};

use crate::contents::contents;
use crate::raw::{Frame, Raw};

fn raw(node: &Node) -> Raw {
    Raw::connect(node.port(), false)
}

fn id(node: &Node) -> String {
    String::from_utf8(raw(node).call(&["CLUSTER", "MYID"]).text).unwrap()
}

/// Hash tags of slots in these bounds.
fn tags(first: u16, last: u16, count: usize) -> Vec<String> {
    let tags = (0..).map(|number| format!("{{t{number}}}"));
    let of = |tag: &String| Slot::of_key(tag.as_bytes()).number();
    tags.filter(|tag| (first..=last).contains(&of(tag))).take(count).collect()
}

/// The last migration as a node shows it.
fn last(node: &Node) -> BTreeMap<String, String> {
    let all = raw(node).call(&["CLUSTER", "GETSLOTMIGRATIONS"]).items;
    let text = |frame: &Frame| String::from_utf8(frame.text.clone()).unwrap();
    let pairs = |job: &Frame| job.items.chunks(2).map(|pair| (text(&pair[0]), text(&pair[1]))).collect();
    all.last().map(pairs).unwrap_or_default()
}

fn state(node: &Node) -> String {
    last(node).remove("state").unwrap_or_default()
}

fn migrate(from: &Node, range: &str, to: &Node) {
    migrate_to(from, range, &id(to));
}

fn migrate_to(from: &Node, range: &str, to: &str) {
    assert_eq!(raw(from).say(&format!("CLUSTER MIGRATESLOTS SLOTSRANGE {range} NODE {to}")), "+OK");
}

/// A client that is sent from node to node, and counts up in transactions: each answer is the next number.
struct Counter<'c> {
    cluster: &'c Cluster,
    client: Raw,
    slowest: Duration,
}

impl<'c> Counter<'c> {
    fn new(cluster: &'c Cluster, node: usize) -> Counter<'c> {
        Counter { cluster, client: raw(cluster.node(node)), slowest: Duration::ZERO }
    }

    /// Counts a key up, and a list beside it; the new number.
    fn count(&mut self, tag: &str, in_transaction: bool) -> String {
        loop {
            let began = Instant::now();
            let answer = if in_transaction {
                let lines =
                    ["MULTI".into(), format!("INCR {tag}"), format!("RPUSH {tag}:list x"), "EXEC".into()];
                lines.iter().map(|line: &String| self.client.say(line)).collect::<Vec<_>>().join(" ")
            } else {
                self.client.say(&format!("INCR {tag}"))
            };
            self.slowest = self.slowest.max(began.elapsed());
            match answer.split_once("-MOVED ") {
                None => return answer,
                Some((_, to)) => {
                    let address = to.split_whitespace().nth(1).unwrap();
                    let node = self.cluster.nodes().iter().find(|node| node.address() == address);
                    self.client = raw(node.expect("a node of the cluster"));
                }
            }
        }
    }
}

#[test]
fn slots_move_under_writes_without_an_error_or_a_loss() {
    let cluster = Cluster::ours(2, 1);
    let tags = tags(0, 4_095, 40);
    let stop = AtomicBool::new(false);
    let (counted, slowest) = std::thread::scope(|scope| {
        let writers = [false, true].map(|in_transaction| {
            let (cluster, stop) = (&cluster, &stop);
            let tags: Vec<String> = tags.iter().map(|tag| format!("{tag}{in_transaction}")).collect();
            scope.spawn(move || {
                let (mut counter, mut counted) = (Counter::new(cluster, 0), 0_u64);
                while !stop.load(Ordering::Relaxed) {
                    counted += 1;
                    for tag in &tags {
                        let wanted = match in_transaction {
                            false => format!(":{counted}"),
                            true => format!("+OK +QUEUED +QUEUED *[:{counted}, :{counted}]"),
                        };
                        assert_eq!(counter.count(tag, in_transaction), wanted);
                    }
                }
                (counted, counter.slowest)
            })
        });
        // There and back, with the writers after it.
        for (from, to) in [(0, 1), (1, 0), (0, 1)] {
            migrate(cluster.node(from), "0 4095", cluster.node(to));
            wait::until("the slots have moved", || state(cluster.node(from)) == "success");
            wait::until("both say so", || state(cluster.node(to)) == "success");
            let before = raw(cluster.node(to)).say(&format!("GET {}false", tags[0]));
            wait::until("writes go on", || {
                raw(cluster.node(to)).say(&format!("GET {}false", tags[0])) != before
            });
        }
        stop.store(true, Ordering::Relaxed);
        let ended = writers.map(|writer| writer.join().unwrap());
        (ended.map(|(counted, _)| counted), ended.map(|(_, slowest)| slowest))
    });
    println!("counted {counted:?}, slowest {slowest:?}");
    let mut client = raw(cluster.node(1));
    for tag in &tags {
        for (in_transaction, counted) in [false, true].into_iter().zip(counted) {
            assert_eq!(client.say(&format!("GET {tag}{in_transaction}")), format!("${counted}"));
        }
        assert_eq!(client.say(&format!("LLEN {tag}true:list")), format!(":{}", counted[1]));
    }
    wait::until("nothing stays where they were", || raw(cluster.node(0)).say("DBSIZE") == ":0");
    for (primary, replica) in [(0, 2), (1, 3)] {
        let (mut reader, mut writer) = (raw(cluster.node(replica)), raw(cluster.node(primary)));
        assert_eq!(reader.say("READONLY"), "+OK");
        wait::until("the replica has as much", || reader.say("DBSIZE") == writer.say("DBSIZE"));
        wait::until("it knows whose the slots are", || {
            let moved = reader.say(&format!("GET {}false", tags[0])).starts_with("-MOVED");
            moved == (primary == 0)
        });
        wait::until("it is the same", || contents(&mut reader) == contents(&mut writer));
    }
    cluster.wait_ok();
}

#[test]
fn every_type_moves_as_it_is_with_its_deadline() {
    let cluster = Cluster::ours(2, 0);
    let (from, to) = (cluster.node(0), cluster.node(1));
    let mut client = raw(from);
    let keys: Vec<String> =
        tags(100, 2_000, 200).iter().enumerate().map(|(number, tag)| format!("{tag}:{number}")).collect();
    for key in &keys {
        for line in [
            format!("SET {key}:s {key} PX 10000000"),
            format!("HSET {key}:h a {key} b 2"),
            format!("RPUSH {key}:l 1 2 {key}"),
            format!("SADD {key}:set x {key}"),
            format!("ZADD {key}:z 1.5 x 7 y"),
            format!("XADD {key}:x 5-1 f v"),
        ] {
            assert!(!client.say(&line).starts_with('-'), "{line}");
        }
    }
    assert_eq!(client.call(&["SET", &keys[0], &"long".repeat(300_000)]).text, b"OK");
    let before = contents(&mut client);
    for key in &keys {
        assert_eq!(client.say(&format!("SET {key}:soon 1 PX 500")), "+OK");
    }
    migrate(from, "100 2000", to);
    wait::until("the slots have moved", || state(from) == "success");
    wait::until("what is due goes off there", || raw(to).say("DBSIZE") == format!(":{}", before.len()));
    assert_eq!(contents(&mut raw(to)), before);
    // And over a restart.
    let mut cluster = cluster;
    cluster.node_mut(1).kill();
    cluster.node_mut(1).start();
    cluster.wait_ok();
    assert_eq!(contents(&mut raw(cluster.node(1))), before);
}

#[test]
fn who_listens_to_a_channel_of_a_slot_that_moves_is_told_and_who_waits_for_a_key_is_sent_after_it() {
    let cluster = Cluster::ours(2, 0);
    let (from, to) = (cluster.node(0), cluster.node(1));
    let tag = &tags(0, 1_000, 1)[0];
    let (mut listener, mut waiter) = (raw(from), raw(from));
    listener.say(&format!("SSUBSCRIBE {tag}"));
    waiter.send_line(&format!("BLPOP {tag}:queue 0"));
    migrate(from, "0 1000", to);
    let slot = Slot::of_key(tag.as_bytes());
    assert_eq!(format!("{:?}", listener.read()), format!("*[$sunsubscribe, ${tag}, :0]"));
    assert_eq!(format!("{:?}", waiter.read()), format!("-MOVED {slot} {}", to.address()));
    assert_eq!(raw(from).say(&format!("SPUBLISH {tag} x")), format!("-MOVED {slot} {}", to.address()));
}

#[test]
fn a_migration_that_is_cancelled_leaves_everything_where_it_was() {
    let cluster = Cluster::ours(2, 0);
    let (from, to) = (cluster.node(0), cluster.node(1));
    let tag = &tags(0, 1_000, 1)[0];
    raw(from).say(&format!("SET {tag} here"));
    // The target does not answer, so that there is something to cancel.
    let target = id(to);
    to.process().unwrap().pause();
    migrate_to(from, "0 1000", &target);
    migrate_to(from, "2000 2001", &target);
    wait::until("it is under way", || raw(from).say("CLUSTER GETSLOTMIGRATIONS").contains("connecting"));
    let again = format!("CLUSTER MIGRATESLOTS SLOTSRANGE 500 500 NODE {}", "0".repeat(40));
    assert_eq!(raw(from).say(&again), format!("-ERR Unknown node {}", "0".repeat(40)));
    assert_eq!(raw(from).say("CLUSTER CANCELSLOTMIGRATIONS"), "+OK");
    wait::until("it is cancelled", || {
        raw(from).say("CLUSTER GETSLOTMIGRATIONS").matches("$cancelled").count() == 2
    });
    to.process().unwrap().resume();
    cluster.wait_ok();
    assert_eq!(raw(from).say(&format!("GET {tag}")), "$here");
    wait::until("nothing of it is left there", || raw(to).say("DBSIZE") == ":0");
    migrate(from, "0 1000", to);
    wait::until("it can be done anew", || state(from) == "success");
    assert_eq!(raw(to).say(&format!("GET {tag}")), "$here");
}

/// Takes one connection to a node, and forwards what it says, and of what is said to it only so many bytes. It ends with the sender.
fn narrow(node: &Node, bytes: u64) -> (u16, mpsc::Sender<()>) {
    let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let (port, to) = (listener.local_addr().unwrap().port(), node.port());
    let (sender, ended) = mpsc::channel();
    thread::spawn(move || {
        let (source, _) = listener.accept().unwrap();
        let mut target = TcpStream::connect(("127.0.0.1", to)).unwrap();
        let mut back = (target.try_clone().unwrap(), source.try_clone().unwrap());
        thread::spawn(move || io::copy(&mut back.0, &mut back.1));
        let mut forth = source.take(bytes);
        let _copied = io::copy(&mut forth, &mut target);
        let _over = ended.recv();
        let _hung_up = target.shutdown(Shutdown::Both);
    });
    (port, sender)
}

#[test]
fn a_migration_tells_how_far_it_is_and_is_cancelled_in_the_middle() {
    const KEYS: usize = 400;
    let cluster = Cluster::ours(2, 0);
    let (from, to) = (cluster.node(0), cluster.node(1));
    // More than the sockets hold.
    let (tags, value) = (tags(0, 1_000, KEYS), "x".repeat(64 * 1024));
    let mut client = raw(from);
    for tag in &tags {
        assert_eq!(client.call(&["SET", tag, &value]).text, b"OK");
    }
    let is_at = |port: u16| {
        assert_eq!(raw(to).say(&format!("CONFIG SET cluster-announce-port {port}")), "+OK");
        let place = format!(" 127.0.0.1:{port}@");
        wait::until("it is known where it is", || raw(from).say("CLUSTER NODES").contains(&place));
    };
    let (port, proxy) = narrow(to, 1 << 20);
    is_at(port);
    migrate(from, "0 1000", to);
    let sent = |told: &BTreeMap<String, String>| told["slots_sent"].parse::<u64>().unwrap();
    wait::until("something is there", || raw(to).say("DBSIZE") != ":0" && sent(&last(from)) > 0);
    let told = last(from);
    let names =
        ["operation", "slot_ranges", "source_node", "target_node", "state"].map(|name| told[name].as_str());
    assert_eq!(names, ["EXPORT", "0-1000", &id(from), &id(to), "snapshotting"]);
    assert!(sent(&told) < 1_001, "{told:?}");
    assert_eq!(raw(from).say("CLUSTER CANCELSLOTMIGRATIONS"), "+OK");
    wait::until("it is cancelled", || state(from) == "cancelled");
    drop(proxy);
    is_at(to.port());
    wait::until("nothing of it is left there", || raw(to).say("DBSIZE") == ":0");
    for tag in &tags {
        assert_eq!(client.call(&["STRLEN", tag]).text, value.len().to_string().as_bytes());
    }
    migrate(from, "0 1000", to);
    wait::until("it can be done anew", || state(from) == "success");
    assert_eq!(last(from)["slots_sent"], "1001");
    assert_eq!(raw(to).say("DBSIZE"), format!(":{KEYS}"));
    wait::until("nothing of it is left here", || raw(from).say("DBSIZE") == ":0");
}

#[test]
fn what_cannot_move_is_refused_and_changes_nothing() {
    let cluster = Cluster::ours(2, 1);
    let ids: Vec<String> = cluster.nodes().iter().map(id).collect();
    let before = raw(cluster.node(0)).say("CLUSTER SLOTS");
    let refused = |line: &str| {
        let line = line.replace("ID1", &ids[1]).replace("ID0", &ids[0]).replace("ID2", &ids[2]);
        raw(cluster.node(0)).say(&format!("CLUSTER MIGRATESLOTS {line}"))
    };
    assert_eq!(refused("SLOTSRANGE 0 9000 NODE ID1"), "-ERR I'm not the owner of hash slot 8192");
    assert_eq!(refused("SLOTSRANGE 0 5 NODE ID0"), "-ERR Target node is not a master");
    assert_eq!(refused("SLOTSRANGE 0 5 NODE ID2"), "-ERR Target node is not a master");
    assert_eq!(
        refused("SLOTSRANGE 5 0 NODE ID1"),
        "-ERR start slot number 5 is greater than end slot number 0"
    );
    assert_eq!(refused("SLOTSRANGE 0 16384 NODE ID1"), "-ERR Invalid or out of range slot");
    assert_eq!(refused("SLOTSRANGE 0 5 5 6 NODE ID1"), "-ERR Slot 5 specified multiple times");
    assert_eq!(
        refused("SLOTSRANGE 0 5 NODE"),
        "-ERR wrong number of arguments for 'cluster|migrateslots' command"
    );
    assert_eq!(refused("SLOTSRANGE 0 5 6 NODE ID1"), "-ERR Invalid or out of range slot");
    assert_eq!(refused("SLOTSRANGE 0 5 NODE ID1 SLOTSRANGE 7"), "-ERR syntax error");
    let replica = format!("CLUSTER MIGRATESLOTS SLOTSRANGE 0 5 NODE {}", ids[1]);
    assert_eq!(raw(cluster.node(2)).say(&replica), "-ERR You can use SETSLOT only with masters.");
    // Offers of strangers, of what they do not have, in versions that nobody speaks.
    let offer = |line: &str| raw(cluster.node(1)).say(&format!("SLOTSYNC {line}"));
    let name = "1".repeat(40);
    assert_eq!(offer(&format!("9 {name} {} 0-5", ids[0])), "-ERR this node speaks version 1 of SLOTSYNC");
    assert_eq!(offer(&format!("1 {name} {name} 0-5")), format!("-ERR Unknown node {name}"));
    let not_theirs = "-ERR Hash slot 9000 is not served by the node it comes from";
    assert_eq!(offer(&format!("1 {name} {} 9000", ids[0])), not_theirs);
    assert_eq!(
        offer(&format!("1 {name} {} 0-16384", ids[0])),
        "-ERR slots are ranges of numbers with commas between"
    );
    assert_eq!(raw(cluster.node(0)).say("CLUSTER SLOTS"), before);
    assert_eq!(raw(cluster.node(0)).say("CLUSTER GETSLOTMIGRATIONS"), "*[]");
    let alone = crate::server::Server::start(&[]);
    assert!(alone.connect().say("CLUSTER GETSLOTMIGRATIONS").starts_with("-ERR This instance has cluster"));
    let plain = Cluster::with_options(Program::Ours, 1, 0, &["--appendonly", "no"]);
    let answer = raw(plain.node(0)).say(&format!("CLUSTER MIGRATESLOTS SLOTSRANGE 0 5 NODE {name}"));
    assert_eq!(answer, "-ERR slots move by the log: appendonly must be yes");
}

/// Runs `rustidocs-node rebalance` to its end: whether it succeeded, and what it said.
fn rebalance(cluster: &Cluster, more: &[&str]) -> (bool, String) {
    let args = ["rebalance", "--cluster", &cluster.node(0).address()];
    let output = Command::new(binary::ours(binary::NODE)).args(args).args(more).output().unwrap();
    let said = [output.stdout, output.stderr].concat();
    (output.status.success(), String::from_utf8(said).unwrap())
}

/// How many slots each node owns, as the first one says.
fn owned(cluster: &Cluster) -> Vec<i64> {
    let slots = cluster.node(0).wire().call(&["CLUSTER", "SLOTS"]).into_elements().unwrap();
    let of = |node: &Node| {
        let mine = slots.iter().filter_map(|range| match range.elements()? {
            [from, to, owner, ..] if owner.elements()?[1].as_int() == Some(i64::from(node.port())) => {
                Some(to.as_int()? - from.as_int()? + 1)
            }
            _ => None,
        });
        mine.sum()
    };
    cluster.nodes().iter().map(of).collect()
}

#[test]
fn one_command_adds_a_node_spreads_the_slots_and_drains_one_that_leaves() {
    let mut cluster = Cluster::ours(3, 0);
    let keys: Vec<String> = (0..300).map(|number| format!("key:{number}")).collect();
    for key in &keys {
        let owner = cluster.node(cluster.owner_of(key));
        assert_eq!(raw(owner).call(&["SET", key, key]).text, b"OK");
    }
    assert_eq!(
        rebalance(&cluster, &[]),
        (true, "3 primaries, every slot is where it belongs: nothing moves\n".into())
    );
    let new = cluster.add_stranger(Program::Ours);
    let address = cluster.node(new).address();
    let (planned, said) = rebalance(&cluster, &["--add", &address, "--plan"]);
    assert!(planned && said.contains("4 primaries, 4096 of 16384 slots move:"), "{said}");
    assert_eq!(owned(&cluster)[new], 0, "only planned");
    let (moved, said) = rebalance(&cluster, &["--add", &address]);
    assert!(moved && said.ends_with("4096 slots have moved\n"), "{said}");
    let bar: Vec<&str> = said.lines().filter(|line| line.contains(" % ")).collect();
    assert!(bar.len() >= 3 && bar.iter().all(|line| line.contains(" of 4096 slots  127.0.0.1:")), "{said}");
    assert!(bar.last().is_some_and(|line| line.starts_with("100 %  4096 of")), "{said}");
    assert_eq!(owned(&cluster), [4_096; 4]);
    let (drained, said) = rebalance(&cluster, &["--drain", &cluster.node(1).address()]);
    let leaves = format!("{} owns no slot any more and can leave: CLUSTER FORGET", cluster.node(1).address());
    assert!(drained && said.contains(&leaves), "{said}");
    let mut slots = owned(&cluster);
    slots.sort_unstable();
    assert_eq!(slots, [0, 5_461, 5_461, 5_462]);
    for key in &keys {
        let owner = cluster.node(cluster.owner_of(key));
        assert_eq!(raw(owner).call(&["GET", key]).text, key.as_bytes());
    }
    let (refused, said) = rebalance(&cluster, &["--drain", "nobody"]);
    assert!(!refused && said.ends_with("no primary is called nobody\n"), "{said}");
    cluster.node_mut(2).kill();
    wait::until("it is known to have failed", || {
        raw(cluster.node(0)).say("CLUSTER NODES").contains("master,fail")
    });
    let (refused, said) = rebalance(&cluster, &[]);
    assert!(!refused && said.contains("does not answer: its slots cannot move now"), "{said}");
}

#[test]
fn what_is_interrupted_in_the_middle_keeps_what_has_moved_and_goes_on_with_the_rest() {
    let mut cluster = Cluster::ours(2, 0);
    let new = cluster.add_primary(Program::Ours);
    let keys: Vec<String> = (0..300).map(|number| format!("key:{number}")).collect();
    for key in &keys {
        assert_eq!(raw(cluster.node(cluster.owner_of(key))).call(&["SET", key, key]).text, b"OK");
    }
    let args = ["rebalance", "--cluster", &cluster.node(0).address()];
    let mut run =
        Process::spawn(&binary::ours(binary::NODE), &args, &cluster.folder().path().join("rebalance"));
    wait::until("some have moved", || run.log().contains(" of 5461 slots  "));
    cluster.node(new).process().unwrap().pause();
    run.interrupt();
    assert!(!run.wait().success());
    let said = run.log();
    cluster.node(new).process().unwrap().resume();
    cluster.wait_ok();
    let over = |node: usize| {
        !["connecting", "snapshotting", "streaming"].contains(&state(cluster.node(node)).as_str())
    };
    wait::until("what was under way is over", || over(0) && over(1));
    let moved = owned(&cluster)[new];
    assert!((1..5_461).contains(&moved), "{moved} {said}");
    let (done, said) = rebalance(&cluster, &[]);
    assert!(done && said.contains(&format!("of {} slots  ", 5_461 - moved)), "{moved} {said}");
    let mut slots = owned(&cluster);
    slots.sort_unstable();
    assert_eq!(slots, [5_461, 5_461, 5_462]);
    for key in &keys {
        assert_eq!(raw(cluster.node(cluster.owner_of(key))).call(&["GET", key]).text, key.as_bytes());
    }
}

#[test]
fn what_is_interrupted_is_taken_up_by_the_next_run() {
    let mut cluster = Cluster::ours(2, 0);
    let new = cluster.add_primary(Program::Ours);
    // The new node does not answer, so that there is something to interrupt.
    cluster.node(new).process().unwrap().pause();
    let args = ["rebalance", "--cluster", &cluster.node(0).address()];
    let mut run =
        Process::spawn(&binary::ours(binary::NODE), &args, &cluster.folder().path().join("rebalance"));
    let states = || [state(cluster.node(0)), state(cluster.node(1))];
    wait::until("it has begun", || states().contains(&"connecting".to_owned()));
    run.interrupt();
    assert!(!run.wait().success());
    assert!(run.log().contains("slots have moved; say it again to go on"), "{}", run.log());
    wait::until("it is cancelled", || states().contains(&"cancelled".to_owned()));
    cluster.node(new).process().unwrap().resume();
    cluster.wait_ok();
    let (moved, said) = rebalance(&cluster, &[]);
    assert!(moved, "{said}");
    let mut slots = owned(&cluster);
    slots.sort_unstable();
    assert_eq!(slots, [5_461, 5_461, 5_462]);
}

/// A source of the test's own: it says that it is a real node, and what it sends comes when the test wants.
struct Source {
    wire: Raw,
}

impl Source {
    /// Offers the slots 0 to 100 of the first node to the second.
    fn new(cluster: &Cluster) -> Source {
        let mut wire = raw(cluster.node(1));
        let (name, source) = ("7".repeat(40), id(cluster.node(0)));
        assert_eq!(wire.say(&format!("SLOTSYNC 1 {name} {source} 0-100")), "+OK");
        Source { wire }
    }

    fn send(&mut self, kind: u8, body: &[u8]) {
        let frame = [&[kind][..], &(body.len() as u32).to_le_bytes(), body].concat();
        assert!(self.wire.send_bytes(&frame));
    }

    /// One key of a slot that holds a string.
    fn key(&mut self, key: &str, deadline_ms: u64) {
        let slot = Slot::of_key(key.as_bytes()).number();
        let head = [&deadline_ms.to_le_bytes()[..], &(key.len() as u32).to_le_bytes()].concat();
        let entry = [&head[..], key.as_bytes(), b"\0value"].concat();
        self.send(1, &[&slot.to_le_bytes()[..], &[1], &(entry.len() as u32).to_le_bytes(), &entry].concat());
    }

    fn effect(&mut self, key: &str, request: &str) {
        self.send(
            2,
            &[&Slot::of_key(key.as_bytes()).number().to_le_bytes()[..], request.as_bytes()].concat(),
        );
    }

    /// Asks for a confirmation; the kind of what comes.
    fn confirmed(&mut self) -> u8 {
        self.send(3, &[1]);
        self.answer()
    }

    fn take(&mut self) -> u8 {
        self.send(4, &1_u64.to_le_bytes());
        self.answer()
    }

    fn answer(&mut self) -> u8 {
        let head = self.wire.take_bytes(5);
        let length = u32::from_le_bytes([head[1], head[2], head[3], head[4]]);
        self.wire.take_bytes(length as usize);
        head[0]
    }
}

const ACK: u8 = 5;
const TAKEN: u8 = 6;
const REFUSED: u8 = 7;

fn unix_ms() -> u64 {
    std::time::UNIX_EPOCH.elapsed().unwrap().as_millis() as u64
}

#[test]
fn a_key_that_is_still_coming_expires_only_when_its_old_node_says_so_or_when_it_has_come() {
    let cluster = Cluster::ours(2, 0);
    let keys = tags(0, 100, 2);
    let mut source = Source::new(&cluster);
    let due = unix_ms() + 30;
    keys.iter().for_each(|key| source.key(key, due));
    assert_eq!(source.confirmed(), ACK);
    // A key of its own that is due later is gone before: the two were passed over.
    let mut client = raw(cluster.node(1));
    let own = &tags(9_000, 9_999, 1)[0];
    assert_eq!(client.say(&format!("SET {own} x PX 200")), "+OK");
    wait::until("its own has gone off", || client.say("DBSIZE") == ":2");
    source.effect(&keys[0], &format!("*2\r\n$7\r\nPERSIST\r\n${}\r\n{}\r\n", keys[0].len(), keys[0]));
    assert_eq!(source.confirmed(), ACK);
    assert_eq!(source.take(), TAKEN);
    assert_eq!(client.say(&format!("GET {}", keys[0])), "$value");
    wait::until("the other one is removed by itself", || client.say("DBSIZE") == ":1");
    wait::until("the old node has heard", || {
        raw(cluster.node(0)).say(&format!("GET {}", keys[0])).starts_with("-MOVED")
    });
}

#[test]
fn what_comes_wrong_or_is_flushed_or_breaks_off_is_refused_and_leaves_nothing() {
    let cluster = Cluster::ours(2, 0);
    let (inside, outside) = (&tags(0, 100, 1)[0], &tags(200, 300, 1)[0]);
    let mut client = raw(cluster.node(1));
    let never = u64::MAX;
    let wrong: [fn(&mut Source, &str, &str); 4] = [
        |source, _, outside| source.key(outside, u64::MAX),
        |source, inside, _| source.effect(inside, "nonsense"),
        |source, _, _| source.send(99, b"x"),
        |source, _, _| source.send(1, &[0, 0, 1, 9, 0, 0, 0, 1]),
    ];
    for (number, wrong) in wrong.into_iter().enumerate() {
        let mut source = Source::new(&cluster);
        source.key(inside, never);
        assert_eq!(source.confirmed(), ACK);
        assert_eq!(client.say("DBSIZE"), ":1");
        wrong(&mut source, inside, outside);
        assert_eq!(source.answer(), REFUSED, "{number}");
        wait::until("nothing is left", || client.say("DBSIZE") == ":0");
    }
    let mut source = Source::new(&cluster);
    source.key(inside, never);
    assert_eq!(source.confirmed(), ACK);
    assert_eq!(client.say("FLUSHALL"), "+OK");
    assert_eq!(source.take(), REFUSED);
    let mut source = Source::new(&cluster);
    source.key(inside, never);
    assert_eq!(source.confirmed(), ACK);
    drop(source);
    wait::until("what broke off is removed", || client.say("DBSIZE") == ":0");
    assert_eq!(raw(cluster.node(0)).say(&format!("SET {inside} served")), "+OK");
    assert!(client.say(&format!("GET {inside}")).starts_with("-MOVED"));
}

#[test]
fn nothing_moves_to_a_node_that_was_added_before_every_primary_knows_it() {
    let mut cluster = Cluster::ours(2, 0);
    let new = cluster.add_stranger(Program::Ours);
    // It hears of nobody new, and is asked whether it does.
    cluster.node(1).process().unwrap().pause();
    let (refused, said) = rebalance(&cluster, &["--add", &cluster.node(new).address()]);
    assert!(!refused && said.contains("does not answer: its slots cannot move now"), "{said}");
    assert!(!said.contains("slots move"), "{said}");
    cluster.node(1).process().unwrap().resume();
    cluster.wait_ok();
    let (moved, said) = rebalance(&cluster, &[]);
    assert!(moved && owned(&cluster).iter().all(|slots| *slots >= 5_461), "{said}");
}
