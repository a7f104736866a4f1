//! Which node owns which slot, as far as the client knows.

use super::address::Address;
use crate::limits::SLOTS;
use crate::resp::Value;
use crate::slot::Slot;

/// The primaries of a cluster, their replicas and their slots at one moment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SlotMap {
    shards: Vec<Shard>,
    /// The index of the owning shard, by slot.
    owners: Box<[Option<u16>]>,
    cluster: bool,
    /// A redirection has changed it since it was read: the replicas of the slot's new owner are not known.
    patched: bool,
}

/// One primary and its replicas.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Shard {
    /// Who takes writes.
    pub primary: Address,
    /// Who follows, those only that the cluster says are available.
    pub replicas: Vec<Address>,
}

impl SlotMap {
    /// A server on its own: it owns every slot.
    pub fn stand_alone(server: Address) -> SlotMap {
        SlotMap {
            shards: vec![Shard { primary: server, replicas: Vec::new() }],
            owners: vec![Some(0); SLOTS].into(),
            cluster: false,
            patched: false,
        }
    }

    /// The map out of the answer to `CLUSTER SHARDS` that the node at `asked` gave; `None` if it is no such answer.
    ///
    /// Preferred to `CLUSTER SLOTS`, which in Redis 7 leaves out replicas that have not replicated anything yet: a client would
    /// not wait for them when it asks whether something is *saved*.
    pub fn from_cluster_shards(answer: &Value, asked: &Address) -> Option<SlotMap> {
        let mut map = SlotMap::without_owners();
        for shard in answer.elements()? {
            let slots = shard.field("slots")?.elements()?;
            let mut primary = None;
            let mut replicas = Vec::new();
            for node in shard.field("nodes")?.elements()? {
                let failed = node
                    .field("health")
                    .and_then(Value::as_str)
                    .is_some_and(|health| health.starts_with("fail"));
                let host = node.field("endpoint").or_else(|| node.field("ip"))?;
                let address = address(host, node.field("port").or_else(|| node.field("tls-port"))?, asked)?;
                match node.field("role")?.as_str()? {
                    "master" if primary.is_none() || !failed => primary = Some(address),
                    "replica" | "slave" if !failed => replicas.push(address),
                    _ => {}
                }
            }
            // A primary without slots answers nothing; a shard whose primary is unknown cannot be asked.
            let (false, Some(primary)) = (slots.is_empty(), primary) else { continue };
            let index = map.shard_of(primary);
            map.shards[usize::from(index)].replicas = replicas;
            for range in slots.chunks(2) {
                let [from, to] = range else { return None };
                map.fill(from, to, index)?;
            }
        }
        Some(map)
    }

    /// The map out of the answer to `CLUSTER SLOTS` (servers before Redis 7); `None` if it is no such answer.
    pub fn from_cluster_slots(answer: &Value, asked: &Address) -> Option<SlotMap> {
        let mut map = SlotMap::without_owners();
        for range in answer.elements()? {
            let [from, to, primary, replicas @ ..] = range.elements()? else { return None };
            let index = map.shard_of(node(primary, asked)?);
            for replica in replicas {
                let replica = node(replica, asked)?;
                let known = &mut map.shards[usize::from(index)].replicas;
                if !known.contains(&replica) {
                    known.push(replica);
                }
            }
            map.fill(from, to, index)?;
        }
        Some(map)
    }

    /// The shard that owns this slot; `None` if nobody does.
    pub fn shard(&self, slot: Slot) -> Option<&Shard> {
        self.owners[slot.index()].map(|index| &self.shards[usize::from(index)])
    }

    /// The primary that owns this slot.
    pub fn owner(&self, slot: Slot) -> Option<&Address> {
        self.shard(slot).map(|shard| &shard.primary)
    }

    /// The shard of this primary.
    pub fn shard_at(&self, primary: &Address) -> Option<&Shard> {
        self.shards.iter().find(|shard| shard.primary == *primary)
    }

    /// Every shard that owns slots, in order of their lowest.
    pub fn shards(&self) -> &[Shard] {
        &self.shards
    }

    /// Whether it is a cluster, not a server on its own.
    pub fn is_cluster(&self) -> bool {
        self.cluster
    }

    /// Whether a redirection has changed it since it was read.
    pub fn is_patched(&self) -> bool {
        self.patched
    }

    /// Learns from a redirection that this slot belongs to another primary.
    pub fn set_owner(&mut self, slot: Slot, owner: Address) {
        self.patched = true;
        let shard = self.shard_of(owner);
        self.owners[slot.index()] = Some(shard);
    }

    fn without_owners() -> SlotMap {
        SlotMap { shards: Vec::new(), owners: vec![None; SLOTS].into(), cluster: true, patched: false }
    }

    fn fill(&mut self, from: &Value, to: &Value, shard: u16) -> Option<()> {
        let (from, to) = (usize::try_from(from.as_int()?).ok()?, usize::try_from(to.as_int()?).ok()?);
        self.owners.get_mut(from..to.checked_add(1)?)?.fill(Some(shard));
        Some(())
    }

    fn shard_of(&mut self, primary: Address) -> u16 {
        let index = self.shards.iter().position(|shard| shard.primary == primary).unwrap_or_else(|| {
            self.shards.push(Shard { primary, replicas: Vec::new() });
            self.shards.len() - 1
        });
        // Each shard owns a slot, so there are no more shards than slots, and 16,384 fits.
        index as u16
    }
}

/// A node of `CLUSTER SLOTS`: host, port, id, more.
fn node(value: &Value, asked: &Address) -> Option<Address> {
    let [host, port, ..] = value.elements()? else { return None };
    address(host, port, asked)
}

/// No host, an empty one or `?` means the host that was asked.
fn address(host: &Value, port: &Value, asked: &Address) -> Option<Address> {
    let host = host.as_str().filter(|host| !host.is_empty() && *host != "?").unwrap_or(asked.host());
    Some(Address::new(host, u16::try_from(port.as_int()?).ok()?))
}

#[cfg(test)]
mod tests {
    use bytes::BytesMut;

    use super::*;
    use crate::resp::{Protocol, ReplyDecoder};

    fn answer(text: &str) -> Value {
        let mut buf = BytesMut::from(text.replace(' ', "\r\n").as_bytes());
        ReplyDecoder::new(Protocol::Resp2).next(&mut buf).unwrap().unwrap()
    }

    fn slot(number: u16) -> Slot {
        Slot::new(number).unwrap()
    }

    #[test]
    fn cluster_slots_becomes_a_map() {
        let asked = Address::new("10.0.0.9", 7_000);
        let answer = answer(
            "*3 *4 :0 :99 *3 $8 10.0.0.1 :7000 $1 a *3 $8 10.0.0.2 :7001 $1 b *3 :100 :100 *2 $0  :7002 *3 :200 :200 *3 $8 10.0.0.1 :7000 $1 a ",
        );
        let map = SlotMap::from_cluster_slots(&answer, &asked).unwrap();
        let first = map.shard(slot(99)).unwrap();
        assert_eq!((first.primary.to_string(), first.replicas.len()), ("10.0.0.1:7000".to_owned(), 1));
        assert_eq!(map.owner(slot(100)).unwrap().to_string(), "10.0.0.9:7002");
        assert_eq!(map.owner(slot(200)), map.owner(slot(0)));
        assert_eq!((map.owner(slot(101)), map.shards().len()), (None, 2));
    }

    #[test]
    fn cluster_shards_becomes_a_map_with_replicas_that_are_alive() {
        let asked = Address::new("10.0.0.9", 7_000);
        let node = |host: &str, port: u16, role: &str, health: &str| {
            format!("*8 +endpoint ${} {host} +port :{port} +role +{role} +health +{health} ", host.len())
        };
        let answer = answer(&format!(
            "*2 *4 +slots *4 :0 :99 :200 :200 +nodes *3 {}{}{}*4 +slots *0 +nodes *1 {}",
            node("10.0.0.2", 7_001, "replica", "loading"),
            node("10.0.0.1", 7_000, "master", "online"),
            node("10.0.0.3", 7_002, "replica", "fail"),
            node("", 7_003, "master", "online"),
        ));
        let map = SlotMap::from_cluster_shards(&answer, &asked).unwrap();
        let shard = map.shard(slot(200)).unwrap();
        assert_eq!(shard.primary.to_string(), "10.0.0.1:7000");
        assert_eq!(shard.replicas, [Address::new("10.0.0.2", 7_001)]);
        assert_eq!(
            (map.owner(slot(99)).is_some(), map.owner(slot(100)), map.shards().len()),
            (true, None, 1)
        );
    }

    #[test]
    fn what_is_no_such_answer_is_refused() {
        let asked = Address::new("h", 1);
        for text in [
            "+OK ",
            "*1 :1 ",
            "*1 *3 :0 :16384 *2 $1 h :1 ",
            "*1 *3 :-1 :2 *2 $1 h :1 ",
            "*1 *3 :5 :4 *1 :1 ",
        ] {
            assert_eq!(SlotMap::from_cluster_slots(&answer(text), &asked), None, "{text}");
            assert_eq!(SlotMap::from_cluster_shards(&answer(text), &asked), None, "{text}");
        }
    }

    #[test]
    fn a_redirection_moves_one_slot() {
        let mut map = SlotMap::stand_alone(Address::new("a", 1));
        map.set_owner(slot(5), Address::new("b", 2));
        assert_eq!(map.owner(slot(5)).unwrap().to_string(), "b:2");
        assert_eq!(map.owner(slot(6)).unwrap().to_string(), "a:1");
    }
}
