//! Reading `nodes.conf`.

use std::collections::BTreeMap;

use shared::epoch::Epoch;
use shared::limits::{CLUSTER_NODES_MAX, EPOCH_MAX, TRANSFERS_NOTED_MAX};
use shared::node_id::NodeId;
use shared::slot::Slot;
use shared::slot_set::SlotSet;

use super::notes;
use crate::topology::{Address, Health, Member, Moment, Moves, Office, ShardId, Stage, Topology, Transfers};

/// Why a file is no `nodes.conf`.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadNodesConf {
    /// A line says something else than a node or `vars`.
    #[error("line {line}: {what}")]
    Line {
        /// Its number, from 1.
        line: usize,
        /// What is wrong with it.
        what: &'static str,
    },
    /// The lines do not make a cluster.
    #[error("{0}")]
    Whole(&'static str),
}

/// One line, read but not yet related to the others.
struct Parsed {
    member: Member,
    slots: SlotSet,
    moves: Moves,
    myself: bool,
}

/// The cluster that the file tells of.
///
/// # Errors
/// Any line that neither Redis 7.0 nor this node would write, two nodes with one name or one slot, no or more than one `myself`, a replica with
/// slots.
pub fn parse(text: &str) -> Result<Topology, BadNodesConf> {
    let mut nodes: Vec<Parsed> = Vec::new();
    let (mut shards, mut office, mut epochs, mut log_term) = (BTreeMap::new(), None, None, None);
    let (mut transfers, mut moves) = (Transfers::new(), Moves::default());
    for (index, line) in text.lines().enumerate() {
        let at_line = |what| BadNodesConf::Line { line: index + 1, what };
        let words: Vec<&str> = line.split_ascii_whitespace().collect();
        match words.as_slice() {
            [] => {}
            ["shard", words @ ..] => {
                let (id, shard) = notes::shard(words).map_err(at_line)?;
                if shards.insert(id, shard).is_some() {
                    return Err(at_line("a shard twice"));
                }
            }
            ["log", "term", term] => log_term = Some(parse_epoch(term).map_err(at_line)?),
            ["giving" | "taking" | "claiming" | "taken", ..] => {
                let (id, transfer) = notes::transfer(&words).map_err(at_line)?;
                if transfers.len() >= TRANSFERS_NOTED_MAX || transfers.insert(id, transfer).is_some() {
                    return Err(at_line("a transfer twice, or too many"));
                }
            }
            ["moves", words @ ..] => moves = notes::moves(words).map_err(at_line)?,
            ["office", words @ ..] => {
                if office.replace(notes::office(words).map_err(at_line)?).is_some() {
                    return Err(at_line("a second office"));
                }
            }
            ["vars", vars @ ..] => epochs = Some(parse_vars(vars).map_err(at_line)?),
            words => nodes.push(parse_node(words).map_err(at_line)?),
        }
    }
    let (current_epoch, last_vote_epoch) = epochs.ok_or(BadNodesConf::Whole("there is no line vars"))?;
    let mut topology = assemble(nodes)?;
    topology.last_vote_epoch = last_vote_epoch;
    topology.current_epoch = current_epoch;
    topology.current_epoch = topology.highest_epoch();
    if topology.me().primary.is_some() && office.is_some() {
        return Err(BadNodesConf::Whole("a replica has no office"));
    }
    topology.me_mut().term = office.as_ref().map_or(Epoch::default(), |office: &Office| office.term);
    topology.office = office;
    topology.log_term = log_term;
    topology.transfers = transfers;
    topology.primary_moves = moves;
    shards.into_iter().for_each(|(id, shard)| *topology.shard_mut(id) = shard);
    Ok(topology)
}

fn assemble(nodes: Vec<Parsed>) -> Result<Topology, BadNodesConf> {
    if nodes.len() > CLUSTER_NODES_MAX {
        return Err(BadNodesConf::Whole("more nodes than a cluster can have"));
    }
    let mut mine = nodes.iter().filter(|n| n.myself);
    let (Some(me), None) = (mine.next(), mine.next()) else {
        return Err(BadNodesConf::Whole("exactly one node is myself"));
    };
    let address = me.member.address.ok_or(BadNodesConf::Whole("myself has no address"))?;
    let mut topology = Topology::new(me.member.id, address);
    topology.me_mut().config_epoch = me.member.config_epoch;
    topology.me_mut().shard = me.member.shard;
    topology.me_mut().primary = me.member.primary;
    let my_id = me.member.id;
    for Parsed { member, slots, moves, myself } in nodes {
        let id = member.id;
        if myself {
            topology.moves = moves;
        }
        if !myself {
            if topology.member(id).is_some() {
                return Err(BadNodesConf::Whole("two nodes with one name"));
            }
            topology.insert(member);
        }
        for slot in slots.iter() {
            if topology.owner(slot).is_some() {
                return Err(BadNodesConf::Whole("two nodes own one slot"));
            }
            topology.assign(slot, if myself { my_id } else { id });
        }
    }
    let is_mine = |slot: &Slot| topology.me().slots().contains(*slot);
    if !topology.moves.migrating.keys().all(is_mine) || topology.moves.importing.keys().any(is_mine) {
        return Err(BadNodesConf::Whole("a slot migrates from where it is not, or is imported where it is"));
    }
    Ok(topology)
}

fn parse_vars(words: &[&str]) -> Result<(Epoch, Epoch), &'static str> {
    let mut epochs = (Epoch::default(), Epoch::default());
    for pair in words.chunks(2) {
        match pair {
            ["currentEpoch", value] => epochs.0 = parse_epoch(value)?,
            ["lastVoteEpoch", value] => epochs.1 = parse_epoch(value)?,
            _ => return Err("vars are currentEpoch and lastVoteEpoch"),
        }
    }
    Ok(epochs)
}

pub(super) fn parse_epoch(word: &str) -> Result<Epoch, &'static str> {
    match word.parse() {
        Ok(number) if number <= EPOCH_MAX => Ok(Epoch(number)),
        _ => Err("not an epoch"),
    }
}

fn parse_node(words: &[&str]) -> Result<Parsed, &'static str> {
    let [id, address, flags, primary, _ping, _pong, epoch, _link, slots @ ..] = words else {
        return Err("a node has at least eight words");
    };
    let id: NodeId = id.parse().map_err(|_| "a node's name is 40 hexadecimal digits")?;
    let (address, shard) = parse_address(address)?;
    let mut member = Member::new(id, Some(address), Stage::Joined);
    member.primary = match *primary {
        "-" => None,
        primary => Some(primary.parse().map_err(|_| "a primary's name is 40 hexadecimal digits")?),
    };
    // A file that does not name it is of Redis 7.0 or older.
    member.shard = shard.unwrap_or(ShardId(member.primary.unwrap_or(id)));
    member.config_epoch = parse_epoch(epoch)?;
    let mut myself = false;
    for flag in flags.split(',') {
        match flag {
            "myself" => myself = true,
            "noflags" | "nofailover" => {}
            "master" | "slave" if (flag == "slave") != member.primary.is_some() => {
                return Err("a replica names its primary, and a primary names none");
            }
            "master" | "slave" => {}
            "fail?" => member.health = Health::Suspected,
            "fail" => member.health = Health::Failed { since: Moment::default() },
            "noaddr" => member.address = None,
            _ => return Err("an unknown flag"),
        }
    }
    let (moves, slots): (Vec<&str>, Vec<&str>) = slots.iter().partition(|word| word.starts_with('['));
    let mut moving = Moves::default();
    if !myself && !moves.is_empty() {
        return Err("slots on the move are told of myself only");
    }
    moves.into_iter().try_for_each(|word| moving.read(word))?;
    let slots = parse_slots(&slots)?;
    if member.primary.is_some() && !slots.is_empty() {
        return Err("a replica owns no slots");
    }
    Ok(Parsed { member, slots, moves: moving, myself })
}

/// `ip:port@bus-port`, with the IP empty if unknown, and behind it maybe `,hostname` and `,shard-id=ID`.
fn parse_address(word: &str) -> Result<(Address, Option<ShardId>), &'static str> {
    const WHAT: &str = "not an address of the form ip:port@bus-port";
    let mut parts = word.split(',');
    let word = parts.next().unwrap_or_default();
    let shard = parts.find_map(|part| part.strip_prefix("shard-id="));
    let shard = shard.map(str::parse).transpose().map_err(|_| "a shard's name is 40 hexadecimal digits")?;
    let (client, bus_port) = word.split_once('@').ok_or(WHAT)?;
    let (ip, port) = client.rsplit_once(':').ok_or(WHAT)?;
    let ip = if ip.is_empty() { None } else { Some(ip.parse().map_err(|_| WHAT)?) };
    let address =
        Address { ip, port: port.parse().map_err(|_| WHAT)?, bus_port: bus_port.parse().map_err(|_| WHAT)? };
    Ok((address, shard))
}

fn parse_slots(words: &[&str]) -> Result<SlotSet, &'static str> {
    let number = |word: &str| word.parse().ok().and_then(Slot::new).ok_or("not a slot");
    let mut slots = SlotSet::new();
    for word in words {
        let (first, last) = word.split_once('-').unwrap_or((word, word));
        let (first, last) = (number(first)?, number(last)?);
        for slot in (first.number()..=last.number()).filter_map(Slot::new) {
            if !slots.insert(slot) {
                return Err("a slot twice in one line");
            }
        }
    }
    Ok(slots)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::topology::describe::WallClock;
    use crate::topology::nodes_conf::render;
    use crate::topology::{ShardId, Side, Transfer, TransferId};
    use proptest::prelude::*;

    /// Written by redis-server 7.0.15.
    const OF_REDIS: &str = "\
35937b1015e794f960f6be191a41f5e16e4ef87a 127.0.0.1:41001@51001 myself,master - 0 0 1 connected 0-5460
0ca2f6862794e4fba984bd4d84a6c598d0af49a4 127.0.0.1:41003@51003 master - 0 1795253401823 3 connected 10923-16383
f2071eacd1fefddfaa6dff73223da3a4824f38cd :0@0 master,fail?,noaddr - 0 1795253401523 2 connected 5461-10920 10922
vars currentEpoch 3 lastVoteEpoch 0
";
    const CLOCK: WallClock = WallClock { started_unix_ms: 0 };

    #[test]
    fn a_file_of_redis_is_read() {
        let topology = parse(OF_REDIS).unwrap();
        assert_eq!(topology.me().slots().ranges(), vec![0..=5460]);
        assert_eq!((topology.len(), topology.size(), topology.current_epoch), (3, 3, Epoch(3)));
        assert_eq!(topology.unassigned().ranges(), vec![10_921..=10_921]);
        let suspect = topology.members().find(|m| m.address.is_none()).unwrap();
        assert_eq!((suspect.health, suspect.config_epoch), (Health::Suspected, Epoch(2)));
    }

    #[test]
    fn what_is_written_is_read_back() {
        let topology = parse(OF_REDIS).unwrap();
        let text = render(&topology, CLOCK);
        assert_eq!(render(&parse(&text).unwrap(), CLOCK), text);
    }

    #[test]
    fn replicas_are_read_back_with_their_primaries() {
        let line = "07c37dfeb235213a872192d90877d0cd55635b91 127.0.0.1:41004@51004 slave 35937b1015e794f960f6be191a41f5e16e4ef87a 0 1795253401523 1 connected\nvars";
        let topology = parse(&OF_REDIS.replacen("vars", line, 1)).unwrap();
        let replicas: Vec<_> = topology.replicas(topology.my_id()).map(|m| m.id.to_string()).collect();
        assert_eq!(replicas, ["07c37dfeb235213a872192d90877d0cd55635b91"]);
        assert_eq!((topology.len(), topology.size()), (4, 3));
        let text = render(&topology, CLOCK);
        assert_eq!(render(&parse(&text).unwrap(), CLOCK), text);
        assert!(text.contains("41004@51004,,shard-id=35937b1015e794f960f6be191a41f5e16e4ef87a slave 35937b1015e794f960f6be191a41f5e16e4ef87a "), "{text}");
    }

    #[test]
    fn slots_on_the_move_are_read_back() {
        let id = "0ca2f6862794e4fba984bd4d84a6c598d0af49a4";
        let with_moves = format!("0-5460 [93->-{id}] [10923-<-{id}]");
        let topology = parse(&OF_REDIS.replacen("0-5460", &with_moves, 1)).unwrap();
        let (migrating, importing) = (Slot::new(93).unwrap(), Slot::new(10_923).unwrap());
        assert_eq!(topology.moves.migrating[&migrating].to_string(), id);
        assert_eq!(topology.moves.importing[&importing].to_string(), id);
        let text = render(&topology, CLOCK);
        assert!(text.contains(&with_moves), "{text}");
        assert_eq!(parse(&text).unwrap().moves, topology.moves);
    }

    #[test]
    fn transfers_of_slots_are_read_back() {
        let mut topology = parse(OF_REDIS).unwrap();
        let sides = [Side::Giving, Side::Taking, Side::Claiming, Side::Taken];
        for (number, side) in (1_u8..).zip(sides) {
            let slots = [Slot::new(number.into()).unwrap()].into_iter().collect();
            let transfer =
                Transfer { side, shard: ShardId(topology.my_id()), epoch: Epoch(number.into()), slots };
            topology.transfers.insert(TransferId(NodeId::from_bytes([number; 20])), transfer);
        }
        assert_eq!(parse(&render(&topology, CLOCK)).unwrap().transfers, topology.transfers);
    }

    #[test]
    fn what_a_replica_was_told_of_slots_on_the_move_is_read_back() {
        let line = "moves [93->>-0ca2f6862794e4fba984bd4d84a6c598d0af49a4] [94->-0ca2f6862794e4fba984bd4d84a6c598d0af49a4]\n";
        let topology = parse(&format!("{OF_REDIS}{line}")).unwrap();
        assert_eq!(topology.primary_moves.migrating.len(), 2);
        assert_eq!(topology.primary_moves.let_go.iter().map(|slot| slot.number()).collect::<Vec<_>>(), [93]);
        let text = render(&topology, CLOCK);
        assert!(text.contains(line), "{text}");
        assert_eq!(parse(&text).unwrap().primary_moves, topology.primary_moves);
        let importing = format!("{OF_REDIS}{}", line.replace("94->-", "94-<-"));
        let refused = parse(&importing).unwrap_err().to_string();
        assert_eq!(refused, "line 5: replicas hear of slots that are migrating only");
    }

    #[test]
    fn damage_is_refused_with_the_line() {
        let broken = |from: &str, to: &str| parse(&OF_REDIS.replacen(from, to, 1)).unwrap_err().to_string();
        assert_eq!(broken("myself,", ""), "exactly one node is myself");
        assert_eq!(broken("0-5460", "0-16384"), "line 1: not a slot");
        assert_eq!(broken("10923-", "[10923->-"), "line 2: slots on the move are told of myself only");
        let what = "line 1: a slot on the move is [slot->-node], [slot->>-node] or [slot-<-node]";
        let stray = broken("0-5460", "0-5460 [9000->-0ca2f6862794e4fba984bd4d84a6c598d0af49a4]");
        assert_eq!(stray, "a slot migrates from where it is not, or is imported where it is");
        for bad in ["[7]", "[7->-x]", "[16384-<-0ca2f6862794e4fba984bd4d84a6c598d0af49a4]", "[7->-"] {
            assert_eq!(broken("0-5460", &format!("0-5460 {bad}")), what);
        }
        assert_eq!(broken("10923-16383", "5000-16383"), "two nodes own one slot");
        let what = "line 3: a replica names its primary, and a primary names none";
        assert_eq!(broken("master,fail?", "slave,fail?"), what);
        let named = "slave,fail?,noaddr 35937b1015e794f960f6be191a41f5e16e4ef87a";
        assert_eq!(broken("master,fail?,noaddr -", named), "line 3: a replica owns no slots");
        assert_eq!(broken("vars", "#vars"), "line 4: a node has at least eight words");
        assert_eq!(broken("currentEpoch 3", "currentEpoch -3"), "line 4: not an epoch");
        assert_eq!(
            broken("127.0.0.1:41003", "localhost:41003"),
            "line 2: not an address of the form ip:port@bus-port"
        );
        assert_eq!(parse("").unwrap_err(), BadNodesConf::Whole("there is no line vars"));
    }

    proptest! {
        #[test]
        fn any_text_is_read_or_refused(cut in 0..OF_REDIS.len(), with in ".{0,20}") {
            let mut text = OF_REDIS.to_owned();
            text.replace_range(cut..(cut + with.len()).min(text.len()), &with);
            if let Ok(topology) = parse(&text) {
                prop_assert!(parse(&render(&topology, CLOCK)).is_ok());
            }
        }
    }
}
