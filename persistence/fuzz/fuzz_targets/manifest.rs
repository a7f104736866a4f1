//! Any bytes, with a right CRC or without, are refused as a manifest or are its one form.

#![no_main]

#[path = "../bodies.rs"]
#[allow(dead_code, reason = "each target uses one body")]
mod bodies;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| bodies::manifest(bytes));
