//! The node of the cache cluster.
//!
//! # Layout
//!
//! - [`topology`]: who is in the cluster and who owns which slot; `nodes.conf`.
//! - [`gossip`]: how nodes find each other, agree, and notice who is gone. Pure.

pub mod gossip;
pub mod topology;
