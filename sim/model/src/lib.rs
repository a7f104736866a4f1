//! Every interleaving of replication and failover of one shard.
//!
//! The shard has the copies P1 (primary at first), R1 and perhaps R2; the primaries of two other shards vote. The checker tries
//! every order of every step within the bounds of a [`Config`] and asks after each whether the [`invariants`] hold.
//! `sim/README.md` has the rules in words, and what they came from.
//!
//! # Layout
//!
//! - [`config`]: bounds of a check, and the faults it must find.
//! - [`state`], [`log`], [`isr`], [`ids`]: what nodes hold. [`sent`]: what was said.
//! - `primary`, `replica`, `candidate`, `voter`, `lease`, `read`, `disk`: the rules, each as what may happen and what it does.
//! - [`action`], `model`: the steps, for the checker.
//! - [`invariants`]: what must always hold. [`goals`]: what must be possible.

pub mod action;
mod candidate;
pub mod config;
mod disk;
pub mod goals;
pub mod ids;
pub mod invariants;
pub mod isr;
mod lease;
pub mod log;
mod model;
mod primary;
mod read;
mod replica;
pub mod sent;
pub mod state;
mod voter;

pub use config::{Config, Fault, Relaxed};
