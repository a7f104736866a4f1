//! A slot moves by hand, and copies of its two shards know less than their primaries, or take over.

use shared::testing::cluster::Cluster;
use shared::testing::{Wire, wait};

use crate::cluster_moving::{id, tag_below};

/// Whether so many copies of a primary's shard are in sync.
fn in_sync(cluster: &Cluster, node: usize, copies: usize) -> bool {
    let info = cluster.node(node).wire().call(&["INFO", "replication"]);
    info.as_str().is_some_and(|info| info.contains(&format!("in_sync_copies:{copies}\r\n")))
}

/// A cluster of three primaries with a replica each; a slot of the first one begins to move to the second. Its number, and a key in it.
fn moving() -> (Cluster, String, String) {
    let cluster = Cluster::ours(3, 1);
    wait::until("all are in sync", || (0..3).all(|node| in_sync(&cluster, node, 2)));
    let (tag, slot) = tag_below(5_000);
    let slot = slot.to_string();
    let (mut source, mut target) = (cluster.node(0).wire(), cluster.node(1).wire());
    assert!(source.call(&["SET", &tag, "old"]).is_ok());
    let (from_id, to_id) = (id(&mut source), id(&mut target));
    assert!(target.call(&["CLUSTER", "SETSLOT", &slot, "IMPORTING", &from_id]).is_ok());
    assert!(source.call(&["CLUSTER", "SETSLOT", &slot, "MIGRATING", &to_id]).is_ok());
    (cluster, slot, tag)
}

/// The same, and its key has moved.
fn moved() -> (Cluster, String) {
    let (cluster, slot, key) = moving();
    let port = cluster.node(1).port().to_string();
    assert!(cluster.node(0).wire().call(&["MIGRATE", "127.0.0.1", &port, &key, "0", "5000"]).is_ok());
    (cluster, slot)
}

/// Whether a node believes that another one owns a slot.
fn owns(cluster: &Cluster, at: usize, owner: &str, slot: &str) -> bool {
    let nodes = cluster.node(at).wire().call(&["CLUSTER", "NODES"]);
    let owns = |line: &str| line.starts_with(owner) && line.split(' ').any(|word| word == slot);
    nodes.as_str().is_some_and(|nodes| nodes.lines().any(owns))
}

#[test]
fn who_is_elected_in_the_place_of_a_node_that_gives_a_slot_asks_for_keys_where_they_have_gone() {
    let mut cluster = Cluster::ours(3, 1);
    wait::until("all are in sync", || (0..3).all(|node| in_sync(&cluster, node, 2)));
    let (tag, slot) = tag_below(5_000);
    let (slot, gone, stays) = (slot.to_string(), format!("{{{tag}}}gone"), format!("{{{tag}}}stays"));
    let (from, to) = (cluster.owner_of(&gone), 1);
    let replica = from + 3;
    let (from_id, to_id) = (id(&mut cluster.node(from).wire()), id(&mut cluster.node(to).wire()));
    let mut source = cluster.node(from).wire();
    assert!(source.call(&["SET", &gone, "saved"]).is_ok() && source.call(&["SET", &stays, "1"]).is_ok());
    assert!(cluster.node(to).wire().call(&["CLUSTER", "SETSLOT", &slot, "IMPORTING", &from_id]).is_ok());
    assert!(source.call(&["CLUSTER", "SETSLOT", &slot, "MIGRATING", &to_id]).is_ok());
    let port = cluster.node(to).port().to_string();
    assert!(source.call(&["MIGRATE", "127.0.0.1", &port, &gone, "0", "5000"]).is_ok());
    let asks = format!("ASK {slot} 127.0.0.1:{port}");
    let is_sent_on = |node: &mut Wire| {
        let answer = node.call(&["SET", &gone, "never was"]);
        assert!(answer.as_error().is_some_and(|error| error.to_string() == asks), "{answer}");
    };
    // The last thing that it does: from here on somebody may have written there.
    is_sent_on(&mut source);
    cluster.node_mut(from).kill();

    let mut elected = cluster.node(replica).wire();
    wait::until("its replica takes over", || elected.call(&["SET", &stays, "2"]).is_ok());
    is_sent_on(&mut elected);
    // Also when it was started anew: as an elected one, and once more as a replica that was told.
    cluster.node_mut(from).start();
    wait::until("the old primary follows", || in_sync(&cluster, replica, 2));
    cluster.node_mut(replica).kill();
    let mut elected = cluster.node(from).wire();
    wait::until("it takes over again", || elected.call(&["SET", &stays, "3"]).is_ok());
    is_sent_on(&mut elected);
    let mut there = cluster.node(to).wire();
    assert!(there.call(&["ASKING"]).is_ok());
    assert_eq!(there.call(&["GET", &gone]).as_str(), Some("saved"));
}

#[test]
fn nobody_is_sent_after_a_key_that_a_client_removed_before_who_may_be_elected_knows() {
    let (cluster, slot, key) = moving();
    let mut source = cluster.node(0).wire();
    let asks = |answer: shared::resp::Value| answer.as_error().is_some_and(|error| error.code() == "ASK");
    assert!(asks(source.call(&["GET", &format!("{{{key}}}none")])), "all copies know what there is to know");
    let replica = cluster.node(3).process().expect("it runs");
    replica.pause();
    // Answered at ONE: that it comes back in a failover is allowed, but nobody may have written it elsewhere then.
    assert_eq!(source.call(&["DEL", &key]).as_int(), Some(1), "slot {slot}");
    assert!(asks(source.call(&["RPUSH", &key, "new"])));
    assert!(in_sync(&cluster, 0, 1), "it was not waited for, and could be elected");
    replica.resume();
}

#[test]
fn a_node_claims_a_slot_when_who_may_be_elected_on_either_side_knows() {
    // The replica of the new owner, and that of the old one.
    for (primary, replica) in [(1, 4), (0, 3)] {
        let (cluster, slot) = moved();
        let mut target = cluster.node(1).wire();
        let to_id = id(&mut target);
        // All know that the keys have gone: what is told from here on is about the claim.
        let asked = cluster.node(0).wire().call(&["GET", &tag_below(5_000).0]);
        assert!(asked.as_error().is_some_and(|error| error.code() == "ASK"), "{asked}");
        let paused = cluster.node(replica).process().expect("it runs");
        paused.pause();
        assert!(target.call(&["CLUSTER", "SETSLOT", &slot, "NODE", &to_id]).is_ok());
        wait::until("the old owner hears of it", || owns(&cluster, 0, &to_id, &slot));
        assert!(in_sync(&cluster, primary, 1), "node {replica} was not waited for, and could be elected");
        paused.resume();
        wait::until("it knows the slot", || owns(&cluster, replica, &to_id, &slot));
    }
}

#[test]
fn a_slot_of_which_keys_are_left_is_not_claimed() {
    let (cluster, slot, key) = moving();
    let (mut source, mut target) = (cluster.node(0).wire(), cluster.node(1).wire());
    let to_id = id(&mut target);
    assert!(target.call(&["CLUSTER", "SETSLOT", &slot, "NODE", &to_id]).is_ok());
    // It is answered when the old owner was asked.
    let moved = target.call(&["GET", &key]);
    assert!(moved.as_error().is_some_and(|error| error.code() == "MOVED"), "{moved}");
    let holds = source.call(&["CLUSTER", "SETSLOT", &slot, "NODE", &to_id]).to_string();
    assert!(holds.contains("while I still hold keys for this hash slot"), "{holds}");
    assert_eq!(source.call(&["GET", &key]).as_str(), Some("old"));
    let port = cluster.node(1).port().to_string();
    assert!(source.call(&["MIGRATE", "127.0.0.1", &port, &key, "0", "5000"]).is_ok());
    assert!(target.call(&["CLUSTER", "SETSLOT", &slot, "NODE", &to_id]).is_ok());
    assert_eq!(target.call(&["GET", &key]).as_str(), Some("old"));
}

#[test]
fn a_slot_that_was_let_go_is_so_after_a_crash_and_for_who_is_elected() {
    let (mut cluster, slot) = moved();
    let to_id = id(&mut cluster.node(1).wire());
    let mut source = cluster.node(0).wire();
    // Answered when what has gone has arrived.
    let asked = source.call(&["GET", &tag_below(5_000).0]);
    assert!(asked.as_error().is_some_and(|error| error.code() == "ASK"), "{asked}");
    assert!(source.call(&["CLUSTER", "SETSLOT", &slot, "NODE", &to_id]).is_ok());
    let stays = |node: &mut Wire| node.call(&["CLUSTER", "SETSLOT", &slot, "STABLE"]).to_string();
    let refused = stays(&mut source);
    assert!(refused.starts_with(&format!("ERR Slot {slot} has gone to node {to_id}")), "{refused}");
    // Answered when the copies know what has gone.
    let asked = source.call(&["GET", &format!("{{{}}}none", tag_below(5_000).0)]);
    assert!(asked.as_error().is_some_and(|error| error.code() == "ASK"), "{asked}");
    wait::until("it is in nodes.conf", || {
        let conf = std::fs::read_to_string(cluster.node(0).dir().join("nodes.conf")).unwrap();
        conf.contains(&format!("[{slot}->>-{to_id}]"))
    });
    cluster.node_mut(0).kill();
    let mut elected = cluster.node(3).wire();
    wait::until("its replica takes over", || stays(&mut elected) == refused);
    let mut target = cluster.node(1).wire();
    assert!(target.call(&["CLUSTER", "SETSLOT", &slot, "NODE", &to_id]).is_ok());
    wait::until("who was elected accepts the claim", || owns(&cluster, 3, &to_id, &slot));
}

#[test]
fn a_node_that_fails_before_it_claims_a_slot_has_told_who_takes_its_place() {
    let (mut cluster, slot) = moved();
    let mut target = cluster.node(1).wire();
    let to_id = id(&mut target);
    target.send(&["CLUSTER", "SETSLOT", &slot, "NODE", &to_id]);
    // As soon as the old owner knows that it is not the owner any more.
    wait::until("the old owner hears of it", || owns(&cluster, 0, &to_id, &slot));
    cluster.node_mut(1).kill();
    let heir = id(&mut cluster.node(4).wire());
    wait::until("its replica has the slot", || {
        owns(&cluster, 0, &heir, &slot) && owns(&cluster, 2, &heir, &slot)
    });
}

#[test]
fn a_slot_that_moves_as_a_stream_does_not_move_by_hand() {
    let cluster = Cluster::ours(2, 0);
    let (mut source, mut target) = (cluster.node(0).wire(), cluster.node(1).wire());
    let (from_id, to_id) = (id(&mut source), id(&mut target));
    // It waits for an answer, so that it is under way.
    cluster.node(1).process().expect("it runs").pause();
    assert!(source.call(&["CLUSTER", "MIGRATESLOTS", "SLOTSRANGE", "0", "9", "NODE", &to_id]).is_ok());
    for words in [["MIGRATING", &to_id], ["NODE", &to_id]] {
        let answer = source.call(&["CLUSTER", "SETSLOT", "5", words[0], words[1]]);
        let error = answer.as_error().map(ToString::to_string);
        assert_eq!(error.as_deref(), Some("ERR Slot 5 is being migrated already"));
    }
    assert!(source.call(&["CLUSTER", "SETSLOT", "10", "MIGRATING", &to_id]).is_ok());
    cluster.node(1).process().expect("it runs").resume();
    wait::until("the slots have moved", || owns(&cluster, 0, &to_id, "0-9"));
    assert!(target.call(&["CLUSTER", "SETSLOT", "10", "IMPORTING", &from_id]).is_ok());
}
