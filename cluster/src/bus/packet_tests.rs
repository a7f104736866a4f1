//! Tests of the packet format: what is written is read, and nothing else is.

use super::*;
use crate::topology::{CopyId, InSync, RunId, ShardId};
use persistence::StoreId;
use proptest::prelude::*;
use shared::epoch::Epoch;
use shared::limits::{EPOCH_MAX, IN_SYNC_COPIES_MAX};
use shared::slot::Slot;

fn names() -> impl Strategy<Value = NodeId> {
    any::<[u8; 20]>().prop_map(NodeId::from_bytes)
}

fn addresses() -> impl Strategy<Value = Address> {
    let ips = proptest::option::of(any::<std::net::IpAddr>());
    (ips, 1_u16.., 1_u16..).prop_map(|(ip, port, bus_port)| Address { ip, port, bus_port })
}

fn slot_sets() -> impl Strategy<Value = SlotSet> {
    prop::collection::vec(0_u16..16_384, 0..20).prop_map(|n| n.into_iter().filter_map(Slot::new).collect())
}

fn epochs() -> impl Strategy<Value = Epoch> {
    (0..=EPOCH_MAX).prop_map(Epoch)
}

fn rumors() -> impl Strategy<Value = Rumor> {
    let health = prop_oneof![
        Just(RumoredHealth::Reachable),
        Just(RumoredHealth::Suspected),
        Just(RumoredHealth::Failed)
    ];
    (names(), proptest::option::of(addresses()), health).prop_map(|(node, address, health)| Rumor {
        node,
        address,
        health,
    })
}

fn heartbeats() -> impl Strategy<Value = Heartbeat> {
    let roles = (prop::option::of(names()), shards(), epochs(), any::<bool>(), any::<u64>());
    let epochs = (epochs(), epochs());
    let lease = (any::<u64>(), any::<u64>(), any::<bool>(), any::<u32>());
    let rumors = prop::collection::vec(rumors(), 0..10);
    let says = (addresses(), any::<u64>().prop_map(RunId), any::<bool>());
    (epochs, roles, lease, says, slot_sets(), rumors).prop_map(
        |(
            (current_epoch, config_epoch),
            role,
            (stamp, lease_ms, overruled, priority),
            (address, run, up),
            slots,
            rumors,
        )| {
            Heartbeat {
                current_epoch,
                config_epoch,
                primary: role.0,
                shard: role.1,
                term: role.2,
                serving: role.3,
                offset: role.4,
                stamp,
                lease_ms,
                overruled,
                priority,
                address,
                run,
                up,
                slots,
                rumors,
            }
        },
    )
}

fn messages() -> impl Strategy<Value = Message> {
    prop_oneof![
        heartbeats().prop_map(Message::Ping),
        heartbeats().prop_map(Message::Pong),
        heartbeats().prop_map(Message::Meet),
        names().prop_map(Message::Fail),
        (names(), epochs(), shards(), epochs(), slot_sets()).prop_map(
            |(node, config_epoch, shard, term, slots)| Message::Update(Claim {
                node,
                config_epoch,
                shard,
                term,
                slots
            })
        ),
        (shards(), in_sync_sets()).prop_map(|(shard, set)| Message::Note(shard, set)),
        (shards(), epochs(), any::<u64>())
            .prop_map(|(shard, term, version)| Message::Noted(shard, Noted { term, version })),
        vote_requests().prop_map(|request| Message::VoteRequest(Box::new(request))),
        (epochs(), shards(), in_sync_sets()).prop_map(|(epoch, shard, noted)| Message::Vote(Vote {
            epoch,
            shard,
            noted
        })),
        Just(Message::Handover),
        epochs().prop_map(Message::Resigned),
        (names(), slot_sets())
            .prop_map(|(id, slots)| Message::TransferAsk(TransferAsk { id: TransferId(id), slots })),
        names().prop_map(|id| Message::TransferNever(TransferId(id))),
        (names(), 0..16_384_u16).prop_map(|(id, slot)| {
            Message::ClaimAsk(ClaimAsk { id: TransferId(id), slot: Slot::new(slot).unwrap() })
        }),
        (names(), any::<bool>()).prop_map(|(id, may)| Message::ClaimAnswer(TransferId(id), may)),
    ]
}

fn shards() -> impl Strategy<Value = ShardId> {
    names().prop_map(ShardId)
}

fn stores() -> impl Strategy<Value = StoreId> {
    any::<[u8; 20]>().prop_map(StoreId::from_bytes)
}

fn in_sync_sets() -> impl Strategy<Value = InSync> {
    let copies = (names(), stores()).prop_map(|(node, store)| CopyId { node, store });
    let copies = prop::collection::btree_set(copies, 0..=IN_SYNC_COPIES_MAX);
    (epochs(), any::<u64>(), copies).prop_map(|(term, version, copies)| InSync { term, version, copies })
}

fn vote_requests() -> impl Strategy<Value = VoteRequest> {
    let resigned = prop::option::of(epochs());
    let noted = prop::option::of(in_sync_sets());
    (epochs(), shards(), stores(), slot_sets(), epochs(), noted, any::<bool>(), resigned).prop_map(
        |(epoch, shard, store, slots, config_epoch, noted, ordered, resigned)| VoteRequest {
            epoch,
            shard,
            store,
            slots,
            config_epoch,
            noted,
            ordered,
            resigned,
        },
    )
}

fn read(bytes: &[u8]) -> Result<Option<Packet>, BadPacket> {
    next(&mut BytesMut::from(bytes))
}

proptest! {
    #[test]
    fn what_is_written_is_read(sender in names(), message in messages()) {
        let bytes = encode(sender, &message);
        prop_assert_eq!(read(&bytes), Ok(Some(Packet { sender, message })));
    }

    #[test]
    fn a_packet_cut_short_is_waited_for_and_several_are_read_in_order(
        sender in names(), sent in prop::collection::vec(messages(), 1..5), pieces in 1_usize..5_000,
    ) {
        let bytes: Vec<u8> = sent.iter().flat_map(|m| encode(sender, m)).collect();
        let (mut buffer, mut got) = (BytesMut::new(), Vec::new());
        for piece in bytes.chunks(pieces) {
            buffer.extend_from_slice(piece);
            while let Some(packet) = next(&mut buffer).unwrap() {
                got.push(packet.message);
            }
        }
        prop_assert_eq!(got, sent);
        prop_assert!(buffer.is_empty());
    }

    #[test]
    fn any_changed_bit_is_noticed(message in messages(), at: prop::sample::Index, bit in 0_u32..8) {
        let mut bytes = encode(NodeId::from_bytes([1; 20]), &message).to_vec();
        let at = at.index(bytes.len());
        bytes[at] ^= 1 << bit;
        // A length that grew is waited for; the CRC then tells.
        prop_assert!(!matches!(read(&bytes), Ok(Some(_))));
    }

    #[test]
    fn garbage_behind_a_true_head_and_crc_is_refused_or_read_without_panic(
        kind in 0_u16..20, body in prop::collection::vec(any::<u8>(), 0..3_000),
    ) {
        let mut bytes = encode(NodeId::from_bytes([1; 20]), &Message::Fail(NodeId::from_bytes([2; 20]))).to_vec();
        bytes.truncate(PACKET_BYTES_MIN);
        bytes[6..8].copy_from_slice(&kind.to_be_bytes());
        bytes.extend_from_slice(&body);
        if let Ok(Some(Packet { sender, message })) = read(&end(bytes.clone())) {
            prop_assert_eq!(encode(sender, &message), end(bytes), "what is read has one form");
        }
    }

    #[test]
    fn random_bytes_never_become_a_packet(bytes in prop::collection::vec(any::<u8>(), 16..200)) {
        prop_assume!(bytes[..4] != MAGIC);
        prop_assert_eq!(read(&bytes), Err(BadPacket::Magic));
    }
}

#[test]
fn hostile_heads_are_refused_before_anything_is_waited_for() {
    let good = encode(NodeId::from_bytes([1; 20]), &Message::Fail(NodeId::from_bytes([2; 20])));
    let with = |at: usize, bytes: &[u8]| {
        let mut bad = good[..HEAD_BYTES].to_vec();
        bad[at..at + bytes.len()].copy_from_slice(bytes);
        read(&bad).unwrap_err()
    };
    assert_eq!(with(4, &[0, 1]), BadPacket::Version(1));
    assert_eq!(with(4, &[0, 5]), BadPacket::Version(5));
    assert_eq!(with(4, &[0, 8]), BadPacket::Version(8));
    assert_eq!(with(6, &[0, 77]), BadPacket::Kind(77));
    assert_eq!(with(8, &[0xFF; 4]), BadPacket::Length(u32::MAX));
    assert_eq!(with(8, &[0, 0, 0, 3]), BadPacket::Length(3));
}

#[test]
fn impossible_values_are_refused_although_the_crc_is_right() {
    let heartbeat = Heartbeat {
        current_epoch: Epoch(EPOCH_MAX + 1),
        config_epoch: Epoch(0),
        primary: None,
        shard: ShardId(NodeId::from_bytes([1; 20])),
        term: Epoch(0),
        serving: true,
        offset: 0,
        stamp: 0,
        lease_ms: 0,
        overruled: false,
        priority: 100,
        address: Address { ip: None, port: 1, bus_port: 2 },
        run: RunId(0),
        up: true,
        slots: SlotSet::new(),
        rumors: Vec::new(),
    };
    let read_ping =
        |heartbeat: &Heartbeat| read(&encode(NodeId::from_bytes([1; 20]), &Message::Ping(heartbeat.clone())));
    assert_eq!(read_ping(&heartbeat), Err(BadPacket::Value("an epoch beyond all use")));
    let portless = Heartbeat {
        current_epoch: Epoch(0),
        address: Address { ip: None, port: 0, bus_port: 2 },
        ..heartbeat
    };
    assert_eq!(read_ping(&portless), Err(BadPacket::Value("a sender without a port")));
}
