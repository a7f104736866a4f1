//! Replies: no bytes panic, no cut changes what is read.
#![no_main]

use shared::resp::Protocol;

libfuzzer_sys::fuzz_target!(|input: (Vec<usize>, bool, &[u8])| {
    let (cuts, three, bytes) = input;
    let protocol = if three { Protocol::Resp3 } else { Protocol::Resp2 };
    shared::testing::laws::replies_are_the_same_in_pieces(bytes, &cuts, protocol);
});
