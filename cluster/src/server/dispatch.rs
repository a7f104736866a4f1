//! One request: decoded, looked up, checked, routed, run.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use persistence::{Appended, Generation};
use shared::resp::request::{Bounds, Decoded, decode_within};
use shared::resp::write;
use shared::resp::{Protocol, inline};
use shared::rt::time::Instant;

use super::ahead::Ahead;
use super::hold::Hold;
use super::pause::Pause;
use super::scratch::Scratch;
use super::session::{Consistency, Replies, Session};
use super::tally::Tally;
use crate::command::table::{self, Found};
use crate::command::work::Work;
use crate::command::{Args, CommandError, CommandSpec, Handler, Reply, Request, SessionContext, flag};
use crate::commit::{self, Clock, Outcome};
use crate::config::Config;
use crate::config::high::AppendFsync;
use crate::maxmemory;
use crate::node::Shared;
use crate::proxy::batch::Batch;
use crate::proxy::mark;
use crate::redirect::{self, Route, Said};

/// Longest part of a request that an error repeats, bytes.
const QUOTED_BYTES_MAX: usize = 128;

/// What became of the front of the input.
pub(super) enum Next {
    /// A request of so many bytes was run.
    Ran { bytes: usize },
    /// A request of so many bytes was run and waits.
    Waits { bytes: usize, pause: Pause },
    /// There is no whole request; look again when there are so many bytes.
    Incomplete { needed: usize },
    /// The connection ends after its replies.
    Close,
    /// It is looked at again when what was forwarded is answered.
    Later,
}

/// What became of one request.
pub(super) enum Ran {
    Done,
    Waits(Pause),
    Close,
    /// Nothing yet: it is looked at again when what was forwarded is answered.
    Later,
}

/// What the replies of a turn wait for.
#[derive(Default)]
pub(super) struct Due {
    /// One after the other.
    pub(super) holds: Vec<Hold>,
    /// Requests that go to other nodes.
    pub(super) batch: Option<Box<Batch>>,
    /// A write is in this generation: it must leave for the replicas before they do.
    pub(super) unsent: Option<Generation>,
    /// The turn ran commands on keys as the primary of a shard: how often the node had become one when it began.
    pub(super) led: Option<u64>,
}

/// The requests of a connection that arrived together: they see one clock and one configuration.
pub(super) struct Turn<'t> {
    pub(super) shared: &'t Arc<Shared>,
    pub(super) config: Arc<Config>,
    clock: Clock,
    commands: u64,
    tally: Tally,
    hold: Option<Hold>,
    /// The latest mark of a slot on the move that its replies depend on, if one is not on the disk yet.
    mark: Option<u64>,
    /// What the writes of this turn are in, the latest.
    wrote: Option<Generation>,
    /// There was room for a command of this turn.
    has_room: bool,
    /// The request that runs now is the last of what arrived.
    last: bool,
    /// How often the node had become a primary when the turn began.
    led: u64,
    /// A command of this turn was run on keys as the primary of a shard.
    touched_keys: bool,
    ahead: Ahead,
    /// Requests that go to other nodes.
    pub(super) batch: Option<Box<Batch>>,
    /// The EXEC that runs now has keys of this node to watch.
    pub(super) watched: bool,
}

impl<'t> Turn<'t> {
    pub(super) fn new(shared: &'t Arc<Shared>, now_ms: u64) -> Turn<'t> {
        let config = shared.config();
        let clock = Clock::at(now_ms, &config);
        let tally = Tally::start(&config);
        Turn {
            shared,
            config,
            clock,
            commands: 0,
            tally,
            hold: None,
            mark: None,
            wrote: None,
            has_room: false,
            last: false,
            led: shared.replication.led_count(),
            touched_keys: false,
            ahead: Ahead::default(),
            batch: None,
            watched: false,
        }
    }

    /// Counts what was done; tells what its replies must wait for.
    pub(super) fn end(mut self, session: &mut Session) -> Due {
        let (batch, led) = (self.batch.take(), self.touched_keys.then_some(self.led));
        // Other copies hold what is answered at other consistencies.
        let unsent = self.wrote.filter(|_| session.consistency == Consistency::One);
        Due { holds: self.finish(session), batch, unsent, led }
    }

    fn finish(mut self, session: &mut Session) -> Vec<Hold> {
        self.tally.flush(&self.shared.stats);
        self.shared.stats.ran(self.commands);
        session.client.seen(self.clock.now_ms, self.tally.last_command(), session);
        let mut hold = self.hold_of_keys(session);
        let heard = session.unheard.take().map(|version| Hold::Heard { version });
        let marked = self.mark.map(|text| Hold::Marked { text });
        if heard.is_some() || marked.is_some() {
            // Another node may be the primary by the time that these have ended.
            hold = hold.or_else(|| self.touched_keys.then_some(Hold::Lease { led: self.led }));
        }
        [heard, marked, hold].into_iter().flatten().collect()
    }

    /// What replies must wait for that tell of keys.
    fn hold_of_keys(&self, session: &Session) -> Option<Hold> {
        if self.touched_keys && session.consistency != Consistency::One {
            return Some(Hold::Copies { all: session.consistency == Consistency::All, led: self.led });
        }
        // Now, not when they came: the process may have been stopped in between.
        if self.touched_keys
            && (!self.shared.view.is_leased() || !self.shared.replication.leads_since(self.led))
        {
            return Some(Hold::Lease { led: self.led });
        }
        self.hold
    }

    /// Decodes and runs the request at the front of `input`.
    pub(super) fn next(&mut self, input: &[u8], session: &mut Session, scratch: &mut Scratch) -> Next {
        let Scratch { output, words, words_ahead, work, .. } = scratch;
        let bounds = if session.authenticated {
            Bounds { bulk_bytes_max: self.config.bulk_bytes_max, ..Bounds::AUTHENTICATED }
        } else {
            Bounds::UNAUTHENTICATED
        };
        let (bytes, ran) = match decode_within(&bounds, input, words) {
            Ok(Decoded::Incomplete { needed }) => return Next::Incomplete { needed },
            Ok(Decoded::Request { consumed }) if words.is_empty() => return Next::Ran { bytes: consumed },
            Ok(Decoded::Request { consumed }) => {
                self.last = consumed == input.len();
                self.ahead.look(&self.shared.keyspace, &input[consumed..], words_ahead);
                (consumed, self.run(Args::new(input, words, &input[..consumed]), session, work, output))
            }
            Ok(Decoded::Inline { line, consumed }) => {
                self.last = consumed == input.len();
                let mut buffer = Vec::new();
                match inline::split(&input[line], &mut buffer, words) {
                    Ok(()) if words.is_empty() => return Next::Ran { bytes: consumed },
                    Ok(()) if is_http(&Args::new(&buffer, words, &[])) => return Next::Close,
                    Ok(()) => (consumed, self.run(Args::new(&buffer, words, &[]), session, work, output)),
                    Err(error) => return refused(output, &error),
                }
            }
            Err(error) => return refused(output, &error),
        };
        self.commands += u64::from(!matches!(ran, Ran::Later));
        if let Some(mark) = work.mark.take() {
            self.mark = self.mark.max(Some(mark));
        }
        match ran {
            Ran::Later => Next::Later,
            Ran::Done => Next::Ran { bytes },
            Ran::Waits(pause @ (Pause::Unpaused(_) | Pause::Settled(..))) => Next::Waits { bytes: 0, pause },
            Ran::Waits(pause) => Next::Waits { bytes, pause },
            Ran::Close => Next::Close,
        }
    }

    /// Runs one request and appends its reply.
    fn run(&mut self, args: Args<'_>, session: &mut Session, work: &mut Work, output: &mut Vec<u8>) -> Ran {
        if self.batch.is_some() && self.must_wait(&args) {
            return Ran::Later;
        }
        let (start, replies, asked) = (output.len(), session.replies, session.said.asking);
        let mut reply = Reply::new(output, session.protocol);
        let result = match self.allowed(&args, session, work) {
            Err(error @ CommandError::InTransfer(_)) => Err(error),
            Err(error) => match self.forward(&args, error, session, work, &mut reply) {
                Ok(ran) => Ok(ran),
                Err(error) => match self.changes_hands(&error) {
                    Some(until) if !session.never_waits() => return Ran::Waits(Pause::Unpaused(until)),
                    _ => Err(self.refuse(&args, session, error)),
                },
            },
            Ok((_, route)) if self.is_barred(&route) => return Ran::Later,
            Ok((found, route)) if session.transaction.is_some() && !found.spec.has(flag::NOT_QUEUED) => {
                match commit::check_queued(self.shared, work, (found.spec, &args), &route, self.clock) {
                    Ok(()) => self.queue(found, &args, session, &mut reply),
                    Err(error @ CommandError::InTransfer(_)) => Err(error),
                    // EXEC will be forwarded.
                    Err(error) if self.forwards(session) && error.is_redirection() => {
                        self.queue(found, &args, session, &mut reply)
                    }
                    Err(error) => Err(self.refuse(&args, session, error)),
                }
            }
            Ok((found, route)) => match self.paused(found, session) {
                Some(_) if session.never_waits() => Err(mark::WOULD_WAIT),
                Some(until) => return Ran::Waits(Pause::Unpaused(until)),
                None => match self.execute(found, &route, args, session, work, &mut reply) {
                    Err(error) => self.forward(&args, error, session, work, &mut reply),
                    ran => ran,
                },
            },
        };
        if let Err(CommandError::InTransfer(slot)) = result
            && !session.never_waits()
            && let Some(until) = session.waits_for_transfer()
        {
            reply.cut();
            return Ran::Waits(Pause::Settled(slot, until));
        }
        session.waiting_since = None;
        let result = match result {
            Err(error @ CommandError::InTransfer(_)) => Err(self.refuse(&args, session, error)),
            result => result,
        };
        let ran = result.unwrap_or_else(|error| {
            reply.cut();
            Self::note_refusal(&args, &error, session);
            self.shared.stats.failed(&error);
            reply.error(&error);
            Ran::Done
        });
        // ASKING is for one command, or for one transaction.
        if asked && session.transaction.is_none() && !args.is(0, "asking") {
            session.said.asking = false;
        }
        if replies != Replies::On {
            // CLIENT REPLY ON is the one request whose reply counts although replies were off.
            if session.replies != Replies::On || replies == Replies::SkipNext {
                output.truncate(start);
            }
            if replies == Replies::SkipNext && session.replies == Replies::SkipNext {
                session.replies = Replies::On;
            }
        }
        ran
    }

    pub(super) fn execute(
        &mut self,
        found: Found,
        route: &Route,
        args: Args<'_>,
        session: &mut Session,
        work: &mut Work,
        reply: &mut Reply<'_>,
    ) -> Result<Ran, CommandError> {
        self.tally.begin(found, &args, &self.shared.stats);
        let clock = Clock { no_touch: session.no_touch, ..self.clock };
        let result = match found.spec.handler {
            Handler::Keys(handler) => {
                self.touched_keys |= !self.shared.replication.is_replica();
                match commit::run(self.shared, work, (found.spec, handler, args), route, clock, reply) {
                    Ok(Outcome::Done) => Ok(Ran::Done),
                    Ok(Outcome::Waits(wait)) if session.never_waits() => {
                        commit::leave(&self.shared.keyspace, &wait);
                        Err(mark::WOULD_WAIT)
                    }
                    Ok(Outcome::Waits(wait)) => Ok(Ran::Waits(Pause::Keys(wait))),
                    Err(error) => Err(error),
                }
            }
            Handler::Session(handler) => {
                session.client.last_command.store(found.index + 1, Ordering::Relaxed);
                if self.forwards(session)
                    && let Some(ran) = self.forward_session(found.spec, &args, session, reply)?
                {
                    return Ok(ran);
                }
                let touches = found.spec.name == "exec" || *route != Route::Nowhere;
                self.touched_keys |= touches && !self.shared.replication.is_replica();
                let mut context =
                    SessionContext::new(self.shared, &self.config, session, clock, Some(&mut *work));
                handler(&mut context, args, reply).map(|()| match context.finish() {
                    (true, _) => Ran::Close,
                    (false, Some(pause)) => Ran::Waits(pause),
                    (false, None) => Ran::Done,
                })
            }
        };
        if let Some(appended) = work.appended.take() {
            self.logged(appended, session);
        }
        self.tally.end(found, &args, self.last, session, &self.config, self.shared);
        if result.is_err() {
            self.shared.stats.command_failed(found.index);
        }
        result
    }

    /// A write went to the log: perhaps its reply must wait.
    #[inline]
    fn logged(&mut self, appended: Appended, session: &mut Session) {
        self.wrote = self.wrote.max(Some(appended.generation));
        session.wrote(appended.generation, self.led);
        let durable = self.config.appendfsync == AppendFsync::Always;
        if durable || appended.pressed {
            self.hold = Some(Hold::Log { generation: appended.generation, durable });
        }
    }

    /// A request that is refused spoils the transaction it would be part of; an EXEC that is refused ends it.
    #[cold]
    fn refuse(&self, args: &Args<'_>, session: &mut Session, error: CommandError) -> CommandError {
        if args.is(0, "exec") {
            session.transaction = None;
            session.watch.end(&self.shared.keyspace);
            let reason = error.to_string();
            let reason = reason.strip_prefix("ERR ").unwrap_or(&reason);
            return CommandError::owned(format!("EXECABORT Transaction discarded because of: {reason}"));
        }
        if let Some(transaction) = &mut session.transaction {
            transaction.failed = true;
        }
        error
    }

    /// Queues a request behind MULTI.
    pub(super) fn queue(
        &self,
        found: Found,
        args: &Args<'_>,
        session: &mut Session,
        reply: &mut Reply<'_>,
    ) -> Result<Ran, CommandError> {
        let Some(transaction) = &mut session.transaction else { return Ok(Ran::Done) };
        if found.spec.has(flag::NO_MULTI) {
            transaction.failed = true;
            self.shared.stats.command_rejected(found.index);
            return Err(CommandError::text("ERR Command not allowed inside a transaction"));
        }
        if transaction.failed {
            // EXEC will refuse it all: nothing needs to be kept.
            reply.simple("QUEUED");
            return Ok(Ran::Done);
        }
        let request = Request::copy(args);
        transaction.bytes += request.memory();
        if transaction.bytes as u64 > self.config.query_buffer_bytes_max {
            tracing::warn!(id = session.client.id, "a transaction outgrew client-query-buffer-limit");
            return Ok(Ran::Close);
        }
        transaction.queue.push((found, request));
        reply.simple("QUEUED");
        Ok(Ran::Done)
    }

    /// Until when CLIENT PAUSE holds back this command.
    #[inline]
    pub(super) fn paused(&self, found: Found, session: &Session) -> Option<Instant> {
        self.shared.clients.paused()?.holds(found.spec, session)
    }

    /// Until when a request waits that is refused only because this primary hands its office over: then it is sent to the new one.
    #[cold]
    fn changes_hands(&self, error: &CommandError) -> Option<Instant> {
        let paused = self.shared.clients.paused()?;
        let transient =
            matches!(error, CommandError::ReadOnly) || error.to_string().starts_with("CLUSTERDOWN");
        let handed_over = self.config.cluster_enabled && transient;
        (handed_over && paused.until() > Instant::now()).then(|| paused.until())
    }

    /// Makes room for a command that takes memory, once a turn.
    #[inline]
    pub(super) fn has_room(&mut self, spec: &CommandSpec, work: &mut Work) -> Result<(), CommandError> {
        if self.config.maxmemory == 0 || self.has_room || !spec.has(flag::DENY_OOM) {
            return Ok(());
        }
        self.has_room = maxmemory::make_room(self.shared, &self.config, work, self.clock.now_ms);
        if self.has_room { Ok(()) } else { Err(CommandError::OutOfMemory) }
    }

    /// The row and the route of a request, or why it is refused; a refusal is counted.
    #[inline]
    fn allowed(
        &mut self,
        args: &Args<'_>,
        session: &Session,
        work: &mut Work,
    ) -> Result<(Found, Route), CommandError> {
        let found = table::find(args.at(0)).ok_or_else(|| unknown(args))?;
        let allowed = self.route(found.spec, args, session).and_then(|route| {
            self.has_room(found.spec, work)?;
            Ok((found, route))
        });
        match &allowed {
            Ok((_, Route::Slot(slot))) if session.mark.as_ref().is_some_and(|mark| mark.is_stuck(*slot)) => {
                return Err(mark::STUCK);
            }
            Ok(_) => {}
            // It is forwarded.
            Err(CommandError::Moved(..)) if self.config.cluster_proxy => {}
            Err(_) => self.shared.stats.command_rejected(found.index),
        }
        allowed
    }

    /// The route of a request that the session may make now.
    #[inline]
    pub(super) fn route(
        &self,
        spec: &CommandSpec,
        args: &Args<'_>,
        session: &Session,
    ) -> Result<Route, CommandError> {
        if !spec.takes(args.len()) {
            return Err(CommandError::Arity(spec.name.to_owned()));
        }
        if !session.authenticated && !spec.has(flag::NO_AUTH) {
            return Err(CommandError::NoAuth);
        }
        let readonly = session.said.readonly && session.consistency == Consistency::One;
        let said = Said { readonly, ..session.said };
        let route = redirect::route(spec, args, &self.config, &self.shared.view, said)?;
        if self.shared.replication.is_partial() && !spec.has(flag::LOADING) {
            return Err(CommandError::Loading);
        }
        if spec.has(flag::WRITE) {
            self.shared.replication.check_write()?;
            self.shared.replication.check_copies(&self.config)?;
            self.shared.log.check()?;
        }
        if session.protocol == Protocol::Resp2 && !spec.has(flag::WHILE_SUBSCRIBED) && session.subscribed() {
            return Err(CommandError::WhileSubscribed(spec.name));
        }
        Ok(route)
    }
}

/// The client broke the protocol: it is told, and the connection ends.
fn refused(output: &mut Vec<u8>, error: &shared::resp::ProtocolError) -> Next {
    write::error(output, &format!("ERR {error}"));
    Next::Close
}

/// Whether a line is one of an HTTP request. A web page can have a browser send one to a node of its user's machine, with lines in
/// its body that would run as commands: Redis hangs up on these two words as well.
fn is_http(args: &Args<'_>) -> bool {
    let is_http = args.is(0, "post") || args.is(0, "host:");
    if is_http {
        tracing::warn!(
            "Possible SECURITY ATTACK detected: a client sent a line of HTTP. Connection aborted."
        );
    }
    is_http
}

fn unknown(args: &Args<'_>) -> CommandError {
    let short =
        |bytes: &[u8]| String::from_utf8_lossy(&bytes[..bytes.len().min(QUOTED_BYTES_MAX)]).into_owned();
    let mut quoted = String::new();
    for word in args.from(1) {
        if quoted.len() >= QUOTED_BYTES_MAX {
            break;
        }
        let room = QUOTED_BYTES_MAX - quoted.len();
        quoted += &format!("'{}' ", String::from_utf8_lossy(&word[..word.len().min(room)]));
    }
    let name = short(args.at(0));
    CommandError::Unknown(format!("ERR unknown command '{name}', with args beginning with: {quoted}"))
}
