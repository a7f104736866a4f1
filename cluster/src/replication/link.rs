//! The replica's side of a link: it is held up as long as the node is a replica.

use std::collections::VecDeque;
use std::io;
use std::sync::Arc;

use bytes::{Bytes, BytesMut};
use persistence::{Generation, Offsets, Store};
use shared::epoch::Epoch;
use shared::limits::{EPOCH_MAX, TRANSFERS_NOTED_MAX};
use shared::node_id::NodeId;
use shared::resp::reply::ReplyDecoder;
use shared::resp::{Protocol, Value, write};
use shared::rt::net::TcpStream;
use shared::rt::ready::{self, READ_BYTES};
use shared::rt::task::yield_now;
use shared::rt::time::{self, Duration, Instant, timeout};
use shared::slot_set::SlotSet;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::sync::watch;
use tokio::task::coop::consume_budget;

use super::catch_up;
use super::frame::{self, Ack, FRAME_BYTES_MAX, Frame, HEADER_BYTES, LINK_VERSION, PART};
use super::intake::{Intake, IntakeError};
use super::{LinkState, Role, Source, leads};
use crate::node::Shared;
use crate::slot_migration::ShardSlots;
use crate::topology::nodes_conf::notes;
use crate::topology::{Moves, Transfers};

/// First wait after a link broke, milliseconds; it doubles up to [`BACKOFF_MS_MAX`].
const BACKOFF_MS_MIN: u64 = 100;
/// Longest wait, milliseconds.
const BACKOFF_MS_MAX: u64 = 1_000;

/// If nobody waits for that, what was taken in is acknowledged when nothing has come for so long, milliseconds…
const ACK_MS: u64 = 5;
/// …and after so long at most.
const ACK_MS_MAX: u64 = 1_000;
/// Who is so late with an acknowledgement, milliseconds, or took in nothing for so long and then has more than one generation at hand, was
/// stopped itself. The primary may have been killed meanwhile: what it handed to its system still comes, but only until something arrives
/// there. So nothing is acknowledged unasked for [`ACK_MS_MAX`].
const STOPPED_MS: u64 = 100;

/// When this node was elected: how long nothing may come from the old primary before what it sent counts as read, milliseconds…
const ARRIVED_MS: u64 = 5;
/// …and how long it is read at most.
const ARRIVED_MS_MAX: u64 = 200;

/// So much is looked for behind records, bytes: more than one write of a primary that is not late.
const AHEAD_BYTES: usize = 4 * READ_BYTES;

/// Generations of the primary that wait to be on disk; beyond it the oldest are told together.
const UNSYNCED_MAX: usize = 4_096;

/// Why a link ended.
#[derive(Debug, thiserror::Error)]
enum LinkError {
    #[error("{0}")]
    Io(#[from] io::Error),
    #[error("{0}")]
    Intake(#[from] IntakeError),
    #[error("{0}")]
    Store(#[from] persistence::Error),
    #[error("the primary answered: {0}")]
    Refused(String),
    #[error("the primary sent what is no frame")]
    Protocol,
    #[error("no sign of life for repl-timeout")]
    Silent,
    #[error("it is not the primary that this node follows")]
    Stranger,
    #[error("cannot write nodes.conf: {0}")]
    Unsaved(String),
}

/// Holds up the link that the node's role asks for, until the node stops.
pub async fn run(shared: Arc<Shared>) {
    let Some(store) = shared.log.store() else { return };
    let mut roles = shared.replication.watch_role();
    let mut backoff_ms = BACKOFF_MS_MIN;
    loop {
        let role = roles.borrow_and_update().clone();
        match role {
            Role::Primary => {
                if shared.replication.is_replica() {
                    leads(&shared.replication, &shared.log, &shared.keyspace);
                    if let Some(bus) = &shared.bus {
                        bus.led();
                    }
                }
                if roles.changed().await.is_err() {
                    return;
                }
            }
            Role::Replica { source, may_replace } => {
                // In a cluster the primary may have another address by now, or be another node.
                let source = shared.bus.as_ref().and_then(|bus| bus.my_primary()).unwrap_or(source);
                let opened = tokio::select! {
                    biased;
                    changed = roles.changed() => match changed {
                        Ok(()) => None,
                        Err(_) => return,
                    },
                    opened = open(&shared, store, &source, may_replace) => Some(opened),
                };
                let connected = matches!(opened, Some(Ok(_)));
                let ended = match opened {
                    None => None,
                    Some(Err(error)) => Some(error),
                    Some(Ok((mut link, mut intake))) => link.follow(&mut intake, &mut roles).await.err(),
                };
                note_end(&shared, &source, ended.as_ref());
                if ended.is_none() {
                    continue;
                }
                backoff_ms = if connected { BACKOFF_MS_MIN } else { (backoff_ms * 2).min(BACKOFF_MS_MAX) };
                wait_or_change(&mut roles, backoff_ms).await;
            }
        }
    }
}

/// Notes that a link ended; without an error because the role has changed.
fn note_end(shared: &Shared, source: &Source, error: Option<&LinkError>) {
    let mut status = shared.replication.link.lock();
    status.state = LinkState::Connect;
    let trouble = error.map(LinkError::to_string);
    // The same trouble again and again is told once.
    if let Some(trouble) = trouble.as_ref().filter(|trouble| status.trouble.as_ref() != Some(trouble)) {
        tracing::warn!(primary = %source, error = trouble, "the link to the primary ended");
    }
    status.trouble = trouble;
}

/// Waits, unless the role changes meanwhile.
async fn wait_or_change(roles: &mut watch::Receiver<Role>, ms: u64) {
    let _elapsed = timeout(Duration::from_millis(ms), async {
        if roles.has_changed().unwrap_or(true) {
            return;
        }
        let _changed = roles.clone().changed().await;
    })
    .await;
}

/// Connects, and learns how what this replica lacks comes.
async fn open<'l>(
    shared: &'l Arc<Shared>,
    store: &'l Store,
    source: &Source,
    may_replace: bool,
) -> Result<(Link<'l>, Intake<'l>), LinkError> {
    shared.replication.link.lock().state = LinkState::Connecting;
    let patience = Duration::from_secs(shared.config().repl_timeout_s.max(1));
    let greeted = timeout(patience, greet(shared, store, source)).await.map_err(|_| LinkError::Silent)?;
    let (stream, input, primary) = greeted?;
    let may_replace = replaces(shared, primary, may_replace)?;
    let mut link = Link {
        shared,
        store,
        stream,
        input,
        primary,
        patience,
        unsynced: VecDeque::new(),
        unacknowledged: None,
        told: 0,
        told_at: Instant::now(),
        quiet_until: Instant::now(),
        deaf: false,
        wanted: 0,
        durable: 0,
    };
    let (kind, end) = link.frame().await?;
    let plan = link.input.split_to(end);
    let plan = Frame::decode(kind, &plan[HEADER_BYTES..]).ok_or(LinkError::Protocol)?;
    let intake = match Intake::begin(shared, store, &plan, may_replace) {
        Err(error @ IntakeError::WouldLose) => {
            if let Some(bus) = &shared.bus {
                bus.order(|engine, now, rng| engine.primary_has_less(now, rng))
                    .map_err(LinkError::Unsaved)?;
            }
            return Err(error.into());
        }
        intake => intake?,
    };
    {
        let mut status = shared.replication.link.lock();
        status.state = if intake.is_whole() { LinkState::Connected } else { LinkState::Sync };
        status.trouble = None;
    }
    if intake.is_whole() {
        link.in_sync()?;
    }
    for range in intake.to_come() {
        let mut holds = Vec::new();
        catch_up::holds(&shared.keyspace, range).await.encode(&mut holds);
        timeout(patience, link.stream.write_all(&holds)).await.map_err(|_| LinkError::Silent)??;
    }
    Ok((link, intake))
}

/// Whether what this node holds may be replaced by less: in a cluster, if the primary was elected after the one that it last was
/// in sync with.
fn replaces(shared: &Shared, primary: Option<(NodeId, Epoch)>, said: bool) -> Result<bool, LinkError> {
    match (&shared.bus, primary) {
        (None, _) => Ok(said),
        (Some(bus), Some((node, term))) => bus
            .look(|engine| engine.follows(node, term).then(|| engine.may_replace(term)))
            .ok_or(LinkError::Stranger),
        (Some(_), None) => Err(LinkError::Stranger),
    }
}

/// Connects, and says what this replica has. What was read beyond the answer comes with the stream.
async fn greet(
    shared: &Arc<Shared>,
    store: &Store,
    source: &Source,
) -> Result<(TcpStream, BytesMut, Option<(NodeId, Epoch)>), LinkError> {
    let mut stream = TcpStream::connect((source.host.as_str(), source.port)).await?;
    stream.set_nodelay(true)?;
    let mut request = Vec::new();
    let mut answers = 1 + usize::from(authenticate(shared, &mut request));
    let ends: Vec<String> = held(shared, store).iter().map(u64::to_string).collect();
    let (version, port) = (LINK_VERSION.to_string(), shared.port.to_string());
    let (history, ends) = (store.history().encode(), ends.join(" "));
    let node = shared.bus.as_ref().map_or_else(|| "-".to_owned(), |bus| bus.my_id().to_string());
    let id = store.id().to_string();
    // A term that no primary has says that it was never in sync.
    let of_log = shared.bus.as_ref().and_then(|bus| bus.look(|engine| engine.log_term()));
    let term = of_log.map_or_else(|| "-1".to_owned(), |term| term.to_string());
    let run = shared.bus.as_ref().map_or(0, |bus| bus.look(|engine| engine.run().0)).to_string();
    let words = ["REPLSYNC", &version, &port, &history, &ends, &node, &id, &term, &run].map(str::as_bytes);
    encode(&mut request, words.into_iter());
    stream.write_all(&request).await?;
    let (mut decoder, mut input) = (ReplyDecoder::new(Protocol::Resp2), BytesMut::new());
    let mut primary = None;
    while answers > 0 {
        match decoder.next(&mut input).map_err(|_| LinkError::Protocol)? {
            Some(Value::Error(error)) => return Err(LinkError::Refused(error.to_string())),
            Some(answer) => {
                answers -= 1;
                primary = answer.as_str().and_then(named);
            }
            None => {
                if stream.read_buf(&mut input).await? == 0 {
                    return Err(io::Error::from(io::ErrorKind::UnexpectedEof).into());
                }
            }
        }
    }
    Ok((stream, input, primary))
}

/// Begins a request to another node with AUTH, if this one has a password for others (`masterauth`); whether it has.
pub(crate) fn authenticate(shared: &Shared, request: &mut Vec<u8>) -> bool {
    let settings = shared.settings();
    let setting = |name: &str| settings.get(name).unwrap_or_default();
    let (user, password) = (setting("masteruser"), setting("masterauth"));
    if !password.is_empty() {
        let words = [&b"AUTH"[..], user.as_bytes(), password.as_bytes()];
        encode(request, words.into_iter().filter(|word| !word.is_empty()));
    }
    !password.is_empty()
}

/// Reads `SYNC node term`.
fn named(answer: &str) -> Option<(NodeId, Epoch)> {
    let (node, term) = answer.strip_prefix("SYNC ")?.split_once(' ')?;
    Some((node.parse().ok()?, Epoch(term.parse().ok()?)))
}

/// Up to where this replica has each range. One whose receipt was given up, or that differs from the primary's, ends where no log
/// does, so that it does not come by its log.
fn held(shared: &Shared, store: &Store) -> Offsets {
    let mut ends = store.ends();
    let digests = &shared.replication.digests;
    let comes_whole = |range| store.is_receiving(range) || digests.is_asked(range);
    for (range, end) in ends.iter_mut().enumerate().filter(|(range, _)| comes_whole(*range)) {
        tracing::debug!(range, "has a part of this range only, or another");
        *end = PART;
    }
    ends
}

/// A request of these words.
pub(crate) fn encode<'w>(out: &mut Vec<u8>, words: impl Iterator<Item = &'w [u8]> + Clone) {
    write::array(out, words.clone().count());
    words.for_each(|word| write::bulk(out, word));
}

/// Waits until then; for ever without a time.
async fn at(time: Option<Instant>) {
    match time {
        Some(time) => time::sleep_until(time).await,
        None => std::future::pending().await,
    }
}

struct Link<'l> {
    shared: &'l Arc<Shared>,
    store: &'l Store,
    stream: TcpStream,
    input: BytesMut,
    /// Who it says that it is, and its term; in a cluster.
    primary: Option<(NodeId, Epoch)>,
    patience: Duration,
    /// Generations of the primary that are taken in and not on disk, each with the one of this store that it is in.
    unsynced: VecDeque<(u64, Generation)>,
    /// The newest generation of the primary that is taken in and not acknowledged, and when the oldest such was.
    unacknowledged: Option<(u64, Instant)>,
    /// The newest generation that the primary has told.
    told: u64,
    /// When it told one.
    told_at: Instant,
    /// Nothing is acknowledged before, unless somebody waits for it.
    quiet_until: Instant,
    /// The primary hears nothing any more; what it sent before may still come.
    deaf: bool,
    /// Somebody at the primary waits for this generation of it to be on disk here.
    wanted: u64,
    /// This one is.
    durable: u64,
}

impl Link<'_> {
    /// Reads until a whole frame stands at the front of the input: its kind, and where it ends.
    async fn frame(&mut self) -> Result<(u8, usize), LinkError> {
        loop {
            if let Some(found) =
                frame::first(&self.input, FRAME_BYTES_MAX).map_err(|_| LinkError::Protocol)?
            {
                return Ok(found);
            }
            let read = timeout(self.patience, self.stream.read_buf(&mut self.input)).await;
            if read.map_err(|_| LinkError::Silent)?? == 0 {
                return Err(io::Error::from(io::ErrorKind::UnexpectedEof).into());
            }
        }
    }

    /// Follows until something fails, or the role changes.
    async fn follow(
        &mut self,
        intake: &mut Intake<'_>,
        roles: &mut watch::Receiver<Role>,
    ) -> Result<(), LinkError> {
        loop {
            let store = self.store;
            // What is wanted is in the oldest that is not on disk, or behind it.
            let (oldest, wanted) = (self.unsynced.front().copied(), self.wanted > self.durable);
            let on_disk = async move {
                match oldest {
                    Some((_, local)) if wanted => store.wait_durable(local).await,
                    Some((_, local)) => store.reaches_durable(local).await,
                    None => std::future::pending().await,
                }
            };
            let due = (self.told_at + Duration::from_millis(ACK_MS)).max(self.quiet_until);
            let due = self.unacknowledged.map(|_| due);
            let frame = tokio::select! {
                biased;
                _ = roles.changed() => {
                    if intake.is_whole() && *roles.borrow() == Role::Primary {
                        self.take_what_has_arrived(intake).await;
                    }
                    return Ok(());
                }
                frame = self.frame() => Some(frame?),
                synced = on_disk => {
                    synced?;
                    self.note_durable();
                    if !wanted {
                        self.unacknowledged.get_or_insert((0, Instant::now()));
                        continue;
                    }
                    None
                }
                () = at(due) => {
                    let late = due.map_or(Duration::ZERO, |due| due.elapsed());
                    if late > Duration::from_millis(STOPPED_MS) {
                        self.keep_quiet();
                        continue;
                    }
                    None
                }
            };
            if let Some((kind, end)) = frame {
                let bytes = self.input.split_to(end).freeze();
                let frame = Frame::decode(kind, &bytes[HEADER_BYTES..]).ok_or(LinkError::Protocol)?;
                self.heard(intake)?;
                if let Frame::Shard { config_epoch, slots, transfers } = frame {
                    self.told_of_shard(config_epoch, slots, transfers)?;
                    continue;
                }
                if let Frame::Records { range, .. } = frame
                    && intake.is_whole()
                {
                    self.records(intake, range, &bytes)?;
                    // What is read ahead comes without a wait: the thread has timers and an end too.
                    consume_budget().await;
                    continue;
                }
                let Frame::Generation { generation, wanted } = frame else {
                    intake.take(&frame)?;
                    if matches!(frame, Frame::Same { .. }) {
                        // Little was read for what it makes the node do.
                        yield_now().await;
                    }
                    continue;
                };
                self.wanted = wanted;
                if self.unsynced.len() >= UNSYNCED_MAX {
                    self.unsynced.pop_back();
                }
                self.unsynced.push_back((generation, store.generation()));
                let (now, stopped) = (Instant::now(), Duration::from_millis(STOPPED_MS));
                let was_stopped = now.duration_since(std::mem::replace(&mut self.told_at, now)) > stopped;
                if was_stopped && !self.input.is_empty() {
                    self.keep_quiet();
                }
                let (before, since) = self.unacknowledged.unwrap_or((0, now));
                self.unacknowledged = Some((generation.max(before), since));
                // One that was told before: the primary asks. Who waits for the disk is told when it is there, and not twice.
                let asked = generation <= self.told;
                self.told = self.told.max(generation);
                if !asked && now.duration_since(since) < Duration::from_millis(ACK_MS_MAX) {
                    continue;
                }
            }
            self.acknowledge(intake.is_whole()).await?;
        }
    }

    /// Takes records, with those of other ranges that are at hand behind them. If somebody waits for them to be on disk, they become
    /// so while they are applied: 1.13 times as many writes at QUORUM (50 clients at pipeline 16 on two cores).
    fn records(&mut self, intake: &mut Intake<'_>, range: usize, frame: &Bytes) -> Result<(), LinkError> {
        let (mut frames, mut wanted) = (vec![(range, frame.clone())], 0);
        // What ends the link is found when more is read than is here.
        while self.input.len() < AHEAD_BYTES && matches!(ready::read(&self.stream, &mut self.input), Ok(true))
        {
        }
        loop {
            let next = frame::first(&self.input, FRAME_BYTES_MAX).map_err(|_| LinkError::Protocol)?;
            let Some((kind, end)) = next else { break };
            match Frame::decode(kind, &self.input[HEADER_BYTES..end]) {
                Some(Frame::Records { range, .. }) if frames.iter().all(|(other, _)| *other != range) => {
                    frames.push((range, self.input.split_to(end).freeze()));
                }
                Some(Frame::Generation { wanted: told, .. }) => {
                    wanted = told;
                    break;
                }
                _ => break,
            }
        }
        let records: Vec<_> =
            frames.iter().map(|(range, frame)| (*range, &frame[HEADER_BYTES + 1..])).collect();
        let (store, durable) = (self.store, self.durable);
        intake.records(&records, || {
            if wanted > durable {
                store.want_durable(store.generation());
            }
        })?;
        Ok(())
    }

    /// This node was stopped for a while: it reads what is at hand before it says anything.
    fn keep_quiet(&mut self) {
        let now = Instant::now();
        self.quiet_until = now + Duration::from_millis(ACK_MS_MAX);
        self.unacknowledged = self.unacknowledged.map(|(generation, _)| (generation, now));
    }

    /// What this node holds is a prefix of what the primary holds. On disk before anything is acknowledged.
    fn in_sync(&self) -> Result<(), LinkError> {
        if let (Some(bus), Some((_, term))) = (&self.shared.bus, self.primary) {
            bus.order(|engine, _, _| engine.in_sync_with(term)).map_err(LinkError::Unsaved)?;
        }
        self.shared.replication.replaced();
        Ok(())
    }

    /// Which slots the shard has, and which change hands: on disk when this returns.
    fn told_of_shard(
        &self,
        config_epoch: u64,
        slots: &[u8; SlotSet::WIRE_BYTES],
        transfers: &[u8],
    ) -> Result<(), LinkError> {
        let (Some(bus), Some((node, _))) = (&self.shared.bus, self.primary) else { return Ok(()) };
        let text = std::str::from_utf8(transfers).map_err(|_| LinkError::Protocol)?;
        let mut told = ShardSlots {
            config_epoch: Epoch(config_epoch.min(EPOCH_MAX)),
            slots: SlotSet::from_wire(slots),
            transfers: Transfers::new(),
            moves: Moves::default(),
        };
        for line in text.lines().take(TRANSFERS_NOTED_MAX + 1) {
            let words: Vec<&str> = line.split_ascii_whitespace().collect();
            if let ["moves", words @ ..] = words.as_slice() {
                told.moves = notes::moves(words).map_err(|_| LinkError::Protocol)?;
                continue;
            }
            let (id, transfer) = notes::transfer(&words).map_err(|_| LinkError::Protocol)?;
            told.transfers.insert(id, transfer);
        }
        bus.order(|engine, _, _| engine.told_of_shard(node, told)).map_err(LinkError::Unsaved)
    }

    fn heard(&self, intake: &Intake<'_>) -> Result<(), LinkError> {
        let mut status = self.shared.replication.link.lock();
        status.heard_ms = time::now_ms();
        if status.state == LinkState::Sync && intake.is_whole() {
            status.state = LinkState::Connected;
            drop(status);
            self.in_sync()?;
        }
        Ok(())
    }

    /// This node was elected: takes in what the old primary had sent before. Its clients may have heard of it.
    async fn take_what_has_arrived(&mut self, intake: &mut Intake<'_>) {
        let until = Instant::now() + Duration::from_millis(ARRIVED_MS_MAX);
        while Instant::now() < until {
            let next = timeout(Duration::from_millis(ARRIVED_MS), self.frame()).await;
            let Ok(Ok((kind, end))) = next else { return };
            let bytes = self.input.split_to(end).freeze();
            let frame = Frame::decode(kind, &bytes[HEADER_BYTES..]);
            if let Some(frame @ Frame::Records { .. }) = frame
                && let Err(error) = intake.take(&frame)
            {
                return tracing::warn!(%error, "the end of what the old primary sent could not be taken in");
            }
        }
    }

    /// Looks up to which generation of the primary all is on disk.
    fn note_durable(&mut self) {
        let durable = self.store.durable();
        while let Some((generation, _)) = self.unsynced.front().filter(|(_, local)| *local <= durable) {
            self.durable = *generation;
            self.unsynced.pop_front();
        }
    }

    /// Tells what is taken in, and what is on disk. That is nothing before every range is `whole`: a crash would empty the others.
    async fn acknowledge(&mut self, whole: bool) -> Result<(), LinkError> {
        let applied = self.unacknowledged.take().map_or(0, |(generation, _)| generation);
        // Only the newest primary that is known here may count on this copy.
        if let (Some(bus), Some((node, term))) = (&self.shared.bus, self.primary)
            && !bus.look(|engine| engine.follows(node, term))
        {
            return Err(LinkError::Stranger);
        }
        self.note_durable();
        let applied = applied.max(self.unsynced.back().map_or(self.durable, |(generation, _)| *generation));
        let mut frame = Vec::new();
        let durable = if whole { self.durable } else { 0 };
        Ack { applied, durable, offset: self.store.ends().iter().sum() }.encode(&mut frame);
        if !self.deaf {
            let written = timeout(self.patience, self.stream.write_all(&frame)).await;
            self.deaf = written.map_err(|_| LinkError::Silent)?.is_err();
        }
        Ok(())
    }
}
