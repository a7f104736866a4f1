//! The server's address as given on the command line.

use std::fmt;
use std::str::FromStr;

/// Where documents live.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Server {
    /// A document service: `ws://host:port`.
    Service {
        /// `host:port`.
        authority: String,
    },
    /// A cluster itself, in a trusted network: `redis://[user:password@]host:port`.
    Cluster {
        /// `host:port` of one node; the others are learned from it.
        seed: String,
        /// The ACL user, if one is named.
        username: Option<String>,
        /// The password, if one is given.
        password: Option<String>,
    },
}

/// Why a text is no server's address.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BadServer {
    /// Neither `ws://` nor `redis://`.
    #[error("a server's address begins with ws:// or redis://")]
    Scheme,
    /// TLS is not in this version.
    #[error("{0}:// is not supported yet; use ws:// or redis:// in a trusted network")]
    Tls(&'static str),
    /// No host or no valid port.
    #[error("a server's address is ws://HOST:PORT or redis://HOST:PORT")]
    Authority,
}

impl FromStr for Server {
    type Err = BadServer;

    fn from_str(text: &str) -> Result<Server, BadServer> {
        let (scheme, rest) = text.split_once("://").ok_or(BadServer::Scheme)?;
        let rest = rest.trim_end_matches('/');
        match scheme {
            "ws" | "http" => Ok(Server::Service { authority: authority(rest, 80)? }),
            "redis" => {
                let (user, place) = rest.rsplit_once('@').map_or((None, rest), |(u, p)| (Some(u), p));
                let (username, password) = user.map_or((None, None), |user| match user.split_once(':') {
                    Some((name, password)) => (Some(name), Some(password)),
                    None => (None, Some(user)),
                });
                let given = |text: Option<&str>| text.filter(|text| !text.is_empty()).map(str::to_owned);
                Ok(Server::Cluster {
                    seed: authority(place, 6379)?,
                    username: given(username),
                    password: given(password),
                })
            }
            "wss" => Err(BadServer::Tls("wss")),
            "https" => Err(BadServer::Tls("https")),
            "rediss" => Err(BadServer::Tls("rediss")),
            _ => Err(BadServer::Scheme),
        }
    }
}

/// The address as people write it, without a password: also the name of what this computer keeps of it.
impl fmt::Display for Server {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Server::Service { authority } => write!(f, "ws://{authority}"),
            Server::Cluster { seed, .. } => write!(f, "redis://{seed}"),
        }
    }
}

fn authority(text: &str, default_port: u16) -> Result<String, BadServer> {
    let has_port =
        text.rsplit_once(':').is_some_and(|(host, _)| !host.ends_with(':') && !text.ends_with(']'));
    let (host, port) = match text.rsplit_once(':') {
        Some((host, port)) if has_port => (host, port.parse().map_err(|_| BadServer::Authority)?),
        _ => (text, default_port),
    };
    let refused = |c: char| c.is_whitespace() || c.is_control() || matches!(c, '/' | '?' | '#' | '@');
    if host.is_empty() || host.contains(refused) || port == 0 {
        return Err(BadServer::Authority);
    }
    Ok(format!("{host}:{port}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_read_as_people_write_them() {
        let service = |authority: &str| Ok(Server::Service { authority: authority.into() });
        assert_eq!("ws://127.0.0.1:8080".parse(), service("127.0.0.1:8080"));
        assert_eq!("ws://docs.example/".parse(), service("docs.example:80"));
        assert_eq!("ws://[::1]:8080".parse(), service("[::1]:8080"));
        assert_eq!("ws://[::1]".parse(), service("[::1]:80"));
        let cluster: Server = "redis://ana:s:cret@localhost:7000".parse().unwrap();
        assert_eq!(cluster.to_string(), "redis://localhost:7000", "no password is shown or stored");
        assert!(
            matches!(cluster, Server::Cluster { username: Some(u), password: Some(p), .. } if u == "ana" && p == "s:cret")
        );
    }

    #[test]
    fn what_is_no_address_is_refused_in_plain_words() {
        for (text, why) in [
            ("127.0.0.1:8080", BadServer::Scheme),
            ("ftp://a", BadServer::Scheme),
            ("wss://a", BadServer::Tls("wss")),
            ("ws://", BadServer::Authority),
            ("ws://a:0", BadServer::Authority),
            ("ws://a:99999", BadServer::Authority),
            ("ws://a b:1", BadServer::Authority),
            ("redis://:x", BadServer::Authority),
        ] {
            assert_eq!(text.parse::<Server>(), Err(why), "{text}");
        }
    }
}
