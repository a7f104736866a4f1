//! Accepts connections and hands them to the workers in turn.

use std::net::{SocketAddr, TcpListener as StdListener};
use std::sync::Arc;

use shared::rt::net::{TcpListener, TcpStream};
use shared::rt::time::{self, Duration};

use super::connection;
use crate::config::Config;
use crate::node::{Shared, StartError};

/// How long accepting rests after an error (no file descriptors left), so that it does not spin.
const ACCEPT_PAUSE_MS: u64 = 50;

/// Binds the port on every address. A port of 0 is chosen by the system for the first address and taken for the others.
pub fn bind(config: &Config) -> Result<Vec<StdListener>, StartError> {
    let mut port = config.port;
    let mut listeners = Vec::new();
    for host in &config.bind {
        // As in redis.conf: `-` before an address says that it may be missing.
        let (host, optional) = host.strip_prefix('-').map_or((host.as_str(), false), |host| (host, true));
        let host = if host == "*" { "0.0.0.0" } else { host };
        let bound = StdListener::bind((host, port)).and_then(|listener| {
            listener.set_nonblocking(true)?;
            port = listener.local_addr()?.port();
            Ok(listener)
        });
        match bound {
            Ok(listener) => listeners.push(listener),
            Err(error) if optional => tracing::debug!(host, %error, "not listening on an optional address"),
            Err(source) => return Err(StartError::Listen { address: format!("{host}:{port}"), source }),
        }
    }
    Ok(listeners)
}

/// Accepts from now on.
pub fn start(shared: &Arc<Shared>, listeners: Vec<StdListener>) {
    for listener in listeners {
        let task = accept(Arc::clone(shared), listener);
        shared.workers.spawn_on(0, task);
    }
}

async fn accept(shared: Arc<Shared>, listener: StdListener) {
    let listener = match TcpListener::from_std(listener) {
        Ok(listener) => listener,
        Err(error) => return tracing::error!(%error, "cannot listen"),
    };
    loop {
        match listener.accept().await {
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
    if let Err(error) = stream.set_nodelay(true) {
        tracing::debug!(%error, "no TCP_NODELAY");
    }
    match stream.into_std() {
        Ok(stream) => {
            let task = connection::serve(Arc::clone(shared), stream, peer, local);
            shared.workers.spawn(task);
        }
        Err(error) => tracing::warn!(%error, "a connection could not be handed over"),
    }
}
