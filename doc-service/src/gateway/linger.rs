//! A socket that is closed so that the client can read what was said to it last.
//!
//! A socket that is closed while bytes of the client are unread is reset, and a reset throws away what the client has not read:
//! the close frame, or the answer, that says why its message was too long. So what still comes is read and thrown away for a
//! while, as HTTP servers do ("lingering close").

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

use shared::rt::net::TcpStream;
use shared::rt::task;
use shared::rt::time::{Duration, timeout};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::listener::Place;

/// How long a client may take to hear why it was closed, and to stop sending.
const LINGER_MAX: Duration = Duration::from_secs(5);

/// What is read at once and thrown away, bytes.
const WASTE_BYTES: usize = 16 * 1024;

/// A socket that lingers when it is dropped, and keeps its place among the connections meanwhile.
pub(super) struct Lingering {
    stream: Option<TcpStream>,
    place: Place,
}

impl Lingering {
    pub(super) fn new(stream: TcpStream, place: Place) -> Lingering {
        Lingering { stream: Some(stream), place }
    }

    fn with<T>(
        self: Pin<&mut Self>,
        work: impl FnOnce(Pin<&mut TcpStream>) -> Poll<io::Result<T>>,
    ) -> Poll<io::Result<T>> {
        match &mut self.get_mut().stream {
            Some(stream) => work(Pin::new(stream)),
            // Only Drop takes it.
            None => Poll::Ready(Err(io::ErrorKind::NotConnected.into())),
        }
    }
}

impl AsyncRead for Lingering {
    fn poll_read(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        into: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        self.with(|stream| stream.poll_read(context, into))
    }
}

impl AsyncWrite for Lingering {
    fn poll_write(self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        self.with(|stream| stream.poll_write(context, bytes))
    }

    fn poll_flush(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.with(|stream| stream.poll_flush(context))
    }

    fn poll_shutdown(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.with(|stream| stream.poll_shutdown(context))
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        parts: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        self.with(|stream| stream.poll_write_vectored(context, parts))
    }

    fn is_write_vectored(&self) -> bool {
        true
    }
}

impl Drop for Lingering {
    fn drop(&mut self) {
        // When the service stops, no runtime is left to linger on.
        if let (Some(stream), Ok(_)) = (self.stream.take(), tokio::runtime::Handle::try_current()) {
            task::spawn(linger(stream, self.place.clone()));
        }
    }
}

async fn linger(mut stream: TcpStream, place: Place) {
    let farewell = async {
        let shut = std::future::poll_fn(|context| Pin::new(&mut stream).poll_shutdown(context)).await;
        let mut waste = vec![0; WASTE_BYTES];
        while shut.is_ok() {
            stream.readable().await?;
            match stream.try_read(&mut waste) {
                Ok(0) => break,
                Err(error) if error.kind() != io::ErrorKind::WouldBlock => break,
                _ => {}
            }
        }
        io::Result::Ok(())
    };
    let _ = timeout(LINGER_MAX, farewell).await;
    drop(place);
}
