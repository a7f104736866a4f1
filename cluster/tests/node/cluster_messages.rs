//! Published messages, on one node and across nodes.

use shared::resp::Value;
use shared::testing::cluster::Cluster;
use shared::testing::node::Program;
use shared::testing::wait;
use shared::testing::wire::Wire;

fn three() -> Cluster {
    Cluster::with_options(Program::Ours, 3, 0, &[])
}

/// The words of a message or confirmation.
fn words(value: Value) -> Vec<String> {
    let words = value.into_elements().expect("an array or push");
    words.iter().map(|word| word.as_str().map_or_else(|| word.to_string(), str::to_owned)).collect()
}

fn heard(wire: &mut Wire) -> Vec<String> {
    words(wire.read())
}

fn error(value: &Value) -> &str {
    value.as_error().map(|e| e.as_str()).unwrap_or_default()
}

#[test]
fn publish_on_any_node_reaches_subscribers_on_all() {
    let cluster = three();
    let mut listeners: Vec<Wire> = cluster.nodes().iter().map(|node| node.wire()).collect();
    for listener in &mut listeners {
        assert_eq!(words(listener.call(&["SUBSCRIBE", "news"])), ["subscribe", "news", "1"]);
        assert_eq!(words(listener.call(&["PSUBSCRIBE", "n?ws"])), ["psubscribe", "n?ws", "2"]);
    }
    for (index, node) in cluster.nodes().iter().enumerate() {
        let message = format!("from {index}");
        // As in Redis Cluster, those on the asked node are counted.
        assert_eq!(node.wire().call(&["PUBLISH", "news", &message]).as_int(), Some(2));
        for listener in &mut listeners {
            assert_eq!(heard(listener), ["message", "news", &message]);
            assert_eq!(heard(listener), ["pmessage", "n?ws", "news", &message]);
        }
    }
}

#[test]
fn the_messages_of_one_publisher_arrive_in_their_order_on_other_nodes() {
    let cluster = three();
    let mut listener = cluster.node(1).wire();
    listener.call(&["SUBSCRIBE", "c"]);
    let mut publisher = cluster.node(0).wire();
    for number in 0..2_000 {
        publisher.send(&["PUBLISH", "c", &number.to_string()]);
    }
    for number in 0..2_000 {
        assert_eq!(heard(&mut listener)[2], number.to_string());
    }
}

#[test]
fn a_long_message_crosses_the_bus_and_one_too_long_is_refused() {
    let cluster = three();
    let mut listener = cluster.node(2).wire();
    listener.call(&["SUBSCRIBE", "c"]);
    let long = "x".repeat(5 << 20);
    let mut publisher = cluster.node(0).wire();
    assert_eq!(publisher.call(&["PUBLISH", "c", &long]).as_int(), Some(0));
    assert_eq!(heard(&mut listener)[2].len(), long.len());
    let too_long = vec![b'x'; 64 << 20];
    let answer = publisher.call(&[&b"PUBLISH"[..], b"c", &too_long]);
    assert_eq!(error(&answer), "ERR message too long for the cluster bus");
}

#[test]
fn sharded_channels_live_on_the_owner_of_their_slot() {
    let cluster = three();
    let owner = cluster.owner_of("doc:{notes}");
    let elsewhere = (owner + 1) % 3;
    for command in ["SSUBSCRIBE", "SUNSUBSCRIBE"] {
        let answer = cluster.node(elsewhere).wire().call(&[command, "doc:{notes}"]);
        assert_eq!(error(&answer), format!("MOVED 9643 {}", cluster.node(owner).address()));
    }
    let answer = cluster.node(elsewhere).wire().call(&["SPUBLISH", "doc:{notes}", "m"]);
    assert!(error(&answer).starts_with("MOVED 9643 "));
    let mut listener = cluster.node(owner).wire();
    let crossing = listener.call(&["SSUBSCRIBE", "a", "b"]);
    assert_eq!(error(&crossing), "CROSSSLOT Keys in request don't hash to the same slot");
    assert_eq!(words(listener.call(&["SSUBSCRIBE", "doc:{notes}"])), ["ssubscribe", "doc:{notes}", "1"]);
    assert_eq!(cluster.node(owner).wire().call(&["SPUBLISH", "doc:{notes}", "m"]).as_int(), Some(1));
    assert_eq!(heard(&mut listener), ["smessage", "doc:{notes}", "m"]);
    // PUBLISH speaks to another kind of channel.
    assert_eq!(cluster.node(owner).wire().call(&["PUBLISH", "doc:{notes}", "m"]).as_int(), Some(0));
}

#[test]
fn whoever_listens_to_a_slot_that_leaves_is_told() {
    let cluster = three();
    let owner = cluster.owner_of("doc:{notes}");
    let mut listener = cluster.node(owner).wire();
    listener.call(&["SSUBSCRIBE", "doc:{notes}"]);
    assert!(cluster.node(owner).wire().call(&["CLUSTER", "DELSLOTS", "9643"]).is_ok());
    assert_eq!(heard(&mut listener), ["sunsubscribe", "doc:{notes}", "0"]);
    // It listens to nothing any more: the connection takes every command again.
    assert!(!listener.call(&["CLUSTER", "MYID"]).is_null());
}

#[test]
fn a_resp2_subscriber_may_run_few_commands_and_leaves_that_state_by_unsubscribing() {
    let cluster = three();
    let mut wire = cluster.node(0).wire();
    wire.call(&["SUBSCRIBE", "a"]);
    let refused = "ERR Can't execute 'get': only (P|S)SUBSCRIBE / (P|S)UNSUBSCRIBE / PING / QUIT / RESET are allowed in this context";
    let key = (0..).map(|n| format!("k{n}")).find(|key| cluster.owner_of(key) == 0).unwrap();
    assert_eq!(error(&wire.call(&["GET", &key])), refused);
    assert_eq!(words(wire.call(&["PING"])), ["pong", ""]);
    assert_eq!(words(wire.call(&["UNSUBSCRIBE"])), ["unsubscribe", "a", "0"]);
    assert!(wire.call(&["GET", &key]).is_null());
    let mut resp3 = cluster.node(0).wire().resp3();
    resp3.call(&["SUBSCRIBE", "a"]);
    assert!(resp3.call(&["GET", &key]).is_null(), "RESP3 tells pushes from answers");
}

#[test]
fn pubsub_tells_who_listens_on_this_node() {
    let cluster = three();
    let mut listener = cluster.node(0).wire();
    listener.call(&["SUBSCRIBE", "a"]);
    listener.call(&["PSUBSCRIBE", "x*"]);
    let mut wire = cluster.node(0).wire();
    assert_eq!(words(wire.call(&["PUBSUB", "CHANNELS"])), ["a"]);
    assert_eq!(words(wire.call(&["PUBSUB", "NUMSUB", "a", "b"])), ["a", "1", "b", "0"]);
    assert_eq!(wire.call(&["PUBSUB", "NUMPAT"]).as_int(), Some(1));
    assert_eq!(
        error(&wire.call(&["PUBSUB", "NUMPAT", "x"])),
        "ERR wrong number of arguments for 'pubsub|numpat' command"
    );
    drop(listener);
    wait::until("who is gone listens no more", || wire.call(&["PUBSUB", "NUMPAT"]).as_int() == Some(0));
}

#[test]
fn a_subscriber_that_does_not_read_is_disconnected_and_the_others_hear_everything() {
    let cluster = Cluster::with_options(
        Program::Ours,
        3,
        0,
        &["--client-output-buffer-limit", "pubsub", "1mb", "0", "0"],
    );
    let (mut deaf, mut good) = (cluster.node(0).wire(), cluster.node(0).wire());
    deaf.call(&["SUBSCRIBE", "c"]);
    good.call(&["SUBSCRIBE", "c"]);
    let mut publisher = cluster.node(0).wire();
    let message = "x".repeat(100_000);
    wait::until("the one that does not read is gone", || {
        let listeners = publisher.call(&["PUBLISH", "c", &message]).as_int();
        assert_eq!(heard(&mut good)[2].len(), message.len());
        listeners == Some(1)
    });
}

#[test]
fn a_message_published_in_a_transaction_comes_after_what_it_tells_of() {
    let cluster = three();
    let owner = cluster.owner_of("doc:{notes}");
    let mut listener = cluster.node(owner).wire();
    listener.call(&["SSUBSCRIBE", "doc:{notes}"]);
    let (mut writer, mut reader) = (cluster.node(owner).wire(), cluster.node(owner).wire());
    for number in 0..200 {
        for words in
            [&["MULTI"][..], &["SPUBLISH", "doc:{notes}", "m"], &["RPUSH", "doc:{notes}:log", "u"], &["EXEC"]]
        {
            writer.send(words);
        }
        assert_eq!(heard(&mut listener)[2], "m");
        assert_eq!(reader.call(&["LLEN", "doc:{notes}:log"]).as_int(), Some(number + 1));
        (0..4).for_each(|_| drop(writer.read()));
    }
}
