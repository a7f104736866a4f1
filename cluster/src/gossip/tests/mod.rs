//! Engines against each other in a network of the test's own: no sockets, no clock, every run repeated by its seed.

mod convergence;
mod failing;
mod forged;
mod joining;
mod moving;
pub(crate) mod network;
mod owning;
mod twin;
