//! Requests that need a connection to the owner of their own: blocking commands, WATCH, and the EXEC behind it.

use std::net::SocketAddr;
use std::sync::Arc;

use shared::resp::write;
use shared::rt::time::Instant;
use shared::slot::Slot;
use tokio::sync::oneshot;

use super::claim::Claims;
use super::link::{Answer, Failure, Replies};
use super::mode::Mode;
use super::pool::{self, Place};
use super::private::Private;
use super::verdict::{self, Verdict};
use super::{mark, patience, pause, rounds};
use crate::node::Shared;
use crate::peer::encode;
use crate::server::clients::Client;

/// A request that needs a connection of its own.
pub struct Errand {
    /// Where the client is.
    pub place: Place,
    /// What it asks of replies.
    pub mode: Mode,
    /// The client: it can be unblocked.
    pub client: Arc<Client>,
    /// Whether it wants the reply.
    pub wanted: bool,
    /// What it wants.
    pub what: What,
}

/// What a client wants.
pub enum What {
    /// A command that may wait for keys of one slot. The owner knows how long.
    Blocking {
        /// The slot.
        slot: Slot,
        /// The request.
        request: Vec<u8>,
        /// Whether it changes something, so that it must not be done twice.
        writes: bool,
    },
    /// WATCH of keys of one slot.
    Watch {
        /// The slot.
        slot: Slot,
        /// The request.
        request: Vec<u8>,
        /// What it watches already.
        pinned: Option<Pinned>,
    },
    /// MULTI … EXEC behind a WATCH.
    Exec {
        /// The requests.
        request: Vec<u8>,
        /// How many they are.
        requests: usize,
        /// What it watches.
        pinned: Pinned,
    },
    /// WAIT or WAITAOF.
    Claim(Claims),
}

/// Keys that are watched at their owner.
pub struct Pinned {
    /// Their slot.
    pub slot: Slot,
    /// The connection that watches them; none once it was lost or the slot has moved: then EXEC does nothing, as if a key had been
    /// changed.
    connection: Option<Private>,
}

impl Pinned {
    /// Watches nothing any more: EXEC will do nothing.
    pub fn lose(&mut self) {
        self.connection = None;
    }
}

/// What came of an errand.
#[derive(Default)]
pub struct Done {
    /// The reply.
    pub reply: Vec<u8>,
    /// What the client watches now.
    pub pinned: Option<Pinned>,
    /// The owner that has done a write, and its token ([`super::mark::token`]).
    pub wrote: Option<(SocketAddr, Arc<str>)>,
    /// What the client wrote until now is not asked about any more: it was told that nothing is known of it.
    pub forget: bool,
}

impl Done {
    fn error(text: &str) -> Done {
        let mut reply = Vec::new();
        write::error(&mut reply, text);
        Done { reply, ..Done::default() }
    }
}

/// Where a request is asked next.
#[derive(Default)]
struct Way {
    to: Option<SocketAddr>,
    asking: bool,
}

impl Errand {
    /// Does it.
    pub async fn run(self, shared: Arc<Shared>) -> Done {
        let Errand { place, mode, client, what, .. } = self;
        let trip = Trip { shared: &shared, place, mode, client: &client };
        match what {
            What::Blocking { slot, request, writes } => trip.block(slot, &request, writes).await,
            What::Watch { slot, request, pinned } => trip.watch(slot, &request, pinned).await,
            What::Exec { request, requests, pinned } => trip.exec(&request, requests, pinned).await,
            What::Claim(claims) => claims.run(&shared, mode).await,
        }
    }
}

struct Trip<'e> {
    shared: &'e Arc<Shared>,
    place: Place,
    mode: Mode,
    client: &'e Client,
}

impl Trip<'_> {
    async fn block(&self, slot: Slot, request: &[u8], writes: bool) -> Done {
        mark::forwarded(self.shared, 1);
        let (unblock, mut unblocked) = oneshot::channel();
        *self.client.unblock.lock() = Some(unblock);
        let found = self.find(slot, request, writes, &mut unblocked).await;
        *self.client.unblock.lock() = None;
        match found {
            Ok((private, replies)) => {
                let reply = last(&replies);
                let wrote = replies.token.filter(|_| writes).map(|token| (private.address(), token));
                pool::keep(private);
                Done { reply, wrote, ..Done::default() }
            }
            Err(error) => Done::error(&error),
        }
    }

    async fn watch(&self, slot: Slot, request: &[u8], pinned: Option<Pinned>) -> Done {
        mark::forwarded(self.shared, 1);
        let mut ok = Vec::new();
        write::simple(&mut ok, "OK");
        let Some(mut pinned) = pinned else {
            let (_never, mut unblocked) = oneshot::channel();
            return match self.find(slot, request, false, &mut unblocked).await {
                Ok((private, replies)) => {
                    let pinned = Pinned { slot, connection: Some(private) };
                    Done { reply: last(&replies), pinned: Some(pinned), ..Done::default() }
                }
                Err(error) => Done::error(&error),
            };
        };
        if let Some(mut private) = pinned.connection.take() {
            let deadline = Instant::now() + patience(&self.shared.config());
            let answered = private.ask(self.shared, request, 1, Some(deadline)).await;
            pinned.connection = answered.is_ok_and(|replies| last(&replies) == ok).then_some(private);
        }
        Done { reply: ok, pinned: Some(pinned), ..Done::default() }
    }

    /// Nothing is asked again: what was watched is known to the one connection only.
    async fn exec(&self, request: &[u8], requests: usize, pinned: Pinned) -> Done {
        mark::forwarded(self.shared, 1);
        let mut nothing = Vec::new();
        write::null_array(&mut nothing, self.mode.protocol);
        let nothing = Done { reply: nothing, ..Done::default() };
        let Some(mut private) = pinned.connection else { return nothing };
        let deadline = Instant::now() + patience(&self.shared.config());
        match private.ask(self.shared, request, requests, Some(deadline)).await {
            Ok(replies) => {
                let from = private.address();
                let refused = |reply| verdict::of(reply, from) != Verdict::Answer;
                if replies.each(0, requests).any(refused) {
                    return nothing;
                }
                let reply = last(&replies);
                pool::keep(private);
                Done { reply, wrote: replies.token.map(|token| (from, token)), ..Done::default() }
            }
            Err(Failure::NotSent(_) | Failure::Refused(_)) => nothing,
            Err(Failure::Unknown(why)) => Done::error(&rounds::unknown(&why)),
        }
    }

    /// Asks whoever owns the slot until somebody answers; who did, and the answer.
    async fn find(
        &self,
        slot: Slot,
        request: &[u8],
        writes: bool,
        unblocked: &mut oneshot::Receiver<bool>,
    ) -> Result<(Private, Replies), String> {
        let shared = self.shared;
        let patience = patience(&shared.config());
        let mut deadline = Instant::now() + patience;
        let mut changes = shared.view.changes();
        let mut way = Way::default();
        let mut hops = 0;
        loop {
            changes.mark_unchanged();
            let owner = way.to.or_else(|| rounds::owner(&shared.view.owners(), slot, self.place.own));
            let why = match owner {
                None => "CLUSTERDOWN Hash slot not served".to_owned(),
                Some(owner) => {
                    let mut asked = Vec::new();
                    if way.asking {
                        encode(&mut asked, &[b"ASKING"]);
                    }
                    asked.extend_from_slice(request);
                    let replies = 1 + usize::from(way.asking);
                    let waited = Instant::now();
                    match self.ask(owner, &asked, replies, unblocked).await {
                        Err(Failure::Unknown(why)) if writes => return Err(rounds::unknown(&why)),
                        Err(Failure::Refused(why)) => return Err(format!("ERR cluster-proxy: {why}")),
                        Err(Failure::NotSent(why) | Failure::Unknown(why)) => {
                            (way, hops) = (Way::default(), 0);
                            format!("ERR cluster-proxy: the owner cannot be reached: {why}")
                        }
                        Ok((private, replies)) => {
                            let reply = last(&replies);
                            // It may have waited for long before the slot moved.
                            deadline += waited.elapsed();
                            way = match verdict::of(&reply, owner) {
                                Verdict::Answer => return Ok((private, replies)),
                                Verdict::Moved(to) => Way { to, asking: false },
                                Verdict::Ask(to) => Way { to, asking: to.is_some() },
                                Verdict::Again | Verdict::Stuck => Way::default(),
                            };
                            hops = if way.to.is_some() { hops + 1 } else { 0 };
                            pool::keep(private);
                            String::from_utf8_lossy(&reply).trim_start_matches('-').trim_end().to_owned()
                        }
                    }
                }
            };
            if Instant::now() >= deadline {
                return Err(why);
            }
            if !(1..=2).contains(&hops) {
                pause(&mut changes, deadline).await;
            }
        }
    }

    /// Asks one owner, over a connection of its own. Whoever unblocks the client unblocks it there.
    async fn ask(
        &self,
        owner: SocketAddr,
        request: &[u8],
        replies: usize,
        unblocked: &mut oneshot::Receiver<bool>,
    ) -> Result<(Private, Replies), Failure> {
        let mut private = Private::open(self.shared, owner, self.mode).await?;
        let id = private.id;
        let answer: Answer = {
            let mut asked = Box::pin(private.ask(self.shared, request, replies, None));
            tokio::select! {
                biased;
                answer = &mut asked => answer,
                Ok(with_error) = unblocked => {
                    self.unblock(owner, id, with_error).await;
                    asked.await
                }
            }
        };
        answer.map(|replies| (private, replies))
    }

    async fn unblock(&self, owner: SocketAddr, id: i64, with_error: bool) {
        let id = id.to_string();
        let how: &[u8] = if with_error { b"ERROR" } else { b"TIMEOUT" };
        let mut request = Vec::new();
        encode(&mut request, &[b"CLIENT", b"UNBLOCK", id.as_bytes(), how]);
        let deadline = Instant::now() + patience(&self.shared.config());
        let link = pool::link(self.shared, owner, self.mode, self.place);
        // If it does not arrive the client waits on: then the owner is gone, and that is heard.
        let _told = link.send(request, 1, deadline).await;
    }
}

/// The last of some replies.
fn last(replies: &Replies) -> Vec<u8> {
    let reply = replies.ends.len().checked_sub(1).and_then(|last| replies.each(last, 1).next());
    reply.unwrap_or_default().to_vec()
}
