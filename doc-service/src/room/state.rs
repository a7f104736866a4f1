//! The machine of one open document: requests and heard messages in, messages for clients and publications out. No socket, no
//! task, no clock of its own.
//!
//! An edit of a client is applied at once, so that a hostile one is refused before anybody else meets it, then published. It is
//! relayed, to its author too, when it is heard on the channel: that is *seen*. What comes from elsewhere is applied and relayed
//! when it is heard. Everything is merged, so hearing or reading something twice changes nothing.
//!
//! Whether an edit fits cannot be said before what it builds on is known. So nobody is handed bytes of an edit that waits: a client's
//! is not taken, and the client asked for what is missing; what waits on the channel or in the log is relayed when it fits.

use std::collections::BTreeSet;
use std::sync::Arc;

use bytes::Bytes;
use shared::document::{Applied, BadUpdate, ClockRange, Document, validate};
use shared::limits::{DOCUMENT_BYTES_MAX, ROOM_CLIENTS_MAX, UPDATE_CLIENTS_MAX};
use shared::protocol::state_vector::ClientId;
use shared::protocol::{Message, StateVector};
use shared::rt::time::Instant;

use super::own::{Own, Place};
use super::participants::{Gap, ParticipantId, Participants};
use super::presence::Presence;
use super::request::{Edit, NOTHING, Request};
use crate::gateway::{CloseReason, Outbox};
use crate::metrics::Metrics;
use crate::save::basis::Recent;

/// What the driver of a room has to do, in order.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Effects {
    /// Updates to publish: log and channel.
    pub publish: Vec<Bytes>,
    /// Awareness updates to publish: channel only.
    pub presence: Vec<Bytes>,
    /// Something was missed: read the log.
    pub read_log: bool,
    /// The document broke: load it anew.
    pub broken: bool,
}

/// One open document with its clients.
#[derive(Debug)]
pub struct Room {
    document: Document,
    participants: Participants,
    presence: Presence,
    own: Own,
    metrics: Arc<Metrics>,
    opened_at: Instant,
    /// Bytes of the document as it was saved and of every update since: never less than it will take.
    bytes: usize,
    /// What the document took since it was handed over last, in its order.
    recent: Vec<Bytes>,
    changed: bool,
    /// The document lacks what it had no room for.
    overflowed: bool,
}

impl Room {
    /// A room of this document, which took `bytes` to load.
    pub fn new(document: Document, bytes: usize, metrics: Arc<Metrics>, now: Instant) -> Room {
        let (participants, presence, own, recent) = Default::default();
        Room {
            document,
            participants,
            presence,
            own,
            metrics,
            opened_at: now,
            bytes,
            recent,
            changed: false,
            overflowed: false,
        }
    }

    /// A client comes: it is told what the room has (step 1), so that it sends what the room lacks, and who is here.
    pub fn join(&mut self, outbox: Outbox, wants_saved: bool) -> Result<ParticipantId, CloseReason> {
        if self.participants.len() >= ROOM_CLIENTS_MAX {
            return Err(CloseReason::Full("clients of this document"));
        }
        let id = self.participants.join(outbox, wants_saved);
        self.participants.send(id, &[self.step_1()]);
        if !self.presence.is_empty() {
            self.participants.send(id, &[encoded(&Message::Awareness(&self.presence.everybody()))]);
        }
        Ok(id)
    }

    /// A client has left: so have the Yjs clients that it spoke for.
    pub fn leave(&mut self, id: ParticipantId, now: Instant, out: &mut Effects) {
        if self.participants.leave(id).is_some() {
            out.presence.extend(self.presence.leave(id, self.ms(now)));
        }
    }

    /// A client asks for something.
    pub fn request(&mut self, from: ParticipantId, request: Request, now: Instant, out: &mut Effects) {
        match request {
            Request::Missing(known) => match self.document.encode_since(&known) {
                Ok(update) => self.participants.send(from, &[encoded(&Message::SyncStep2(&update))]),
                Err(_) => out.broken = true,
            },
            Request::Edit(edit) => self.edit(from, edit, now, out),
            Request::Offline(edit) => self.offline(from, edit, now, out),
            Request::Presence(update) => {
                if self.participants.of(from).is_some() {
                    out.presence.extend(self.presence.announce(from, &update));
                }
            }
            Request::WhoIsHere => {
                let everybody = self.presence.everybody();
                self.participants.send(from, &[encoded(&Message::Awareness(&everybody))]);
            }
        }
    }

    /// Messages were heard on the channel, in order.
    pub fn heard(&mut self, messages: &[Bytes], now: Instant, out: &mut Effects) {
        let mut relay = Vec::with_capacity(messages.len());
        let mut spoken_for = BTreeSet::new();
        for payload in messages {
            match Message::decode(payload) {
                Ok(Message::Update(update)) => match self.heard_update(payload, update, now, out) {
                    Heard::Good => relay.push(payload.clone()),
                    Heard::Instead(instead) => relay.push(encoded(&Message::Update(&instead))),
                    Heard::Nothing => {}
                },
                Ok(Message::SyncStep2(update)) => match self.heard_update(payload, update, now, out) {
                    Heard::Good => relay.push(encoded(&Message::Update(update))),
                    Heard::Instead(instead) => relay.push(encoded(&Message::Update(&instead))),
                    Heard::Nothing => {}
                },
                Ok(Message::Awareness(update)) => match self.presence.heard(update, self.ms(now)) {
                    Ok(clients) => spoken_for.extend(clients),
                    Err(_) => self.metrics.bad_messages_total.add(1),
                },
                Ok(Message::QueryAwareness) => out.presence.push(self.presence.everybody().into()),
                Ok(Message::SyncStep1(_) | Message::PermissionDenied(_) | Message::Saved { .. }) => {}
                Err(_) => self.metrics.bad_messages_total.add(1),
            }
        }
        if !spoken_for.is_empty() {
            // Of many caret moves in one batch only the last of each person travels on.
            let clients: Vec<ClientId> = spoken_for.into_iter().collect();
            relay.push(encoded(&Message::Awareness(&self.presence.of(&clients))));
        }
        self.participants.send_all(&relay);
    }

    /// Entries of the log were read, in order: what is new among them was missed on the channel, and so, perhaps, were our own.
    pub fn read(&mut self, updates: &[Bytes], now: Instant, out: &mut Effects) {
        let mut relay = Vec::new();
        for update in updates {
            if self.own.seen(update, now).is_some() {
                // It will not be heard any more, or be old when it is.
                relay.push(encoded(&Message::Update(update)));
                continue;
            }
            match self.document.apply_for_news(update) {
                Ok((_, Some(news))) => {
                    let news = Bytes::from(news);
                    relay.push(encoded(&Message::Update(&news)));
                    self.took(news);
                }
                // The log has it already, and keeps it.
                Ok((Applied::Waits, None)) => self.recent.push(update.clone()),
                Ok((_, None)) => {}
                Err(BadUpdate::NoRoom) => self.overflow(update.clone()),
                Err(bad) => self.bad(&bad, out),
            }
        }
        self.participants.send_all(&relay);
    }

    /// The state that another service has saved: what is new in it was missed.
    pub fn read_state(&mut self, state: &[u8], out: &mut Effects) {
        match self.document.merge_snapshot(state) {
            Ok(Some(news)) => {
                self.participants.send_all(&[encoded(&Message::Update(&news))]);
                self.took(news.into());
            }
            Ok(None) => {}
            Err(bad) => self.bad(&bad, out),
        }
    }

    /// What the document took since this was asked last. With what was handed over before, it is the document.
    pub fn hand_over(&mut self) -> Recent {
        Recent { updates: std::mem::take(&mut self.recent), knows: self.document.state_vector() }
    }

    /// Everything published up to this place is saved: its authors are told.
    pub fn saved(&mut self, place: Place, now: Instant) {
        let mut told = BTreeSet::new();
        for unsaved in self.own.saved(place) {
            self.metrics.saved.observe(now.saturating_duration_since(unsaved.at));
            if let Some(author) = self.participants.of(unsaved.author) {
                author.saved.merge(&unsaved.saves);
                author.saved_edits = author.saved_edits.max(unsaved.edits);
                told.insert(unsaved.author);
            }
        }
        for id in told {
            let Some(author) = self.participants.of(id) else { continue };
            let message = Message::Saved { vector: author.saved.clone(), edits: author.saved_edits };
            let message = encoded(&message);
            self.participants.send(id, &[message]);
        }
    }

    /// Time has passed: forgets whoever was silent for long, and what will not come back; asks again for what is missing.
    pub fn tick(&mut self, now: Instant) {
        #[cfg(feature = "sim")]
        self.tell_held();
        let ms = self.ms(now);
        self.presence.forget_outdated(ms);
        let lost = self.own.take_lost(now);
        self.participants
            .send_all(&lost.iter().map(|update| encoded(&Message::Update(update))).collect::<Vec<_>>());
        for id in self.participants.ask_again(now) {
            self.participants.send(id, &[self.step_1()]);
        }
    }

    /// For who looks whether a room is bounded.
    #[cfg(feature = "sim")]
    fn tell_held(&self) {
        use shared::rt::sim::holds;
        let (unseen, unsaved) = self.own.held();
        holds("edits not seen", unseen);
        holds("edits not saved", unsaved);
        holds("clients of a room", self.participants.len());
        holds("bytes to a client", self.participants.bytes_most());
        holds("edits that wait for others", self.document.waiting().count());
        holds("edits since the last save", self.recent.len());
    }

    /// The document was loaded anew (`bytes` long): clients get what they lack and are asked for what it lacks.
    pub fn replace(&mut self, document: Document, bytes: usize, out: &mut Effects) {
        let relayed = self.own.relayed(&self.document.state_vector());
        match document.encode_since(&relayed) {
            Ok(news) => {
                self.document = document;
                self.bytes = bytes;
                self.recent.clear();
                self.own.reloaded();
                self.participants.send_all(&[encoded(&Message::Update(&news)), self.step_1()]);
            }
            Err(_) => out.broken = true,
        }
    }

    /// Whether the document differs from what was saved; asking clears it.
    pub fn take_changed(&mut self) -> bool {
        std::mem::take(&mut self.changed)
    }

    /// Whether the document lacks something that state and log have; asking clears it.
    pub fn take_overflowed(&mut self) -> bool {
        std::mem::take(&mut self.overflowed)
    }

    /// What was handed over takes so many bytes: the document takes no more than that and what came since.
    pub fn note_bytes(&mut self, bytes: usize) {
        self.bytes = bytes + self.recent.iter().map(Bytes::len).sum::<usize>();
    }

    /// The document.
    pub fn document(&self) -> &Document {
        &self.document
    }

    /// The clients.
    pub fn participants(&self) -> &Participants {
        &self.participants
    }

    /// What was published and is not yet seen or saved.
    pub fn own(&self) -> &Own {
        &self.own
    }

    fn edit(&mut self, from: ParticipantId, edit: Edit, now: Instant, out: &mut Effects) {
        let Some(author) = self.participants.of(from) else { return };
        let taken_edits = author.taken_edits();
        author.sent_edits += 1;
        if self.is_too_big(from, &edit) {
            return;
        }
        if self.document.waiting().next().is_some() {
            // What waited for this one is handed on with it.
            match self.document.accept_for_news(&edit.update) {
                Ok((Applied::Waits, _)) => self.note_gap(from, &edit.saves, taken_edits, now, out),
                Ok((_, news)) => self.publish_news(from, news, edit.saves, now, out),
                Err(bad) => self.refuse(from, &bad, out),
            }
            return;
        }
        match self.document.accept(&edit.update) {
            Ok(Applied::Waits) => self.note_gap(from, &edit.saves, taken_edits, now, out),
            Ok(_) => {
                self.took(edit.update.clone());
                self.publish(from, edit.update, edit.saves, now, out);
            }
            Err(bad) => self.refuse(from, &bad, out),
        }
    }

    fn offline(&mut self, from: ParticipantId, edit: Edit, now: Instant, out: &mut Effects) {
        let Some(author) = self.participants.of(from) else { return };
        let taken_edits = author.taken_edits();
        if self.is_too_big(from, &edit) {
            return;
        }
        match self.document.accept_for_news(&edit.update) {
            Ok((Applied::Waits, _)) => self.note_gap(from, &edit.saves, taken_edits, now, out),
            Ok((_, news)) => {
                let known = self.document.state_vector();
                if let Some(author) = self.participants.of(from) {
                    author.gap.take_if(|gap| known.covers(&gap.untaken));
                }
                self.publish_news(from, news, edit.saves, now, out);
            }
            Err(bad) => self.refuse(from, &bad, out),
        }
    }

    /// A client sent what builds on an unknown edit: it is asked for all that is missing. `taken_edits`: how many edits were taken
    /// from it before.
    fn note_gap(
        &mut self,
        from: ParticipantId,
        untaken: &StateVector,
        taken_edits: u64,
        now: Instant,
        out: &mut Effects,
    ) {
        let Some(author) = self.participants.of(from) else { return };
        if let Some(gap) = &mut author.gap {
            gap.untaken.merge(untaken);
            // One answer is to bring all of it.
            if gap.untaken.iter().len() > UPDATE_CLIENTS_MAX {
                self.participants.close(from, CloseReason::TooBig("what builds on unknown edits"));
            }
            return;
        }
        author.gap = Some(Gap { edits_before: taken_edits, untaken: untaken.clone(), asked_at: now });
        self.participants.send(from, &[self.step_1()]);
        out.read_log = true;
    }

    /// A step 2 repeats every deletion of the document: only what is news goes into the log.
    fn publish_news(
        &mut self,
        from: ParticipantId,
        news: Option<Vec<u8>>,
        saves: StateVector,
        now: Instant,
        out: &mut Effects,
    ) {
        if let Some(news) = news.map(Bytes::from) {
            self.took(news.clone());
            self.publish(from, news, saves, now, out);
        } else if self.participants.of(from).is_some_and(|author| author.wants_saved) {
            self.publish(from, Bytes::from_static(NOTHING), saves, now, out);
        }
    }

    fn publish(
        &mut self,
        from: ParticipantId,
        update: Bytes,
        saves: StateVector,
        now: Instant,
        out: &mut Effects,
    ) {
        self.metrics.edits_received_total.add(1);
        self.own.publish(update.clone(), now);
        if let Some(author) = self.participants.of(from).filter(|author| author.wants_saved) {
            self.own.await_saved(from, saves, author.taken_edits(), now);
        }
        out.publish.push(update);
    }

    /// What is to be relayed of the update, which lies in this payload.
    fn heard_update(&mut self, payload: &Bytes, update: &[u8], now: Instant, out: &mut Effects) -> Heard {
        let good = if update == NOTHING { Heard::Nothing } else { Heard::Good };
        if let Some(took) = self.own.seen(update, now) {
            self.metrics.seen.observe(took);
            return good;
        }
        // Clients have what the document has, or get it when it comes back. Where an update says again what is known, in other words
        // perhaps, they are to hear its news only: of two edits that claim to be the same one theirs must be ours.
        let says_again = self.says_again(update);
        let applied = if says_again || self.document.waiting().next().is_some() {
            self.document.apply_for_news(update)
        } else {
            self.document.apply(update).map(|applied| (applied, None))
        };
        let (applied, news) = match applied {
            Ok(applied) => applied,
            Err(BadUpdate::NoRoom) => {
                self.overflow(payload.slice_ref(update));
                return Heard::Nothing;
            }
            Err(bad) => {
                self.bad(&bad, out);
                return Heard::Nothing;
            }
        };
        self.metrics.edits_heard_total.add(1);
        match (applied, news) {
            (Applied::Waits, _) => {
                out.read_log = true;
                self.took(payload.slice_ref(update));
                Heard::Nothing
            }
            // What waited for it has been taken before.
            (Applied::Cleaned(cleaned), news) => {
                // The rest of it is in no snapshot either: whoever loads one could judge otherwise.
                self.took(Bytes::copy_from_slice(&cleaned));
                Heard::Instead(news.unwrap_or(cleaned))
            }
            (Applied::New | Applied::Known, news) => {
                self.took(payload.slice_ref(update));
                news.map_or(if says_again { Heard::Nothing } else { good }, Heard::Instead)
            }
        }
    }

    /// Whether some of an update's edits are known already.
    fn says_again(&self, update: &[u8]) -> bool {
        let is_known = |range: &ClockRange| range.start < self.document.clock(range.client);
        validate(update).is_ok_and(|facts| facts.clocks.iter().any(is_known))
    }

    /// Too much waits already. Snapshots are made of it all the same, and the room is to be loaded anew.
    fn overflow(&mut self, update: Bytes) {
        self.took(update);
        self.overflowed = true;
    }

    fn bad(&mut self, bad: &BadUpdate, out: &mut Effects) {
        tracing::debug!(%bad, "an update on the channel or in the log is not applied");
        self.metrics.bad_messages_total.add(1);
        out.broken |= self.document.is_broken();
    }

    fn refuse(&mut self, from: ParticipantId, bad: &BadUpdate, out: &mut Effects) {
        self.participants.close(from, CloseReason::Refused(bad.to_string()));
        out.broken |= self.document.is_broken();
    }

    fn is_too_big(&self, from: ParticipantId, edit: &Edit) -> bool {
        let too_big = self.bytes + edit.update.len() > DOCUMENT_BYTES_MAX;
        if too_big {
            self.participants.close(from, CloseReason::TooBig("the document"));
        }
        too_big
    }

    /// The document took this update: it is to be saved.
    fn took(&mut self, update: Bytes) {
        self.bytes += update.len();
        self.recent.push(update);
        self.changed = true;
    }

    fn step_1(&self) -> Bytes {
        encoded(&Message::SyncStep1(&self.document.state_vector().encode()))
    }

    fn ms(&self, now: Instant) -> u64 {
        u64::try_from(now.saturating_duration_since(self.opened_at).as_millis()).unwrap_or(u64::MAX)
    }
}

/// What of an update that was heard is relayed.
enum Heard {
    /// It as it came.
    Good,
    /// This instead: clients without a guard would make another document of what came, or something waited for it.
    Instead(Vec<u8>),
    /// Nothing.
    Nothing,
}

fn encoded(message: &Message<'_>) -> Bytes {
    message.encode().into()
}

#[cfg(test)]
#[path = "state_tests.rs"]
mod tests;
