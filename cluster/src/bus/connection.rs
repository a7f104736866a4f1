//! One link at work: packets are read and handed over, what waits is written.

use std::net::IpAddr;
use std::sync::Arc;

use bytes::{Bytes, BytesMut};
use shared::node_id::NodeId;
use shared::rt::net::TcpStream;
use shared::rt::net::tcp::{ReadHalf, WriteHalf};
use shared::rt::time::{self, Duration};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use super::bus::Bus;
use super::links::Link;
use super::messages::inlet;
use super::packet::{self, BadPacket, Kind};

/// Bytes read at once.
pub(super) const READ_BYTES: usize = 64 * 1024;
/// Small packets are copied together up to here, bytes, so that many go out with one system call.
const WRITE_BYTES: usize = 64 * 1024;
/// A link on which nothing came for so many node timeouts is ended: peers ping twice in each.
const IDLE_TIMEOUTS: u32 = 8;
/// A peer is given so long at least to read, milliseconds.
const WRITE_PATIENCE_MS_MIN: u64 = 1_000;

/// Why a link ended.
#[derive(Debug, thiserror::Error)]
pub(super) enum Ended {
    #[error("closed by the peer")]
    ByPeer,
    #[error("closed by this node")]
    Here,
    #[error("silent for too long")]
    Silent,
    #[error("the peer does not read")]
    Stuck,
    #[error("{0} publishes to another node, or is no member")]
    Stranger(NodeId),
    #[error(transparent)]
    Io(#[from] std::io::Error),
    #[error(transparent)]
    Packet(#[from] BadPacket),
}

/// Serves an incoming link until it ends; what its first packet says is what it is for.
pub(super) async fn receive(bus: &Arc<Bus>, link: &Arc<Link>, mut stream: TcpStream) {
    let mut buffer = BytesMut::with_capacity(READ_BYTES);
    loop {
        match packet::frame(&buffer).map(|frame| frame.map(|frame| frame.kind)) {
            Ok(None) => {}
            Ok(Some(Kind::Publisher)) => {
                if let Err(ended) = inlet::take_over(bus, stream, buffer) {
                    tracing::debug!(link = ?link.id, %ended, "message link refused");
                }
                return;
            }
            // What is wrong with it is told there.
            Ok(Some(_)) | Err(_) => return serve(bus, link, stream, buffer).await,
        }
        match time::timeout(bus.patience() * IDLE_TIMEOUTS, stream.read_buf(&mut buffer)).await {
            Ok(Ok(1..)) => {}
            Ok(Ok(0) | Err(_)) | Err(_) => return,
        }
    }
}

/// Serves a link for gossip until it ends; what was read of it already is in `buffer`.
pub(super) async fn serve(bus: &Arc<Bus>, link: &Arc<Link>, mut stream: TcpStream, buffer: BytesMut) {
    let (local, remote) = match (stream.local_addr(), stream.peer_addr()) {
        (Ok(local), Ok(remote)) => (local.ip().to_canonical(), remote.ip().to_canonical()),
        _ => return,
    };
    if let Err(error) = stream.set_nodelay(true) {
        tracing::debug!(%error, "no TCP_NODELAY");
    }
    let (reader, writer) = stream.split();
    let ended = tokio::select! {
        biased;
        ended = write(bus, link, writer) => ended,
        ended = read(bus, link, (reader, buffer), local, remote) => ended,
    };
    match ended {
        Ended::Packet(error) => tracing::warn!(link = ?link.id, %remote, %error, "link ended"),
        ended => tracing::debug!(link = ?link.id, %remote, %ended, "link ended"),
    }
}

async fn read(
    bus: &Arc<Bus>,
    link: &Link,
    (mut reader, mut buffer): (ReadHalf<'_>, BytesMut),
    local: IpAddr,
    remote: IpAddr,
) -> Ended {
    loop {
        loop {
            // Of whom this node has refused nothing more is heard.
            if link.queue.is_closed() {
                return Ended::Here;
            }
            match packet::next(&mut buffer) {
                Ok(Some(packet)) => bus.received(link, local, remote, packet),
                Ok(None) => break,
                Err(error) => return error.into(),
            }
        }
        make_room(&mut buffer);
        match time::timeout(bus.patience() * IDLE_TIMEOUTS, reader.read_buf(&mut buffer)).await {
            Ok(Ok(0)) => return Ended::ByPeer,
            Ok(Ok(_)) => {}
            Ok(Err(error)) => return error.into(),
            Err(_) => return Ended::Silent,
        }
    }
}

/// Makes room for what is read next, if nothing waits for its end.
pub(super) fn make_room(buffer: &mut BytesMut) {
    if !buffer.is_empty() {
        return;
    }
    // A long packet must not leave its room behind.
    if buffer.capacity() > 2 * READ_BYTES {
        *buffer = BytesMut::new();
    }
    buffer.reserve(READ_BYTES);
}

async fn write(bus: &Arc<Bus>, link: &Link, mut writer: WriteHalf<'_>) -> Ended {
    let (mut packets, mut gathered) = (Vec::new(), Gathered::default());
    while link.queue.take(&mut packets).await {
        if let Err(ended) = write_timeout(&mut writer, &mut packets, &mut gathered, bus.patience()).await {
            return ended;
        }
    }
    Ended::Here
}

/// Small packets that go out together.
#[derive(Default)]
pub(super) struct Gathered(Vec<u8>);

/// Writes packets; a peer that takes none of them for its time is stuck.
pub(super) async fn write_timeout(
    writer: &mut WriteHalf<'_>,
    packets: &mut Vec<Bytes>,
    gathered: &mut Gathered,
    patience: Duration,
) -> Result<(), Ended> {
    let patience = patience.max(Duration::from_millis(WRITE_PATIENCE_MS_MIN));
    match time::timeout(patience, write_all(writer, packets, &mut gathered.0)).await {
        Ok(written) => Ok(written?),
        Err(_) => Err(Ended::Stuck),
    }
}

async fn write_all(
    writer: &mut WriteHalf<'_>,
    packets: &mut Vec<Bytes>,
    together: &mut Vec<u8>,
) -> std::io::Result<()> {
    for packet in packets.drain(..) {
        if together.len() + packet.len() > WRITE_BYTES {
            writer.write_all(together).await?;
            together.clear();
        }
        if packet.len() > WRITE_BYTES {
            writer.write_all(&packet).await?;
        } else {
            together.extend_from_slice(&packet);
        }
    }
    writer.write_all(together).await?;
    together.clear();
    Ok(())
}
