//! One link at work: packets are read and handed over, what waits is written.

use std::net::IpAddr;
use std::sync::Arc;

use bytes::{Bytes, BytesMut};
use shared::rt::net::TcpStream;
use shared::rt::net::tcp::{ReadHalf, WriteHalf};
use shared::rt::time::{self, Duration};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use super::bus::Bus;
use super::links::Link;
use super::packet;
use crate::gossip::Event;

/// Bytes read at once.
const READ_BYTES: usize = 64 * 1024;
/// Small packets are copied together up to here, bytes, so that many go out with one system call.
const WRITE_BYTES: usize = 64 * 1024;
/// A link on which nothing came for so many node timeouts is ended: peers ping twice in each.
const IDLE_TIMEOUTS: u32 = 8;

/// Why a link ended.
#[derive(Debug, thiserror::Error)]
enum Ended {
    #[error("closed by the peer")]
    ByPeer,
    #[error("closed by this node")]
    Here,
    #[error("silent for too long")]
    Silent,
    #[error("the peer does not read")]
    Stuck,
    #[error(transparent)]
    Io(#[from] std::io::Error),
    #[error(transparent)]
    Packet(#[from] packet::BadPacket),
}

/// Serves a link until it ends.
pub(super) async fn serve(bus: &Arc<Bus>, link: &Arc<Link>, mut stream: TcpStream) {
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
        ended = read(bus, link, reader, local, remote) => ended,
    };
    match ended {
        Ended::Packet(error) => tracing::warn!(link = ?link.id, %remote, %error, "link ended"),
        ended => tracing::debug!(link = ?link.id, %remote, %ended, "link ended"),
    }
}

async fn read(bus: &Arc<Bus>, link: &Link, mut reader: ReadHalf<'_>, local: IpAddr, remote: IpAddr) -> Ended {
    let mut buffer = BytesMut::new();
    loop {
        // A burst of long messages must not leave its room behind.
        if buffer.is_empty() {
            buffer = BytesMut::with_capacity(READ_BYTES);
        }
        match time::timeout(bus.patience() * IDLE_TIMEOUTS, reader.read_buf(&mut buffer)).await {
            Ok(Ok(0)) => return Ended::ByPeer,
            Ok(Ok(_)) => {}
            Ok(Err(error)) => return error.into(),
            Err(_) => return Ended::Silent,
        }
        loop {
            match packet::next(&mut buffer) {
                Ok(Some(packet)) => bus.received(link, local, remote, packet),
                Ok(None) => break,
                Err(error) => return error.into(),
            }
        }
        // Messages for subscribers pass by the engine; that their sender lives must not.
        if let Some(sender) = link.speaker() {
            bus.handle(Event::Heard(sender));
        }
    }
}

async fn write(bus: &Arc<Bus>, link: &Link, mut writer: WriteHalf<'_>) -> Ended {
    let mut packets: Vec<Bytes> = Vec::new();
    let mut together = Vec::new();
    while link.queue.take(&mut packets).await {
        let patience = bus.patience().max(Duration::from_secs(1));
        match time::timeout(patience, write_all(&mut writer, &mut packets, &mut together)).await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => return error.into(),
            Err(_) => return Ended::Stuck,
        }
    }
    Ended::Here
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
