//! Accepts sockets and speaks HTTP on them, with bounds on how many there are and on how long a request's head may take.

use std::io;
use std::sync::Arc;

use axum::Router;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use shared::limits::CONNECTIONS_MAX;
use shared::rt::net::{TcpListener, TcpStream};
use shared::rt::task::JoinSet;
use shared::rt::time::{Duration, sleep};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::linger::Lingering;

/// How long the head of a request may take to arrive.
const HEAD_DEADLINE: Duration = Duration::from_secs(10);

/// How long to wait after a failed accept: the process is out of file descriptors, and others have to close some first.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// Serves until dropped. Sockets beyond [`CONNECTIONS_MAX`] wait in the system's backlog.
///
/// A connection's task ends with this one, unless it became a WebSocket: those are closed by their rooms.
pub async fn serve(listener: TcpListener, router: Router) {
    let permits = Arc::new(Semaphore::new(CONNECTIONS_MAX));
    let mut connections = JoinSet::new();
    loop {
        let Ok(permit) = permits.clone().acquire_owned().await else { return };
        match accept(&listener).await {
            Ok(socket) => {
                connections.spawn(converse(socket, router.clone(), permit));
            }
            Err(error) => {
                tracing::warn!(%error, "a connection was not accepted");
                sleep(ACCEPT_PAUSE).await;
            }
        }
        while connections.try_join_next().is_some() {}
    }
}

async fn accept(listener: &TcpListener) -> io::Result<TcpStream> {
    let (socket, _) = listener.accept().await?;
    // A keystroke is a small message that nobody wants to wait for.
    socket.set_nodelay(true)?;
    Ok(socket)
}

/// A connection's place among [`CONNECTIONS_MAX`]. A WebSocket keeps it: the socket outlives the HTTP conversation.
pub type Place = Arc<OwnedSemaphorePermit>;

async fn converse(socket: TcpStream, router: Router, permit: OwnedSemaphorePermit) {
    let place: Place = Arc::new(permit);
    let router = router.layer(axum::Extension(place.clone()));
    let served = hyper::server::conn::http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD_DEADLINE)
        .serve_connection(TokioIo::new(Lingering::new(socket, place)), TowerToHyperService::new(router))
        .with_upgrades()
        .await;
    if let Err(error) = served {
        tracing::debug!(%error, "an HTTP connection ended");
    }
}
