//! A connection to an owner that belongs to one client: while it waits for keys, or watches some.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use bytes::{Buf, BytesMut};
use shared::limits::PROXY_PRIVATE_MAX;
use shared::resp::boundary::{Boundary, Found};
use shared::rt::net::TcpStream;
use shared::rt::time::{self, Duration, Instant};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::dial;
use super::link::{Answer, Failure, Replies};
use super::mode::Mode;
use super::pool;
use crate::node::Shared;

/// How long a node that owns nothing any more may still owe a reply.
const GONE_GRACE: Duration = Duration::from_millis(200);

/// A connection that belongs to one client.
pub struct Private {
    stream: TcpStream,
    input: BytesMut,
    address: SocketAddr,
    mode: Mode,
    /// The client's id over there.
    pub(super) id: i64,
    token: Arc<str>,
    _one_of: OneOf,
}

/// One of the private connections that a node may have.
struct OneOf(Arc<AtomicUsize>);

impl OneOf {
    fn take(count: &Arc<AtomicUsize>) -> Option<OneOf> {
        let one_more = |count: usize| (count < PROXY_PRIVATE_MAX).then_some(count + 1);
        count.fetch_update(Ordering::Relaxed, Ordering::Relaxed, one_more).ok()?;
        Some(OneOf(Arc::clone(count)))
    }
}

impl Drop for OneOf {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Private {
    /// A connection to this owner: one that was kept, or a new one.
    pub(super) async fn open(shared: &Shared, address: SocketAddr, mode: Mode) -> Result<Private, Failure> {
        if let Some(private) = pool::idle(address, mode) {
            return Ok(private);
        }
        let one_of = OneOf::take(&shared.proxy.private).ok_or_else(|| {
            Failure::NotSent("too many clients need a connection of their own to an owner".to_owned())
        })?;
        let dialed = dial::dial(shared, address, mode, false).await?;
        let dial::Dialed { stream, input, id, token } = dialed;
        Ok(Private { stream, input, address, mode, id, token, _one_of: one_of })
    }

    /// Whether it is one to this owner in this mode.
    pub(super) fn is_for(&self, address: SocketAddr, mode: Mode) -> bool {
        self.address == address && self.mode == mode
    }

    /// The owner.
    pub(super) fn address(&self) -> SocketAddr {
        self.address
    }

    /// Whether the owner has not hung up, and owes nothing.
    pub(super) fn stands(&self) -> bool {
        let read = self.stream.try_read(&mut [0]);
        self.input.is_empty() && read.is_err_and(|error| error.kind() == io::ErrorKind::WouldBlock)
    }

    /// Sends requests and waits for their replies: until the deadline, or without one until the owner owns nothing any more.
    pub(super) async fn ask(
        &mut self,
        shared: &Shared,
        request: &[u8],
        replies: usize,
        deadline: Option<Instant>,
    ) -> Answer {
        if !self.stands() {
            return Err(Failure::NotSent(format!("{}: the connection was lost", self.address)));
        }
        let address = self.address;
        let asked = async {
            self.stream.write_all(request).await?;
            self.read(replies).await
        };
        let lost = tokio::select! {
            biased;
            answered = asked => match answered {
                Ok(replies) => return Ok(replies),
                Err(error) => error.to_string(),
            },
            () = until(deadline) => "the owner does not answer".to_owned(),
            () = gone(shared, address) => "the owner owns no slots any more".to_owned(),
        };
        Err(Failure::Unknown(format!("{address}: {lost}")))
    }

    async fn read(&mut self, replies: usize) -> io::Result<Replies> {
        let mut got = Replies { token: Some(Arc::clone(&self.token)), ..Replies::default() };
        let mut boundary = Boundary::new();
        let mut needed = 1;
        while got.ends.len() < replies {
            if self.input.len() < needed {
                if self.stream.read_buf(&mut self.input).await? == 0 {
                    return Err(io::Error::other("it closed the connection"));
                }
                continue;
            }
            match boundary.find(&self.input, self.mode.protocol).map_err(io::Error::other)? {
                Found::Needs(bytes) => needed = bytes,
                Found::End(length) => {
                    needed = 1;
                    if self.input.first() != Some(&b'>') {
                        got.push(&self.input[..length]);
                    }
                    self.input.advance(length);
                }
            }
        }
        Ok(got)
    }
}

async fn until(deadline: Option<Instant>) {
    match deadline {
        Some(deadline) => time::sleep_until(deadline).await,
        None => std::future::pending().await,
    }
}

/// Waits until a node that owned slots owns none any more, and a little longer.
async fn gone(shared: &Shared, address: SocketAddr) {
    let mut changes = shared.view.changes();
    let owns = || shared.view.owners().is_owner(address);
    if !owns() {
        return std::future::pending().await;
    }
    loop {
        while owns() {
            if changes.changed().await.is_err() {
                return std::future::pending().await;
            }
        }
        time::sleep(GONE_GRACE).await;
        if !owns() {
            return;
        }
    }
}
