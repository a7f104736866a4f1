//! Sockets.

pub use tokio::net::{TcpListener, TcpSocket, TcpStream, tcp};
