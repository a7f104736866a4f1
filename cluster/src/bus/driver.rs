//! The task that accepts and connects links and lets time pass.

use std::net::SocketAddr;
use std::sync::Arc;

use bytes::BytesMut;
use shared::limits::BUS_LINKS_MAX;
use shared::rt::net::{TcpListener, TcpStream};
use shared::rt::task::JoinSet;
use shared::rt::time::{self, Duration, Instant};

use super::bus::{Bus, ended};
use super::connection;
use super::links::Link;
use crate::gossip::Event;

/// How long accepting rests after an error (no file descriptors left), milliseconds, so that it does not spin.
const ACCEPT_PAUSE_MS: u64 = 50;

/// Drives the bus for ever; dropped, it ends all links.
pub async fn run(bus: Arc<Bus>, listeners: Vec<TcpListener>) {
    let mut tasks = JoinSet::new();
    for listener in listeners {
        tasks.spawn(accept(Arc::clone(&bus), listener));
    }
    let mut tick_at = Instant::now();
    loop {
        tokio::select! {
            biased;
            () = time::sleep_until(tick_at) => bus.tick(),
            () = bus.dial_wanted() => bus.tick(),
            () = bus.marks.wanted() => {
                bus.sync_noted();
                // Time passes as often as before.
                continue;
            }
            Some(done) = tasks.join_next() => {
                if let Err(error) = done {
                    tracing::error!(%error, "a task of the cluster bus ended");
                }
            }
        }
        tick_at = Instant::now() + bus.tick_in();
        for (link, to) in bus.take_dials() {
            tasks.spawn(connect(Arc::clone(&bus), link, to));
        }
    }
}

async fn connect(bus: Arc<Bus>, link: Arc<Link>, to: SocketAddr) {
    match time::timeout(bus.patience(), TcpStream::connect(to)).await {
        Ok(Ok(stream)) => {
            link.opened();
            if let crate::gossip::LinkId::Out(number) = link.id {
                bus.handle(Event::Connected(number));
            }
            connection::serve(&bus, &link, stream, BytesMut::new()).await;
        }
        Ok(Err(error)) => tracing::debug!(%to, %error, "cannot connect to a peer"),
        Err(_) => tracing::debug!(%to, "connecting to a peer took too long"),
    }
    ended(&bus, &link);
}

async fn accept(bus: Arc<Bus>, listener: TcpListener) {
    let mut links = JoinSet::new();
    loop {
        let accepted = tokio::select! {
            biased;
            Some(_ended) = links.join_next() => continue,
            accepted = listener.accept() => accepted,
        };
        match accepted {
            Ok((_, peer)) if bus.incoming_count() >= BUS_LINKS_MAX => {
                tracing::warn!(%peer, "too many links of the cluster bus");
            }
            Ok((stream, _)) => {
                let bus = Arc::clone(&bus);
                links.spawn(async move {
                    let link = bus.links.incoming(time::now_ms());
                    connection::receive(&bus, &link, stream).await;
                    ended(&bus, &link);
                });
            }
            Err(error) => {
                tracing::warn!(%error, "accepting a link of the cluster bus failed");
                time::sleep(Duration::from_millis(ACCEPT_PAUSE_MS)).await;
            }
        }
    }
}
