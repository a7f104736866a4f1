//! The cluster client and the test helpers against real servers.

mod servers;
