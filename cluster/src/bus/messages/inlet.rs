//! A link that a peer dialled, to publish here.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use bytes::{Buf, Bytes, BytesMut};
use parking_lot::Mutex;
use shared::node_id::NodeId;
use shared::rt::net::tcp::{ReadHalf, WriteHalf};
use shared::rt::net::{Detached, TcpStream};
use shared::rt::task;
use shared::rt::time;
use tokio::io::AsyncReadExt as _;
use tokio::sync::watch;

use super::super::bus::Bus;
use super::super::connection::{Ended, Gathered, READ_BYTES, make_room, write_timeout};
use super::super::packet::{self, BadPacket, Kind};
use super::said::{self, Said};

/// A link on which a peer publishes here.
#[derive(Debug)]
pub struct Inlet {
    /// Who publishes.
    pub peer: NodeId,
    /// Since when, Unix milliseconds.
    pub since_unix_ms: u64,
    /// The version of what is wanted here that the peer has heard of; 0 if of none.
    heard: AtomicU64,
    /// True when no more messages are handed over; locked while some are.
    closed: Mutex<bool>,
    /// Turns true with `closed`, for who waits.
    ended: watch::Sender<bool>,
}

impl Inlet {
    pub(super) fn new(peer: NodeId, since_unix_ms: u64) -> Inlet {
        Inlet {
            peer,
            since_unix_ms,
            heard: AtomicU64::new(0),
            closed: Mutex::new(false),
            ended: watch::Sender::new(false),
        }
    }

    /// Ends the link soon.
    pub(super) fn end(&self) {
        self.ended.send_replace(true);
    }

    /// Ends the link. No message of it is handed over once this has returned: those of the next link come after all of this one.
    pub(super) fn close(&self) {
        *self.closed.lock() = true;
        self.end();
    }

    /// Held while messages are handed over; `None` if no more are.
    pub(super) fn open(&self) -> Option<impl Drop + '_> {
        let closed = self.closed.lock();
        (!*closed).then_some(closed)
    }

    pub(super) fn heard(&self) -> u64 {
        self.heard.load(Ordering::Acquire)
    }

    pub(super) fn has_heard(&self, version: u64) {
        self.heard.fetch_max(version, Ordering::AcqRel);
    }
}

/// Takes a connection over whose first packet, at the front of `buffer`, says that it is a message link.
pub(in super::super) fn take_over(bus: &Arc<Bus>, stream: TcpStream, buffer: BytesMut) -> Result<(), Ended> {
    let peer = greeted(bus, &buffer)?;
    bus.counters.received(Kind::Publisher);
    let stream = Detached::from(stream)?;
    let node = bus.node().ok_or(Ended::Here)?;
    node.workers.spawn(serve(Arc::clone(bus), peer, stream, buffer));
    Ok(())
}

/// Who publishes: a member, which means this node.
fn greeted(bus: &Bus, buffer: &[u8]) -> Result<NodeId, Ended> {
    let Some(frame) = packet::frame(buffer)? else { return Err(Ended::Here) };
    let Said::Publisher(meant) = said::read(frame)? else { return Err(BadPacket::Link(frame.kind).into()) };
    if meant != bus.my_id() || !bus.knows(frame.sender) {
        return Err(Ended::Stranger(frame.sender));
    }
    Ok(frame.sender)
}

async fn serve(bus: Arc<Bus>, peer: NodeId, stream: Detached, mut buffer: BytesMut) {
    let mut stream = match stream.attach() {
        Ok(stream) => stream,
        Err(error) => return tracing::warn!(%error, "a message link could not be taken over"),
    };
    if let Err(error) = stream.set_nodelay(true) {
        tracing::debug!(%error, "no TCP_NODELAY");
    }
    if let Ok(Some(greeting)) = packet::frame(&buffer).map(|frame| frame.map(|frame| frame.len())) {
        buffer.advance(greeting);
    }
    let inlet = Arc::new(Inlet::new(peer, time::now_ms()));
    // Before it is told what is wanted: whoever listens to something new from here on waits for it.
    bus.messages.inlets.add(&inlet);
    let (reader, writer) = stream.split();
    let mut closed = inlet.ended.subscribe();
    let ended = tokio::select! {
        biased;
        _ = closed.wait_for(|closed| *closed) => Ended::Here,
        ended = write(&bus, writer) => ended,
        ended = read(&bus, &inlet, reader, buffer) => ended,
    };
    bus.messages.inlets.remove(&inlet);
    match ended {
        Ended::Packet(error) => tracing::warn!(%peer, %error, "message link ended"),
        ended => tracing::debug!(%peer, %ended, "message link ended"),
    }
}

/// Writes what is wanted, and each change of it.
async fn write(bus: &Bus, mut writer: WriteHalf<'_>) -> Ended {
    let interest = &bus.pubsub().interest;
    let mut versions = interest.versions();
    let mut told = None;
    let (mut packets, mut gathered): (Vec<Bytes>, _) = (Vec::new(), Gathered::default());
    loop {
        if let Some((version, news)) = interest.since(told) {
            told = Some(version);
            bus.counters.sent(said::kind(&news), 1);
            packets.push(said::interest(bus.my_id(), version, &news));
            let patience = bus.messages.patience();
            if let Err(ended) = write_timeout(&mut writer, &mut packets, &mut gathered, patience).await {
                return ended;
            }
        }
        if versions.changed().await.is_err() {
            return Ended::Here;
        }
    }
}

/// Hands over what is published.
async fn read(bus: &Bus, inlet: &Inlet, mut reader: ReadHalf<'_>, mut buffer: BytesMut) -> Ended {
    loop {
        let before = buffer.len();
        match take(bus, inlet, &buffer) {
            Ok(bytes) => buffer.advance(bytes),
            Err(ended) => return ended,
        }
        if before >= READ_BYTES / 2 {
            // Subscribers are served by the same worker: they take what came before there is more.
            task::yield_now().await;
        }
        make_room(&mut buffer);
        match reader.read_buf(&mut buffer).await {
            Ok(0) => return Ended::ByPeer,
            Ok(_) => {}
            Err(error) => return error.into(),
        }
    }
}

/// Takes the whole packets at the front; how many bytes they are.
fn take(bus: &Bus, inlet: &Inlet, buffer: &[u8]) -> Result<usize, Ended> {
    let Some(_open) = inlet.open() else { return Err(Ended::Here) };
    let mut taken = 0;
    loop {
        let Some(frame) = packet::frame(&buffer[taken..])? else { return Ok(taken) };
        if frame.sender != inlet.peer {
            return Err(BadPacket::Sender(frame.sender).into());
        }
        match said::read(frame)? {
            Said::Publish { channel, payload } => {
                bus.counters.received(frame.kind);
                bus.pubsub().deliver(channel, payload);
            }
            Said::Heard(version) => {
                bus.counters.received(frame.kind);
                bus.messages.inlets.heard(inlet, version);
            }
            Said::Publisher(_) | Said::Interest(..) => return Err(BadPacket::Link(frame.kind).into()),
        }
        taken += frame.len();
    }
}
