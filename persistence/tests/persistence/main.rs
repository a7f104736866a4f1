//! The store on real files: what was appended is what is recovered.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

mod append;
mod folder;
mod model;
mod rewrite;
