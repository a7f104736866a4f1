//! Who serves a slot, and what a client hears that asks the wrong node.

use shared::testing::cluster::Cluster;
use shared::testing::node::Program;

fn three() -> Cluster {
    Cluster::with_options(Program::Ours, 3, 0, &[])
}

#[test]
fn every_node_sends_a_client_to_the_owner_of_the_key() {
    let cluster = three();
    let owner = cluster.owner_of("foo");
    for (index, node) in cluster.nodes().iter().enumerate() {
        let answer = node.wire().call(&["SET", "foo", "bar"]);
        if index == owner {
            assert!(answer.is_ok(), "{answer}");
        } else {
            let moved = format!("MOVED 12182 {}", cluster.node(owner).address());
            assert_eq!(answer.as_error().map(|e| e.as_str().to_owned()), Some(moved));
        }
    }
    let mut wire = cluster.node(owner).wire();
    assert_eq!(wire.call(&["CLUSTER", "COUNTKEYSINSLOT", "12182"]).as_int(), Some(1));
    let keys = wire.call(&["CLUSTER", "GETKEYSINSLOT", "12182", "10"]).into_elements().unwrap();
    assert_eq!(keys.iter().filter_map(|key| key.as_str()).collect::<Vec<_>>(), ["foo"]);
}

#[test]
fn keys_of_two_slots_in_one_command_are_refused() {
    let cluster = three();
    let answer = cluster.node(0).wire().call(&["DEL", "a", "b"]);
    assert_eq!(answer.as_error().map(|e| e.code().to_owned()).as_deref(), Some("CROSSSLOT"));
}

#[test]
fn a_node_that_knows_nobody_serves_nothing_until_all_slots_have_an_owner() {
    let folder = shared::testing::folder::TempFolder::new("alone");
    let options = ["--cluster-enabled", "yes", "--cluster-node-timeout", "1000"];
    let node = shared::testing::node::Node::start_in(Program::Ours, folder.path(), &options);
    let mut wire = node.wire();
    let mut said =
        |words: &[&str]| wire.call(words).as_error().map(|e| e.as_str().to_owned()).unwrap_or_default();
    assert_eq!(said(&["GET", "foo"]), "CLUSTERDOWN Hash slot not served");
    assert_eq!(said(&["CLUSTER", "ADDSLOTS", "12182"]), "");
    assert_eq!(said(&["GET", "foo"]), "CLUSTERDOWN The cluster is down");
    assert_eq!(said(&["CLUSTER", "ADDSLOTS", "1", "1"]), "ERR Slot 1 specified multiple times");
    assert_eq!(said(&["CLUSTER", "ADDSLOTSRANGE", "0", "16383"]), "ERR Slot 12182 is already busy");
    assert_eq!(said(&["CLUSTER", "ADDSLOTSRANGE", "0", "12181", "12183", "16383"]), "");
    assert_eq!(said(&["GET", "foo"]), "");
    assert_eq!(said(&["CLUSTER", "DELSLOTS", "12182"]), "");
    assert_eq!(said(&["GET", "foo"]), "CLUSTERDOWN Hash slot not served");
}

#[test]
fn orders_that_make_no_sense_are_refused_in_the_words_of_redis() {
    let cluster = three();
    let mut wire = cluster.node(0).wire();
    for (words, said) in [
        ("CLUSTER FOO", "ERR unknown subcommand 'FOO'. Try CLUSTER HELP."),
        ("CLUSTER ADDSLOTS", "ERR wrong number of arguments for 'cluster|addslots' command"),
        ("CLUSTER ADDSLOTS 16384", "ERR Invalid or out of range slot"),
        ("CLUSTER ADDSLOTS 0", "ERR Slot 0 is already busy"),
        ("CLUSTER DELSLOTSRANGE 5 1", "ERR start slot number 5 is greater than end slot number 1"),
        ("CLUSTER MEET a b", "ERR Invalid TCP base port specified: b"),
        ("CLUSTER MEET 1.2.3.4 99999", "ERR Invalid node address specified: 1.2.3.4:99999"),
        ("CLUSTER MEET nohost 7000", "ERR Invalid node address specified: nohost:7000"),
        ("CLUSTER MEET 127.0.0.1 7000 x", "ERR Invalid TCP bus port specified: x"),
        ("CLUSTER FORGET abc", "ERR Unknown node abc"),
        ("CLUSTER COUNTKEYSINSLOT 16384", "ERR Invalid slot"),
        ("CLUSTER GETKEYSINSLOT 1 -1", "ERR Invalid slot or number of keys"),
        ("CLUSTER SET-CONFIG-EPOCH -1", "ERR Invalid config epoch specified: -1"),
        ("CLUSTER RESET foo", "ERR syntax error"),
        ("CLUSTER REPLICAS abc", "ERR Unknown node abc"),
    ] {
        let answer = wire.call(&words.split(' ').collect::<Vec<_>>());
        assert_eq!(answer.as_error().map(|e| e.as_str().to_owned()).as_deref(), Some(said), "{words}");
    }
}
