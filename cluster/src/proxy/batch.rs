//! The requests of one client that go out together, and where their replies belong among those of this node.

use std::net::SocketAddr;
use std::ops::Range;
use std::sync::Arc;

use shared::limits::{PROXY_BATCH_BYTES_MAX, PROXY_BATCH_REQUESTS_MAX, TURN_REPLY_BYTES_MAX};
use shared::slot::Slot;
use shared::slot_set::SlotSet;

use super::mode::Mode;
use super::pool::Place;
use super::split::{self, Kind, Share};

/// The requests of one client that go out together.
pub struct Batch {
    pub(super) place: Place,
    pub(super) mode: Mode,
    /// Requests of all parts, as they go out.
    pub(super) requests: Vec<u8>,
    pub(super) parts: Vec<Part>,
    /// Replies of the parts, in the order in which they came.
    pub(super) replies: Vec<u8>,
    answers: Vec<Piece>,
    slots: SlotSet,
    requests_max: usize,
    closed: bool,
}

/// What goes to one slot at once.
pub(super) struct Part {
    pub(super) slot: Slot,
    /// Its place in the requests.
    pub(super) bytes: Range<usize>,
    /// How many replies it gets: more than one for a transaction, whose last is its reply.
    pub(super) replies: usize,
    /// Whether it changes something, so that it must not be done twice.
    pub(super) writes: bool,
    /// Where it goes, if not to who owns its slot.
    pub(super) hop: Option<Hop>,
    /// Its reply's place in the replies.
    pub(super) reply: Option<Range<usize>>,
    /// Why it has none yet: an error, code first.
    pub(super) why: String,
}

/// Where a part goes that does not go to who owns its slot.
#[derive(Debug, Clone, Copy)]
pub(super) enum Hop {
    /// Whoever was asked said that the slot is there.
    Moved(SocketAddr),
    /// Whoever was asked said that the key is there.
    Ask(SocketAddr),
    /// To who owns its slot, but nothing else on the slot goes with it.
    Alone,
}

/// One reply to the client.
struct Piece {
    /// How many bytes of this node's own replies come before it.
    at: usize,
    /// Whether the client wants it.
    wanted: bool,
    from: From,
}

enum From {
    Part(usize),
    Joined { kind: Kind, parts: Vec<(usize, Vec<usize>)> },
}

/// What came of a batch.
pub struct Answered {
    /// All replies that the client wants, this node's own among them.
    pub replies: Vec<u8>,
    /// Owners that have done writes, and their tokens ([`super::mark::token`]).
    pub wrote: Vec<(SocketAddr, Arc<str>)>,
    /// How many requests may go out together next: fewer if replies are long.
    pub requests_max: usize,
}

impl Batch {
    /// An empty one, for a client there; so many requests may go out together.
    pub fn new(place: Place, mode: Mode, requests_max: usize) -> Batch {
        Batch {
            place,
            mode,
            requests: Vec::new(),
            parts: Vec::new(),
            replies: Vec::new(),
            answers: Vec::new(),
            slots: SlotSet::new(),
            requests_max,
            closed: false,
        }
    }

    /// Whether a request on this slot goes out with it.
    pub fn holds(&self, slot: Slot) -> bool {
        self.slots.contains(slot)
    }

    /// Whether nothing more goes out with it.
    pub fn is_full(&self) -> bool {
        self.closed || self.parts.len() >= self.requests_max || self.requests.len() >= PROXY_BATCH_BYTES_MAX
    }

    /// How many requests go out.
    pub fn len(&self) -> usize {
        self.parts.iter().filter(|part| part.reply.is_none()).count()
    }

    /// Whether none do.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Adds a request whose reply stands behind `at` bytes of this node's own.
    pub fn push(&mut self, slot: Slot, request: &[u8], writes: bool, (at, wanted): (usize, bool)) {
        let part = self.part(slot, request, 1, writes);
        self.answers.push(Piece { at, wanted, from: From::Part(part) });
    }

    /// As [`Batch::push`] for a request on a key that is at another node although this one owns the slot: nothing goes out behind it.
    pub fn push_asking(
        &mut self,
        (slot, to): (Slot, Option<SocketAddr>),
        request: &[u8],
        writes: bool,
        answer: (usize, bool),
    ) {
        self.push(slot, request, writes, answer);
        if let Some(part) = self.parts.last_mut() {
            part.hop = to.map(Hop::Ask);
        }
        self.closed = true;
    }

    /// Adds a transaction of so many requests, MULTI and EXEC included: nothing goes out behind it.
    pub fn push_transaction(
        &mut self,
        slot: Slot,
        request: &[u8],
        requests: usize,
        (at, wanted): (usize, bool),
    ) {
        let part = self.part(slot, request, requests, true);
        self.answers.push(Piece { at, wanted, from: From::Part(part) });
        self.closed = true;
    }

    /// Adds a request that was split; shares that this node has run come with their replies.
    pub fn push_split(
        &mut self,
        kind: Kind,
        shares: Vec<(Share, Option<Vec<u8>>)>,
        writes: bool,
        (at, wanted): (usize, bool),
    ) {
        let parts = shares.into_iter().map(|(share, reply)| {
            let part = match reply {
                None => self.part(share.slot, share.request.args().raw(), 1, writes),
                Some(reply) => {
                    let part = self.part(share.slot, &[], 1, writes);
                    self.reply(part, &reply);
                    part
                }
            };
            (part, share.places)
        });
        let from = From::Joined { kind, parts: parts.collect() };
        self.answers.push(Piece { at, wanted, from });
    }

    fn part(&mut self, slot: Slot, request: &[u8], replies: usize, writes: bool) -> usize {
        let start = self.requests.len();
        self.requests.extend_from_slice(request);
        if !request.is_empty() {
            self.slots.insert(slot);
        }
        let bytes = start..self.requests.len();
        let why = String::new();
        self.parts.push(Part { slot, bytes, replies, writes, hop: None, reply: None, why });
        self.parts.len() - 1
    }

    /// A part has its reply.
    pub(super) fn reply(&mut self, part: usize, reply: &[u8]) {
        let start = self.replies.len();
        self.replies.extend_from_slice(reply);
        self.parts[part].reply = Some(start..self.replies.len());
    }

    /// All replies, in the order of the requests, this node's own among them.
    pub(super) fn answer(self, own: &[u8], wrote: Vec<(SocketAddr, Arc<str>)>) -> Answered {
        let mut replies = Vec::with_capacity(own.len() + self.replies.len());
        let mut from = 0;
        for piece in &self.answers {
            replies.extend_from_slice(&own[from..piece.at]);
            from = piece.at;
            if piece.wanted {
                self.append(&piece.from, &mut replies);
            }
        }
        replies.extend_from_slice(&own[from..]);
        let requests_max = match self.replies.len() / TURN_REPLY_BYTES_MAX {
            0 => (self.requests_max * 2).min(PROXY_BATCH_REQUESTS_MAX),
            times => (self.parts.len() / (times + 1)).max(1),
        };
        Answered { replies, wrote, requests_max }
    }

    fn append(&self, from: &From, out: &mut Vec<u8>) {
        let reply =
            |part: usize| self.parts[part].reply.clone().map_or(&[][..], |place| &self.replies[place]);
        match from {
            From::Part(part) => out.extend_from_slice(reply(*part)),
            From::Joined { kind, parts } => {
                let parts: Vec<_> = parts.iter().map(|(part, places)| (reply(*part), &places[..])).collect();
                split::join(*kind, &parts, self.mode.protocol, out);
            }
        }
    }
}
