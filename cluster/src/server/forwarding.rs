//! Which requests of a turn are forwarded to other nodes, and how (`cluster-proxy yes`).

use std::sync::Arc;
use std::sync::atomic::Ordering;

use shared::resp::Protocol;
use shared::rt::time::Duration;
use shared::slot::Slot;

use super::dispatch::{Ran, Turn};
use super::pause::Pause;
use super::session::{Replies, Session};
use crate::command::table::{self, Found};
use crate::command::work::Work;
use crate::command::{Args, CommandError, CommandSpec, Handler, Reply, Request, flag};
use crate::commit;
use crate::peer::encode;
use crate::proxy::batch::Batch;
use crate::proxy::claim::Claims;
use crate::proxy::errand::{Errand, What};
use crate::proxy::mark;
use crate::proxy::mode::Mode;
use crate::proxy::pool::Place;
use crate::proxy::split::{Share, Split};
use crate::redirect::Route;

impl Turn<'_> {
    /// Whether requests of this client are forwarded.
    #[inline]
    pub(super) fn forwards(&self, session: &Session) -> bool {
        self.config.cluster_proxy && session.mark.is_none()
    }

    /// Whether a request must wait until what goes out is answered: it may see or change what the client is, or needs a connection
    /// of its own.
    pub(super) fn must_wait(&self, args: &Args<'_>) -> bool {
        let (Some(batch), Some(found)) = (&self.batch, table::find(args.at(0))) else { return false };
        let alone = found.spec.has(flag::BLOCKING) || matches!(found.spec.handler, Handler::Session(_));
        alone || batch.is_full()
    }

    /// Whether a request that runs here must wait: an earlier one on its slot goes out.
    #[inline]
    pub(super) fn is_barred(&self, route: &Route) -> bool {
        match (&self.batch, route) {
            (Some(batch), Route::Slot(slot)) => batch.holds(*slot),
            _ => false,
        }
    }

    /// Forwards a request that was refused because of where its slot is.
    ///
    /// # Errors
    /// The refusal, if it is not one of those, or this one is not forwarded.
    #[inline(never)]
    pub(super) fn forward(
        &mut self,
        args: &Args<'_>,
        refusal: CommandError,
        session: &mut Session,
        work: &mut Work,
        reply: &mut Reply<'_>,
    ) -> Result<Ran, CommandError> {
        let crosses = refusal == CommandError::CrossSlot;
        let settles = matches!(refusal, CommandError::InTransfer(_));
        if !self.forwards(session) || settles || !crosses && !refusal.is_redirection() {
            return Err(refusal);
        }
        let Some(found) = table::find(args.at(0)) else { return Err(refusal) };
        let spec = found.spec;
        reply.cut();
        if spec.name == "exec" && matches!(refusal, CommandError::Moved(..) | CommandError::Ask(..)) {
            if !self.watched {
                return Err(CommandError::text(
                    "TRYAGAIN The slot moved before the transaction was executed",
                ));
            }
            // What was watched is not where it is to be changed: as if it had been.
            reply.null_array();
            return Ok(Ran::Done);
        }
        let Some(slot) = first_slot(spec, args) else { return Err(refusal) };
        let cluster_down = matches!(&refusal, CommandError::Text(text) if text.starts_with("CLUSTERDOWN"));
        if cluster_down || refusal == CommandError::Loading {
            return Err(refusal);
        }
        if session.protocol == Protocol::Resp2 && !spec.has(flag::WHILE_SUBSCRIBED) && session.subscribed() {
            return Err(CommandError::WhileSubscribed(spec.name));
        }
        if session.transaction.is_some() && !spec.has(flag::NOT_QUEUED) {
            return if crosses { Err(refusal) } else { self.queue(found, args, session, reply) };
        }
        if let Some(until) = self.paused(found, session) {
            return Ok(Ran::Waits(Pause::Unpaused(until)));
        }
        match spec.handler {
            Handler::Session(_) if spec.name == "watch" && !crosses => self.watch(slot, args, session, reply),
            Handler::Session(_) => Err(refusal),
            Handler::Keys(_) if crosses => self.split(found, args, session, work, reply),
            Handler::Keys(_) => {
                self.note(found, session);
                let (request, writes) = (raw(args), !spec.has(flag::READ));
                if waits(spec, args) {
                    let what = What::Blocking { slot, request, writes };
                    return Ok(self.errand(what, session));
                }
                let answer = (reply.start(), session.replies == Replies::On);
                let batch = self.batch(session);
                match refusal {
                    CommandError::Moved(..) => batch.push(slot, &request, writes, answer),
                    CommandError::Ask(_, to) => {
                        batch.push_asking((slot, to.client()), &request, writes, answer);
                    }
                    // This node owns the slot: it is asked as any other, until it can tell.
                    _ => batch.push_asking((slot, None), &request, writes, answer),
                }
                Ok(Ran::Done)
            }
        }
    }

    /// What goes out with this turn.
    fn batch(&mut self, session: &Session) -> &mut Batch {
        let place = self.place(session);
        self.batch.get_or_insert_with(|| {
            Box::new(Batch::new(place, Mode::of(session), session.forwarded_together_max))
        })
    }

    fn place(&self, session: &Session) -> Place {
        let mut own = session.client.local;
        own.set_port(self.shared.port);
        own.set_ip(own.ip().to_canonical());
        Place { client: session.client.id, own }
    }

    fn errand(&self, what: What, session: &Session) -> Ran {
        let errand = Errand {
            place: self.place(session),
            mode: Mode::of(session),
            client: Arc::clone(&session.client),
            wanted: session.replies == Replies::On,
            what,
        };
        Ran::Waits(Pause::Errand(Box::new(errand)))
    }

    fn note(&self, found: Found, session: &Session) {
        session.client.last_command.store(found.index + 1, Ordering::Relaxed);
        self.shared.stats.called(found.index, 1, Duration::ZERO);
    }

    /// Splits a command whose keys lie in several slots. What goes to slots of this node is run now.
    fn split(
        &mut self,
        found: Found,
        args: &Args<'_>,
        session: &mut Session,
        work: &mut Work,
        reply: &mut Reply<'_>,
    ) -> Result<Ran, CommandError> {
        let split = Split::of(found.spec).ok_or(CommandError::CrossSlot)?;
        let arity = || CommandError::Arity(found.spec.name.to_owned());
        let shares = split.shares(args).ok_or_else(arity)?;
        let held = |share: &Share| self.batch.as_ref().is_some_and(|batch| batch.holds(share.slot));
        if shares.iter().any(held) {
            return Ok(Ran::Later);
        }
        self.has_room(found.spec, work)?;
        let mut parts = Vec::with_capacity(shares.len());
        for share in shares {
            let done = self.share(found, &share, session, work);
            parts.push((share, done));
        }
        self.shared.proxy.split.fetch_add(1, Ordering::Relaxed);
        let answer = (reply.start(), session.replies == Replies::On);
        self.batch(session).push_split(split.kind, parts, !found.spec.has(flag::READ), answer);
        Ok(Ran::Done)
    }

    /// The reply to what goes to one slot, if the slot is this node's.
    fn share(
        &mut self,
        found: Found,
        share: &Share,
        session: &mut Session,
        work: &mut Work,
    ) -> Option<Vec<u8>> {
        let args = share.request.args();
        let mut out = Vec::new();
        let mut reply = Reply::new(&mut out, session.protocol);
        let result = match self.route(found.spec, &args, session) {
            Ok(route) if self.is_whole(share.slot) => {
                self.execute(found, &route, args, session, work, &mut reply)
            }
            Ok(_) => return None,
            Err(error) => Err(error),
        };
        match result {
            Ok(Ran::Waits(Pause::Keys(wait))) => {
                // It began to move this moment.
                commit::leave(&self.shared.keyspace, &wait);
                return None;
            }
            Ok(_) => {}
            Err(CommandError::Moved(..) | CommandError::Ask(..) | CommandError::InTransfer(_)) => {
                return None;
            }
            Err(error) => {
                reply.cut();
                self.shared.stats.failed(&error);
                reply.error(&error);
            }
        }
        Some(out)
    }

    /// Whether this node has all keys of a slot, as its owner or as a replica.
    fn is_whole(&self, slot: Slot) -> bool {
        self.shared.view.is_mine(slot) || self.shared.view.follows(slot)
    }

    /// WATCH of keys of another node's slot. All that is watched must lie in one slot, as all that a transaction does.
    fn watch(
        &mut self,
        slot: Slot,
        args: &Args<'_>,
        session: &mut Session,
        reply: &mut Reply<'_>,
    ) -> Result<Ran, CommandError> {
        let pinned = session.watch.elsewhere.take();
        let others = session.watch.keys.iter().map(|key| Slot::of_key(key));
        if others.chain(pinned.as_ref().map(|pinned| pinned.slot)).any(|other| other != slot) {
            session.watch.elsewhere = pinned;
            return Err(CommandError::CrossSlot);
        }
        if !session.watch.keys.is_empty() {
            // The slot has left this node since: EXEC will do nothing.
            reply.ok();
            return Ok(Ran::Done);
        }
        Ok(self.errand(What::Watch { slot, request: raw(args), pinned }, session))
    }

    /// Commands about the session that mean other nodes too; `None` if this one does not.
    ///
    /// # Errors
    /// It cannot be done there.
    pub(super) fn forward_session(
        &mut self,
        spec: &CommandSpec,
        args: &Args<'_>,
        session: &mut Session,
        reply: &mut Reply<'_>,
    ) -> Result<Option<Ran>, CommandError> {
        match spec.name {
            "wait" | "waitaof" if !session.written.is_empty() => Ok(self.claim(args, session)),
            "watch" if session.transaction.is_none() => self.watch_here(args, session, reply),
            "exec" => self.exec(session, reply),
            _ => Ok(None),
        }
    }

    fn claim(&self, args: &Args<'_>, session: &Session) -> Option<Ran> {
        let timeout = u64::try_from(args.int(args.len() - 1).ok()?).ok()?;
        let timeout = (timeout > 0).then(|| Duration::from_millis(timeout));
        let own = session.generation.map(|_| {
            let token = mark::token(self.shared, session.led);
            (self.place(session).own, token.into())
        });
        let claims = Claims::new(raw(args), timeout, args.len() - 2, &session.written, own);
        Some(self.errand(What::Claim(claims), session))
    }

    /// WATCH of keys of this node, of a client that watches some of another one.
    fn watch_here(
        &self,
        args: &Args<'_>,
        session: &mut Session,
        reply: &mut Reply<'_>,
    ) -> Result<Option<Ran>, CommandError> {
        let Some(pinned) = &mut session.watch.elsewhere else { return Ok(None) };
        if args.from(1).any(|key| Slot::of_key(key) != pinned.slot) {
            return Err(CommandError::CrossSlot);
        }
        // The slot has come here since: EXEC will do nothing.
        pinned.lose();
        reply.ok();
        Ok(Some(Ran::Done))
    }

    /// EXEC of a transaction whose slot is another node's goes there as a whole.
    fn exec(&mut self, session: &mut Session, reply: &mut Reply<'_>) -> Result<Option<Ran>, CommandError> {
        let Some(transaction) = session.transaction.as_ref().filter(|transaction| !transaction.failed) else {
            return Ok(None);
        };
        self.watched = !session.watch.keys.is_empty();
        let mut slots = Vec::new();
        for (found, request) in &transaction.queue {
            let args = request.args();
            found.spec.keys.each(&args, &mut |index| slots.push(Slot::of_key(args.at(index))));
        }
        slots.dedup();
        let pinned = session.watch.elsewhere.take();
        let slot = match (&slots[..], &pinned) {
            ([], None) => return Ok(None),
            ([slot], None) if self.shared.view.is_mine(*slot) => return Ok(None),
            ([slot], None) => Some(*slot),
            ([], Some(_)) => None,
            ([slot], Some(pinned)) if *slot == pinned.slot => None,
            _ => {
                session.transaction = None;
                session.watch.end(&self.shared.keyspace);
                return Err(CommandError::CrossSlot);
            }
        };
        if slot.is_some() && self.watched {
            // Either it can run here, or what was watched here has left.
            return Ok(None);
        }
        let Some(transaction) = session.transaction.take() else { return Ok(None) };
        let stranger = |(found, _): &&(Found, Request)| !may_be_forwarded(found.spec);
        if let Some((found, _)) = transaction.queue.iter().find(stranger) {
            session.watch.end(&self.shared.keyspace);
            return Err(CommandError::owned(format!(
                "EXECABORT Transaction discarded because of: cluster-proxy: another node would execute it, and '{}' is about this one",
                found.spec.name
            )));
        }
        let requests = transaction.queue.len() + 2;
        let mut request = Vec::with_capacity(transaction.bytes);
        encode(&mut request, &[b"MULTI"]);
        for (_, queued) in &transaction.queue {
            request.extend_from_slice(queued.args().raw());
        }
        encode(&mut request, &[b"EXEC"]);
        match (slot, pinned) {
            (_, Some(pinned)) => Ok(Some(self.errand(What::Exec { request, requests, pinned }, session))),
            (None, None) => Ok(None),
            (Some(slot), None) => {
                let answer = (reply.start(), session.replies == Replies::On);
                self.batch(session).push_transaction(slot, &request, requests, answer);
                Ok(Some(Ran::Done))
            }
        }
    }

    /// Notes on a connection that other clients of a forwarding node share that a request on a slot was refused.
    #[cold]
    pub(super) fn note_refusal(args: &Args<'_>, error: &CommandError, session: &mut Session) {
        let Some(mark) = session.mark.as_mut().filter(|_| error.is_redirection()) else { return };
        let slot = table::find(args.at(0)).and_then(|found| first_slot(found.spec, args));
        slot.into_iter().for_each(|slot| mark.refuse(slot));
    }
}

/// Whether a command of a transaction means the same at another node, and leaves the connection there as it is: other clients use it
/// too.
fn may_be_forwarded(spec: &CommandSpec) -> bool {
    matches!(spec.handler, Handler::Keys(_)) || matches!(spec.name, "ping" | "echo" | "time" | "publish")
}

fn first_slot(spec: &CommandSpec, args: &Args<'_>) -> Option<Slot> {
    let mut first = None;
    spec.keys.each(args, &mut |index| {
        first.get_or_insert_with(|| Slot::of_key(args.at(index)));
    });
    first
}

/// A request as a RESP array.
fn raw(args: &Args<'_>) -> Vec<u8> {
    match args.raw() {
        [] => Request::copy(args).args().raw().to_vec(),
        raw => raw.to_vec(),
    }
}

/// Whether a command may wait for keys.
fn waits(spec: &CommandSpec, args: &Args<'_>) -> bool {
    let options = || args.from(1).take_while(|word| !word.eq_ignore_ascii_case(b"streams"));
    let blocks = || options().any(|word| word.eq_ignore_ascii_case(b"block"));
    spec.has(flag::BLOCKING) && (!spec.name.starts_with("xread") || blocks())
}
