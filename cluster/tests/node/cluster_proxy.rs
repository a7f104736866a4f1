//! `cluster-proxy yes`: a client that knows no cluster is connected to any node and finds one big one.

use std::time::{Duration, Instant};

use shared::testing::cluster::Cluster;
use shared::testing::node::{Node, Program};
use shared::testing::wait;

use crate::raw::{Frame, Raw};

pub(crate) const OPTIONS: [&str; 4] = ["--appendonly", "yes", "--cluster-proxy", "yes"];

pub(crate) fn raw(node: &Node) -> Raw {
    Raw::connect(node.port(), false)
}

/// A hash tag of the shard whose primary is this node.
pub(crate) fn tag_at(cluster: &Cluster, owner: usize) -> String {
    (0..).map(|number| format!("t{number}")).find(|tag| cluster.owner_of(tag) == owner).unwrap()
}

/// What INFO says of a field; empty if nothing.
pub(crate) fn info(node: &Node, name: &str) -> String {
    let info = String::from_utf8(raw(node).call(&["INFO", "everything"]).text).unwrap();
    let value = info.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':').map(str::to_owned));
    value.unwrap_or_default()
}

/// Three primaries, each with a replica that is in sync.
pub(crate) fn with_replicas() -> Cluster {
    let cluster = Cluster::with_options(Program::Ours, 3, 1, &OPTIONS);
    for primary in 0..3 {
        wait::until("its replica is in sync", || info(cluster.node(primary), "in_sync_copies") == "2");
    }
    cluster
}

fn primaries() -> Cluster {
    Cluster::with_options(Program::Ours, 3, 0, &OPTIONS)
}

/// Answers to the lines of a script; `{t}` is this tag.
fn answers(client: &mut Raw, tag: &str, script: &[&str]) -> Vec<Frame> {
    let words = |line: &&str| line.replace("{t}", &format!("{{{tag}}}"));
    script.iter().map(|line| client.call(&words(line).split(' ').collect::<Vec<_>>())).collect()
}

#[test]
fn commands_on_one_slot_are_answered_through_any_node_as_by_their_owner() {
    let cluster = with_replicas();
    let tag = tag_at(&cluster, 1);
    let script = [
        "SET {t}a 1 EX 100",
        "GET {t}a",
        "GETEX {t}a PERSIST",
        "INCRBYFLOAT {t}a 0.5",
        "GET {t}none",
        "HSET {t}h f 1 g 2",
        "HGETALL {t}h",
        "LPUSH {t}a x",
        "GET {t}h",
        "TYPE {t}h",
        "RPUSH {t}l x y z",
        "LMOVE {t}l {t}m LEFT RIGHT",
        "LRANGE {t}l 0 -1",
        "SADD {t}s m",
        "SMEMBERS {t}s",
        "ZADD {t}z 1.5 m 2 n",
        "ZRANGE {t}z 0 -1 WITHSCORES",
        "ZSCORE {t}z none",
        "XADD {t}x 1-1 f v",
        "XREAD COUNT 1 STREAMS {t}x 0",
        "BLPOP {t}m 1",
        "BLPOP {t}m 0.01",
        "XREAD BLOCK 10 STREAMS {t}x $",
        "MGET {t}a {t}none",
        "MSETNX {t}a 1 {t}b 2",
        "OBJECT ENCODING {t}z",
        "SPUBLISH {t}a hello",
        "GET {t}a {t}b",
        "SET {t}a 1 SOMETIME",
        "MULTI",
        "INCR {t}n",
        "PING",
        "HGETALL {t}h",
        "LPUSH {t}a x",
        "EXEC",
        "MULTI",
        "SET {t}n 5",
        "DISCARD",
        "MULTI",
        "NONE",
        "GET {t}n",
        "EXEC",
        "WATCH {t}n",
        "GET {t}n",
        "MULTI",
        "INCR {t}n",
        "EXEC",
        "WATCH {t}n",
        "SET {t}n 5",
        "MULTI",
        "INCR {t}n",
        "EXEC",
        "WATCH {t}n {t}a",
        "WATCH {t}b",
        "SET {t}n 6",
        "UNWATCH",
        "MULTI",
        "INCR {t}n",
        "EXEC",
        "UNLINK {t}a {t}h {t}l {t}m {t}s {t}z {t}x {t}n",
    ];
    for resp3 in [false, true] {
        let expected = answers(&mut Raw::connect(cluster.node(1).port(), resp3), &tag, &script);
        // Another primary, a replica of another shard, and the owner's own replica.
        for index in [0, 3, 4] {
            let mut client = Raw::connect(cluster.node(index).port(), resp3);
            let forwarded = answers(&mut client, &tag, &script);
            for ((line, forwarded), expected) in script.iter().zip(&forwarded).zip(&expected) {
                assert_eq!(forwarded, expected, "{line} through node {index}");
            }
        }
    }
}

#[test]
fn commands_on_many_slots_are_split_and_joined() {
    let cluster = with_replicas();
    for index in [0, 2, 5] {
        let mut client = raw(cluster.node(index));
        for (line, answer) in [
            ("MSET a 1 b 2 c 3 d 4 e 5 a 6", "+OK"),
            ("MGET a b none c d a e other", "*[$6, $2, $null, $3, $4, $6, $5, $null]"),
            ("EXISTS a b c d e a none", ":6"),
            ("TOUCH a b none", ":2"),
            ("DEL a none b", ":2"),
            ("LPUSH a x", ":1"),
            ("MGET a c", "*[$null, $3]"),
            ("UNLINK a b c d e", ":4"),
            ("MSET a 1 b", "-ERR wrong number of arguments for 'mset' command"),
            ("MSETNX a 1 b 2", "-CROSSSLOT Keys in request don't hash to the same slot"),
            ("SINTER a b", "-CROSSSLOT Keys in request don't hash to the same slot"),
        ] {
            assert_eq!(client.say(line), answer, "{line} through node {index}");
        }
    }
    // A part that fails is the answer; the others were done.
    let mut client = raw(cluster.node(0));
    let (here, there) = (tag_at(&cluster, 0), tag_at(&cluster, 1));
    assert_eq!(client.say(&format!("SET {{{there}}}full 1")), "+OK");
    assert_eq!(raw(cluster.node(1)).say("CONFIG SET maxmemory 1"), "+OK");
    let answer = client.say(&format!("MSET {there} 1 {here} 1"));
    assert!(answer.starts_with("-OOM"), "{answer}");
    assert_eq!(client.say(&format!("MGET {there} {here}")), "*[$null, $1]");
}

#[test]
fn without_it_clients_are_sent_to_the_owner() {
    let cluster = primaries();
    let tag = tag_at(&cluster, 1);
    let mut client = raw(cluster.node(0));
    assert_eq!(client.say(&format!("SET {tag} 1")), "+OK");
    assert_eq!(client.say("CONFIG SET cluster-proxy no"), "+OK");
    assert!(client.say(&format!("GET {tag}")).starts_with("-MOVED "));
    assert_eq!(client.say("MGET a b"), "-CROSSSLOT Keys in request don't hash to the same slot");
    assert_eq!(client.say("MULTI"), "+OK");
    assert!(client.say(&format!("GET {tag}")).starts_with("-MOVED "));
    assert!(client.say("EXEC").starts_with("-EXECABORT "));
    assert_eq!(client.say("CONFIG SET cluster-proxy yes"), "+OK");
    assert_eq!(client.say(&format!("GET {tag}")), "$1");
}

#[test]
fn what_was_forwarded_is_not_forwarded_again() {
    let cluster = primaries();
    let tag = tag_at(&cluster, 1);
    let mut client = raw(cluster.node(0));
    assert_eq!(client.call(&["CLIENT", "PROXY", "SHARED"]).kind, '$');
    assert!(client.say(&format!("SET {tag} 1")).starts_with("-MOVED "));
    assert_eq!(client.say("MGET a b"), "-CROSSSLOT Keys in request don't hash to the same slot");
    assert_eq!(client.say("CLIENT PROXY CLAIM 0-0").split(' ').next(), Some("-ERR"));
    // A node that thinks wrongly that another one owns a slot: that one thinks the same of it.
    assert_eq!(info(cluster.node(1), "proxy_forwarded_requests"), "0");
}

#[test]
fn behind_a_refused_request_none_on_its_slot_is_run_until_it_was_heard_of() {
    let cluster = primaries();
    let (here, there) = (tag_at(&cluster, 0), tag_at(&cluster, 1));
    let slot = raw(cluster.node(0)).call(&["CLUSTER", "KEYSLOT", &here]).text;
    let slot = String::from_utf8(slot).unwrap();
    let id = String::from_utf8(raw(cluster.node(1)).call(&["CLUSTER", "MYID"]).text).unwrap();
    let (mut node, mut link) = (raw(cluster.node(0)), raw(cluster.node(0)));
    assert_eq!(link.call(&["CLIENT", "PROXY", "SHARED"]).kind, '$');
    assert_eq!(node.say(&format!("CLUSTER SETSLOT {slot} MIGRATING {id}")), "+OK");
    assert!(link.say(&format!("SET {here} 1")).starts_with("-ASK "));
    assert_eq!(node.say(&format!("CLUSTER SETSLOT {slot} STABLE")), "+OK");
    assert!(link.say(&format!("SET {here} 2")).starts_with("-TRYAGAIN An earlier request"));
    assert!(link.say(&format!("SET {there} 2")).starts_with("-MOVED "));
    assert_eq!(link.say("CLIENT PROXY RESUME"), "+OK");
    assert_eq!(link.say(&format!("SET {here} 3")), "+OK");
}

#[test]
fn a_client_that_waits_holds_up_nobody_and_can_be_unblocked() {
    let cluster = primaries();
    let tag = tag_at(&cluster, 1);
    let (mut waits, mut other) = (raw(cluster.node(0)), raw(cluster.node(0)));
    let id = String::from_utf8(waits.call(&["CLIENT", "ID"]).text).unwrap();
    for (how, answer) in [("TIMEOUT", "*null[]"), ("ERROR", "-UNBLOCKED client unblocked via CLIENT UNBLOCK")]
    {
        waits.send_line(&format!("BLPOP {{{tag}}}queue 0"));
        wait::until("it waits at the owner", || info(cluster.node(1), "blocked_clients") == "1");
        assert_eq!(other.say(&format!("INCR {tag}")).chars().next(), Some(':'));
        assert_eq!(other.say(&format!("CLIENT UNBLOCK {id} {how}")), ":1");
        assert_eq!(format!("{:?}", waits.read()), answer);
    }
    waits.send_line(&format!("BLMOVE {{{tag}}}queue {{{tag}}}done LEFT RIGHT 0"));
    wait::until("it waits at the owner", || info(cluster.node(1), "blocked_clients") == "1");
    assert_eq!(raw(cluster.node(2)).say(&format!("RPUSH {{{tag}}}queue x")), ":1");
    assert_eq!(format!("{:?}", waits.read()), "$x");
    // Who hangs up waits no longer, over there either.
    waits.send_line(&format!("BLPOP {{{tag}}}queue 0"));
    wait::until("it waits at the owner", || info(cluster.node(1), "blocked_clients") == "1");
    drop(waits);
    wait::until("it waits no longer", || info(cluster.node(1), "blocked_clients") == "0");
    assert_eq!(other.say(&format!("RPUSH {{{tag}}}queue x")), ":1");
    assert_eq!(other.say(&format!("LRANGE {{{tag}}}queue 0 -1")), "*[$x]");
}

#[test]
fn watched_keys_lie_in_one_slot_wherever_it_is() {
    let cluster = primaries();
    let (here, there) = (tag_at(&cluster, 0), tag_at(&cluster, 1));
    let (mut client, mut other) = (raw(cluster.node(0)), raw(cluster.node(2)));
    let crosses = "-CROSSSLOT Keys in request don't hash to the same slot";
    assert_eq!(client.say(&format!("WATCH {there}")), "+OK");
    assert_eq!(client.say(&format!("WATCH {here}")), crosses);
    assert_eq!(client.say(&format!("WATCH {{{there}}}x")), "+OK");
    // What another client changes through a third node is noticed.
    assert_eq!(other.say(&format!("SET {{{there}}}x 1")), "+OK");
    for (line, answer) in [("MULTI", "+OK"), (&*format!("SET {there} 1"), "+QUEUED"), ("EXEC", "*null[]")] {
        assert_eq!(client.say(line), answer);
    }
    // The transaction lies in another slot than what it depends on.
    assert_eq!(client.say(&format!("WATCH {there}")), "+OK");
    for (line, answer) in [("MULTI", "+OK"), (&*format!("SET {here} 1"), "+QUEUED"), ("EXEC", crosses)] {
        assert_eq!(client.say(line), answer);
    }
    assert_eq!(client.say(&format!("WATCH {here}")), "+OK");
    assert_eq!(client.say(&format!("WATCH {there}")), crosses);
    assert_eq!(client.say(&format!("MGET {here} {there}")), "*[$null, $null]");
    assert_eq!(client.say("RESET"), "+RESET");
    assert_eq!(client.say(&format!("WATCH {there}")), "+OK");
}

#[test]
fn a_transaction_that_goes_to_another_node_changes_no_connection_there() {
    let cluster = primaries();
    let tag = tag_at(&cluster, 1);
    let (mut client, mut other) = (raw(cluster.node(0)), raw(cluster.node(0)));
    for line in ["CLIENT REPLY OFF", "HELLO 3", "SUBSCRIBE c", "CLIENT PROXY RESUME", "READONLY", "WAIT 0 0"]
    {
        for (line, answer) in [("MULTI", "+OK"), (&*format!("INCR {tag}"), "+QUEUED"), (line, "+QUEUED")] {
            assert_eq!(client.say(line), answer);
        }
        let answer = client.say("EXEC");
        assert!(answer.starts_with("-EXECABORT "), "{line}: {answer}");
        assert_eq!(other.say(&format!("GET {tag}")), "$null", "{line}");
    }
    for (line, answer) in [("MULTI", "+OK"), ("PING", "+QUEUED"), (&*format!("INCR {tag}"), "+QUEUED")] {
        assert_eq!(client.say(line), answer);
    }
    assert_eq!(client.say("EXEC"), "*[+PONG, :1]");
}

#[test]
fn a_paused_owner_holds_up_writes_and_no_reads() {
    let cluster = primaries();
    let tag = tag_at(&cluster, 1);
    let (mut writer, mut reader) = (raw(cluster.node(0)), raw(cluster.node(0)));
    assert_eq!(writer.say(&format!("SET {tag} 1")), "+OK");
    assert_eq!(raw(cluster.node(1)).say("CLIENT PAUSE 20000 WRITE"), "+OK");
    writer.send_line(&format!("SET {tag} 2"));
    for _ in 0..2 {
        // Another client, and one that shares the connection with the first.
        assert_eq!(reader.say(&format!("GET {tag}")), "$1");
        reader = raw(cluster.node(0));
    }
    assert!(writer.is_silent_for(Duration::from_millis(50)));
    assert_eq!(raw(cluster.node(1)).say("CLIENT UNPAUSE"), "+OK");
    assert_eq!(format!("{:?}", writer.read()), "+OK");
}

#[test]
fn wait_and_waitaof_ask_the_owners_of_what_was_written() {
    let cluster = with_replicas();
    let (here, there) = (tag_at(&cluster, 0), tag_at(&cluster, 1));
    for index in [0, 3, 5] {
        let mut client = raw(cluster.node(index));
        assert_eq!(client.say(&format!("SET {there} 1")), "+OK");
        assert_eq!(client.say("WAITAOF 1 1 10000"), "*[:1, :1]", "through node {index}");
        assert_eq!(client.say(&format!("SET {here} 1")), "+OK");
        assert_eq!(client.say("WAIT 1 10000"), ":1", "through node {index}");
        assert_eq!(client.say("WAITAOF 1 1 10000"), "*[:1, :1]", "through node {index}");
    }
    // Where no replica follows, none is claimed.
    cluster.node(4).process().unwrap().pause();
    let mut client = raw(cluster.node(0));
    assert_eq!(client.say(&format!("MSET {there} 2 {here} 2")), "+OK");
    assert_eq!(client.say("WAITAOF 0 1 100"), "*[:0, :0]");
    assert_eq!(client.say("WAIT 1 100"), ":0");
    cluster.node(4).process().unwrap().resume();
}

#[test]
fn an_owner_that_was_started_anew_is_not_believed_about_what_was_written_before() {
    let mut cluster = Cluster::with_options(Program::Ours, 3, 0, &OPTIONS);
    let tag = tag_at(&cluster, 1);
    let mut client = raw(cluster.node(0));
    assert_eq!(client.say(&format!("SET {tag} 1")), "+OK");
    cluster.node_mut(1).kill();
    cluster.node_mut(1).start();
    cluster.wait_ok();
    wait::until("it is reached again", || client.say(&format!("GET {tag}")).starts_with('$'));
    let answer = client.say("WAITAOF 1 0 1000");
    assert!(answer.starts_with("-ERR ") && answer.contains("is not known"), "{answer}");
    // That is told once; then what was written since counts.
    assert_eq!(client.say(&format!("SET {tag} 2")), "+OK");
    assert_eq!(client.say("WAITAOF 1 0 5000"), "*[:1, :0]");
}

#[test]
fn replies_come_or_not_as_the_client_asked() {
    let cluster = primaries();
    let (here, there) = (tag_at(&cluster, 0), tag_at(&cluster, 1));
    let mut client = raw(cluster.node(0));
    client.send_bytes(
        format!(
            "CLIENT REPLY OFF\r\nINCR {there}\r\nINCR {here}\r\nMGET {here} {there}\r\nBLPOP {{{there}}}none 0.01\r\n\
             CLIENT REPLY ON\r\nINCR {there}\r\nCLIENT REPLY SKIP\r\nINCR {there}\r\nINCR {there}\r\nINCR {here}\r\n\
             CLIENT REPLY SKIP\r\nBLPOP {{{there}}}none 0.01\r\nPING\r\n"
        )
        .as_bytes(),
    );
    let replies: Vec<String> = (0..5).map(|_| format!("{:?}", client.read())).collect();
    assert_eq!(replies, ["+OK", ":2", ":4", ":2", "+PONG"]);
}

#[test]
fn consistency_holds_for_what_is_forwarded() {
    let cluster = with_replicas();
    let tag = tag_at(&cluster, 1);
    let mut client = raw(cluster.node(0));
    assert_eq!(client.say("CLIENT CONSISTENCY ALL"), "+OK");
    assert_eq!(client.say(&format!("SET {tag} 1")), "+OK");
    // Its replica has it, and a new connection can tell: nothing else was written there.
    assert_eq!(client.say(&format!("GET {tag}")), "$1");
    cluster.node(4).process().unwrap().pause();
    client.send_line(&format!("SET {tag} 2"));
    assert!(client.is_silent_for(Duration::from_millis(300)), "the replica cannot hold it");
    // Others are not held up: they use another connection.
    assert_eq!(raw(cluster.node(0)).say(&format!("GET {tag}")), "$2");
    cluster.node(4).process().unwrap().resume();
    assert_eq!(format!("{:?}", client.read()), "+OK");
}

#[test]
fn who_subscribes_is_sent_to_the_owner_and_who_publishes_is_not() {
    let cluster = primaries();
    let tag = tag_at(&cluster, 1);
    let (mut client, mut listener) = (raw(cluster.node(0)), raw(cluster.node(1)));
    assert!(client.say(&format!("SSUBSCRIBE {tag}")).starts_with("-MOVED "));
    assert_eq!(listener.say(&format!("SSUBSCRIBE {tag}")), format!("*[$ssubscribe, ${tag}, :1]"));
    assert_eq!(client.say(&format!("SPUBLISH {tag} hello")), ":1");
    assert_eq!(format!("{:?}", listener.read()), format!("*[$smessage, ${tag}, $hello]"));
}

#[test]
fn nodes_say_their_password_to_each_other() {
    let password = ["--requirepass", "secret", "--cluster-proxy", "yes"];
    let without = ["--masterauth", "secret"];
    let folder = shared::testing::TempFolder::new("proxy-password");
    let enabled = ["--cluster-enabled", "yes", "--cluster-node-timeout", "1000"];
    let start = |more: &[&str]| {
        Node::start_in(Program::Ours, folder.path(), &[&enabled[..], &password, more].concat())
    };
    let nodes = [start(&without), start(&[])];
    let mut clients = [0, 1].map(|index: usize| {
        let mut client = raw(&nodes[index]);
        assert_eq!(client.say("AUTH secret"), "+OK");
        client
    });
    for (index, client) in clients.iter_mut().enumerate() {
        let range = ["0 8191", "8192 16383"][index];
        assert_eq!(client.say(&format!("CLUSTER ADDSLOTSRANGE {range}")), "+OK");
        assert_eq!(client.say(&format!("CLUSTER MEET 127.0.0.1 {}", nodes[0].port())), "+OK");
    }
    for client in &mut clients {
        wait::until("the cluster is ok", || {
            String::from_utf8(client.call(&["CLUSTER", "INFO"]).text).unwrap().contains("cluster_state:ok")
        });
    }
    // foo is in slot 12182, bar in 5061.
    assert_eq!(clients[0].say("SET foo 1"), "+OK");
    let refused = clients[1].say("SET bar 1");
    assert!(refused.contains("masterauth must be set"), "{refused}");
    let mut stranger = raw(&nodes[0]);
    assert_eq!(stranger.say("GET foo"), "-NOAUTH Authentication required.");
    assert_eq!(stranger.say("MGET foo bar"), "-NOAUTH Authentication required.");
}

#[test]
fn long_replies_and_long_pipelines_are_joined_whole() {
    let cluster = primaries();
    let mut client = raw(cluster.node(0));
    let value = "x".repeat(300_000);
    let keys: Vec<String> = (0..60).map(|number| format!("long:{number}")).collect();
    for key in &keys {
        client.send(&["SET", key, &value]);
    }
    keys.iter().for_each(|_| assert_eq!(format!("{:?}", client.read()), "+OK"));
    for _ in 0..3 {
        for key in &keys {
            client.send(&["STRLEN", key]);
            client.send(&["GET", key]);
        }
        for _ in &keys {
            assert_eq!(format!("{:?}", client.read()), ":300000");
            assert_eq!(client.read().text.len(), 300_000);
        }
    }
    let all = client.call(&[&["MGET".to_owned()][..], &keys].concat());
    assert!(all.items.iter().all(|item| item.text.len() == 300_000) && all.items.len() == 60);
}

#[test]
fn a_frozen_owner_holds_up_only_who_asks_it() {
    let cluster = primaries();
    let tags = [0, 1, 2].map(|owner| tag_at(&cluster, owner));
    let (mut stuck, mut other) = (raw(cluster.node(0)), raw(cluster.node(0)));
    assert_eq!(stuck.say(&format!("SET {} 1", tags[1])), "+OK");
    cluster.node(1).process().unwrap().pause();
    stuck.send_line(&format!("SET {} 2", tags[1]));
    let since = Instant::now();
    let slowest = (0..50).map(|number| {
        let asked = Instant::now();
        let answer = other.say(&format!("MSET {} {number} {} {number}", tags[0], tags[2]));
        // Nobody is elected here: in the end the cluster is down.
        assert!(answer == "+OK" || answer.starts_with("-CLUSTERDOWN"), "{answer}");
        asked.elapsed()
    });
    let slowest = slowest.max().unwrap();
    assert!(slowest < Duration::from_secs(1), "{slowest:?}");
    let answer = format!("{:?}", stuck.read());
    assert!(answer.starts_with("-ERR cluster-proxy: the outcome is not known"), "{answer}");
    assert!(since.elapsed() < Duration::from_secs(15), "{:?}", since.elapsed());
    cluster.node(1).process().unwrap().resume();
    cluster.wait_ok();
    wait::until("it is reached again", || stuck.say(&format!("INCR {}", tags[1])).starts_with(':'));
}
