//! Drives the machine of one client with a real WebSocket: reads frames into it, writes the outbox, keeps the deadlines.

use std::sync::Arc;

use axum::extract::ws::{CloseFrame, Message, WebSocket};
use bytes::Bytes;
use futures_util::stream::{SplitSink, SplitStream};
use futures_util::{SinkExt, StreamExt};
use shared::names::DocumentId;
use shared::rt::time::{Duration, Instant, MissedTickBehavior, interval, sleep, timeout};
use tokio_tungstenite::tungstenite;

use super::CloseReason;
use super::connection::{Connection, Output, TICK_EVERY};
use super::outbox::{Frame, Outbox, Waiting};
use crate::auth::Rights;
use crate::directory::Membership;
use crate::service::Service;

/// How long one turn of writing may take: a client that takes nothing for so long is gone or too slow.
const WRITE_DEADLINE: Duration = Duration::from_secs(30);

/// How long a client may take to answer a close frame.
const CLOSE_DEADLINE: Duration = Duration::from_secs(2);

/// Serves one client until it leaves or is closed.
pub async fn talk(
    socket: WebSocket,
    service: Arc<Service>,
    id: DocumentId,
    rights: Rights,
    wants_saved: bool,
) {
    let (sink, stream) = socket.split();
    let outbox = Outbox::new();
    let member = match service.directory.join(&id, outbox.clone(), wants_saved).await {
        Ok(member) => member,
        Err(reason) => return hang_up(sink, stream, &reason).await,
    };
    service.metrics.clients.up();
    service.metrics.clients_total.add(1);
    let mut talk = Talk { service, outbox, member, stream, sink };
    let reason = talk.until_closed(rights).await;
    talk.member.leave().await;
    talk.service.metrics.clients.down();
    match reason {
        Some(reason) => {
            talk.count(&reason);
            tracing::info!(document = %id, code = reason.code(), %reason, "a client was closed");
            hang_up(talk.sink, talk.stream, &reason).await;
        }
        None => tracing::debug!(document = %id, "a client left"),
    }
}

/// Tells a client that wants nothing that there is why it is closed.
pub async fn turn_away(socket: WebSocket, service: &Service, reason: &CloseReason) {
    service.metrics.refused_total.add(1);
    let (sink, stream) = socket.split();
    hang_up(sink, stream, reason).await;
}

struct Talk {
    service: Arc<Service>,
    outbox: Outbox,
    member: Membership,
    stream: SplitStream<WebSocket>,
    sink: SplitSink<WebSocket, Message>,
}

impl Talk {
    /// Reads and writes at once; the reason to hang up, or `None` if the client left by itself.
    async fn until_closed(&mut self, rights: Rights) -> Option<CloseReason> {
        let Talk { service, outbox, member, stream, sink } = self;
        let reading = read(service, outbox, member, stream, rights);
        let writing = write(service, outbox, sink);
        tokio::select! {
            biased;
            reason = writing => reason,
            reason = reading => reason,
        }
    }

    fn count(&self, reason: &CloseReason) {
        let metrics = &self.service.metrics;
        match reason {
            CloseReason::TooSlow => metrics.too_slow_total.add(1),
            CloseReason::NotBinary
            | CloseReason::Refused(_)
            | CloseReason::BadId(_)
            | CloseReason::ReadOnly
            | CloseReason::TooBig(_) => {
                metrics.refused_total.add(1);
            }
            _ => {}
        }
    }
}

async fn read(
    service: &Service,
    outbox: &Outbox,
    member: &Membership,
    stream: &mut SplitStream<WebSocket>,
    rights: Rights,
) -> Option<CloseReason> {
    let mut connection = Connection::new(rights, Instant::now());
    let mut ticks = interval(TICK_EVERY);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut outputs = Vec::new();
    loop {
        tokio::select! {
            biased;
            frame = stream.next() => match frame {
                None | Some(Ok(Message::Close(_))) => return None,
                Some(Err(error)) => return broken(error),
                Some(Ok(frame)) => {
                    let now = Instant::now();
                    match frame {
                        Message::Binary(frame) => {
                            service.metrics.received_bytes_total.add(frame.len() as u64);
                            connection.binary(&frame, now, &mut |output| outputs.push(output));
                        }
                        Message::Text(_) => connection.text(&mut |output| outputs.push(output)),
                        Message::Ping(_) | Message::Pong(_) | Message::Close(_) => connection.sign_of_life(now),
                    }
                }
            },
            _ = ticks.tick() => connection.tick(Instant::now(), &mut |output| outputs.push(output)),
        }
        for output in outputs.drain(..) {
            match output {
                Output::Room(request) => {
                    if !member.request(request).await {
                        // The room is gone; what it had to say is in the outbox, and the writer says it.
                        std::future::pending::<()>().await;
                    }
                }
                Output::Send(message) => {
                    outbox.push(&[message]);
                }
                Output::Ping => outbox.ping(),
                Output::Wait(time) => sleep(time).await,
                Output::Close(reason) => return Some(reason),
            }
        }
    }
}

/// What a failed read means: `None` if the connection is simply gone.
fn broken(error: axum::Error) -> Option<CloseReason> {
    match error.into_inner().downcast_ref::<tungstenite::Error>() {
        Some(tungstenite::Error::Capacity(_)) => Some(CloseReason::TooBig("the message")),
        Some(tungstenite::Error::Utf8(_)) => Some(CloseReason::NotBinary),
        Some(tungstenite::Error::Protocol(
            tungstenite::error::ProtocolError::ResetWithoutClosingHandshake,
        )) => None,
        Some(tungstenite::Error::Protocol(error)) => Some(CloseReason::Refused(error.to_string())),
        _ => None,
    }
}

async fn write(
    service: &Service,
    outbox: &Outbox,
    sink: &mut SplitSink<WebSocket, Message>,
) -> Option<CloseReason> {
    loop {
        let frames = match outbox.wait().await {
            Waiting::Close(reason) => return Some(reason),
            Waiting::Frames(frames) => frames,
        };
        let turn = async {
            let mut bytes = 0;
            for frame in frames {
                match frame {
                    Frame::Message(message) => {
                        bytes += message.len() as u64;
                        sink.feed(Message::Binary(message)).await?;
                    }
                    Frame::Ping => sink.feed(Message::Ping(Bytes::new())).await?,
                }
            }
            sink.flush().await?;
            service.metrics.sent_bytes_total.add(bytes);
            Ok::<(), axum::Error>(())
        };
        tokio::select! {
            biased;
            turn = timeout(WRITE_DEADLINE, turn) => match turn {
                Ok(Ok(())) => {}
                Ok(Err(_gone)) => return None,
                Err(_late) => return Some(CloseReason::TooSlow),
            },
            reason = outbox.closed() => return Some(reason),
        }
    }
}

/// Sends the close frame and reads until the client has answered it: closing at once could reset the connection before the
/// client has read why.
async fn hang_up(
    mut sink: SplitSink<WebSocket, Message>,
    mut stream: SplitStream<WebSocket>,
    reason: &CloseReason,
) {
    let frame = CloseFrame { code: reason.code(), reason: reason.words().into() };
    let farewell = async {
        if sink.send(Message::Close(Some(frame))).await.is_ok() {
            while let Some(Ok(frame)) = stream.next().await {
                if matches!(frame, Message::Close(_)) {
                    break;
                }
            }
        }
    };
    let _ = timeout(CLOSE_DEADLINE, farewell).await;
}
