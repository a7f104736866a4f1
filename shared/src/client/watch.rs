//! Transactions that are executed only if what they were decided by has not changed: `WATCH`, reads, then `MULTI` … `EXEC`.
//!
//! `WATCH` belongs to a connection, and calls share theirs. So watched transactions have connections of their own, several to a
//! node, and each carries one of them at a time.

use std::sync::Arc;

use tokio::sync::Mutex;

use super::address::Address;
use super::command::{Command, Route};
use super::connection::Failure;
use super::core::{Core, Entrance, Parcel};
use super::error::ClientError;
use super::handle::Client;
use super::nodes::Lane;
use super::redirect::Refusal;
use crate::resp::Value;
use crate::rt::time::Instant;
use crate::slot::Slot;

/// How many watched transactions of different slots run at once on one node.
const LANES: usize = 8;

/// One turn for each lane.
#[derive(Debug, Default)]
pub(crate) struct Watches {
    turns: [Mutex<()>; LANES],
}

/// How a watched transaction ended.
#[derive(Debug, Clone, PartialEq)]
pub enum Watched {
    /// It was executed; the replies to its commands.
    Done(Vec<Value>),
    /// A key was changed after it was read, or its node changed: nothing was executed. Read again.
    Changed,
    /// What was read was not as wanted: nothing was executed.
    NotWanted,
}

/// The entrance of watched transactions: tells which node was reached.
struct Watching(Lane);

impl Entrance for Watching {
    type Pass = Address;

    fn enter(&self, node: &Address) -> (Lane, Address) {
        (self.0, node.clone())
    }
}

impl Client {
    /// Watches keys (all of one slot), executes `reads`, gives their replies to `decide`, and executes the commands that it
    /// returns in one transaction, if no watched key was changed since.
    ///
    /// # Errors
    ///
    /// As for [`Client::transaction`]. A read that the server refuses is an error, too.
    pub async fn watched<K: AsRef<[u8]>>(
        &self,
        keys: &[K],
        reads: Vec<Command>,
        decide: impl FnOnce(&[Value]) -> Option<Vec<Command>>,
    ) -> Result<Watched, ClientError> {
        let slot = keys.first().map_or(Slot::of_key(b""), |key| Slot::of_key(key.as_ref()));
        let watch = keys.iter().fold(Command::new("WATCH"), |command, key| command.key(key));
        if *watch.route() == Route::Cross {
            return Err(ClientError::CrossSlot);
        }
        let number = slot.index() % LANES;
        let _turn = self.watches().turns[number].lock().await;
        let lane = Lane::Watch(number as u8);
        // What an earlier turn left behind when its caller went away ends here.
        let series = [vec![Command::new("UNWATCH"), watch], reads].concat();
        let read = self.core().deliver(&Parcel::series(Route::Slot(slot), &series), &Watching(lane)).await?;
        let Some(commands) = decide(read.values.get(2..).unwrap_or_default()) else {
            return Ok(Watched::NotWanted);
        };
        let parcel = Parcel::transaction(Route::Slot(slot), &commands);
        execute(self.core(), &read.pass, lane, read.connection, &parcel).await
    }
}

async fn execute(
    core: &Arc<Core>,
    node: &Address,
    lane: Lane,
    connection: u64,
    parcel: &Parcel,
) -> Result<Watched, ClientError> {
    let mut order = parcel.order(false, core.config.reply_deadline);
    order.only_on = Some(connection);
    let deadline = Instant::now() + core.config.call_deadline;
    let mut values = match core.nodes.link(node, lane).send(order, deadline).await {
        Ok(reply) => reply.values,
        // The watch went with its connection.
        Err(Failure::NotSent(_)) => return Ok(Watched::Changed),
        Err(failure) => return Err(failure.into_error(node)),
    };
    let executed = values.pop().unwrap_or(Value::Null);
    let refused = values.iter().find_map(Value::as_error).cloned();
    match (executed, refused) {
        (Value::Array(values), None) => Ok(Watched::Done(values)),
        (Value::Null, None) => Ok(Watched::Changed),
        (Value::Error(_), Some(error)) if Refusal::of(&error, node) == Refusal::Final => {
            Err(ClientError::Discarded(error))
        }
        (Value::Error(_), Some(_)) => {
            core.topology.wish();
            Ok(Watched::Changed)
        }
        (Value::Error(error), None) => Err(error.into()),
        (other, _) => Err(ClientError::unexpected("EXEC", &other)),
    }
}
