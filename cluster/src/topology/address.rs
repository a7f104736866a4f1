//! Where a node is reached.

use std::fmt;
use std::net::{IpAddr, SocketAddr};

/// Where a node is reached by clients and by its peers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Address {
    /// `None` until somebody told: a node learns its own from the first peer that meets it.
    pub ip: Option<IpAddr>,
    /// Port for clients.
    pub port: u16,
    /// Port of the cluster bus.
    pub bus_port: u16,
}

impl Address {
    /// Where its bus is reached; `None` while its IP is unknown.
    pub fn bus(&self) -> Option<SocketAddr> {
        self.ip.map(|ip| SocketAddr::new(ip, self.bus_port))
    }

    /// Where it is reached by clients; `None` while its IP or its port is unknown.
    pub fn client(&self) -> Option<SocketAddr> {
        self.ip.filter(|_| self.port != 0).map(|ip| SocketAddr::new(ip, self.port))
    }

    /// Its IP as text, empty while unknown, as Redis writes it.
    pub fn host(&self) -> String {
        self.ip.map(|ip| ip.to_string()).unwrap_or_default()
    }
}

/// `ip:port@bus-port`, the form of `nodes.conf` and `CLUSTER NODES`.
impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}@{}", self.host(), self.port, self.bus_port)
    }
}
