//! A slot moves from one node to another by hand.

use std::io::{Read as _, Write as _};
use std::net::TcpListener;
use std::sync::mpsc;

use shared::slot::Slot;
use shared::testing::cluster::Cluster;
use shared::testing::node::Program;
use shared::testing::{Wire, wait};

/// A hash tag whose slot is below this.
pub(crate) fn tag_below(bound: u16) -> (String, u16) {
    let tags = (0..).map(|number| format!("t{number}"));
    let mut found = tags.map(|tag| (Slot::of_key(tag.as_bytes()).number(), tag));
    let (slot, tag) = found.find(|(slot, _)| *slot < bound).expect("a tag of every slot");
    (tag, slot)
}

/// The name of a node.
pub(crate) fn id(wire: &mut Wire) -> String {
    wire.call(&["CLUSTER", "MYID"]).as_str().expect("its name").to_owned()
}

/// People at a cluster, and what they were answered. Names and ports of nodes are told by the node's number.
struct Talk<'c> {
    cluster: &'c Cluster,
    wires: Vec<Wire>,
    ids: Vec<String>,
    said: Vec<String>,
}

impl<'c> Talk<'c> {
    fn begin(cluster: &'c Cluster) -> Talk<'c> {
        let mut wires: Vec<Wire> = cluster.nodes().iter().map(|node| node.wire()).collect();
        let ids = wires.iter_mut().map(id).collect();
        Talk { cluster, wires, ids, said: Vec::new() }
    }

    /// Asks a node; `ID0` and `PORT0` stand for the name and port of the first.
    fn ask(&mut self, node: usize, line: &str) {
        let words: Vec<String> = line.split(' ').map(|word| self.filled(word)).collect();
        let answer = format!("{:?}", self.wires[node].call(&words));
        let answer = self.told(&answer);
        self.said.push(format!("{node}> {line}: {answer}"));
    }

    fn filled(&self, word: &str) -> String {
        let mut word = if word == "''" { String::new() } else { word.to_owned() };
        for (number, node) in self.cluster.nodes().iter().enumerate() {
            word = word.replace(&format!("ID{number}"), &self.ids[number]);
            word = word.replace(&format!("PORT{number}"), &node.port().to_string());
        }
        word
    }

    fn told(&self, answer: &str) -> String {
        let mut answer = answer.to_owned();
        for (number, node) in self.cluster.nodes().iter().enumerate() {
            answer = answer.replace(&self.ids[number], &format!("ID{number}"));
            answer = answer.replace(&node.address(), &format!("NODE{number}"));
        }
        answer
    }
}

/// The first node's slot goes to the second, key by key, while others ask for them.
fn a_slot_moves_by_hand(program: Program) -> Vec<String> {
    let cluster = Cluster::with_options(program, 3, 0, &["--appendonly", "yes"]);
    let mut talk = Talk::begin(&cluster);
    let (tag, slot) = tag_below(5_000);
    let line = |line: &str| line.replace("{t}", &format!("{{{tag}}}")).replace('#', &slot.to_string());
    let mut waiting = cluster.node(0).wire();
    waiting.send(&["BLPOP", &line("{t}queue"), "0"]);
    for (node, words) in [
        // What makes no sense.
        (1, "CLUSTER SETSLOT # MIGRATING ID2"),
        (0, "CLUSTER SETSLOT # IMPORTING ID1"),
        (0, "CLUSTER SETSLOT # MIGRATING 0123456789012345678901234567890123456789"),
        (1, "CLUSTER SETSLOT # IMPORTING nobody"),
        (0, "CLUSTER SETSLOT # NODE nobody"),
        (0, "CLUSTER SETSLOT # SOMEWHERE ID1"),
        (0, "CLUSTER SETSLOT # NODE"),
        (0, "CLUSTER SETSLOT 16384 STABLE"),
        (0, "CLUSTER SETSLOT x STABLE"),
        (0, "SET {t}a 1"),
        (0, "RPUSH {t}list x y z"),
        (0, "SET {t}soon 1 PX 100000"),
        (0, "CLUSTER SETSLOT # NODE ID1"),
        // On the move.
        (1, "CLUSTER SETSLOT # IMPORTING ID0"),
        (0, "CLUSTER SETSLOT # MIGRATING ID1"),
        (0, "GET {t}a"),
        (0, "GET {t}none"),
        (0, "SET {t}new 5"),
        (0, "MGET {t}a {t}none"),
        (0, "MGET {t}none {t}neither"),
        (2, "GET {t}a"),
        (1, "GET {t}a"),
        (1, "ASKING"),
        (1, "GET {t}none"),
        (1, "GET {t}none"),
        (1, "ASKING"),
        (1, "MGET {t}none {t}neither"),
        (1, "ASKING"),
        (1, "SET {t}new 5"),
        (0, "GET {t}new"),
        (0, "MULTI"),
        (0, "INCR {t}a"),
        (0, "RPUSH {t}list w"),
        (0, "EXEC"),
        (0, "MULTI"),
        (0, "INCR {t}none"),
        (0, "EXEC"),
        // Key by key.
        (0, "MIGRATE 127.0.0.1 PORT1 {t}a 0 1000 KEYS {t}a"),
        (0, "MIGRATE 127.0.0.1 PORT1 '' 1x 1000 KEYS {t}a"),
        (0, "MIGRATE 127.0.0.1 PORT1 {t}a 0 1000 SOON"),
        (0, "MIGRATE 127.0.0.1 PORT1 {t}none 0 1000"),
        (0, "MIGRATE 127.0.0.1 1 {t}a 0 100"),
        (0, "MIGRATE 127.0.0.1 PORT1 {t}a 0 1000 COPY"),
        (0, "GET {t}a"),
        (0, "MIGRATE 127.0.0.1 PORT1 {t}a 0 1000"),
        (0, "MIGRATE 127.0.0.1 PORT1 '' 0 1000 REPLACE KEYS {t}a {t}list {t}none {t}soon {t}a"),
        (0, "MIGRATE 127.0.0.1 PORT1 '' 0 1000 KEYS {t}a {t}list"),
        (0, "GET {t}a"),
        (0, "CLUSTER COUNTKEYSINSLOT #"),
        (1, "CLUSTER COUNTKEYSINSLOT #"),
        (1, "ASKING"),
        (1, "MULTI"),
        (1, "GET {t}a"),
        (1, "LRANGE {t}list 0 -1"),
        (1, "EXEC"),
        (1, "GET {t}a"),
        (0, "CLUSTER SETSLOT # STABLE"),
        (0, "GET {t}a"),
        (0, "CLUSTER SETSLOT # MIGRATING ID1"),
        // Handed over.
        (1, "CLUSTER SETSLOT # NODE ID1"),
        (1, "GET {t}a"),
        (1, "CLUSTER SETSLOT # STABLE"),
        (0, "CLUSTER SETSLOT # NODE ID1"),
        (0, "GET {t}a"),
        (1, "GET {t}a"),
        (1, "EXISTS {t}soon {t}new {t}list"),
        (1, "RESTORE-ASKING {t}bad 0 nothing"),
        (0, "ASKING"),
        (0, "GET {t}a"),
    ] {
        talk.ask(node, &line(words));
        if (node, words) == (0, "CLUSTER SETSLOT # NODE ID1") && talk.said.last().unwrap().contains("OK") {
            // It sends clients after the keys until it hears the claim.
            wait::until("the claim is heard", || {
                talk.wires[0].call(&["GET", &line("{t}a")]).to_string().contains("MOVED")
            });
        }
    }
    let soon = line("{t}soon");
    let left = talk.wires[1].call(&["PTTL", &soon]).as_int().unwrap_or_default();
    talk.said.push(format!("a deadline moves along: {}", (90_000..=100_000).contains(&left)));
    let sent_away = waiting.read().to_string();
    talk.said.push(talk.told(&format!("BLPOP: {sent_away}")));
    wait::until("the third node knows", || {
        let answer = talk.wires[2].call(&["GET", &soon]).to_string();
        talk.told(&answer).contains("NODE1")
    });
    talk.said
}

#[test]
fn a_slot_that_moves_is_answered_for_as_by_redis() {
    let (redis, ours) = (a_slot_moves_by_hand(Program::Redis), a_slot_moves_by_hand(Program::Ours));
    let differences: Vec<String> = redis
        .iter()
        .zip(&ours)
        .filter(|(redis, ours)| redis != ours)
        .map(|(redis, ours)| format!("redis {redis}\nours  {ours}"))
        .collect();
    assert!(differences.is_empty(), "{}", differences.join("\n"));
}

#[test]
fn a_slot_on_the_move_is_so_after_a_crash() {
    let mut cluster = Cluster::ours(3, 0);
    let ids: Vec<String> = cluster.nodes().iter().map(|node| id(&mut node.wire())).collect();
    let (tag, slot) = tag_below(5_000);
    let (key, slot) = (format!("{{{tag}}}a"), slot.to_string());
    for (node, state, other) in [(1, "IMPORTING", &ids[0]), (0, "MIGRATING", &ids[1])] {
        assert!(cluster.node(node).wire().call(&["CLUSTER", "SETSLOT", &slot, state, other]).is_ok());
        // At once: what was answered is not forgotten.
        cluster.node_mut(node).kill();
        cluster.node_mut(node).start();
    }
    cluster.wait_ok();
    let asked = cluster.node(0).wire().call(&["GET", &key]).to_string();
    assert!(asked.contains(&format!("ASK {slot} {}", cluster.node(1).address())), "{asked}");
    let mut target = cluster.node(1).wire();
    assert!(target.call(&["ASKING"]).is_ok() && target.call(&["GET", &key]).is_null());
}

#[test]
fn a_mark_that_was_not_on_the_disk_when_the_power_failed_leaves_the_slot_with_its_old_owner() {
    const FILES: [&str; 2] = ["nodes.conf", "nodes.conf.journal"];
    let mut cluster = Cluster::ours(3, 0);
    let ids: Vec<String> = cluster.nodes().iter().map(|node| id(&mut node.wire())).collect();
    let (tag, slot) = tag_below(5_000);
    let (key, slot) = (format!("{{{tag}}}a"), slot.to_string());
    let mut source = cluster.node(0).wire();
    assert!(source.call(&["SET", &key, "1"]).is_ok());
    // A node without replicas may lose what it answered in the last milliseconds before SIGKILL; that is not what is asked here.
    let kept = source.call(&["WAITAOF", "1", "0", "5000"]);
    assert_eq!(kept.elements().and_then(|counts| counts.first()?.as_int()), Some(1), "{kept}");
    let begin = |cluster: &Cluster| {
        for (node, state, other) in [(1, "IMPORTING", &ids[0]), (0, "MIGRATING", &ids[1])] {
            assert!(cluster.node(node).wire().call(&["CLUSTER", "SETSLOT", &slot, state, other]).is_ok());
        }
    };
    // What the disks hold before the marks, which is all that is left of them.
    let old: Vec<_> = [0, 1]
        .map(|node| {
            assert!(cluster.node(node).wire().call(&["CLUSTER", "SAVECONFIG"]).is_ok());
            FILES.map(|file| std::fs::read(cluster.node(node).dir().join(file)).unwrap())
        })
        .into();
    begin(&cluster);
    for (node, files) in old.iter().enumerate() {
        cluster.node_mut(node).kill();
        for (name, bytes) in FILES.iter().zip(files) {
            std::fs::write(cluster.node(node).dir().join(name), bytes).unwrap();
        }
    }
    for node in [0, 1] {
        cluster.node_mut(node).start();
    }
    cluster.wait_ok();
    let (mut source, mut target) = (cluster.node(0).wire(), cluster.node(1).wire());
    let answer = source.call(&["GET", &key]);
    assert_eq!(answer.as_str(), Some("1"), "{answer}");
    assert!(source.call(&["GET", &format!("{{{tag}}}none")]).is_null(), "nobody is sent after it");
    let moved = target.call(&["GET", &key]).to_string();
    assert!(moved.contains(&format!("MOVED {slot} {}", cluster.node(0).address())), "{moved}");
    // It is begun anew.
    begin(&cluster);
    let port = cluster.node(1).port().to_string();
    assert!(source.call(&["MIGRATE", "127.0.0.1", &port, &key, "0", "5000"]).is_ok());
    assert!(target.call(&["ASKING"]).is_ok());
    assert_eq!(target.call(&["GET", &key]).as_str(), Some("1"));
}

/// A slot of the first node that is on the move to the second, with one key in it.
fn moving() -> (Cluster, String) {
    let cluster = Cluster::ours(3, 0);
    let ids: Vec<String> = cluster.nodes().iter().map(|node| id(&mut node.wire())).collect();
    let (tag, slot) = tag_below(5_000);
    let (key, slot) = (format!("{{{tag}}}a"), slot.to_string());
    let (mut source, mut target) = (cluster.node(0).wire(), cluster.node(1).wire());
    assert!(source.call(&["SET", &key, "1"]).is_ok());
    assert!(target.call(&["CLUSTER", "SETSLOT", &slot, "IMPORTING", &ids[0]]).is_ok());
    assert!(source.call(&["CLUSTER", "SETSLOT", &slot, "MIGRATING", &ids[1]]).is_ok());
    (cluster, key)
}

#[test]
fn who_wants_a_key_that_is_on_its_way_waits_and_gets_it_where_it_is_then() {
    let (cluster, key) = moving();
    let port = cluster.node(1).port().to_string();
    let target = cluster.node(1).process().expect("it runs");
    target.pause();
    let (mut migrating, mut wanting) = (cluster.node(0).wire(), cluster.node(0).wire());
    migrating.send(&["MIGRATE", "127.0.0.1", &port, &key, "0", "1000"]);
    let slot = Slot::of_key(key.as_bytes()).to_string();
    wait::until("the key is on its way", || {
        cluster.node(0).wire().call(&["CLUSTER", "COUNTKEYSINSLOT", &slot]).as_int() == Some(0)
    });
    wanting.send(&["APPEND", &key, "2"]);
    let mut queueing = cluster.node(0).wire();
    assert!(queueing.call(&["MULTI"]).is_ok());
    queueing.send(&["STRLEN", &key]);
    // Others are not kept waiting.
    let mut other = cluster.node(0).wire();
    assert!(other.call(&["PING"]).as_str() == Some("PONG"));
    let failed = migrating.read();
    assert!(failed.as_error().is_some_and(|error| error.code() == "IOERR"), "{failed}");
    assert_eq!(wanting.read().as_int(), Some(2), "it did not leave, so it is written here");
    assert_eq!(queueing.read().as_str(), Some("QUEUED"));
    assert_eq!(queueing.call(&["EXEC"]).elements().and_then(|answers| answers[0].as_int()), Some(2));
    target.resume();

    // What the other node was sent while it stood still may be there: it is replaced.
    migrating.send(&["MIGRATE", "127.0.0.1", &port, &key, "0", "5000", "REPLACE"]);
    let moved = migrating.read();
    assert!(moved.is_ok(), "{moved}");
    let asked = wanting.call(&["GET", &key]);
    assert!(asked.as_error().is_some_and(|error| error.code() == "ASK"), "{asked}");
    let mut there = cluster.node(1).wire();
    assert!(there.call(&["ASKING"]).is_ok());
    assert_eq!(there.call(&["GET", &key]).as_str(), Some("12"));
}

#[test]
fn a_key_that_has_moved_survives_a_crash_of_either_node() {
    let (mut cluster, key) = moving();
    let port = cluster.node(1).port().to_string();
    assert!(cluster.node(0).wire().call(&["MIGRATE", "127.0.0.1", &port, &key, "0", "5000"]).is_ok());
    for node in [1, 0] {
        cluster.node_mut(node).kill();
        cluster.node_mut(node).start();
    }
    cluster.wait_ok();
    let (mut here, mut there) = (cluster.node(0).wire(), cluster.node(1).wire());
    // It may have been on its way still.
    let asked = here.call(&["GET", &key]);
    if asked.as_error().is_some_and(|error| error.code() == "ASK") {
        assert!(there.call(&["ASKING"]).is_ok());
        assert_eq!(there.call(&["GET", &key]).as_str(), Some("1"));
    } else {
        assert_eq!(asked.as_str(), Some("1"), "{asked}");
    }
}

/// Another node that is no node: it takes a key, and says `kept` when it is asked whether it keeps it and `allowed` to.
fn stand_in(listener: &TcpListener, kept: &str, allowed: impl FnOnce()) {
    let (mut connection, _) = listener.accept().unwrap();
    let mut heard = Vec::new();
    while !heard.windows(7).any(|word| word == b"WAITAOF") {
        let mut some = [0; 1024];
        let read = connection.read(&mut some).unwrap();
        assert!(read > 0, "it asks whether the key is kept");
        heard.extend_from_slice(&some[..read]);
    }
    connection.write_all(b"+OK\r\n").unwrap();
    allowed();
    connection.write_all(format!("{kept}\r\n").as_bytes()).unwrap();
}

#[test]
fn a_key_of_a_migrating_slot_is_on_its_way_until_the_other_node_says_that_it_keeps_it() {
    let (cluster, key) = moving();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port().to_string();
    let slot = Slot::of_key(key.as_bytes()).to_string();
    let (mut source, mut target) = (cluster.node(0).wire(), cluster.node(1).wire());
    let to_id = id(&mut target);
    for (kept, goes) in [("-ERR the store takes no more writes", false), ("*2\r\n:1\r\n:0", true)] {
        let (allow, allowed) = mpsc::channel();
        std::thread::scope(|scope| {
            scope.spawn(|| stand_in(&listener, kept, move || allowed.recv().unwrap()));
            let answer = source.call(&["MIGRATE", "127.0.0.1", &port, &key, "0", "5000"]);
            assert!(answer.is_ok(), "{answer}");
            // For who moves the slot it has gone, and the slot with it; who wants it waits for what becomes of it.
            assert_eq!(source.call(&["CLUSTER", "COUNTKEYSINSLOT", &slot]).as_int(), Some(0));
            let left = source.call(&["CLUSTER", "GETKEYSINSLOT", &slot, "10"]);
            assert_eq!(left.elements().map(<[_]>::len), Some(0), "{left}");
            // The new owner claims it when the old one has let it go, and not before.
            assert!(target.call(&["CLUSTER", "SETSLOT", &slot, "NODE", &to_id]).is_ok());
            assert!(source.call(&["CLUSTER", "SETSLOT", &slot, "NODE", &to_id]).is_ok());
            let mut wanting = cluster.node(0).wire();
            wanting.send(&["GET", &key]);
            wait::until("it waits", || {
                source.call(&["CLIENT", "LIST"]).as_str().is_some_and(|clients| clients.contains("cmd=get "))
            });
            allow.send(()).unwrap();
            let wanted = wanting.read();
            // After it or to its new owner, as that has claimed the slot or will.
            assert_eq!(wanted.as_error().is_some(), goes, "{wanted}");
            assert_eq!(wanted.as_str() == Some("1"), !goes, "{wanted}");
            let there = target.call(&["GET", &key]);
            assert_eq!(there.as_error().is_some_and(|error| error.code() == "MOVED"), !goes, "{there}");
        });
        assert_eq!(source.call(&["CLUSTER", "COUNTKEYSINSLOT", &slot]).as_int(), Some(i64::from(!goes)));
    }
}

#[test]
fn a_key_stays_where_it_is_when_the_other_node_took_it_but_cannot_say_that_it_keeps_it() {
    let cluster = Cluster::ours(3, 0);
    let (tag, _) = tag_below(5_000);
    let mut source = cluster.node(0).wire();
    assert!(source.call(&["SET", &tag, "1"]).is_ok());
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port().to_string();
    for (said, goes) in [
        ("-ERR the store takes no more writes", false),
        ("-ERR this node was not the primary all the time since this connection wrote", false),
        ("*2\r\n:0\r\n:0", false),
        ("-ERR WAITAOF cannot be used when numlocal is set but appendonly is disabled.", true),
    ] {
        std::thread::scope(|scope| {
            scope.spawn(|| stand_in(&listener, said, || {}));
            let answer = source.call(&["MIGRATE", "127.0.0.1", &port, &tag, "0", "5000"]);
            assert_eq!(answer.is_ok(), goes, "{said}: {answer}");
        });
        assert_eq!(source.call(&["EXISTS", &tag]).as_int(), Some(i64::from(!goes)), "{said}");
    }
}

#[test]
fn who_has_so_many_claims_to_make_that_their_owner_answers_slowly_lets_the_next_order_wait() {
    // As many as are made at once (slot_migration/claims), and one more.
    let slots: Vec<String> = (0..33).map(|slot: u16| slot.to_string()).collect();
    let cluster = Cluster::ours(3, 0);
    let (mut source, mut target) = (cluster.node(0).wire(), cluster.node(1).wire());
    let (from_id, to_id) = (id(&mut source), id(&mut target));
    for slot in &slots {
        assert!(target.call(&["CLUSTER", "SETSLOT", slot, "IMPORTING", &from_id]).is_ok());
        assert!(source.call(&["CLUSTER", "SETSLOT", slot, "MIGRATING", &to_id]).is_ok());
    }
    let owner = cluster.node(0).process().expect("it runs");
    owner.pause();
    let mut ordering = cluster.node(1).wire();
    slots.iter().for_each(|slot| ordering.send(&["CLUSTER", "SETSLOT", slot, "NODE", &to_id]));
    slots.iter().skip(1).for_each(|_| assert!(ordering.read().is_ok()));
    // Nobody is asked to wait for the last one yet, as for those that are to be claimed.
    let keys = (0..).map(|number| format!("t{number}"));
    let key = keys.into_iter().find(|key| Slot::of_key(key.as_bytes()).number() == 32).expect("a key of it");
    let answer = target.call(&["GET", &key]);
    assert!(answer.as_error().is_some_and(|error| error.code() == "MOVED"), "{answer}");
    owner.resume();
    assert!(ordering.read().is_ok());
    let moved = |line: &str| line.starts_with(&to_id) && line.split(' ').any(|word| word == "0-32");
    wait::until("all are claimed", || {
        let nodes = source.call(&["CLUSTER", "NODES"]);
        nodes.as_str().is_some_and(|nodes| nodes.lines().any(moved))
    });
}
