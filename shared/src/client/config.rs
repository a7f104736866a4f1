//! What a client is told: where the cluster is, who it is, how long it waits.

use std::str::FromStr;

use super::address::{Address, BadAddress};
use crate::rt::time::Duration;

/// Where a cluster (or a server on its own) is, as whom to enter it, and how long to wait for it.
#[derive(Debug, Clone)]
pub struct ClientConfig {
    /// Nodes to ask for the others, in this order; at least one.
    pub seeds: Vec<Address>,
    /// User of `AUTH`; none means the user `default`.
    pub username: Option<String>,
    /// Password of `AUTH`; none means no `AUTH`.
    pub password: Option<String>,
    /// How long connecting and introducing oneself may take.
    pub connect_deadline: Duration,
    /// How long one reply may take; then the connection is given up.
    pub reply_deadline: Duration,
    /// How long a call may take altogether, with redirections, reconnections and waiting in between.
    pub call_deadline: Duration,
    /// First wait before trying again; it doubles each time.
    pub backoff_min: Duration,
    /// Longest wait before trying again.
    pub backoff_max: Duration,
    /// How often the slot map is read again although nothing points to a change (it tells of new replicas).
    pub refresh_interval: Duration,
    /// How long a silent connection of subscriptions is trusted before it is asked (`PING`).
    pub ping_interval: Duration,
}

/// Why a text is no address of a cluster.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BadUrl {
    /// It does not begin with `redis://`.
    #[error("a cluster's address is redis://[USER:PASSWORD@]HOST:PORT[,HOST:PORT]…, not {0:?}")]
    Scheme(String),
    /// One of its nodes is no `HOST:PORT`.
    #[error(transparent)]
    Address(#[from] BadAddress),
    /// User or password hold a `%` that is followed by no two hexadecimal digits, or bytes that are no UTF-8.
    #[error("user and password of a cluster's address are percent-encoded UTF-8")]
    Encoding,
}

impl ClientConfig {
    /// The configuration for these seeds, with everything else as it usually is.
    pub fn new(seeds: Vec<Address>) -> ClientConfig {
        ClientConfig {
            seeds,
            username: None,
            password: None,
            connect_deadline: Duration::from_secs(2),
            reply_deadline: Duration::from_secs(5),
            call_deadline: Duration::from_secs(15),
            backoff_min: Duration::from_millis(5),
            backoff_max: Duration::from_millis(500),
            refresh_interval: Duration::from_secs(10),
            ping_interval: Duration::from_secs(5),
        }
    }
}

/// `redis://[USER[:PASSWORD]@]HOST[:PORT][,HOST[:PORT]]…`, also `redis://:PASSWORD@…`; the port is 6379 unless given.
impl FromStr for ClientConfig {
    type Err = BadUrl;

    fn from_str(url: &str) -> Result<ClientConfig, BadUrl> {
        let rest = url.strip_prefix("redis://").ok_or_else(|| BadUrl::Scheme(url.to_owned()))?;
        let rest = rest.split(['/', '?', '#']).next().unwrap_or_default();
        let (credentials, hosts) = match rest.rsplit_once('@') {
            Some((credentials, hosts)) => (Some(credentials), hosts),
            None => (None, rest),
        };
        let seeds = hosts.split(',').map(seed).collect::<Result<Vec<_>, _>>()?;
        let mut config = ClientConfig::new(seeds);
        if let Some(credentials) = credentials {
            let (user, password) = credentials.split_once(':').unwrap_or((credentials, ""));
            config.username = some_decoded(user)?;
            config.password = some_decoded(password)?;
        }
        Ok(config)
    }
}

fn seed(text: &str) -> Result<Address, BadAddress> {
    const PORT: u16 = 6_379;
    let has_port = text.rsplit_once(':').is_some_and(|(_, port)| !port.contains(']'));
    if has_port || text.is_empty() {
        return text.parse();
    }
    Ok(Address::new(text.trim_start_matches('[').trim_end_matches(']'), PORT))
}

fn some_decoded(text: &str) -> Result<Option<String>, BadUrl> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let [byte, behind @ ..] = rest {
        rest = match (byte, behind) {
            (b'%', [high, low, behind @ ..]) => {
                let digit = |byte: u8| char::from(byte).to_digit(16).ok_or(BadUrl::Encoding);
                bytes.push((digit(*high)? << 4 | digit(*low)?) as u8);
                behind
            }
            (b'%', _) => return Err(BadUrl::Encoding),
            (byte, behind) => {
                bytes.push(*byte);
                behind
            }
        };
    }
    let text = String::from_utf8(bytes).map_err(|_| BadUrl::Encoding)?;
    Ok((!text.is_empty()).then_some(text))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_names_nodes_and_who_enters() {
        let config: ClientConfig = "redis://ana:p%40ss%3A@h1:7000,h2,[::1]:7002/0".parse().unwrap();
        let seeds: Vec<String> = config.seeds.iter().map(Address::to_string).collect();
        assert_eq!(seeds, ["h1:7000", "h2:6379", "[::1]:7002"]);
        assert_eq!((config.username.as_deref(), config.password.as_deref()), (Some("ana"), Some("p@ss:")));
        let config: ClientConfig = "redis://:secret@h".parse().unwrap();
        assert_eq!((config.username, config.password.as_deref()), (None, Some("secret")));
    }

    #[test]
    fn what_is_no_url_is_refused() {
        assert!(matches!("rediss://h".parse::<ClientConfig>(), Err(BadUrl::Scheme(_))));
        assert!(matches!("redis://".parse::<ClientConfig>(), Err(BadUrl::Address(_))));
        assert!(matches!("redis://h:x".parse::<ClientConfig>(), Err(BadUrl::Address(_))));
        assert!(matches!("redis://%zz@h".parse::<ClientConfig>(), Err(BadUrl::Encoding)));
    }
}
