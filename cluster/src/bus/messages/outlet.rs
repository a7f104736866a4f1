//! A link that this node dialled, to publish on it.

use std::net::SocketAddr;
use std::sync::Arc;

use bytes::{Buf, Bytes, BytesMut};
use shared::node_id::NodeId;
use shared::rt::net::TcpStream;
use shared::rt::net::tcp::{ReadHalf, WriteHalf};
use shared::rt::time::{self, Duration};
use tokio::io::AsyncReadExt as _;
use tokio::sync::{Notify, watch};

use super::super::bus::Bus;
use super::super::connection::{Ended, Gathered, write_timeout};
use super::super::packet::{self, BadPacket, Kind};
use super::super::queue::SendQueue;
use super::said::{self, Said};
use super::wanted::Wanted;

/// First wait after a link broke or did not come to stand, milliseconds; it doubles up to [`BACKOFF_MS_MAX`].
const BACKOFF_MS_MIN: u64 = 50;
/// Longest wait, milliseconds: messages wait in the queue meanwhile.
const BACKOFF_MS_MAX: u64 = 800;
/// What a peer says at once, bytes: all that it wants is 2 KiB.
const READ_BYTES: usize = 4 * 1024;

/// The way of messages to one peer: what waits for it, and over which link. It outlives its links: what is published while there is
/// none waits, as long as the peer lets itself be dialled.
#[derive(Debug)]
pub struct Outlet {
    /// To whom.
    pub peer: NodeId,
    /// Where its bus is reached.
    pub address: SocketAddr,
    /// Since when, Unix milliseconds.
    pub since_unix_ms: u64,
    /// What waits to be sent.
    pub queue: SendQueue,
    /// What the peer wants.
    pub wanted: Wanted,
    /// Ends the link that stands; there will be another one.
    reset: Notify,
    /// Turns true when the peer is not dialled any more.
    closed: watch::Sender<bool>,
}

impl Outlet {
    pub(super) fn new(peer: NodeId, address: SocketAddr, since_unix_ms: u64) -> Outlet {
        Outlet {
            peer,
            address,
            since_unix_ms,
            queue: SendQueue::default(),
            wanted: Wanted::default(),
            reset: Notify::new(),
            closed: watch::Sender::new(false),
        }
    }

    /// The peer does not read: what waits for it is dropped, and the link begins anew.
    pub(super) fn reset(&self) {
        self.queue.clear();
        self.reset.notify_waiters();
    }

    /// The peer is not dialled any more.
    pub(super) fn close(&self) {
        self.queue.close();
        self.closed.send_replace(true);
    }
}

/// Keeps a link to the peer until the outlet is closed.
pub(in super::super) async fn run(bus: Arc<Bus>, outlet: Arc<Outlet>) {
    let mut closed = outlet.closed.subscribe();
    let kept = async {
        let mut backoff_ms = BACKOFF_MS_MIN;
        loop {
            let ended = connect(&bus, &outlet).await;
            tracing::debug!(peer = %outlet.peer, %ended, "message link ended");
            if outlet.wanted.is_known() {
                backoff_ms = BACKOFF_MS_MIN;
            }
            outlet.wanted.forget();
            time::sleep(Duration::from_millis(backoff_ms)).await;
            backoff_ms = (2 * backoff_ms).min(BACKOFF_MS_MAX);
        }
    };
    tokio::select! {
        biased;
        _ = closed.wait_for(|closed| *closed) => {}
        () = kept => {}
    }
}

async fn connect(bus: &Bus, outlet: &Outlet) -> Ended {
    let connected = time::timeout(bus.messages.patience(), TcpStream::connect(outlet.address)).await;
    let connected = connected.unwrap_or_else(|_| Err(std::io::ErrorKind::TimedOut.into()));
    match connected {
        Ok(stream) => serve(bus, outlet, stream).await,
        Err(error) => {
            // Nobody is there who could listen.
            outlet.queue.clear();
            error.into()
        }
    }
}

async fn serve(bus: &Bus, outlet: &Outlet, mut stream: TcpStream) -> Ended {
    if let Err(error) = stream.set_nodelay(true) {
        tracing::debug!(%error, "no TCP_NODELAY");
    }
    let (reader, writer) = stream.split();
    let (heard, hearing) = watch::channel(None);
    let ended = tokio::select! {
        biased;
        () = outlet.reset.notified() => Ended::Stuck,
        ended = write(bus, outlet, writer, hearing) => ended,
        ended = read(bus, outlet, reader, heard) => ended,
    };
    if let Ended::Packet(error) = &ended {
        tracing::warn!(peer = %outlet.peer, %error, "message link ended");
    }
    ended
}

/// Writes what is published, and which versions were heard: those first, somebody waits for them.
async fn write(
    bus: &Bus,
    outlet: &Outlet,
    mut writer: WriteHalf<'_>,
    mut heard: watch::Receiver<Option<u64>>,
) -> Ended {
    let mut gathered = Gathered::default();
    let mut packets: Vec<Bytes> = vec![said::publisher(bus.my_id(), outlet.peer)];
    bus.counters.sent(Kind::Publisher, 1);
    loop {
        if let Err(ended) =
            write_timeout(&mut writer, &mut packets, &mut gathered, bus.messages.patience()).await
        {
            return ended;
        }
        tokio::select! {
            biased;
            changed = heard.changed() => {
                let version = *heard.borrow_and_update();
                let (Ok(()), Some(version)) = (changed, version) else { return Ended::Here };
                bus.counters.sent(Kind::InterestHeard, 1);
                packets.push(said::heard(bus.my_id(), version));
            }
            open = outlet.queue.take(&mut packets) => {
                if !open {
                    return Ended::Here;
                }
            }
        }
    }
}

/// Reads what the peer wants.
async fn read(
    bus: &Bus,
    outlet: &Outlet,
    mut reader: ReadHalf<'_>,
    heard: watch::Sender<Option<u64>>,
) -> Ended {
    let mut buffer = BytesMut::with_capacity(READ_BYTES);
    loop {
        match reader.read_buf(&mut buffer).await {
            Ok(0) => return Ended::ByPeer,
            Ok(_) => {}
            Err(error) => return error.into(),
        }
        loop {
            match take(bus, outlet, &buffer) {
                Ok(Some((version, bytes))) => {
                    heard.send_replace(Some(version));
                    buffer.advance(bytes);
                }
                Ok(None) => break,
                Err(error) => return error.into(),
            }
        }
    }
}

/// Takes note of the packet at the front: its version and length.
fn take(bus: &Bus, outlet: &Outlet, buffer: &[u8]) -> Result<Option<(u64, usize)>, BadPacket> {
    let Some(frame) = packet::frame(buffer)? else { return Ok(None) };
    if frame.sender != outlet.peer {
        return Err(BadPacket::Sender(frame.sender));
    }
    let Said::Interest(version, news) = said::read(frame)? else { return Err(BadPacket::Link(frame.kind)) };
    bus.counters.received(frame.kind);
    outlet.wanted.hear(&news)?;
    Ok(Some((version, frame.len())))
}
