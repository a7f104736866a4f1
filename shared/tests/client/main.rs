//! The cluster client and the test helpers against real servers.

// Everything in here is a test.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod calls;
#[cfg(feature = "document")]
mod documents;
mod door;
mod faults;
mod ours;
mod proxy;
mod resp;
mod servers;
mod subscriptions;
mod support;
