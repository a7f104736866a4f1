//! The engine's failover against its invariants, in a network and on disks of the test's own: every run repeated by its seed.

mod random;
mod scenes;
mod shards;
mod transfers;
mod voting;
