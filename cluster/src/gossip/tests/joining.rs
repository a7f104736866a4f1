//! How nodes find each other.

use std::net::IpAddr;

use super::network::Network;
use crate::gossip::{Event, Heartbeat, LinkId, Message, Rumor, RumoredHealth};
use crate::topology::{Address, Link, RunId, ShardId};
use shared::epoch::Epoch;
use shared::node_id::NodeId;
use shared::slot_set::SlotSet;

/// A name nobody in a test has.
fn stranger() -> NodeId {
    NodeId::from_bytes([9; NodeId::BYTES])
}

fn heartbeat(rumors: Vec<Rumor>) -> Heartbeat {
    Heartbeat {
        current_epoch: Epoch(0),
        config_epoch: Epoch(0),
        primary: None,
        shard: ShardId(NodeId::from_bytes([9; 20])),
        term: Epoch(0),
        serving: true,
        offset: 0,
        stamp: 0,
        lease_ms: 0,
        overruled: false,
        priority: 100,
        address: Address { ip: None, port: 7000, bus_port: 17000 },
        run: RunId(9),
        up: true,
        slots: SlotSet::new(),
        rumors,
    }
}

fn said(sender: NodeId, message: Message) -> Event {
    let (local, remote) = (IpAddr::from([127, 0, 0, 1]), IpAddr::from([127, 0, 0, 9]));
    Event::Received { link: LinkId::In(1_000), local, remote, sender, message }
}

#[test]
fn two_nodes_that_meet_know_each_others_names_and_their_own_addresses() {
    let mut network = Network::new(2, 1);
    network.meet(0, 1);
    assert!(network.run_until(5_000, |n| n.all_agree() && n.picture(0).len() == 2));
    for node in 0..2 {
        let ip = IpAddr::from([127, 0, 0, node as u8 + 1]);
        assert_eq!(network.engines[node].topology().me().address.unwrap().ip, Some(ip));
    }
}

#[test]
fn a_newcomer_is_heard_of_by_all_from_the_one_that_met_it() {
    let mut network = Network::formed(4, 2);
    assert!(network.run_until(5_000, |n| n.all_agree() && n.picture(3).len() == 4));
}

#[test]
fn a_handshake_with_nobody_is_given_up() {
    let mut network = Network::new(2, 3);
    network.silent[1] = true;
    network.meet(0, 1);
    network.run(900);
    assert_eq!(network.engines[0].topology().len(), 2);
    network.run(500);
    assert_eq!(network.engines[0].topology().len(), 1);
}

#[test]
fn meeting_oneself_ends_without_a_second_self() {
    let mut network = Network::new(1, 4);
    network.meet(0, 0);
    network.run(3_000);
    assert_eq!(network.engines[0].topology().len(), 1);
}

#[test]
fn meeting_twice_makes_one_member() {
    let mut network = Network::formed(2, 5);
    network.meet(0, 1);
    network.meet(1, 0);
    network.run(3_000);
    assert!(network.all_agree() && network.engines[0].topology().len() == 2);
}

#[test]
fn a_strangers_ping_is_answered_but_not_believed() {
    let mut network = Network::formed(3, 6);
    let before = network.picture(0);
    let rumor = Rumor {
        node: NodeId::from_bytes([7; 20]),
        address: Some(Address { ip: Some([127, 0, 0, 7].into()), port: 1, bus_port: 2 }),
        health: RumoredHealth::Reachable,
    };
    let mut lie = heartbeat(vec![rumor]);
    lie.slots = SlotSet::full();
    lie.config_epoch = Epoch(100);
    network.give(0, said(stranger(), Message::Ping(lie)));
    network.give(0, said(stranger(), Message::Fail(network.id(1))));
    assert_eq!(network.picture(0), before);
    assert!(!network.failed(0, 1));
}

#[test]
fn a_pong_nobody_asked_for_changes_nothing() {
    let mut network = Network::formed(3, 7);
    let before = network.picture(0);
    network.give(0, said(stranger(), Message::Pong(heartbeat(Vec::new()))));
    assert_eq!(network.picture(0), before);
}

#[test]
fn who_answers_under_another_name_is_not_taken_for_the_peer() {
    let mut network = Network::formed(3, 8);
    let peer = network.id(1);
    let link = network.engines[0].topology().member(peer).unwrap().contact.open_link().unwrap();
    let Event::Received { local, remote, sender, message, .. } =
        said(stranger(), Message::Pong(heartbeat(Vec::new())))
    else {
        unreachable!()
    };
    network.give(0, Event::Received { link: LinkId::Out(link), local, remote, sender, message });
    let member = network.engines[0].topology().member(peer).unwrap();
    assert!(member.address.is_none() && matches!(member.contact.link, Link::Down { .. }));
    // The true one is heard again over its own link, and is reached where it speaks from.
    assert!(network.run_until(10_000, |n| n.all_agree()));
}

#[test]
fn a_forgotten_node_stays_forgotten_although_others_talk_of_it() {
    let mut network = Network::formed(4, 9);
    let gone = network.id(3);
    network.silent[3] = true;
    network.cut(3);
    network.order(0, |engine, now, _| engine.forget(gone, now)).unwrap();
    network.run(10_000);
    assert!(network.engines[0].topology().member(gone).is_none());
    assert!(network.engines[1].topology().member(gone).is_some());
}

#[test]
fn a_node_that_moved_is_found_by_what_it_says_itself() {
    let mut network = Network::formed(3, 10);
    let moved = network.id(1);
    let mut told = heartbeat(Vec::new());
    told.address.port = 7009;
    told.run = network.engines[1].run();
    network.give(0, said(moved, Message::Ping(told)));
    let address = network.engines[0].topology().member(moved).unwrap().address.unwrap();
    assert_eq!((address.port, address.ip), (7009, Some([127, 0, 0, 9].into())));
}
