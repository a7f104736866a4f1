//! The store on real files: what was appended is what is recovered.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

mod append;
mod child;
mod copying;
mod crash;
mod durable_order;
mod every_byte;
mod folder;
mod format;
mod fuzz_bodies;
mod group_commit;
mod lock;
mod model;
mod order;
mod poison;
mod rewrite;
mod script;
mod tail;
