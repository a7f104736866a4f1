//! The document service as a process, with unmodified clients, on real clusters.
//!
//! Most tests run on our own nodes. What a Redis 7 Cluster could do otherwise is done there as well, the whole way included: letters
//! of Yjs clients, *saved*, snapshots, SIGKILL, HTTP, `docs:control`, messages of RESP clients, two services, a full disk.
//!
//! # Layout
//!
//! - `crash`: every process killed in the middle of typing, ten times.
//! - `processes`: nodes and services killed and stopped under 20 typists; `cargo xtask sim processes` runs it for longer.
//! - `away`: the cluster is away for a while. `moving`: slots move while people type. `disk`: a node's disk is full.
//! - `yjs`: y-websocket clients in node. `saving`: snapshots, trimming, crashes. `hostile`: bad bytes and slow clients.
//! - `foreign`: clients that speak RESP only. `control`: `docs:control`. `http`: documents by HTTP. `twins`, `lease`, `race`: two services.
//! - `support`: what they share.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

mod away;
mod control;
mod crash;
mod disk;
mod foreign;
mod hostile;
mod http;
mod lease;
mod moving;
mod processes;
mod race;
mod saving;
mod support;
mod twins;
mod yjs;
