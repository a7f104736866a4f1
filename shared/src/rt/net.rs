//! Sockets.

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use rustix::net::sockopt;
use tokio::net::TcpSocket;

pub use tokio::io::Interest;
pub use tokio::net::{TcpListener, TcpStream, tcp};

/// Listens on an address, for the runtime that is entered. IPv6 takes no connections of IPv4: that has a listener of its own.
pub fn listen(address: SocketAddr, backlog: u32) -> io::Result<TcpListener> {
    let socket = if address.is_ipv4() { TcpSocket::new_v4() } else { TcpSocket::new_v6() }?;
    if address.is_ipv6() {
        sockopt::set_ipv6_v6only(&socket, true)?;
    }
    socket.set_reuseaddr(true)?;
    socket.bind(address)?;
    socket.listen(backlog)
}

/// Has the system look whether a silent peer is still there, as redis-server does: the first probe after this time, three more a
/// third of it apart, then the peer is gone.
pub fn keep_alive(stream: &TcpStream, after: Duration) -> io::Result<()> {
    sockopt::set_socket_keepalive(stream, true)?;
    sockopt::set_tcp_keepidle(stream, after)?;
    sockopt::set_tcp_keepintvl(stream, (after / 3).max(Duration::from_secs(1)))?;
    sockopt::set_tcp_keepcnt(stream, 3)?;
    Ok(())
}

/// A connection that no runtime watches: on its way from the runtime that accepted it to the one that serves it.
#[derive(Debug)]
pub struct Detached(std::net::TcpStream);

impl Detached {
    /// Takes a connection from the runtime of this thread.
    pub fn from(stream: TcpStream) -> io::Result<Detached> {
        stream.into_std().map(Detached)
    }

    /// Gives it to the runtime of this thread.
    pub fn attach(self) -> io::Result<TcpStream> {
        TcpStream::from_std(self.0)
    }
}
