//! One node's connection of subscriptions.

use std::collections::{BTreeMap, VecDeque};
use std::io;
use std::sync::Arc;

use tokio::sync::{mpsc, watch};

use super::hub::Seat;
use super::notice::Notice;
use super::topic::Topic;
use crate::client::address::Address;
use crate::client::connection::{Failure, Introduced, connect};
use crate::client::core::Core;
use crate::client::redirect::Refusal;
use crate::resp::{ServerError, write};
use crate::rt::net::Interest;
use crate::rt::ready;
use crate::rt::task;
use crate::rt::time::{Duration, Instant, sleep_until};

/// Seats that wait for one link.
const SEATS_WAITING_MAX: usize = 256;

/// How often a link looks for readers that have gone and for a server that has fallen silent.
const TICK: Duration = Duration::from_millis(500);

/// The handle of a link.
#[derive(Debug)]
pub(super) struct SubscriberLink {
    seats: mpsc::Sender<Seat>,
}

impl SubscriberLink {
    /// Gives a seat to the link; back if it is gone or too busy.
    pub(super) fn try_add(&self, seat: Seat) -> Option<Seat> {
        match self.seats.try_send(seat) {
            Ok(()) => None,
            Err(mpsc::error::TrySendError::Full(seat) | mpsc::error::TrySendError::Closed(seat)) => {
                Some(seat)
            }
        }
    }

    pub(super) fn is_closed(&self) -> bool {
        self.seats.is_closed()
    }
}

/// Starts a link to a node. When it breaks its seats are handed to `returned`, and it ends.
pub(super) fn link(address: Address, core: Arc<Core>, returned: mpsc::Sender<Vec<Seat>>) -> SubscriberLink {
    let (seats, received) = mpsc::channel(SEATS_WAITING_MAX);
    task::spawn(run(address, core, received, returned));
    SubscriberLink { seats }
}

async fn run(
    address: Address,
    core: Arc<Core>,
    mut seats: mpsc::Receiver<Seat>,
    returned: mpsc::Sender<Vec<Seat>>,
) {
    let mut back = Vec::new();
    let mut refusal = None;
    match connect(&address, &core.config).await {
        Ok(connection) => {
            let changes = core.topology.changes();
            let mut wire = Wire::new(address, core, connection, returned.clone());
            let why = wire.carry(&mut seats, changes).await;
            tracing::debug!(node = %wire.address, %why, "subscriptions lost their connection");
            back = wire.evict();
        }
        Err(Failure::Auth(error)) => refusal = Some(error),
        Err(failure) => {
            tracing::debug!(node = %address, why = failure.words(), "no connection for subscriptions")
        }
    }
    seats.close();
    while let Ok(mut seat) = seats.try_recv() {
        seat.lose();
        back.push(seat);
    }
    match refusal {
        Some(error) => back.into_iter().for_each(|seat| seat.refuse(error.clone())),
        None => {
            let _ = returned.send(back).await;
        }
    }
}

/// The connection while it lasts.
struct Wire {
    address: Address,
    core: Arc<Core>,
    connection: Introduced,
    returned: mpsc::Sender<Vec<Seat>>,
    output: Vec<u8>,
    topics: BTreeMap<Topic, Subscribers>,
    /// What the server has not answered yet, oldest first.
    asked: VecDeque<Asked>,
    /// When the server was last heard.
    heard: Instant,
    /// It was asked for a sign of life since.
    pinged: bool,
}

/// The seats of one topic on this connection.
#[derive(Default)]
struct Subscribers {
    seats: Vec<Seat>,
    confirmed: bool,
}

enum Asked {
    Subscribe(Topic),
    Unsubscribe(Topic),
}

impl Asked {
    fn topic(&self) -> &Topic {
        match self {
            Asked::Subscribe(topic) | Asked::Unsubscribe(topic) => topic,
        }
    }
}

impl Wire {
    fn new(
        address: Address,
        core: Arc<Core>,
        connection: Introduced,
        returned: mpsc::Sender<Vec<Seat>>,
    ) -> Wire {
        Wire {
            address,
            core,
            connection,
            returned,
            output: Vec::new(),
            topics: BTreeMap::new(),
            asked: VecDeque::new(),
            heard: Instant::now(),
            pinged: false,
        }
    }

    /// Carries messages until the connection breaks or is of no more use; why.
    async fn carry(&mut self, seats: &mut mpsc::Receiver<Seat>, mut changes: watch::Receiver<u64>) -> String {
        let mut tick = Instant::now() + TICK;
        loop {
            let back = match self.write().and_then(|()| self.read()) {
                Ok(back) => back,
                Err(error) => return error.to_string(),
            };
            if !back.is_empty() && self.returned.send(back).await.is_err() {
                return "the client is gone".to_owned();
            }
            let interest = if self.output.is_empty() {
                Interest::READABLE
            } else {
                Interest::READABLE | Interest::WRITABLE
            };
            // The socket comes last: a flood of messages does not keep the link from its other duties.
            tokio::select! {
                biased;
                seat = seats.recv() => match seat {
                    Some(seat) => self.add(seat),
                    None => return "the client is gone".to_owned(),
                },
                Ok(()) = changes.changed() => {
                    let back = self.release_moved();
                    if !back.is_empty() && self.returned.send(back).await.is_err() {
                        return "the client is gone".to_owned();
                    }
                }
                () = sleep_until(tick) => {
                    tick = Instant::now() + TICK;
                    self.sweep();
                    if let Err(why) = self.check_pulse() {
                        return why;
                    }
                }
                ready = self.connection.stream.ready(interest) => {
                    if let Err(error) = ready {
                        return error.to_string();
                    }
                }
            }
        }
    }

    fn add(&mut self, mut seat: Seat) {
        if seat.queue.is_left() {
            return;
        }
        let topic = seat.topic.clone();
        let subscribers = self.topics.entry(topic.clone()).or_default();
        if subscribers.confirmed {
            seat.confirm();
        } else if subscribers.seats.is_empty() {
            topic.write_subscribe(&mut self.output);
            self.asked.push_back(Asked::Subscribe(topic));
        }
        subscribers.seats.push(seat);
    }

    fn write(&mut self) -> io::Result<()> {
        let bytes = ready::write(&self.connection.stream, &self.output)?;
        self.output.drain(..bytes);
        Ok(())
    }

    /// Reads once; the seats that have lost their place.
    fn read(&mut self) -> io::Result<Vec<Seat>> {
        if !ready::read(&self.connection.stream, &mut self.connection.input)? {
            return Ok(Vec::new());
        }
        self.heard = Instant::now();
        self.pinged = false;
        let mut back = Vec::new();
        while let Some(value) =
            self.connection.decoder.next(&mut self.connection.input).map_err(io::Error::other)?
        {
            match Notice::of(value) {
                Notice::Message { topic, channel, payload } => {
                    let subscribers = self.topics.get(&topic);
                    let seats = subscribers.map_or(&[][..], |subscribers| &subscribers.seats);
                    seats.iter().for_each(|seat| seat.queue.message(&channel, &payload));
                }
                Notice::Subscribed(topic) => self.subscribed(&topic),
                Notice::Unsubscribed(topic) => back.extend(self.unsubscribed(&topic)),
                Notice::Refused(error) => back.extend(self.refused(&error)),
                Notice::Other => {}
            }
        }
        Ok(back)
    }

    fn subscribed(&mut self, topic: &Topic) {
        if matches!(self.asked.front(), Some(Asked::Subscribe(asked)) if asked == topic) {
            self.asked.pop_front();
        }
        // Given up and asked for again meanwhile: only the last answer counts.
        if self.asked.iter().any(|asked| asked.topic() == topic) {
            return;
        }
        if let Some(subscribers) = self.topics.get_mut(topic) {
            subscribers.confirmed = true;
            subscribers.seats.iter_mut().for_each(Seat::confirm);
        }
    }

    /// Either the answer to our request, or the server says that the slot is no longer its own.
    fn unsubscribed(&mut self, topic: &Topic) -> Vec<Seat> {
        if matches!(self.asked.front(), Some(Asked::Unsubscribe(asked)) if asked == topic) {
            self.asked.pop_front();
            return Vec::new();
        }
        tracing::debug!(node = %self.address, "the server ended a subscription");
        self.vacate(topic)
    }

    fn refused(&mut self, error: &ServerError) -> Vec<Seat> {
        let Some(Asked::Subscribe(topic)) = self.asked.pop_front() else { return Vec::new() };
        let seats = self.vacate(&topic);
        match Refusal::of(error, &self.address) {
            Refusal::Final => {
                seats.into_iter().for_each(|seat| seat.refuse(error.clone()));
                Vec::new()
            }
            Refusal::Moved(slot, owner) => {
                self.core.topology.learn(slot, owner);
                seats
            }
            Refusal::Ask(_) | Refusal::Later | Refusal::NotPrimary => seats,
        }
    }

    /// Gives up topics whose slot belongs to another node by now, or all if this node has left the cluster.
    fn release_moved(&mut self) -> Vec<Seat> {
        let map = self.core.topology.map();
        let here = map
            .shards()
            .iter()
            .any(|shard| shard.primary == self.address || shard.replicas.contains(&self.address));
        let moved = |topic: &Topic| match topic.slot() {
            Some(slot) => map.owner(slot).is_some_and(|owner| *owner != self.address),
            None => !here,
        };
        let topics: Vec<Topic> = self.topics.keys().filter(|topic| moved(topic)).cloned().collect();
        topics.into_iter().flat_map(|topic| self.give_up(topic)).collect()
    }

    /// Forgets readers that have gone, and topics that nobody reads.
    fn sweep(&mut self) {
        let mut unread = Vec::new();
        for (topic, subscribers) in &mut self.topics {
            subscribers.seats.retain(|seat| !seat.queue.is_left());
            if subscribers.seats.is_empty() {
                unread.push(topic.clone());
            }
        }
        for topic in unread {
            self.give_up(topic);
        }
    }

    fn check_pulse(&mut self) -> Result<(), String> {
        let silent = self.heard.elapsed();
        let patience = self.core.config.ping_interval;
        if self.topics.is_empty() && silent > patience {
            return Err("nobody subscribes here any more".to_owned());
        }
        if self.pinged && silent > patience + self.core.config.reply_deadline {
            return Err(format!("the server has been silent for {silent:?}"));
        }
        if !self.pinged && silent > patience {
            write::request(&mut self.output, &["PING"]);
            self.pinged = true;
        }
        Ok(())
    }

    /// Unsubscribes and takes the seats away.
    fn give_up(&mut self, topic: Topic) -> Vec<Seat> {
        let seats = self.vacate(&topic);
        topic.write_unsubscribe(&mut self.output);
        self.asked.push_back(Asked::Unsubscribe(topic));
        seats
    }

    fn vacate(&mut self, topic: &Topic) -> Vec<Seat> {
        let mut seats = self.topics.remove(topic).unwrap_or_default().seats;
        seats.iter_mut().for_each(Seat::lose);
        seats
    }

    /// Takes every seat away.
    fn evict(&mut self) -> Vec<Seat> {
        let topics: Vec<Topic> = self.topics.keys().cloned().collect();
        topics.iter().flat_map(|topic| self.vacate(topic)).collect()
    }
}
