//! The document service as a process, with unmodified clients, on real clusters.
//!
//! # Layout
//!
//! - `crash`: every process killed in the middle of typing, ten times.
//! - `yjs`: y-websocket clients in node. `saving`: snapshots, trimming, crashes. `hostile`: bad bytes and slow clients.
//! - `foreign`: clients that speak RESP only. `control`: `docs:control`. `http`: documents by HTTP. `twins`: two services.
//! - `support`: what they share.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

mod control;
mod crash;
mod foreign;
mod hostile;
mod http;
mod saving;
mod support;
mod twins;
mod yjs;
