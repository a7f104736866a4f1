//! Replicas in a cluster: who they are, what they answer, and that they keep what their primaries hold.

use std::process::Command;

use shared::slot::Slot;
use shared::testing::cluster::Cluster;
use shared::testing::node::{Node, Program};
use shared::testing::{TempFolder, binary, wait};

use crate::contents::contents;
use crate::raw::Raw;

fn raw(node: &Node) -> Raw {
    Raw::connect(node.port(), false)
}

fn id(node: &Node) -> String {
    String::from_utf8(raw(node).call(&["CLUSTER", "MYID"]).text).unwrap()
}

/// Sets so many keys over the whole cluster, each at the primary of its slot.
fn fill(cluster: &Cluster, name: &str, count: usize) {
    for number in 0..count {
        let key = format!("{name}:{number}");
        let owner = cluster.node(cluster.owner_of(&key));
        assert_eq!(raw(owner).call(&["SET", &key, name]).text, b"OK");
    }
}

/// Each replica holds what its primary holds. Replicas stand behind the primaries, in the same order.
fn same(cluster: &Cluster, primaries: usize) {
    for index in 0..primaries {
        let (mut primary, mut replica) = (raw(cluster.node(index)), raw(cluster.node(primaries + index)));
        assert_eq!(replica.say("READONLY"), "+OK");
        let mut held = None;
        wait::until("the replica has everything", || {
            held = Some((contents(&mut primary), contents(&mut replica)));
            held.as_ref().is_some_and(|(ours, theirs)| ours == theirs)
        });
        assert!(held.is_some_and(|(ours, _)| !ours.is_empty()));
    }
}

#[test]
fn replicas_hold_what_their_primaries_hold_and_answer_who_asks_for_that() {
    let cluster = Cluster::ours(3, 1);
    fill(&cluster, "key", 60);
    same(&cluster, 3);
    let owner = cluster.owner_of("key:1");
    let (port, slot) = (cluster.node(owner).port(), Slot::of_key(b"key:1"));
    let mut reader = raw(cluster.node(3 + owner));
    let moved = format!("-MOVED {slot} 127.0.0.1:{port}");
    assert_eq!(reader.say("GET key:1"), moved);
    assert_eq!(reader.say("READONLY"), "+OK");
    assert_eq!(reader.say("GET key:1"), "$key");
    assert_eq!(reader.say("SET key:1 x"), moved, "writes go to the primary");
    let other = (0..60).map(|number| format!("key:{number}")).find(|key| cluster.owner_of(key) != owner);
    let answer = reader.say(&format!("GET {}", other.unwrap()));
    assert!(answer.starts_with("-MOVED "), "{answer}: a slot of another primary");
    assert_eq!(reader.say("READWRITE"), "+OK");
    assert_eq!(reader.say("GET key:1"), moved);
    // WAIT and WAITAOF count them.
    let mut writer = raw(cluster.node(owner));
    writer.say("SET key:1 y");
    assert_eq!(writer.say("WAITAOF 1 1 10000"), "*[:1, :1]");
}

#[test]
fn who_follows_whom_is_told_to_all_and_survives_restarts() {
    let mut cluster = Cluster::ours(2, 2);
    let [first, second] = [id(cluster.node(0)), id(cluster.node(1))];
    for node in cluster.nodes() {
        let mut client = raw(node);
        wait::until("all know who follows whom", || {
            let replicas = |of: &str, client: &mut Raw| client.call(&["CLUSTER", "REPLICAS", of]).items.len();
            replicas(&first, &mut client) == 2 && replicas(&second, &mut client) == 2
        });
        let nodes = String::from_utf8(client.call(&["CLUSTER", "NODES"]).text).unwrap();
        assert_eq!(nodes.matches(&format!("slave {first} ")).count(), 2, "{nodes}");
        let slots = client.call(&["CLUSTER", "SLOTS"]).items;
        assert!(slots.iter().all(|range| range.items.len() == 5), "{slots:?}");
        let shards = client.call(&["CLUSTER", "SHARDS"]).items;
        let copies: Vec<_> = shards.iter().map(|shard| shard.items[3].items.len()).collect();
        assert_eq!(copies, [3, 3]);
    }
    let shard = raw(cluster.node(2)).call(&["CLUSTER", "MYSHARDID"]).text;
    assert_eq!(shard, first.as_bytes());
    fill(&cluster, "before", 20);
    for index in [2, 0] {
        cluster.node_mut(index).kill();
        cluster.node_mut(index).start();
        cluster.wait_ok();
        fill(&cluster, &format!("after{index}"), 20);
    }
    for replica in 2..4 {
        wait::until("the link stands", || {
            let info = raw(cluster.node(replica)).call(&["INFO", "replication"]).text;
            let info = String::from_utf8(info).unwrap();
            info.contains("role:slave") && info.contains("master_link_status:up")
        });
        // Also the one that was started anew says of whom it is the replica.
        let port = cluster.node(replica % 2).port();
        let mut client = raw(cluster.node(replica));
        let info = String::from_utf8(client.call(&["INFO", "replication"]).text).unwrap();
        assert!(info.contains(&format!("master_host:127.0.0.1\r\nmaster_port:{port}\r\n")), "{info}");
        assert!(client.say("ROLE").starts_with(&format!("*[$slave, $127.0.0.1, :{port}, ")));
    }
    same(&cluster, 2);
}

#[test]
fn what_is_no_primary_to_follow_is_refused_and_changes_nothing() {
    let cluster = Cluster::ours(2, 1);
    let ids: Vec<String> = cluster.nodes().iter().map(id).collect();
    let unknown = "0".repeat(40);
    let refused = |node: usize, words: &[&str]| {
        let before = raw(cluster.node(node)).say("ROLE");
        let answer = format!("{:?}", raw(cluster.node(node)).call(words));
        let role = |role: &str| role.split(',').take(3).collect::<Vec<_>>().join(",");
        assert_eq!(role(&raw(cluster.node(node)).say("ROLE")), role(&before));
        answer
    };
    let replicate = |id| ["CLUSTER", "REPLICATE", id];
    assert_eq!(refused(2, &replicate(&unknown)), format!("-ERR Unknown node {unknown}"));
    assert_eq!(refused(2, &replicate(&ids[2])), "-ERR Can't replicate myself");
    assert_eq!(refused(2, &replicate(&ids[3])), "-ERR I can only replicate a master, not a replica.");
    let full = "-ERR To set a master the node must be empty and without assigned slots.";
    assert_eq!(refused(0, &replicate(&ids[1])), full);
    assert_eq!(refused(2, &["REPLICAOF", "NO", "ONE"]), "-ERR REPLICAOF not allowed in cluster mode.");
    assert_eq!(refused(2, &["CLUSTER", "FORGET", &ids[0]]), "-ERR Can't forget my master!");
    let setslot = ["CLUSTER", "SETSLOT", "1", "IMPORTING", &ids[1]];
    assert_eq!(refused(2, &setslot), "-ERR You can use SETSLOT only with masters.");
    wait::until("the others know that it is a replica", || {
        refused(0, &["CLUSTER", "REPLICAS", &ids[2]]) == "-ERR The specified node is not a master"
    });
    let setslot = ["CLUSTER", "SETSLOT", "1", "NODE", &ids[2]];
    assert_eq!(refused(0, &setslot), "-ERR Target node is not a master");
    // Another primary may be followed, and a replica may leave: it forgets what was its primary's.
    fill(&cluster, "key", 20);
    let mut client = raw(cluster.node(2));
    assert_eq!(client.call(&replicate(&ids[1])).text, b"OK");
    let field = |node: usize, name: &str| {
        let info = String::from_utf8(raw(cluster.node(node)).call(&["INFO", "replication"]).text).unwrap();
        info.lines().find_map(|line| line.strip_prefix(name).map(str::to_owned)).unwrap_or_default()
    };
    wait::until("it follows the other one", || {
        field(2, "master_port:") == cluster.node(1).port().to_string()
            && field(2, "master_sync_in_progress:") == "0"
            && field(2, "master_link_status:") == "up"
            && field(2, "slave_repl_offset:") == field(1, "master_repl_offset:")
    });
    client.say("READONLY");
    assert_eq!(contents(&mut client), contents(&mut raw(cluster.node(1))));
    assert_eq!(client.say("CLUSTER RESET"), "+OK");
    assert_eq!((client.say("DBSIZE"), client.say("KEYS *")), (":0".into(), "*[]".into()));
    assert!(client.say("ROLE").starts_with("*[$master, "));
}

#[test]
fn redis_cli_makes_a_cluster_with_replicas() {
    let folder = TempFolder::new("redis-cli");
    let options = ["--cluster-enabled", "yes", "--cluster-node-timeout", "1000", "--appendonly", "yes"];
    let nodes: Vec<Node> = (0..6).map(|_| Node::start_in(Program::Ours, folder.path(), &options)).collect();
    let addresses: Vec<String> = nodes.iter().map(Node::address).collect();
    let cli = |args: &[&str]| {
        let ran = Command::new(binary::installed("redis-cli")).args(args).output().unwrap();
        let text = String::from_utf8_lossy(&ran.stdout).into_owned() + &String::from_utf8_lossy(&ran.stderr);
        assert!(ran.status.success(), "redis-cli {args:?}: {text}");
        text
    };
    let mut create = vec!["--cluster", "create"];
    create.extend(addresses.iter().map(String::as_str));
    create.extend(["--cluster-replicas", "1", "--cluster-yes"]);
    let created = cli(&create);
    assert!(created.contains("[OK] All 16384 slots covered."), "{created}");
    wait::until("every primary has its replica in sync", || {
        let online = nodes.iter().filter(|node| {
            let info = raw(node).call(&["INFO", "replication"]).text;
            String::from_utf8_lossy(&info).contains("state=online")
        });
        online.count() == 3
    });
    wait::until("all agree", || {
        let checked = cli(&["--cluster", "check", &addresses[0]]);
        checked.contains("[OK] All nodes agree") && checked.matches("1 additional replica(s)").count() == 3
    });
}
