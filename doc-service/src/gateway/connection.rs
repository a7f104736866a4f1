//! The machine of one client: frames in, outputs out, no socket inside.
//!
//! It checks size, form, right and rate of what a client sends, so that a room only ever sees what is sound, and the checking of
//! one client's bytes does not take another's time.

use bytes::Bytes;
use shared::document::validate;
use shared::protocol::{Message, StateVector, awareness};
use shared::rt::time::{Duration, Instant};

use super::CloseReason;
use super::rate::Rate;
use crate::auth::Rights;
use crate::room::{Edit, Request};

/// How often [`Connection::tick`] is to be called.
pub const TICK_EVERY: Duration = Duration::from_secs(5);

/// A client that was silent for so long is pinged.
const PING_AFTER: Duration = Duration::from_secs(20);

/// A client that was silent for so long, pings included, is gone.
const IDLE_AFTER: Duration = Duration::from_secs(60);

/// y-websocket clients reconnect when they have heard nothing for 30 s, and do not count pings: they are told something before.
const REASSURE_EVERY: Duration = Duration::from_secs(15);

/// What the driver has to do, in order.
#[derive(Debug, PartialEq, Eq)]
pub enum Output {
    /// Hand this to the room.
    Room(Request),
    /// Queue this message for the client.
    Send(Bytes),
    /// Queue a ping for the client.
    Ping,
    /// Read nothing for this long: the client sends faster than it may.
    Wait(Duration),
    /// Hang up.
    Close(CloseReason),
}

/// What is known about one client's connection.
#[derive(Debug)]
pub struct Connection {
    rights: Rights,
    rate: Rate,
    heard_at: Instant,
    pinged: bool,
    reassured_at: Instant,
}

impl Connection {
    /// A client that has just connected.
    pub fn new(rights: Rights, now: Instant) -> Connection {
        Connection { rights, rate: Rate::new(now), heard_at: now, pinged: false, reassured_at: now }
    }

    /// A binary frame came: one message of the y-websocket protocol.
    pub fn binary(&mut self, frame: &Bytes, now: Instant, out: &mut impl FnMut(Output)) {
        self.sign_of_life(now);
        match self.request(frame) {
            Ok(Some(request)) => out(Output::Room(request)),
            Ok(None) => {}
            Err(reason) => return out(Output::Close(reason)),
        }
        if let Some(time) = self.rate.take(now) {
            out(Output::Wait(time));
        }
    }

    /// A text frame came.
    pub fn text(&mut self, out: &mut impl FnMut(Output)) {
        out(Output::Close(CloseReason::NotBinary));
    }

    /// A ping or a pong came.
    pub fn sign_of_life(&mut self, now: Instant) {
        self.heard_at = now;
        self.pinged = false;
    }

    /// Time has passed.
    pub fn tick(&mut self, now: Instant, out: &mut impl FnMut(Output)) {
        let silent = now.saturating_duration_since(self.heard_at);
        if silent >= IDLE_AFTER {
            return out(Output::Close(CloseReason::Idle));
        }
        if silent >= PING_AFTER && !self.pinged {
            self.pinged = true;
            out(Output::Ping);
        }
        if now.saturating_duration_since(self.reassured_at) >= REASSURE_EVERY {
            self.reassured_at = now;
            // An awareness update about nobody.
            out(Output::Send(Message::Awareness(&[0]).encode().into()));
        }
    }

    fn request(&self, frame: &Bytes) -> Result<Option<Request>, CloseReason> {
        let refused = |why: &dyn std::error::Error| CloseReason::Refused(why.to_string());
        Ok(match Message::decode(frame).map_err(|bad| refused(&bad))? {
            Message::SyncStep1(vector) => {
                Some(Request::Missing(StateVector::decode(vector).map_err(|bad| refused(&bad))?))
            }
            Message::SyncStep2(update) => self.edit(frame, update)?.map(Request::Offline),
            // One about nothing counts too: a client is told how many of its edits are saved.
            Message::Update(update) => Some(Request::Edit(self.edit(frame, update)?.unwrap_or_default())),
            Message::Awareness(update) => {
                awareness::decode(update).map_err(|bad| refused(&bad))?;
                Some(Request::Presence(frame.slice_ref(update)))
            }
            Message::QueryAwareness => Some(Request::WhoIsHere),
            // Only servers say these.
            Message::PermissionDenied(_) | Message::Saved { .. } => None,
        })
    }

    fn edit(&self, frame: &Bytes, update: &[u8]) -> Result<Option<Edit>, CloseReason> {
        let facts = validate(update).map_err(|bad| CloseReason::Refused(bad.to_string()))?;
        if facts.is_empty() {
            return Ok(None);
        }
        if !self.rights.write {
            return Err(CloseReason::ReadOnly);
        }
        Ok(Some(Edit { update: frame.slice_ref(update), saves: facts.state_vector() }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const WRITER: Rights = Rights { write: true };

    fn outputs(rights: Rights, frame: &[u8]) -> Vec<Output> {
        let now = Instant::now();
        let mut outputs = Vec::new();
        let frame = Bytes::copy_from_slice(frame);
        Connection::new(rights, now).binary(&frame, now, &mut |output| outputs.push(output));
        outputs
    }

    /// Yjs client 1 writes "a" into root `content`.
    const LETTER: &[u8] = &[1, 1, 1, 0, 4, 1, 7, b'c', b'o', b'n', b't', b'e', b'n', b't', 1, b'a', 0];

    #[test]
    fn each_message_becomes_a_request() {
        let vector: StateVector = [(1, 5)].into_iter().collect();
        assert_eq!(
            outputs(WRITER, &Message::SyncStep1(&vector.encode()).encode()),
            [Output::Room(Request::Missing(vector))]
        );
        let edit = Edit { update: LETTER.into(), saves: [(1, 1)].into_iter().collect() };
        assert_eq!(
            outputs(WRITER, &Message::Update(LETTER).encode()),
            [Output::Room(Request::Edit(edit.clone()))]
        );
        assert_eq!(
            outputs(WRITER, &Message::SyncStep2(LETTER).encode()),
            [Output::Room(Request::Offline(edit))]
        );
        assert_eq!(outputs(WRITER, &[3]), [Output::Room(Request::WhoIsHere)]);
        let presence = [1, 5, 0, 2, b'{', b'}'];
        let request = Request::Presence(Bytes::copy_from_slice(&presence));
        assert_eq!(outputs(WRITER, &Message::Awareness(&presence).encode()), [Output::Room(request)]);
    }

    #[test]
    fn an_update_about_nothing_goes_nowhere_and_a_reader_may_not_write() {
        assert_eq!(outputs(Rights { write: false }, &Message::SyncStep2(&[0, 0]).encode()), []);
        assert_eq!(
            outputs(Rights { write: false }, &Message::Update(LETTER).encode()),
            [Output::Close(CloseReason::ReadOnly)]
        );
    }

    #[test]
    fn a_bad_message_closes_with_the_reason() {
        for bad in [&[9][..], &[], &[0, 2, 5, 1], &[0, 2, 3, 255, 255, 255], &[0, 0, 1, 9], &[1, 2, 1, 1]] {
            let outputs = outputs(WRITER, bad);
            assert!(matches!(outputs[..], [Output::Close(CloseReason::Refused(_))]), "{bad:?}: {outputs:?}");
        }
    }

    #[test]
    fn a_silent_client_is_pinged_once_reassured_and_then_closed() {
        let start = Instant::now();
        let mut connection = Connection::new(WRITER, start);
        let mut seen = Vec::new();
        for second in (0..=60).step_by(5) {
            let mut note = |output| seen.push((second, output));
            connection.tick(start + Duration::from_secs(second), &mut note);
        }
        let reassured: Vec<_> =
            seen.iter().filter(|(_, output)| matches!(output, Output::Send(_))).map(|(at, _)| *at).collect();
        assert_eq!(reassured, [15, 30, 45]);
        seen.retain(|(_, output)| !matches!(output, Output::Send(_)));
        assert_eq!(seen, [(20, Output::Ping), (60, Output::Close(CloseReason::Idle))]);
    }

    #[test]
    fn an_answered_ping_keeps_the_connection() {
        let start = Instant::now();
        let mut connection = Connection::new(WRITER, start);
        let mut pings = 0;
        for second in (0..300).step_by(5) {
            let now = start + Duration::from_secs(second);
            let mut pinged = false;
            connection.tick(now, &mut |output| {
                assert!(!matches!(output, Output::Close(_)));
                pinged |= output == Output::Ping;
            });
            if pinged {
                pings += 1;
                connection.sign_of_life(now);
            }
        }
        assert!(pings >= 10, "{pings}");
    }

    proptest! {
        #[test]
        fn no_frame_makes_it_panic(frame in proptest::collection::vec(any::<u8>(), 0..80)) {
            outputs(WRITER, &frame);
        }
    }
}
