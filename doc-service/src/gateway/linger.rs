//! A socket that is closed so that the client can read what was said to it last, and that waits for no client for ever.
//!
//! A socket that is closed while bytes of the client are unread is reset, and a reset throws away what the client has not read:
//! the close frame, or the answer, that says why its message was too long. So what still comes is read and thrown away for a
//! while, as HTTP servers do ("lingering close").
//!
//! A client that takes nothing of what is written to it keeps an answer in memory, and a place among the connections: after a
//! while it is let go.

use std::future::Future;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

use shared::rt::net::TcpStream;
use shared::rt::task;
use shared::rt::time::{Duration, Sleep, sleep, timeout};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::listener::Place;

/// How long a client may take to hear why it was closed, and to stop sending.
const LINGER_MAX: Duration = Duration::from_secs(5);

/// How long a client may take nothing of what is written to it.
const STALL_MAX: Duration = Duration::from_secs(30);

/// What is read at once and thrown away, bytes.
const WASTE_BYTES: usize = 16 * 1024;

/// A socket that lingers when it is dropped, and keeps its place among the connections meanwhile.
pub(super) struct Lingering {
    stream: Option<TcpStream>,
    place: Place,
    /// Runs while the client takes nothing.
    stalled: Option<Pin<Box<Sleep>>>,
}

impl Lingering {
    pub(super) fn new(stream: TcpStream, place: Place) -> Lingering {
        Lingering { stream: Some(stream), place, stalled: None }
    }

    /// Work that waits for the client to take something.
    fn write_with<T>(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        work: impl FnOnce(Pin<&mut TcpStream>, &mut Context<'_>) -> Poll<io::Result<T>>,
    ) -> Poll<io::Result<T>> {
        let done = self.as_mut().with(|stream| work(stream, context));
        if done.is_ready() {
            self.stalled = None;
            return done;
        }
        let stalled = self.stalled.get_or_insert_with(|| Box::pin(sleep(STALL_MAX)));
        stalled.as_mut().poll(context).map(|()| Err(io::ErrorKind::TimedOut.into()))
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
        self.write_with(context, |stream, context| stream.poll_write(context, bytes))
    }

    fn poll_flush(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.write_with(context, |stream, context| stream.poll_flush(context))
    }

    fn poll_shutdown(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.with(|stream| stream.poll_shutdown(context))
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        parts: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        self.write_with(context, |stream, context| stream.poll_write_vectored(context, parts))
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

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use shared::rt::net::TcpListener;
    use shared::rt::time::Instant;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::sync::Semaphore;

    use super::*;

    async fn pair() -> (Lingering, TcpStream) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let client = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
        let (server, _) = listener.accept().await.unwrap();
        let permit = Arc::new(Semaphore::new(1)).acquire_owned().await.unwrap();
        (Lingering::new(server, Arc::new(permit)), client)
    }

    #[tokio::test(start_paused = true)]
    async fn a_client_that_takes_nothing_is_let_go_after_a_while() {
        let (mut server, _client) = pair().await;
        let started = Instant::now();
        let ended = server.write_all(&vec![0; 64 << 20]).await;
        assert_eq!(ended.unwrap_err().kind(), io::ErrorKind::TimedOut);
        assert!(started.elapsed() >= STALL_MAX);
    }

    #[tokio::test]
    async fn one_that_reads_gets_everything() {
        let (mut server, mut client) = pair().await;
        let writing = task::spawn(async move { server.write_all(&vec![7; 16 << 20]).await });
        let mut all = Vec::new();
        client.read_to_end(&mut all).await.unwrap();
        assert_eq!(all.len(), 16 << 20);
        writing.await.unwrap().unwrap();
    }
}
