//! Accepts connections and hands them to the workers in turn.

use std::net::{SocketAddr, ToSocketAddrs};
use std::sync::Arc;

use shared::rt::net::{self, Detached, TcpListener, TcpStream};
use shared::rt::time::{self, Duration};

use super::connection;
use crate::config::Config;
use crate::node::{NodeError, Shared};

/// How long accepting rests after an error (no file descriptors left), so that it does not spin.
const ACCEPT_PAUSE_MS: u64 = 50;

/// Binds a port on every address, for the runtime that is entered. A port of 0 is chosen by the system for the first address
/// and taken for the others; the real port is returned.
pub fn bind(config: &Config, port: u16) -> Result<(Vec<TcpListener>, u16), NodeError> {
    let mut port = port;
    let mut listeners = Vec::new();
    for host in &config.bind {
        // As in redis.conf: `-` before an address says that it may be missing.
        let (host, optional) = host.strip_prefix('-').map_or((host.as_str(), false), |host| (host, true));
        let host = match host {
            "*" => "0.0.0.0",
            "::*" => "::",
            _ => host,
        };
        let bound = listen(host, port, config.tcp_backlog).and_then(|listener| {
            port = listener.local_addr()?.port();
            Ok(listener)
        });
        match bound {
            Ok(listener) => listeners.push(listener),
            Err(error) if optional => tracing::debug!(host, %error, "not listening on an optional address"),
            Err(source) => return Err(NodeError::Listen { address: format!("{host}:{port}"), source }),
        }
    }
    Ok((listeners, port))
}

fn listen(host: &str, port: u16, backlog: u32) -> std::io::Result<TcpListener> {
    let none = || std::io::Error::new(std::io::ErrorKind::AddrNotAvailable, "no such address");
    let address = (host, port).to_socket_addrs()?.next().ok_or_else(none)?;
    net::listen(address, backlog)
}

/// Accepts from now on.
pub fn start(shared: &Arc<Shared>, listeners: Vec<TcpListener>) {
    for listener in listeners {
        let task = accept(Arc::clone(shared), listener);
        shared.workers.spawn_on(0, task);
    }
}

async fn accept(shared: Arc<Shared>, listener: TcpListener) {
    let mut stopping = shared.workers.stopping();
    loop {
        let accepted = tokio::select! {
            biased;
            _ = stopping.wait_for(|stopping| *stopping) => return,
            accepted = listener.accept() => accepted,
        };
        match accepted {
            Ok((stream, peer)) => hand_over(&shared, stream, peer),
            Err(error) => {
                tracing::warn!(%error, "accepting a connection failed");
                time::sleep(Duration::from_millis(ACCEPT_PAUSE_MS)).await;
            }
        }
    }
}

/// Moves a connection to the worker that will serve it: its socket is watched by that worker's runtime.
fn hand_over(shared: &Arc<Shared>, stream: TcpStream, peer: SocketAddr) {
    let local = stream.local_addr().unwrap_or(peer);
    match prepared(stream, shared.config().tcp_keepalive_s) {
        Ok(stream) => {
            let task = connection::serve(Arc::clone(shared), stream, peer, local);
            shared.workers.spawn(task);
        }
        Err(error) => tracing::debug!(%error, "a connection was gone before it was served"),
    }
}

fn prepared(stream: TcpStream, keepalive_s: u64) -> std::io::Result<Detached> {
    stream.set_nodelay(true)?;
    if keepalive_s > 0 {
        net::keep_alive(&stream, Duration::from_secs(keepalive_s))?;
    }
    Detached::from(stream)
}
