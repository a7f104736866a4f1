//! Sockets.

pub use tokio::io::Interest;
pub use tokio::net::{TcpListener, TcpSocket, TcpStream, tcp};

/// A connection that no runtime watches: on its way from the runtime that accepted it to the one that serves it.
#[derive(Debug)]
pub struct Detached(std::net::TcpStream);

impl Detached {
    /// Takes a connection from the runtime of this thread.
    pub fn from(stream: TcpStream) -> std::io::Result<Detached> {
        stream.into_std().map(Detached)
    }

    /// Gives it to the runtime of this thread.
    pub fn attach(self) -> std::io::Result<TcpStream> {
        TcpStream::from_std(self.0)
    }
}
