//! Sockets of a simulated machine, with what turmoil's lack: halves that borrow, and looking without waiting.

use std::future::poll_fn;
use std::io;
use std::net::SocketAddr;
use std::pin::{Pin, pin};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use bytes::BufMut;
use parking_lot::Mutex;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf, Ready};
use turmoil::ToSocketAddrs;

pub use tokio::io::Interest;

/// How much is read at once, bytes.
const READ_BYTES: usize = 16 * 1024;

/// A connection.
#[derive(Debug)]
pub struct TcpStream {
    stream: Mutex<turmoil::net::TcpStream>,
    local: SocketAddr,
    peer: SocketAddr,
}

impl TcpStream {
    fn of(stream: turmoil::net::TcpStream) -> io::Result<TcpStream> {
        let (local, peer) = (stream.local_addr()?, stream.peer_addr()?);
        Ok(TcpStream { stream: Mutex::new(stream), local, peer })
    }

    /// Connects.
    pub async fn connect(to: impl ToSocketAddrs) -> io::Result<TcpStream> {
        TcpStream::of(turmoil::net::TcpStream::connect(to).await?)
    }

    /// This end.
    pub fn local_addr(&self) -> io::Result<SocketAddr> {
        Ok(self.local)
    }

    /// The other end.
    pub fn peer_addr(&self) -> io::Result<SocketAddr> {
        Ok(self.peer)
    }

    /// Changes nothing: every write is a segment of its own.
    pub fn set_nodelay(&self, _: bool) -> io::Result<()> {
        Ok(())
    }

    /// Reads what is there; `WouldBlock` if nothing is. For a connection on which nobody waits.
    pub fn try_read(&self, buffer: &mut [u8]) -> io::Result<usize> {
        let mut buffer = ReadBuf::new(buffer);
        match self.read(&mut Context::from_waker(Waker::noop()), &mut buffer) {
            Poll::Ready(read) => read.map(|()| buffer.filled().len()),
            Poll::Pending => Err(io::ErrorKind::WouldBlock.into()),
        }
    }

    /// The same, behind what a buffer holds.
    pub fn try_read_buf(&self, buffer: &mut impl BufMut) -> io::Result<usize> {
        let mut bytes = vec![0; READ_BYTES];
        let read = self.try_read(&mut bytes)?;
        buffer.put_slice(&bytes[..read]);
        Ok(read)
    }

    /// Writes what is taken at once.
    pub fn try_write(&self, bytes: &[u8]) -> io::Result<usize> {
        self.stream.lock().try_write(bytes)
    }

    /// Waits until something that is wanted can be done.
    pub async fn ready(&self, interest: Interest) -> io::Result<Ready> {
        poll_fn(|cx| {
            let (mut stream, mut ready) = (self.stream.lock(), Ready::EMPTY);
            let mut byte = [0];
            if interest.is_readable() && stream.poll_peek(cx, &mut ReadBuf::new(&mut byte)).is_ready() {
                ready |= Ready::READABLE;
            }
            if interest.is_writable() && pin!(stream.writable()).poll(cx).is_ready() {
                ready |= Ready::WRITABLE;
            }
            if ready.is_empty() { Poll::Pending } else { Poll::Ready(Ok(ready)) }
        })
        .await
    }

    /// Waits until something can be read.
    pub async fn readable(&self) -> io::Result<()> {
        self.ready(Interest::READABLE).await.map(drop)
    }

    /// Waits until something is taken.
    pub async fn writable(&self) -> io::Result<()> {
        self.ready(Interest::WRITABLE).await.map(drop)
    }

    /// Both directions apart.
    pub fn split(&mut self) -> (tcp::ReadHalf<'_>, tcp::WriteHalf<'_>) {
        (tcp::ReadHalf(self), tcp::WriteHalf(self))
    }

    fn read(&self, cx: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut *self.stream.lock()).poll_read(cx, buffer)
    }

    fn write(&self, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut *self.stream.lock()).poll_write(cx, bytes)
    }

    fn shutdown(&self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut *self.stream.lock()).poll_shutdown(cx)
    }
}

/// Halves of a connection.
pub mod tcp {
    use super::TcpStream;

    /// What comes.
    #[derive(Debug)]
    pub struct ReadHalf<'a>(pub(super) &'a TcpStream);

    /// What goes.
    #[derive(Debug)]
    pub struct WriteHalf<'a>(pub(super) &'a TcpStream);
}

impl AsyncRead for TcpStream {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        self.read(cx, buffer)
    }
}

impl AsyncWrite for TcpStream {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        self.write(cx, bytes)
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.shutdown(cx)
    }
}

impl AsyncRead for tcp::ReadHalf<'_> {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        self.0.read(cx, buffer)
    }
}

impl AsyncWrite for tcp::WriteHalf<'_> {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        self.0.write(cx, bytes)
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.0.shutdown(cx)
    }
}

/// What connections come to.
pub struct TcpListener(turmoil::net::TcpListener);

impl TcpListener {
    /// Listens on an address: 0.0.0.0 or loopback.
    pub async fn bind(address: SocketAddr) -> io::Result<TcpListener> {
        turmoil::net::TcpListener::bind(address).await.map(TcpListener)
    }

    /// Takes the next connection.
    pub async fn accept(&self) -> io::Result<(TcpStream, SocketAddr)> {
        let (stream, peer) = self.0.accept().await?;
        Ok((TcpStream::of(stream)?, peer))
    }

    /// Where it listens.
    pub fn local_addr(&self) -> io::Result<SocketAddr> {
        self.0.local_addr()
    }
}

/// Listens on an address: 0.0.0.0 or loopback.
pub fn listen(address: SocketAddr, _: u32) -> io::Result<TcpListener> {
    match pin!(turmoil::net::TcpListener::bind(address)).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(listener) => listener.map(TcpListener),
        Poll::Pending => Err(io::ErrorKind::WouldBlock.into()),
    }
}

/// Changes nothing: no peer is gone without its connections.
pub fn keep_alive(_: &TcpStream, _: Duration) -> io::Result<()> {
    Ok(())
}

/// A connection on its way from one "thread" to another.
#[derive(Debug)]
pub struct Detached(TcpStream);

impl Detached {
    /// Takes a connection.
    pub fn from(stream: TcpStream) -> io::Result<Detached> {
        Ok(Detached(stream))
    }

    /// Gives it back.
    pub fn attach(self) -> io::Result<TcpStream> {
        Ok(self.0)
    }
}
