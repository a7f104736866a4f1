//! Published messages go to the nodes that have subscribers for them, and to no others; nobody misses one for that.

use cluster::local::{self, form};
use shared::testing::cluster::Cluster;
use shared::testing::folder::TempFolder;
use shared::testing::node::{Node, Program};
use shared::testing::wire::Wire;
use shared::testing::{ports, wait};

fn three() -> Cluster {
    let cluster = Cluster::with_options(Program::Ours, 3, 0, &[]);
    cluster.nodes().iter().for_each(wait_linked);
    cluster
}

/// A figure of INFO or CLUSTER INFO; 0 if it is not told.
fn figure(wire: &mut Wire, asked: &[&str], name: &str) -> u64 {
    let info = wire.call(asked);
    let line = info.as_str().unwrap().lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'));
    line.map_or(0, |value| value.parse().unwrap())
}

/// Blocks until a node of three knows what the others want, and they what it wants.
fn wait_linked(node: &Node) {
    let mut wire = node.wire();
    for name in ["cluster_message_links_to", "cluster_message_links_from"] {
        wait::until("message links stand", || figure(&mut wire, &["INFO", "cluster"], name) == 2);
    }
}

fn published(node: &Node, way: &str) -> u64 {
    figure(&mut node.wire(), &["CLUSTER", "INFO"], &format!("cluster_stats_messages_publish_{way}"))
}

fn words(wire: &mut Wire) -> Vec<String> {
    let words = wire.read().into_elements().expect("an array");
    words.iter().map(|word| word.as_str().map_or_else(|| word.to_string(), str::to_owned)).collect()
}

#[test]
fn nodes_without_subscribers_are_sent_nothing() {
    let cluster = three();
    let mut listener = cluster.node(1).wire();
    listener.call(&["SUBSCRIBE", "c"]);
    let mut publisher = cluster.node(0).wire();
    for number in 0..100 {
        publisher.call(&["PUBLISH", "c", &number.to_string()]);
        publisher.call(&["PUBLISH", "nobody", "listens"]);
    }
    for number in 0..100 {
        assert_eq!(words(&mut listener), ["message", "c", &number.to_string()]);
    }
    assert_eq!(published(cluster.node(0), "sent"), 100);
    assert_eq!(published(cluster.node(1), "received"), 100);
    assert_eq!(published(cluster.node(2), "received"), 0);
}

#[test]
fn who_listens_to_a_pattern_hears_every_channel_and_nothing_is_sent_for_who_left() {
    let cluster = three();
    let mut publisher = cluster.node(0).wire();
    let mut listener = cluster.node(2).wire();
    listener.call(&["PSUBSCRIBE", "n?ws"]);
    publisher.call(&["PUBLISH", "news", "m"]);
    assert_eq!(words(&mut listener), ["pmessage", "n?ws", "news", "m"]);
    assert_eq!(published(cluster.node(1), "received"), 0);
    listener.call(&["SUBSCRIBE", "c"]);
    drop(listener);
    wait::until("nobody is sent anything", || {
        let before = published(cluster.node(0), "sent");
        publisher.call(&["PUBLISH", "c", "m"]);
        published(cluster.node(0), "sent") == before
    });
}

#[test]
fn what_is_published_anywhere_after_a_confirmation_is_heard() {
    let cluster = three();
    let mut publishers: Vec<Wire> = cluster.nodes().iter().map(|node| node.wire()).collect();
    let mut listeners: Vec<Wire> = cluster.nodes().iter().map(|node| node.wire()).collect();
    for round in 0..600 {
        let channel = format!("channel {round}");
        let (listener, publisher) = (round % 3, (round + 1 + round / 3 % 2) % 3);
        let pattern = format!("channel {round}*");
        let asked = if round % 100 == 0 { ["PSUBSCRIBE", &pattern] } else { ["SUBSCRIBE", &channel] };
        listeners[listener].call(&asked);
        publishers[publisher].send(&["PUBLISH", &channel, "m"]);
        assert!(words(&mut listeners[listener]).ends_with(&[channel, "m".to_owned()]), "round {round}");
    }
}

#[test]
fn a_second_subscriber_is_not_told_before_the_first_one_can_be() {
    let cluster = three();
    let mut publisher = cluster.node(1).wire();
    for round in 0..300 {
        let channel = format!("channel {round}");
        let (mut first, mut second) = (cluster.node(0).wire(), cluster.node(0).wire());
        first.send(&["SUBSCRIBE", &channel]);
        second.call(&["SUBSCRIBE", &channel]);
        publisher.send(&["PUBLISH", &channel, "m"]);
        assert_eq!(words(&mut second)[2], "m", "round {round}");
    }
}

#[test]
fn a_node_that_was_killed_and_started_again_hears_and_is_heard_at_once() {
    // It is back before anybody suspects it.
    let mut cluster = Cluster::with_options(Program::Ours, 3, 0, &["--cluster-node-timeout", "20000"]);
    cluster.nodes().iter().for_each(wait_linked);
    for _ in 0..3 {
        cluster.node_mut(1).kill();
        cluster.node_mut(1).start();
        for (listening, publishing) in [(1, 0), (1, 2), (0, 1), (2, 1)] {
            let mut listener = cluster.node(listening).wire();
            listener.call(&["SUBSCRIBE", "c"]);
            cluster.node(publishing).wire().call(&["PUBLISH", "c", "m"]);
            assert_eq!(words(&mut listener), ["message", "c", "m"], "from {publishing} to {listening}");
        }
        cluster.nodes().iter().for_each(wait_linked);
    }
}

#[test]
fn a_frozen_node_is_not_waited_for_long_and_sends_again_when_it_wakes() {
    let cluster = three();
    cluster.node(2).process().unwrap().pause();
    let mut listener = cluster.node(0).wire();
    listener.call(&["SUBSCRIBE", "c"]);
    cluster.node(1).wire().call(&["PUBLISH", "c", "m"]);
    assert_eq!(words(&mut listener), ["message", "c", "m"]);
    cluster.node(2).process().unwrap().resume();
    wait_linked(cluster.node(2));
    let mut publisher = cluster.node(2).wire();
    publisher.call(&["PUBLISH", "c", "awake"]);
    assert_eq!(words(&mut listener), ["message", "c", "awake"]);
}

#[test]
fn nodes_are_not_suspected_while_one_does_not_read_what_is_published() {
    let folder = TempFolder::new("cluster-interest");
    let (port, dir) = (ports::free_ports_in_a_row(3), folder.path().display().to_string());
    let port_text = port.to_string();
    let args = [
        "--port",
        &port_text,
        "--dir",
        &dir,
        "--bind",
        "127.0.0.1",
        "--cluster-node-timeout",
        "1000",
        "--io-threads",
        "1",
    ];
    let nodes = local::start(&local::Arguments::of(args.map(str::to_owned).into_iter()).unwrap()).unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(form::form(&nodes, 3));
    let mut listener = Wire::connect(port + 1);
    listener.call(&["SUBSCRIBE", "c"]);

    // The worker of node 1 is busy: nobody there reads a message, or serves a client.
    let (busy, until) = std::sync::mpsc::sync_channel::<()>(0);
    nodes[1].shared().workers.spawn_on(0, async move {
        until.recv().unwrap_err();
    });
    let mut publisher = Wire::connect(port);
    let message = "x".repeat(4 << 20);
    wait::until("more waits than may", || {
        publisher.call(&["PUBLISH", "c", &message]);
        figure(&mut publisher, &["CLUSTER", "INFO"], "total_cluster_links_buffer_limit_exceeded") > 0
    });
    // Two more node timeouts, by pings that were answered meanwhile.
    let pongs = |wire: &mut Wire| figure(wire, &["CLUSTER", "INFO"], "cluster_stats_messages_pong_received");
    let enough = pongs(&mut publisher) + 10;
    wait::until("pings are answered", || {
        publisher.call(&["PUBLISH", "c", "m"]);
        let nodes = publisher.call(&["CLUSTER", "NODES"]);
        assert!(!nodes.as_str().unwrap().contains("fail"), "{nodes}");
        pongs(&mut publisher) > enough
    });
    drop(busy);
    wait::until("it reads again", || {
        publisher.call(&["PUBLISH", "c", "short"]);
        words(&mut listener)[2] == "short"
    });
    drop(nodes);
}
