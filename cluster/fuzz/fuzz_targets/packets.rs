//! Any bytes as a packet of the cluster bus, as they are and behind a right head and CRC: refused whole, or read as the one packet that is
//! written so.

#![no_main]

use bytes::BytesMut;
use cluster::bus::messages::said;
use cluster::bus::packet;
use cluster::gossip::Message;
use shared::node_id::NodeId;

const CRC_AT: usize = 12;
const HEAD_BYTES: usize = 16;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    read(bytes);
    let Some((kind, rest)) = bytes.split_first() else { return };
    let good = packet::encode(NodeId::from_bytes([1; 20]), &Message::Handover);
    let mut whole = [&good[..HEAD_BYTES], rest].concat();
    whole[7] = kind % 24;
    let length = u32::try_from(whole.len()).unwrap_or(u32::MAX);
    whole[8..CRC_AT].copy_from_slice(&length.to_be_bytes());
    let mut crc = crc32fast::Hasher::new();
    crc.update(&whole[..CRC_AT]);
    crc.update(&whole[HEAD_BYTES..]);
    whole[CRC_AT..HEAD_BYTES].copy_from_slice(&crc.finalize().to_be_bytes());
    read(&whole);
});

fn read(bytes: &[u8]) {
    if let Ok(Some(packet)) = packet::next(&mut BytesMut::from(bytes)) {
        let written = packet::encode(packet.sender, &packet.message);
        assert_eq!(&written[..], &bytes[..written.len()]);
    }
    if let Ok(Some(frame)) = packet::frame(bytes) {
        let _said = said::read(frame);
    }
}
