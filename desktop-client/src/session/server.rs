//! The server's address as given on the command line.

use std::fmt;
use std::str::FromStr;

use shared::client::ClientConfig;

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
        /// The whole address, with the password.
        url: String,
        /// `host:port` of the nodes to begin with.
        seeds: String,
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
                let config: ClientConfig = text.parse().map_err(|_| BadServer::Authority)?;
                let seeds: Vec<String> = config.seeds.iter().map(ToString::to_string).collect();
                Ok(Server::Cluster { url: text.to_owned(), seeds: seeds.join(",") })
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
            Server::Cluster { seeds, .. } => write!(f, "redis://{seeds}"),
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
        let cluster: Server = "redis://ana:secret@localhost:7000".parse().unwrap();
        assert_eq!(cluster.to_string(), "redis://localhost:7000", "no password is shown or stored");
        assert!(matches!(cluster, Server::Cluster { url, .. } if url.contains("secret")));
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
            ("redis://a:x", BadServer::Authority),
        ] {
            assert_eq!(text.parse::<Server>(), Err(why), "{text}");
        }
    }
}
