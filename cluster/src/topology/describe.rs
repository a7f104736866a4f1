//! A node as one line of text: `CLUSTER NODES` and `nodes.conf` share the form (Redis, `clusterGenNodeDescription`).

use super::transfer::describe_slots;
use super::{Health, Member, Moment, Stage, Topology};

/// Turns moments of the node's own clock into Unix milliseconds, for people to read.
#[derive(Debug, Clone, Copy)]
pub struct WallClock {
    /// Unix milliseconds of the moment 0.
    pub started_unix_ms: u64,
}

impl WallClock {
    /// Unix milliseconds of a moment; 0, Redis's word for never, if there is none.
    pub fn unix_ms(self, moment: Option<Moment>) -> u64 {
        moment.map_or(0, |m| self.started_unix_ms + m.as_ms())
    }
}

/// Every node, those in handshake too, one line each.
pub fn nodes(topology: &Topology, clock: WallClock) -> String {
    let mut text = String::new();
    for member in topology.members() {
        text.push_str(&node(topology, member, clock));
        text.push('\n');
    }
    text
}

/// Every node as `nodes.conf` has it: with the name of its shard behind its address, as Redis 7.2 writes it.
pub(super) fn nodes_with_shards(topology: &Topology, clock: WallClock) -> String {
    let mut text = String::new();
    for member in topology.members().filter(|m| m.joined()) {
        text.push_str(&line(topology, member, clock, &format!(",,shard-id={}", member.shard)));
        text.push('\n');
    }
    text
}

/// `id ip:port@bus-port flags primary ping-sent pong-received config-epoch link-state slot…`, times in Unix milliseconds.
pub fn node(topology: &Topology, member: &Member, clock: WallClock) -> String {
    line(topology, member, clock, "")
}

fn line(topology: &Topology, member: &Member, clock: WallClock, shard: &str) -> String {
    let me = member.id == topology.my_id();
    let address = member.address.map_or_else(|| ":0@0".to_owned(), |a| a.to_string());
    let linked = if me || member.contact.open_link().is_some() { "connected" } else { "disconnected" };
    let mut line = format!(
        "{} {address}{shard} {} {} {} {} {} {linked}",
        member.id,
        flags(member, me),
        member.primary.map_or_else(|| "-".to_owned(), |primary| primary.to_string()),
        clock.unix_ms(member.contact.ping_sent),
        clock.unix_ms(member.contact.pong_received),
        member.config_epoch,
    );
    // A slot that its owner does not claim any more is nobody's over a restart: whoever claims it then gets it.
    let slots = if shard.is_empty() { member.slots().clone() } else { topology.owned_for_certain(member) };
    if !slots.is_empty() {
        line.push(' ');
        line.push_str(&describe_slots(&slots, " "));
    }
    if me {
        let moves = &topology.moves;
        line.push_str(&if shard.is_empty() { moves.describe() } else { moves.note() });
    }
    line
}

fn flags(member: &Member, me: bool) -> String {
    let mut words = Vec::new();
    if me {
        words.push("myself");
    }
    words.push(match member.stage {
        Stage::Joined if member.primary.is_some() => "slave",
        Stage::Joined => "master",
        Stage::Handshake { .. } => "handshake",
    });
    match member.health {
        Health::Reachable => {}
        Health::Suspected => words.push("fail?"),
        Health::Failed { .. } => words.push("fail"),
    }
    if member.address.is_none() {
        words.push("noaddr");
    }
    words.join(",")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::topology::Link;
    use crate::topology::tests::{id, three_nodes};
    use shared::epoch::Epoch;
    use shared::slot::Slot;

    #[test]
    fn a_line_has_the_form_of_redis() {
        let mut topology = three_nodes();
        for slot in Slot::all().take(5_461) {
            topology.assign(slot, id(2));
        }
        topology.assign(Slot::new(9_000).unwrap(), id(2));
        let member = topology.member_mut(id(2)).unwrap();
        member.config_epoch = Epoch(3);
        member.contact.pong_received = Some(Moment::from_ms(338));
        member.contact.link = Link::Open { link: 1, since: Moment::default() };
        let clock = WallClock { started_unix_ms: 1_795_253_404_000 };
        let line = node(&topology, topology.member(id(2)).unwrap(), clock);
        let name = "02".repeat(20);
        assert_eq!(
            line,
            format!("{name} 127.0.0.2:7000@17000 master - 0 1795253404338 3 connected 0-5460 9000")
        );
        topology.member_mut(id(3)).unwrap().health = Health::Suspected;
        topology.member_mut(id(3)).unwrap().address = None;
        assert!(nodes(&topology, clock).contains(" :0@0 master,fail?,noaddr - 0 0 0 disconnected\n"));
        assert!(nodes(&topology, clock).contains(" 127.0.0.1:7000@17000 myself,master - 0 0 0 connected\n"));
    }
}
