//! Keys go to another node, one by one: MIGRATE.
//!
//! A key is gone here only when it is there as safely as it was here: on the disk of the other node, if this one keeps a log.
//! Redis deletes it as soon as the other one has it in memory, so that a crash of that one loses it. From a slot that is migrating
//! that is answered then as well, and the key is on its way until the disk has it: whoever wants it waits. The other node cannot claim
//! the slot before this one has let go of it ([`slot_migration`](crate::slot_migration)).

use std::io;

use parking_lot::Mutex;
use shared::resp::Value;
use shared::rt::time::{self, Duration, Instant};
use shared::slot::Slot;
use tokio::sync::oneshot;

use crate::command::CommandError;
use crate::commit::{Leaving, LeavingKey};
use crate::node::Shared;
use crate::peer::{Peer, encode};
use crate::slot_migration::{marks_known, settled};

/// Keys that are on their way at once.
const BATCH_KEYS_MAX: usize = 128;

/// How long a connection that is not used is kept.
const IDLE_MAX: Duration = Duration::from_secs(10);

/// Connections that are kept.
const IDLE_CONNECTIONS_MAX: usize = 64;

/// Keys, and where they go.
pub struct Migration {
    /// The other node.
    pub target: Target,
    /// What goes there, as far as it is here.
    pub keys: Vec<Box<[u8]>>,
    /// How long the other node may be silent.
    pub timeout: Duration,
    /// Whether the keys stay here too.
    pub copy: bool,
    /// Whether keys that are there already are replaced.
    pub replace: bool,
    /// Whether the other node is only importing their slot.
    pub asking: bool,
}

/// A node that keys go to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Target {
    /// Its name or IP.
    pub host: String,
    /// Its port for clients.
    pub port: String,
    /// The words behind AUTH; none if it asks for no password.
    pub auth: Vec<Vec<u8>>,
}

/// Connections to nodes that keys went to not long ago.
#[derive(Default)]
pub struct Targets {
    idle: Mutex<Vec<(Target, Instant, Peer)>>,
}

impl Targets {
    fn take(&self, target: &Target) -> Option<Peer> {
        let mut idle = self.idle.lock();
        idle.retain(|(_, since, _)| since.elapsed() < IDLE_MAX);
        let place = idle.iter().position(|(known, ..)| known == target)?;
        Some(idle.swap_remove(place).2).filter(Peer::stands)
    }

    fn keep(&self, target: Target, connection: Peer) {
        let mut idle = self.idle.lock();
        if idle.len() < IDLE_CONNECTIONS_MAX {
            idle.push((target, Instant::now(), connection));
        }
    }
}

/// How many keys were sent, or an error as Redis says it: keys that have arrived until then are gone here; the others are still here, and
/// may be there too.
pub type Answer = oneshot::Sender<Result<usize, CommandError>>;

/// Sends keys and removes those that have arrived. Answers when that is done, or, from slots that are migrating, when only disks are
/// waited for still.
pub async fn migrate(node: &Shared, migration: Migration, answer: Answer) {
    let mut answer = Some(answer);
    let moved = send_all(node, migration, &mut answer).await;
    match (answer, moved) {
        // Whoever asked may have hung up.
        (Some(answer), moved) => drop(answer.send(moved)),
        (None, Err(error)) => tracing::warn!(%error, "keys that were sent to another node are still here"),
        (None, Ok(_)) => {}
    }
}

async fn send_all(
    node: &Shared,
    migration: Migration,
    answer: &mut Option<Answer>,
) -> Result<usize, CommandError> {
    let mut connection = None;
    let mut sent = 0;
    let batches = migration.keys.len().div_ceil(BATCH_KEYS_MAX);
    for (number, batch) in migration.keys.chunks(BATCH_KEYS_MAX).enumerate() {
        let keys: Vec<&[u8]> = batch.iter().map(|key| &**key).collect();
        arrivals(node, &keys, migration.timeout).await;
        let mut leaving = Leaving::mark(node, &keys, time::now_ms())?;
        if leaving.keys().is_empty() {
            continue;
        }
        let open = match connection.take() {
            Some(open) => open,
            None => connect(node, &migration).await?,
        };
        sent += leaving.keys().len();
        let arrived = || {
            if let Some(answer) = answer.take_if(|_| number + 1 == batches) {
                answer.send(Ok(sent)).ok();
            }
        };
        connection = Some(send(node, &migration, &mut leaving, open, arrived).await?);
    }
    if let Some(connection) = connection {
        node.targets.keep(migration.target, connection);
    }
    Ok(sent)
}

/// Waits until no key of the slots of these is on its way by another MIGRATE, so long at most.
async fn arrivals(node: &Shared, keys: &[&[u8]], patience: Duration) {
    let slots = keys.iter().map(|key| Slot::of_key(key)).filter(|slot| node.view.is_migrating(*slot));
    let mut slots: Vec<Slot> = slots.collect();
    slots.dedup();
    let all = async {
        for slot in slots {
            settled(node, slot).await;
        }
    };
    time::timeout(patience, all).await.ok();
}

async fn connect(node: &Shared, migration: &Migration) -> Result<Peer, CommandError> {
    let Migration { target, timeout, .. } = migration;
    if let Some(connection) = node.targets.take(target) {
        return Ok(connection);
    }
    let unknown = CommandError::text("IOERR error or timeout connecting to the client");
    let port: u16 = target.port.parse().map_err(|_| unknown)?;
    let deadline = Instant::now() + *timeout;
    let mut connection = Peer::connect(&target.host, port, deadline).await.map_err(writing)?;
    if !target.auth.is_empty() {
        let mut request = Vec::new();
        let words: Vec<&[u8]> =
            [&b"AUTH"[..]].into_iter().chain(target.auth.iter().map(Vec::as_slice)).collect();
        encode(&mut request, &words);
        connection.write(&request, deadline).await.map_err(writing)?;
        if let Value::Error(error) = connection.read(deadline).await.map_err(reading)? {
            return Err(CommandError::owned(format!("ERR Target instance replied with error: {error}")));
        }
    }
    Ok(connection)
}

/// Sends the keys that are marked, and settles each as the other node answers. `arrived` is called when it has taken them all from a
/// slot that is migrating, and only disks are waited for still.
async fn send(
    node: &Shared,
    migration: &Migration,
    leaving: &mut Leaving<'_>,
    mut connection: Peer,
    arrived: impl FnOnce(),
) -> Result<Peer, CommandError> {
    let mut request = Vec::new();
    for key in leaving.keys() {
        let name: &[u8] = if migration.asking { b"RESTORE-ASKING" } else { b"RESTORE" };
        let ttl = key.ttl_ms.to_string();
        let mut words = vec![name, &key.key, ttl.as_bytes(), &key.dump];
        if migration.replace {
            words.push(b"REPLACE");
        }
        encode(&mut request, &words);
    }
    let durable = node.log.store().is_some() && !migration.copy;
    if durable {
        let timeout = migration.timeout.as_millis().to_string();
        encode(&mut request, &[b"WAITAOF", b"1", b"0", timeout.as_bytes()]);
    }
    connection.write(&request, Instant::now() + migration.timeout).await.map_err(writing)?;
    let mut answers = Vec::with_capacity(leaving.keys().len());
    for _ in 0..leaving.keys().len() {
        answers.push(connection.read(Instant::now() + migration.timeout).await.map_err(reading)?);
    }
    let moves = |leaving: &LeavingKey| node.view.is_migrating(Slot::of_key(&leaving.key));
    if durable && leaving.keys().iter().all(moves) && answers.iter().all(|answer| answer.as_error().is_none())
    {
        arrived();
    }
    if durable {
        // It waits so long itself before it says that it is not.
        let answer = connection.read(Instant::now() + 2 * migration.timeout).await.map_err(reading)?;
        let on_disk = answer.elements().and_then(|counts| counts.first()?.as_int()) == Some(1);
        if !on_disk && !answer.as_error().is_some_and(|error| promises_no_disk(&error.to_string())) {
            return Err(reading(io::ErrorKind::TimedOut.into()));
        }
    }
    if !migration.copy {
        // Without its mark the slot would seem to be whole here, or on who is elected in this node's place, and these keys never to have been.
        let marked = marks_known(node, migration.timeout).await;
        marked.map_err(|why| CommandError::owned(format!("IOERR {why}")))?;
    }
    let mut outcome = Ok(());
    for answer in answers {
        let settled = leaving.settle(answer.as_error().is_none() && !migration.copy);
        outcome = match answer {
            Value::Error(error) => outcome
                .and(Err(CommandError::owned(format!("ERR Target instance replied with error: {error}")))),
            _ => outcome.and(settled),
        };
    }
    outcome.map(|()| connection)
}

/// Whether this answer to WAITAOF is that of a node that keeps no log, or of a server that does not know the question: they are as safe as they were
/// told to be. Any other error says that what was sent may be gone: a disk that failed, an office that was lost.
fn promises_no_disk(error: &str) -> bool {
    error.starts_with("ERR unknown command") || error.contains("appendonly is disabled")
}

fn writing(_: io::Error) -> CommandError {
    CommandError::text("IOERR error or timeout writing to target instance")
}

fn reading(_: io::Error) -> CommandError {
    CommandError::text("IOERR error or timeout reading from target instance")
}
