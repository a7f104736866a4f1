//! Bytes on the bus that no node sent.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpStream};

use cluster::bus::messages::said;
use cluster::bus::packet;
use cluster::gossip::Message;
use shared::node_id::NodeId;
use shared::rt::rng::Rng;
use shared::testing::cluster::Cluster;
use shared::testing::node::Program;
use shared::testing::ports::BUS_OFFSET;

/// Sends bytes to a node's bus and reads until the node closes.
fn throw(port: u16, bytes: &[u8]) {
    let mut stream = TcpStream::connect(("127.0.0.1", port + BUS_OFFSET)).unwrap();
    // The node may close before it has read all.
    let _ = stream.write_all(bytes);
    let _ = stream.shutdown(Shutdown::Write);
    let _ = stream.read_to_end(&mut Vec::new());
}

fn without_times(nodes: &str) -> Vec<String> {
    let mut lines: Vec<String> = nodes
        .lines()
        .map(|line| {
            let words: Vec<&str> = line.split(' ').collect();
            [&words[..4], &words[6..]].concat().join(" ")
        })
        .collect();
    lines.sort();
    lines
}

#[test]
fn garbage_on_the_bus_changes_nothing_and_harms_nobody() {
    let cluster = Cluster::with_options(Program::Ours, 3, 0, &[]);
    let mut wire = cluster.node(0).wire();
    let picture = |wire: &mut shared::testing::wire::Wire| {
        without_times(wire.call(&["CLUSTER", "NODES"]).as_str().unwrap())
    };
    let before = picture(&mut wire);
    let port = cluster.node(0).port();
    throw(port, b"GET / HTTP/1.1\r\n\r\n");
    // Redis's own bus, another version, a packet of 4 GB, a packet cut short.
    throw(port, b"RCmb\0\0\x08\xbc\0\x01");
    throw(port, b"RDcb\0\x63\0\x01\0\0\x10\0\0\0\0\0");
    // The version of today, so that what follows it is looked at.
    let begin = packet::encode(id(&cluster, 0), &Message::Handover)[..6].to_vec();
    throw(port, &[&begin[..], b"\0\x01\xff\xff\xff\xff\0\0\0\0"].concat());
    throw(port, &[&begin[..], b"\0\x01\0\0\x08\0\0\0\0\0"].concat());
    let mut rng = Rng::from_seed(1);
    for _ in 0..200 {
        let mut bytes = begin.clone();
        bytes.extend((0..rng.below(3_000)).map(|_| rng.next_u64() as u8));
        bytes.splice(6..8, [0, 1 + rng.below(18) as u8]);
        throw(port, &bytes);
    }
    assert_eq!(picture(&mut wire), before);
    cluster.wait_ok();
}

fn id(cluster: &Cluster, node: usize) -> NodeId {
    let id = cluster.node(node).wire().call(&["CLUSTER", "MYID"]);
    id.as_str().unwrap().parse().unwrap()
}

#[test]
fn what_begins_with_wrong_words_publishes_nothing() {
    let cluster = Cluster::with_options(Program::Ours, 3, 0, &[]);
    let port = cluster.node(0).port();
    let mut listener = crate::raw::Raw::connect(port, false);
    assert_eq!(listener.say("SUBSCRIBE c"), "*[$subscribe, $c, :1]");
    let [me, member, stranger] = [id(&cluster, 0), id(&cluster, 1), NodeId::from_bytes([7; NodeId::BYTES])];
    let publish = |sender| said::publish(sender, b"c", b"forged").unwrap();
    let fail = packet::encode(member, &Message::Fail(id(&cluster, 2)));
    let mut broken = said::publisher(member, me).to_vec();
    broken[12] ^= 1;
    for packets in [
        // No words of greeting; a stranger; a member that means another node; bytes that changed on their way.
        vec![publish(member)],
        vec![said::publisher(stranger, me), publish(stranger)],
        vec![said::publisher(member, stranger), publish(member)],
        vec![broken.into(), publish(member)],
        // A member on whose link another one speaks, and one that says what is not said there.
        vec![said::publisher(member, me), publish(stranger)],
        vec![said::publisher(member, me), fail.clone(), publish(member)],
        vec![said::publisher(member, me), said::publisher(member, me), publish(member)],
        // Gossip, and then messages.
        vec![fail.clone(), publish(member)],
    ] {
        throw(port, &packets.concat());
    }
    cluster.node(1).wire().call(&["PUBLISH", "c", "true"]);
    assert_eq!(format!("{:?}", listener.read()), "*[$message, $c, $true]");
    cluster.wait_ok();
}
