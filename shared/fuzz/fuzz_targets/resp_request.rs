//! Requests: no bytes panic, no cut changes what is read, redis-protocol reads the same.
#![no_main]

libfuzzer_sys::fuzz_target!(|input: (Vec<usize>, &[u8])| {
    let (cuts, bytes) = input;
    shared::testing::laws::requests_are_the_same_in_pieces(bytes, &cuts);
    shared::testing::laws::requests_agree_with_redis_protocol(bytes);
});
