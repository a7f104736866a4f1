//! Any bytes as a frame between nodes, of replication and of slots that move: none, or the one that is written so.

#![no_main]

use cluster::replication::frame::{self, Ack, FRAME_BYTES_MAX, HEADER_BYTES, Holds};
use cluster::slot_migration::frame::{Answer, Frame};

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    let _first = frame::first(bytes, FRAME_BYTES_MAX);
    let Some((kind, rest)) = bytes.split_first() else { return };
    let mut written = Vec::new();
    let mut same = |write: &dyn Fn(&mut Vec<u8>)| {
        written.clear();
        write(&mut written);
        assert_eq!((written[0], &written[HEADER_BYTES..]), (*kind, rest));
    };
    if let Some(frame) = frame::Frame::decode(*kind, rest) {
        same(&|out| frame.encode(out));
    }
    if let Some(ack) = Ack::decode(*kind, rest) {
        same(&|out| ack.encode(out));
    }
    if let Some(holds) = Holds::decode(*kind, rest) {
        same(&|out| holds.encode(out));
    }
    if let Some(frame) = Frame::decode(*kind, rest) {
        same(&|out| frame.encode(out));
    }
    if let Some(answer) = Answer::decode(*kind, rest) {
        same(&|out| answer.encode(out));
    }
});
