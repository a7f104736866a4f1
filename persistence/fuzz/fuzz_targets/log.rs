//! Any bytes as the growing log of a range, with right CRCs or without, are recovered or refused; what is recovered once is recovered twice.

#![no_main]

#[path = "../bodies.rs"]
#[allow(dead_code, reason = "each target uses one body")]
mod bodies;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| bodies::log(bytes));
