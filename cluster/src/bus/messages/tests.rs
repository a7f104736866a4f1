//! Tests of message links: what is said is read, and nothing else is; to whom is sent; who is waited for.

use proptest::prelude::*;
use shared::limits::{BUS_QUEUE_BYTES_MAX, INTEREST_CHANGES_MAX, SLOTS};
use shared::slot_set::SlotSet;

use super::inlet::Inlet;
use super::said::{PUBLISHED_BYTES_MAX, Said};
use super::*;
use crate::bus::packet::{self, BadPacket, Frame};
use crate::gossip::Message;
use crate::pubsub::interest::{News, Topic, Topics};

fn name(number: u8) -> NodeId {
    NodeId::from_bytes([number; 20])
}

fn names() -> impl Strategy<Value = NodeId> {
    any::<[u8; 20]>().prop_map(NodeId::from_bytes)
}

fn slots() -> impl Strategy<Value = Slot> {
    (0..SLOTS as u16).prop_filter_map("a slot", Slot::new)
}

fn news() -> impl Strategy<Value = News> {
    let topics = prop_oneof![Just(Topic::Patterns), slots().prop_map(Topic::Slot)];
    let all = (prop::collection::vec(slots(), 0..20), any::<bool>())
        .prop_map(|(slots, patterns)| News::All(Topics { slots: slots.into_iter().collect(), patterns }));
    let changes = prop::collection::vec((topics, any::<bool>()), 0..=INTEREST_CHANGES_MAX);
    prop_oneof![all, changes.prop_map(News::Changes)]
}

/// The one packet that these bytes are.
fn frame(bytes: &[u8]) -> Frame<'_> {
    let frame = packet::frame(bytes).unwrap().unwrap();
    assert_eq!(frame.len(), bytes.len());
    frame
}

proptest! {
    #[test]
    fn what_is_said_is_read(
        sender in names(), peer in names(), channel: Vec<u8>, payload: Vec<u8>, version: u64, news in news(),
    ) {
        let publish = said::publish(sender, &channel, &payload).unwrap();
        let said = [
            (said::publisher(sender, peer), Said::Publisher(peer)),
            (publish, Said::Publish { channel: &channel, payload: &payload }),
            (said::interest(sender, version, &news), Said::Interest(version, news.clone())),
            (said::heard(sender, version), Said::Heard(version)),
        ];
        for (bytes, said) in said {
            prop_assert_eq!(frame(&bytes).sender, sender);
            prop_assert_eq!(said::read(frame(&bytes)), Ok(said));
        }
    }

    #[test]
    fn garbage_behind_a_true_head_and_crc_is_refused_or_read_without_panic(
        kind in 0..packet::Kind::ALL.len(), body in prop::collection::vec(any::<u8>(), 0..3_000),
    ) {
        let frame = Frame { kind: Kind::ALL[kind], sender: name(1), body: &body };
        match said::read(frame) {
            Ok(Said::Publish { channel, payload }) => {
                prop_assert_eq!(channel.len() + payload.len() + 4, body.len());
            }
            Ok(Said::Interest(version, news)) => {
                prop_assert_eq!(said::interest(name(1), version, &news).len(), frame.len());
            }
            Ok(Said::Publisher(_) | Said::Heard(_)) | Err(_) => {}
        }
    }
}

#[test]
fn what_cannot_be_meant_is_refused_although_the_crc_is_right() {
    let read = |kind, body: &[u8]| said::read(Frame { kind, sender: name(1), body }).unwrap_err();
    let no_slot = [&[0; 8][..], &[0, 1], &[0x40, 1, 1]].concat();
    assert_eq!(read(Kind::InterestChanges, &no_slot), BadPacket::Value("no slot"));
    let many = u16::try_from(INTEREST_CHANGES_MAX + 1).unwrap().to_be_bytes();
    let many = [&[0; 8][..], &many, &[0; 3 * (INTEREST_CHANGES_MAX + 1)]].concat();
    assert_eq!(read(Kind::InterestChanges, &many), BadPacket::Value("more changes than are told at once"));
    assert_eq!(read(Kind::Publish, &[0, 0, 0, 3, b'c', b'h']), BadPacket::Short);
    assert_eq!(read(Kind::InterestHeard, &[0; 9]), BadPacket::Long);
    assert_eq!(read(Kind::Interest, &[0; 8 + SlotSet::WIRE_BYTES]), BadPacket::Short);
}

#[test]
fn gossip_is_no_message_and_a_message_no_gossip() {
    let fail = crate::bus::packet::encode(name(1), &Message::Fail(name(2)));
    assert_eq!(said::read(frame(&fail)), Err(BadPacket::Link(Kind::Fail)));
    let published = said::publish(name(1), b"c", b"m").unwrap();
    let mut buffer = bytes::BytesMut::from(&published[..]);
    assert_eq!(packet::next(&mut buffer), Err(BadPacket::Link(Kind::Publish)));
}

fn address(port: u16) -> SocketAddr {
    SocketAddr::from(([127, 0, 0, 1], port))
}

/// Links to nodes 1 to 3, none of which has told what it wants.
fn three() -> (Messages, Vec<Arc<Outlet>>, Counters) {
    let messages = Messages::default();
    let outlets = messages.dial(&[(name(1), address(1)), (name(2), address(2)), (name(3), address(3))], 0);
    assert_eq!(outlets.len(), 3);
    (messages, outlets, Counters::default())
}

fn only(slot: Slot) -> News {
    News::All(Topics { slots: [slot].into_iter().collect(), patterns: false })
}

#[test]
fn a_message_goes_to_who_wants_it_and_to_who_has_not_told() {
    let (messages, outlets, counters) = three();
    outlets[0].wanted.hear(&only(Slot::of_key(b"c"))).unwrap();
    outlets[1].wanted.hear(&only(Slot::of_key(b"other"))).unwrap();
    messages.publish(name(9), b"c", b"m", &counters).unwrap();
    let waiting: Vec<bool> = outlets.iter().map(|outlet| outlet.queue.bytes() > 0).collect();
    assert_eq!(waiting, [true, false, true]);
    let sent = counters.all_sent().find(|(kind, _)| *kind == Kind::Publish);
    assert_eq!(sent, Some((Kind::Publish, 2)));
    assert_eq!(messages.standing(), 2);
}

#[test]
fn a_message_too_long_for_a_packet_is_refused_whoever_listens() {
    let (messages, outlets, counters) = three();
    outlets.iter().for_each(|outlet| outlet.wanted.hear(&News::All(Topics::default())).unwrap());
    let payload = vec![0; PUBLISHED_BYTES_MAX];
    assert_eq!(messages.publish(name(9), b"", &payload, &counters), Ok(()));
    assert_eq!(messages.publish(name(9), b"c", &payload, &counters), Err(TooLong));
}

#[test]
fn what_a_peer_does_not_take_is_dropped_at_a_bound_and_counted_and_the_others_get_theirs() {
    let (messages, outlets, counters) = three();
    let long = vec![0; BUS_QUEUE_BYTES_MAX / 8];
    for outlet in &outlets[1..] {
        outlet.wanted.hear(&News::All(Topics::default())).unwrap();
    }
    (0..8).for_each(|_| messages.publish(name(9), b"c", &long, &counters).unwrap());
    assert_eq!(counters.overflows(), 1);
    assert_eq!(messages.waiting_bytes(), 0, "nothing old waits");
    messages.publish(name(9), b"c", b"m", &counters).unwrap();
    assert!(outlets[0].queue.bytes() > 0);
}

#[test]
fn a_peer_that_moved_is_dialled_anew_and_the_others_keep_their_links() {
    let (messages, outlets, counters) = three();
    let new = messages.dial(&[(name(1), address(1)), (name(2), address(7))], 0);
    assert_eq!(new.iter().map(|outlet| outlet.peer).collect::<Vec<_>>(), [name(2)]);
    assert!(messages.dial(&[(name(1), address(1)), (name(2), address(7))], 0).is_empty());
    messages.publish(name(9), b"c", b"m", &counters).unwrap();
    assert!(outlets[0].queue.bytes() > 0 && new[0].queue.bytes() > 0);
    assert_eq!((outlets[1].queue.bytes(), outlets[2].queue.bytes()), (0, 0), "nobody sends it");
}

#[tokio::test]
async fn who_listens_to_something_new_waits_for_everybody_and_not_for_ever() {
    let messages = Messages::default();
    let [one, two] = [1, 2].map(|number| Arc::new(Inlet::new(name(number), 0)));
    messages.inlets.add(&one);
    messages.inlets.add(&two);
    messages.inlets.heard(&one, 5);
    assert!(!messages.inlets.have_heard(5));
    let heard = async { messages.inlets.heard(&two, 6) };
    tokio::join!(biased; messages.until_heard(5), heard);
    assert_eq!(messages.inlets.len(), 2, "all have heard");

    messages.until_heard(6).await;
    let left: Vec<_> = messages.inlets.all().iter().map(|inlet| inlet.peer).collect();
    assert_eq!(left, [name(2)], "who has not heard begins anew");

    let gone = async { messages.inlets.remove(&two) };
    tokio::join!(biased; messages.until_heard(7), gone);
}

#[test]
fn a_link_that_was_replaced_delivers_nothing_more_and_its_end_does_not_end_the_new_one() {
    let messages = Messages::default();
    let [old, new] = [1, 2].map(|since| Arc::new(Inlet::new(name(1), since)));
    messages.inlets.add(&old);
    messages.inlets.add(&new);
    assert!(old.open().is_none() && new.open().is_some());
    messages.inlets.remove(&old);
    assert_eq!(messages.inlets.all().iter().map(|inlet| inlet.since_unix_ms).collect::<Vec<_>>(), [2]);
}
