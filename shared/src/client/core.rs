//! Delivery: the way of one parcel to the node that executes it, through redirections, losses and waits.

use std::sync::Arc;

use bytes::{Bytes, BytesMut};
use parking_lot::Mutex;
use tokio::sync::Notify;

use super::address::Address;
use super::backoff::Backoff;
use super::command::{Command, Route};
use super::config::ClientConfig;
use super::connection::{Failure, Order};
use super::error::ClientError;
use super::nodes::{Lane, Nodes};
use super::redirect::Refusal;
use super::topology::{self, Topology};
use crate::resp::{ServerError, Value, write};
use crate::rt::rng::Rng;
use crate::rt::task;
use crate::rt::time::{Duration, Instant, sleep_until};

/// Redirections that are followed at once; from then on there is a wait before each.
const REDIRECTIONS_AT_ONCE: usize = 4;

/// What every part of a client works with.
#[derive(Debug)]
pub(crate) struct Core {
    pub(crate) config: Arc<ClientConfig>,
    pub(crate) topology: Topology,
    pub(crate) nodes: Nodes,
    rng: Mutex<Rng>,
    wish: Arc<Notify>,
}

/// What is delivered: a command or a transaction.
#[derive(Debug)]
pub(crate) struct Parcel {
    bytes: Bytes,
    replies: usize,
    shape: Shape,
    route: Route,
    idempotent: bool,
    blocks: Duration,
}

/// How the commands of a parcel belong together.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Shape {
    /// One command.
    One,
    /// Commands one after the other; a refusal of any of them is the refusal of all.
    Series,
    /// MULTI … EXEC.
    Transaction,
}

/// Which connection of a node a parcel takes.
pub(crate) trait Entrance {
    /// Kept while an attempt lasts; dropped when it failed.
    type Pass;

    /// The connection for an attempt at this node.
    fn enter(&self, node: &Address) -> (Lane, Self::Pass);
}

/// The entrance of calls: always over this lane.
pub(crate) struct Over(pub(crate) Lane);

impl Entrance for Over {
    type Pass = ();

    fn enter(&self, _: &Address) -> (Lane, ()) {
        (self.0, ())
    }
}

/// How a parcel arrived.
#[derive(Debug)]
pub(crate) struct Delivered<P> {
    /// One reply of a command, or the replies that EXEC gave.
    pub(crate) values: Vec<Value>,
    /// The pass of the attempt that succeeded.
    pub(crate) pass: P,
    /// The connection that carried it.
    pub(crate) connection: u64,
}

impl Parcel {
    /// A parcel of one command.
    pub(crate) fn command(command: &Command) -> Parcel {
        Parcel {
            bytes: command.to_request(),
            replies: 1,
            shape: Shape::One,
            route: command.route().clone(),
            idempotent: command.is_idempotent(),
            blocks: command.blocking_time(),
        }
    }

    /// A parcel of MULTI, these commands, EXEC: sent in one piece to the owner of the slot.
    pub(crate) fn transaction(route: Route, commands: &[Command]) -> Parcel {
        const FRAME_BYTES: usize = 64;
        let bytes = commands.iter().map(Command::request_bytes).sum::<usize>() + FRAME_BYTES;
        let mut out = BytesMut::with_capacity(bytes);
        write::request(&mut out, &["MULTI"]);
        commands.iter().for_each(|command| command.write_to(&mut out));
        write::request(&mut out, &["EXEC"]);
        Parcel {
            bytes: out.freeze(),
            replies: commands.len() + 2,
            shape: Shape::Transaction,
            route,
            idempotent: commands.iter().all(Command::is_idempotent),
            blocks: Duration::ZERO,
        }
    }

    /// A parcel of commands that change nothing, sent in one piece to the owner of the slot.
    pub(crate) fn series(route: Route, commands: &[Command]) -> Parcel {
        let mut out = BytesMut::with_capacity(commands.iter().map(Command::request_bytes).sum());
        commands.iter().for_each(|command| command.write_to(&mut out));
        Parcel {
            bytes: out.freeze(),
            replies: commands.len(),
            shape: Shape::Series,
            route,
            idempotent: true,
            blocks: Duration::ZERO,
        }
    }

    pub(crate) fn order(&self, asking: bool, patience: Duration) -> Order {
        let mut order = Order {
            bytes: self.bytes.clone(),
            replies: self.replies,
            patience: patience + self.blocks,
            only_on: None,
        };
        if asking {
            let mut bytes = BytesMut::with_capacity(self.bytes.len() + 16);
            write::request(&mut bytes, &["ASKING"]);
            bytes.extend_from_slice(&self.bytes);
            order.bytes = bytes.freeze();
            order.replies += 1;
        }
        order
    }
}

impl Core {
    /// The core of a client; its map knows only the first seed until it is renewed.
    pub(crate) fn start(config: ClientConfig) -> Result<Arc<Core>, ClientError> {
        let first = config.seeds.first().cloned().ok_or(ClientError::NoSeeds)?;
        let config = Arc::new(config);
        let wish = Arc::new(Notify::new());
        let core = Arc::new(Core {
            topology: Topology::new(first, Arc::clone(&wish)),
            nodes: Nodes::new(Arc::clone(&config), Arc::clone(&wish)),
            rng: Mutex::new(Rng::from_system()),
            wish: Arc::clone(&wish),
            config,
        });
        task::spawn(topology::keep_fresh(Arc::downgrade(&core), wish, core.config.refresh_interval));
        Ok(core)
    }

    /// Delivers a parcel: to the node its route names now, after `MOVED` and `ASK` to the one they name, and again after
    /// refusals and losses that had no effect, with growing waits, until the deadline.
    pub(crate) async fn deliver<E: Entrance>(
        &self,
        parcel: &Parcel,
        entrance: &E,
    ) -> Result<Delivered<E::Pass>, ClientError> {
        if parcel.route == Route::Cross {
            return Err(ClientError::CrossSlot);
        }
        let deadline = Instant::now() + self.config.call_deadline + parcel.blocks;
        let mut backoff = Backoff::new(self.config.backoff_min, self.config.backoff_max);
        let mut ask: Option<Address> = None;
        let mut redirections = 0;
        loop {
            let asking = ask.is_some();
            let Some(node) = ask.take().or_else(|| self.target(&parcel.route)) else {
                self.wait("nobody owns the slot", &mut backoff, deadline).await?;
                continue;
            };
            let (lane, pass) = entrance.enter(&node);
            let order = parcel.order(asking, self.config.reply_deadline);
            let why = match self.nodes.link(&node, lane).send(order, deadline).await {
                Ok(mut reply) => {
                    if asking {
                        reply.values.remove(0);
                    }
                    let refusal = match outcome(reply.values, parcel.shape, &node)? {
                        Outcome::Done(values) => {
                            return Ok(Delivered { values, pass, connection: reply.connection });
                        }
                        Outcome::Refused(refusal) => refusal,
                    };
                    redirections += 1;
                    let at_once =
                        redirections <= REDIRECTIONS_AT_ONCE && !matches!(parcel.route, Route::Node(_));
                    match Refusal::of(&refusal, &node) {
                        Refusal::Moved(slot, owner) => {
                            self.topology.learn(slot, owner);
                            if at_once {
                                continue;
                            }
                        }
                        Refusal::Ask(importer) => {
                            ask = Some(importer);
                            if at_once {
                                continue;
                            }
                        }
                        Refusal::NotPrimary | Refusal::Later => {}
                        Refusal::Final => return Err(refusal.into()),
                    }
                    refusal.to_string()
                }
                Err(Failure::NotSent(why)) => why,
                Err(Failure::Unknown(why)) if parcel.idempotent => why,
                Err(failure) => return Err(failure.into_error(&node)),
            };
            drop(pass);
            self.wait(&why, &mut backoff, deadline).await?;
        }
    }

    /// A random number below this one; 0 if it is 0.
    pub(crate) fn random_below(&self, bound: usize) -> usize {
        self.rng.lock().below(bound as u64) as usize
    }

    /// The next wait of a backoff.
    pub(crate) fn next_wait(&self, backoff: &mut Backoff) -> Duration {
        backoff.wait(&mut self.rng.lock())
    }

    fn target(&self, route: &Route) -> Option<Address> {
        let map = self.topology.map();
        match route {
            Route::Slot(slot) => map.owner(*slot).cloned(),
            Route::Node(node) => Some(node.clone()),
            Route::Any => {
                map.shards().get(self.random_below(map.shards().len())).map(|shard| shard.primary.clone())
            }
            Route::Cross => None,
        }
    }

    /// Waits before the next attempt and wishes for a new map; the end of the call if the deadline comes first.
    async fn wait(&self, why: &str, backoff: &mut Backoff, deadline: Instant) -> Result<(), ClientError> {
        self.topology.wish();
        let again = Instant::now() + self.next_wait(backoff);
        if again >= deadline {
            return Err(ClientError::Deadline(why.to_owned()));
        }
        sleep_until(again).await;
        Ok(())
    }
}

impl Drop for Core {
    fn drop(&mut self) {
        // The task that renews the map notices that it has nobody left to do it for.
        self.wish.notify_one();
    }
}

enum Outcome {
    Done(Vec<Value>),
    /// It had no effect.
    Refused(ServerError),
}

/// What the replies to a parcel say.
fn outcome(mut values: Vec<Value>, shape: Shape, node: &Address) -> Result<Outcome, ClientError> {
    if shape != Shape::Transaction {
        return Ok(match values.iter().find_map(Value::as_error) {
            Some(error) => Outcome::Refused(error.clone()),
            None => Outcome::Done(values),
        });
    }
    let executed = values.pop().unwrap_or(Value::Null);
    let multi = values.first().and_then(Value::as_error);
    let first_error = values.iter().find_map(Value::as_error).cloned();
    if let (Some(error), true) = (multi, values.iter().any(|value| value.as_error().is_none())) {
        // Without its MULTI each command was executed on its own.
        return Err(ClientError::Unknown(format!("{node} refused MULTI: {error}")));
    }
    match (executed, first_error) {
        (Value::Array(values), None) => Ok(Outcome::Done(values)),
        (Value::Error(_), Some(error)) if Refusal::of(&error, node) == Refusal::Final => {
            Err(ClientError::Discarded(error))
        }
        (Value::Error(_), Some(error)) => Ok(Outcome::Refused(error)),
        (Value::Error(error), None) => Ok(Outcome::Refused(cause(error))),
        (other, _) => Err(ClientError::unexpected("EXEC", &other)),
    }
}

/// Why EXEC was refused although each command was queued: what came between (a full disk) stands behind `EXECABORT`, since
/// Redis 6.2.
fn cause(error: ServerError) -> ServerError {
    match error.detail().strip_prefix("Transaction discarded because of: ") {
        Some(cause) if error.code() == "EXECABORT" => ServerError::new(cause.as_bytes()),
        _ => error,
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::*;

    fn values(texts: &[&'static str]) -> Vec<Value> {
        let value = |text: &&'static str| match text.strip_prefix('-') {
            Some(error) => Value::Error(ServerError::new(error.as_bytes())),
            None if *text == "[]" => Value::Array(Vec::new()),
            None => Value::Simple(Bytes::from_static(text.as_bytes())),
        };
        texts.iter().map(value).collect()
    }

    fn of(texts: &[&'static str]) -> Result<Outcome, ClientError> {
        outcome(values(texts), Shape::Transaction, &Address::new("h", 1))
    }

    #[test]
    fn a_transaction_is_done_refused_or_discarded() {
        assert!(matches!(of(&["OK", "QUEUED", "[]"]), Ok(Outcome::Done(_))));
        let moved = of(&["OK", "-MOVED 1 h:2", "-EXECABORT no"]);
        assert!(matches!(moved, Ok(Outcome::Refused(error)) if error.code() == "MOVED"));
        let moved = of(&["OK", "QUEUED", "-MOVED 1 h:2"]);
        assert!(matches!(moved, Ok(Outcome::Refused(error)) if error.code() == "MOVED"));
        assert!(matches!(
            of(&["OK", "-ERR unknown command", "-EXECABORT no"]),
            Err(ClientError::Discarded(_))
        ));
        let full =
            of(&["OK", "QUEUED", "-EXECABORT Transaction discarded because of: MISCONF Errors writing"]);
        assert!(matches!(full, Ok(Outcome::Refused(error)) if error.code() == "MISCONF"));
        let loading = of(&["-LOADING", "-LOADING", "-ERR EXEC without MULTI"]);
        assert!(matches!(loading, Ok(Outcome::Refused(error)) if error.code() == "LOADING"));
    }

    #[test]
    fn commands_without_their_multi_may_have_happened() {
        let error = of(&["-LOADING", "OK", "-ERR EXEC without MULTI"]);
        assert!(matches!(error, Err(error) if error.may_have_happened()));
    }
}
