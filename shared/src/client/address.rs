//! Where a node is reached.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

/// Host and port of a node. Cheap to clone.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Address {
    host: Arc<str>,
    port: u16,
}

/// A text that is no `HOST:PORT`.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("an address is HOST:PORT, not {0:?}")]
pub struct BadAddress(String);

impl Address {
    /// The address of this host (a name, an IPv4 or an IPv6 address without brackets).
    pub fn new(host: &str, port: u16) -> Address {
        Address { host: host.into(), port }
    }

    /// Host name or IP address.
    pub fn host(&self) -> &str {
        &self.host
    }

    /// TCP port.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// The address that a node names: a node that does not know its own host says only the port and means the host that it
    /// was asked at.
    pub(crate) fn named_by(text: &str, asked: &Address) -> Result<Address, BadAddress> {
        match text.strip_prefix(':') {
            Some(port) if !port.contains(':') => format!("{}:{port}", asked.bracketed()).parse(),
            _ => text.parse(),
        }
    }

    fn bracketed(&self) -> String {
        if self.host.contains(':') { format!("[{}]", self.host) } else { self.host.to_string() }
    }
}

impl FromStr for Address {
    type Err = BadAddress;

    fn from_str(text: &str) -> Result<Address, BadAddress> {
        let bad = || BadAddress(text.to_owned());
        let (host, port) = text.rsplit_once(':').ok_or_else(bad)?;
        let host = host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host);
        if host.is_empty() {
            return Err(bad());
        }
        Ok(Address::new(host, port.parse().map_err(|_| bad())?))
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.bracketed(), self.port)
    }
}

impl fmt::Debug for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_host_and_port() {
        for text in ["127.0.0.1:7000", "node-1.example:6379", "[::1]:7000"] {
            assert_eq!(text.parse::<Address>().unwrap().to_string(), text);
        }
        // Redis writes IPv6 addresses in MOVED without brackets.
        assert_eq!("::1:7000".parse::<Address>().unwrap(), Address::new("::1", 7_000));
        for bad in ["", "host", ":7000", "host:", "host:70000", "host:x"] {
            assert!(bad.parse::<Address>().is_err(), "{bad}");
        }
    }

    #[test]
    fn a_node_without_a_host_means_the_one_it_was_asked_at() {
        let asked = Address::new("10.0.0.1", 7_000);
        assert_eq!(Address::named_by(":7001", &asked), Ok(Address::new("10.0.0.1", 7_001)));
        assert_eq!(Address::named_by("10.0.0.2:7001", &asked), Ok(Address::new("10.0.0.2", 7_001)));
        assert!(Address::named_by("", &asked).is_err());
    }
}
