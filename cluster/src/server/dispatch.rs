//! One request: decoded, looked up, checked, routed, run.

use std::sync::Arc;

use shared::resp::request::{Bounds, Decoded, decode_within};
use shared::resp::write;
use shared::resp::{Protocol, inline};

use super::pause::Pause;
use super::scratch::Scratch;
use super::session::Session;
use crate::command::table::{self, Found};
use crate::command::work::Work;
use crate::command::{Args, CommandError, Handler, Reply, SessionContext, flag};
use crate::commit::{self, Clock, Outcome};
use crate::config::Config;
use crate::node::Shared;
use crate::redirect::{self, Route};

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
}

/// What became of one request.
enum Ran {
    Done,
    Waits(Pause),
    Close,
}

/// The requests of a connection that arrived together: they see one clock and one configuration.
pub(super) struct Turn<'t> {
    shared: &'t Arc<Shared>,
    config: Arc<Config>,
    clock: Clock,
    commands: u64,
}

impl<'t> Turn<'t> {
    pub(super) fn new(shared: &'t Arc<Shared>, now_ms: u64) -> Turn<'t> {
        let config = shared.config();
        let clock = Clock::at(now_ms, &config);
        Turn { shared, config, clock, commands: 0 }
    }

    /// Counts what was done.
    pub(super) fn end(&self, session: &Session) {
        self.shared.stats.ran(self.commands);
        session.client.last_ms.store(self.clock.now_ms, std::sync::atomic::Ordering::Relaxed);
    }

    /// Decodes and runs the request at the front of `input`.
    pub(super) fn next(&mut self, input: &[u8], session: &mut Session, scratch: &mut Scratch) -> Next {
        let Scratch { output, words, work, .. } = scratch;
        let bounds = if session.authenticated { Bounds::AUTHENTICATED } else { Bounds::UNAUTHENTICATED };
        let (bytes, ran) = match decode_within(&bounds, input, words) {
            Ok(Decoded::Incomplete { needed }) => return Next::Incomplete { needed },
            Ok(Decoded::Request { consumed }) if words.is_empty() => return Next::Ran { bytes: consumed },
            Ok(Decoded::Request { consumed }) => {
                (consumed, self.run(Args::new(input, words, &input[..consumed]), session, work, output))
            }
            Ok(Decoded::Inline { line, consumed }) => {
                let mut buffer = Vec::new();
                match inline::split(&input[line], &mut buffer, words) {
                    Ok(()) if words.is_empty() => return Next::Ran { bytes: consumed },
                    Ok(()) => (consumed, self.run(Args::new(&buffer, words, &[]), session, work, output)),
                    Err(error) => return refused(output, &error),
                }
            }
            Err(error) => return refused(output, &error),
        };
        self.commands += 1;
        match ran {
            Ran::Done => Next::Ran { bytes },
            Ran::Waits(pause) => Next::Waits { bytes, pause },
            Ran::Close => Next::Close,
        }
    }

    /// Runs one request and appends its reply.
    fn run(&self, args: Args<'_>, session: &mut Session, work: &mut Work, output: &mut Vec<u8>) -> Ran {
        let mut reply = Reply::new(output, session.protocol);
        let result = self.checked(&args, session).and_then(|(found, route)| match found.spec.handler {
            Handler::Keys(handler) => {
                let outcome =
                    commit::run(self.shared, work, (handler, args), &route, self.clock, &mut reply)?;
                Ok(match outcome {
                    Outcome::Done => Ran::Done,
                    Outcome::Waits(wait) => Ran::Waits(Pause::Keys(wait)),
                })
            }
            Handler::Session(handler) => {
                let mut context = SessionContext::new(self.shared, &self.config, session, self.clock);
                handler(&mut context, args, &mut reply)?;
                Ok(match context.finish() {
                    (true, _) => Ran::Close,
                    (false, Some(pause)) => Ran::Waits(pause),
                    (false, None) => Ran::Done,
                })
            }
        });
        result.unwrap_or_else(|error| {
            reply.cut();
            reply.error(&error);
            Ran::Done
        })
    }

    /// The row and the route of a request, or why it is refused.
    fn checked(&self, args: &Args<'_>, session: &Session) -> Result<(Found, Route), CommandError> {
        let found = table::find(args.at(0)).ok_or_else(|| unknown(args))?;
        let spec = found.spec;
        if !spec.takes(args.len()) {
            return Err(CommandError::Arity(spec.name.to_owned()));
        }
        if !session.authenticated && !spec.has(flag::NO_AUTH) {
            return Err(CommandError::NoAuth);
        }
        let route = redirect::route(spec, args, &self.config, &self.shared.view)?;
        if session.protocol == Protocol::Resp2 && !spec.has(flag::WHILE_SUBSCRIBED) && session.subscribed() {
            return Err(CommandError::WhileSubscribed(spec.name));
        }
        Ok((found, route))
    }
}

/// The client broke the protocol: it is told, and the connection ends.
fn refused(output: &mut Vec<u8>, error: &shared::resp::ProtocolError) -> Next {
    write::error(output, &format!("ERR {error}"));
    Next::Close
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
