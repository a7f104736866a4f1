//! Replicas: REPLICAOF, ROLE, WAIT, WAITAOF, REPLSYNC, and what INFO says of them.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use persistence::{Generation, History, Offsets};
use shared::epoch::Epoch;
use shared::resp::write;
use shared::rt::time::{self, Duration};

use crate::command::{Args, CommandError, Reply, SessionContext};
use crate::node::Shared;
use crate::replication::feed::Hello;
use crate::replication::feeds::Feeds;
use crate::replication::frame::{LINK_VERSION, PART};
use crate::replication::{self, LinkState, Role, Source};
use crate::server::pause::Pause;
use crate::topology::{CopyId, RunId};

type Result<T = ()> = std::result::Result<T, CommandError>;

/// `REPLICAOF host port`, `REPLICAOF NO ONE`
pub fn replicaof(context: &mut SessionContext<'_>, args: Args<'_>, reply: &mut Reply<'_>) -> Result {
    if context.config.cluster_enabled {
        return Err(CommandError::text("ERR REPLICAOF not allowed in cluster mode."));
    }
    let replication = &context.node.replication;
    if args.is(1, "no") && args.is(2, "one") {
        if replication.is_replica() {
            if replication.is_partial() {
                return Err(CommandError::text(
                    "ERR this replica has only a part of its primary's data: it was still receiving it. Started anew, it goes on with that part",
                ));
            }
            replication::lead(context.node);
        }
        reply.ok();
        return Ok(());
    }
    let port = args.int(2).ok().and_then(|port| u16::try_from(port).ok());
    let port = port.ok_or(CommandError::text("ERR Invalid master port"))?;
    if context.node.log.store().is_none() {
        return Err(CommandError::text("ERR a replica keeps a log: appendonly must be yes"));
    }
    let source = Source { host: String::from_utf8_lossy(args.at(1)).into_owned(), port };
    if matches!(replication.role(), Role::Replica { source: now, .. } if now == source) {
        reply.simple("OK Already connected to specified master");
        return Ok(());
    }
    replication::follow(context.node, source);
    reply.ok();
    Ok(())
}

/// `REPLSYNC version port history ends node store term run`: a replica asks for what it lacks; `term` is that of the primary it was last
/// in sync with. Answered with `SYNC node term`, which says
/// whose log comes; frames follow ([`crate::replication::frame`]). Outside of a cluster both nodes are `-`, and the term is 0.
pub fn replsync(context: &mut SessionContext<'_>, args: Args<'_>, reply: &mut Reply<'_>) -> Result {
    if args.int(1)? != LINK_VERSION as i64 {
        return Err(CommandError::owned(format!("ERR this node speaks version {LINK_VERSION} of REPLSYNC")));
    }
    if args.len() != 9 {
        return Err(CommandError::Arity("replsync".to_owned()));
    }
    let port = args.int(2).ok().and_then(|port| u16::try_from(port).ok());
    let port = port.ok_or(CommandError::text("ERR invalid port"))?;
    let history = History::decode(args.at(3))
        .map_err(|what| CommandError::owned(format!("ERR invalid history of a log: {what}")))?;
    let ends = offsets(args.at(4)).ok_or(CommandError::text("ERR invalid offsets"))?;
    if context.node.log.store().is_none() {
        return Err(CommandError::text("ERR a primary with replicas keeps a log: appendonly must be yes"));
    }
    if context.node.replication.is_replica() {
        return Err(CommandError::text("ERR this node is a replica itself"));
    }
    if !context.node.replication.may_feed() {
        return Err(CommandError::text(
            "ERR this node could not note on its disk that it writes the log: it takes no replicas",
        ));
    }
    let copy = match (args.at(5), args.at(6)) {
        (b"-", _) => None,
        (node, store) => Some(copy(node, store).ok_or(CommandError::text("ERR invalid copy"))?),
    };
    match &context.node.bus {
        None => reply.simple("SYNC - 0"),
        Some(bus) => {
            let run = std::str::from_utf8(args.at(8)).ok().and_then(|run| run.parse().ok());
            let run = RunId(run.ok_or(CommandError::text("ERR invalid run id"))?);
            let peer = context.session.client.peer;
            let from = SocketAddr::new(peer.ip().to_canonical(), port);
            if copy.is_some_and(|copy| !bus.look(|engine| engine.may_link(copy.node, run, from))) {
                return Err(CommandError::text("ERR another node has this id"));
            }
            let term = args.int(7).ok().and_then(|term| u64::try_from(term).ok());
            if let (Some(copy), Some(term), Some(store)) = (copy, term, context.node.log.store())
                && has_more(store, &history, &ends)
            {
                bus.order(|engine, now, _| engine.replica_has_more(copy, Epoch(term), now))
                    .map_err(CommandError::owned)?;
            }
            let office = bus.look(|engine| engine.office_to_show());
            let (node, term) = office.ok_or(CommandError::text(
                "ERR this primary does not serve: it lacks what it was elected with",
            ))?;
            reply.simple(&format!("SYNC {node} {term}"));
        }
    }
    context.pause(Pause::Feed(Box::new(Hello { port, copy, history, ends })));
    Ok(())
}

/// Whether a replica has something of this node's own log that this node has not.
fn has_more(store: &persistence::Store, history: &History, ends: &Offsets) -> bool {
    let (mine, my_ends) = (store.history(), store.ends());
    let is_mine = mine.stretches().iter().any(|stretch| stretch.id == history.id());
    is_mine
        && mine
            .agreed(&my_ends, history, ends)
            .is_some_and(|agreed| agreed.iter().zip(ends).any(|(a, end)| a < end && *end != PART))
}

fn copy(node: &[u8], store: &[u8]) -> Option<CopyId> {
    let text = |bytes| std::str::from_utf8(bytes).ok();
    Some(CopyId { node: text(node)?.parse().ok()?, store: text(store)?.parse().ok()? })
}

fn offsets(text: &[u8]) -> Option<Offsets> {
    let words = std::str::from_utf8(text).ok()?.split(' ');
    let ends: Vec<u64> = words.map(|word| word.parse().ok()).collect::<Option<_>>()?;
    ends.try_into().ok()
}

/// `ROLE`
pub fn role(context: &mut SessionContext<'_>, _: Args<'_>, reply: &mut Reply<'_>) -> Result {
    let node = context.node;
    match node.replication.role() {
        Role::Primary => {
            reply.array(3);
            reply.bulk(b"master");
            reply.int(offset(node) as i64);
            let feeds = node.replication.feeds.all();
            reply.array(feeds.len());
            for feed in feeds {
                reply.array(3);
                reply.bulk(feed.address.ip().to_string().as_bytes());
                reply.bulk(feed.address.port().to_string().as_bytes());
                reply.bulk(feed.offset().to_string().as_bytes());
            }
        }
        Role::Replica { source, .. } => {
            let source = primary(node, source);
            reply.array(5);
            reply.bulk(b"slave");
            reply.bulk(source.host.as_bytes());
            reply.int(i64::from(source.port));
            reply.bulk(node.replication.link.lock().state.name().as_bytes());
            reply.int(offset(node) as i64);
        }
    }
    Ok(())
}

/// Whom a replica follows: in a cluster that is known from the others, and not from an order.
fn primary(node: &Shared, ordered: Source) -> Source {
    node.bus.as_ref().and_then(|bus| bus.my_primary()).unwrap_or(ordered)
}

/// Sum of the offsets at which the logs of all ranges end: what others call the replication offset.
fn offset(node: &Shared) -> u64 {
    node.log.store().map_or(0, |store| store.ends().iter().sum())
}

/// What INFO says.
pub fn info(node: &Shared) -> Vec<(String, String)> {
    let replication = &node.replication;
    let mut lines: Vec<(String, String)> = Vec::new();
    let mut line = |name: &str, value: String| lines.push((name.to_owned(), value));
    if let Role::Replica { source, .. } = replication.role() {
        let source = primary(node, source);
        let link = replication.link.lock().clone();
        let up = matches!(link.state, LinkState::Connected | LinkState::Sync);
        let idle_s = time::now_ms().saturating_sub(link.heard_ms) / 1_000;
        line("role", "slave".into());
        line("master_host", source.host);
        line("master_port", source.port.to_string());
        line("master_link_status", if up { "up" } else { "down" }.into());
        line("master_last_io_seconds_ago", if up { idle_s.to_string() } else { "-1".into() });
        line("master_sync_in_progress", u8::from(link.state == LinkState::Sync).to_string());
        line("master_link_trouble", link.trouble.unwrap_or_default());
        line("slave_repl_offset", offset(node).to_string());
        line("slave_priority", node.settings().get("replica-priority").unwrap_or_default().to_owned());
        line("slave_read_only", "1".into());
    } else {
        line("role", "master".into());
    }
    if let Some((term, in_sync)) =
        node.bus.as_ref().and_then(|bus| bus.look(|engine| engine.in_sync_to_show()))
    {
        line("term", term.to_string());
        line("in_sync_copies", in_sync.to_string());
    }
    let digests = &replication.digests;
    for (name, count) in [
        ("ranges_received", &replication.ranges_received),
        ("ranges_equal", &replication.ranges_equal),
        ("slots_received", &replication.slots_received),
        ("range_digests_sent", &digests.sent),
        ("range_digests_checked", &digests.checked),
        ("range_digests_differed", &digests.differed),
        ("ranges_repaired", &digests.repaired),
    ] {
        line(name, count.load(Ordering::Relaxed).to_string());
    }
    let feeds = replication.feeds.all();
    line("connected_slaves", feeds.len().to_string());
    for (number, feed) in feeds.iter().enumerate() {
        let state = if feed.is_online() { "online" } else { "send_bulk" };
        let (ip, port) = (feed.address.ip(), feed.address.port());
        let (offset, lag) = (feed.offset(), feed.lag_s());
        line(
            &format!("slave{number}"),
            format!("ip={ip},port={port},state={state},offset={offset},lag={lag}"),
        );
    }
    let history = node.log.store().map(persistence::Store::history).unwrap_or_default();
    let stretches = history.stretches();
    let id =
        |back: usize| stretches.len().checked_sub(back).map_or("0".repeat(40), |at| stretches[at].id.clone());
    line("master_failover_state", "no-failover".into());
    line("master_replid", id(1));
    line("master_replid2", id(2));
    line("master_repl_offset", offset(node).to_string());
    let second = stretches
        .last()
        .filter(|_| stretches.len() > 1)
        .map_or(-1, |last| last.starts.iter().sum::<u64>() as i64);
    line("second_repl_offset", second.to_string());
    lines
}

fn timeout(args: &Args<'_>, index: usize) -> Result<Option<Duration>> {
    let bad = || CommandError::text("ERR timeout is not an integer or out of range");
    match args.int(index).map_err(|_| bad())? {
        0 => Ok(None),
        number => match u64::try_from(number) {
            Ok(number) => Ok(Some(Duration::from_millis(number))),
            Err(_) => Err(CommandError::text("ERR timeout is negative")),
        },
    }
}

/// What this connection has written, up to which generation; [`Generation::NONE`] for nothing.
///
/// # Errors
/// The node was no primary in between: it may have given that up.
fn generation(context: &SessionContext<'_>) -> Result<Generation> {
    let session = &context.session;
    match session.generation {
        None => Ok(Generation::NONE),
        Some(generation) if context.node.replication.leads_since(session.led) => Ok(generation),
        Some(_) => Err(no_longer_known()),
    }
}

fn no_longer_known() -> CommandError {
    CommandError::text(
        "ERR this node was not the primary all the time since this connection wrote: what became of it is not known",
    )
}

/// Waits for a timeout; without one for ever.
async fn wait_for(timeout: Option<Duration>) {
    match timeout {
        Some(timeout) => time::sleep(timeout).await,
        None => std::future::pending().await,
    }
}

/// `WAIT numreplicas timeout`: answers how many replicas hold this connection's writes, when it is so many or the time is over.
pub fn wait(context: &mut SessionContext<'_>, args: Args<'_>, reply: &mut Reply<'_>) -> Result {
    if context.node.replication.is_replica() {
        return Err(CommandError::text(
            "ERR WAIT cannot be used with replica instances. Please also note that since Redis 4.0 if a replica is configured to be writable (which is not the default) writes to replicas are just local and are not propagated.",
        ));
    }
    let replicas = args.int(1)?;
    let timeout = timeout(&args, 2)?;
    let generation = generation(context)?;
    let led = context.session.led;
    let held = context.node.replication.feeds.holding(generation) as i64;
    if held >= replicas || context.in_transaction() {
        reply.int(held);
        return Ok(());
    }
    let node = Arc::clone(context.node);
    context.pause(Pause::Reply(Box::pin(async move {
        let feeds = &node.replication.feeds;
        let held = async {
            if let Some(store) = node.log.store() {
                // Replicas are told what is written: this has it written now. If it cannot be, no replica will hold it.
                let _written = store.wait_written(generation).await;
            }
            feeds.ask();
            feeds.until(|feeds| feeds.holding(generation) as i64 >= replicas).await;
        };
        tokio::select! {
            biased;
            () = held => {}
            () = wait_for(timeout) => {}
        }
        let mut reply = Vec::new();
        match generation == Generation::NONE || node.replication.leads_since(led) {
            true => write::integer(&mut reply, feeds.holding(generation) as i64),
            false => write::error(&mut reply, &no_longer_known().to_string()),
        }
        reply
    })));
    Ok(())
}

/// `WAITAOF numlocal numreplicas timeout`: answers when this connection's writes are on the disk of so many nodes: this one
/// (0 or 1), and replicas. Who waits has the next fsync start at once, there as well. In a cluster this node counts only when all
/// copies that could be elected in its place have them on disk too: then no failover loses them.
pub fn waitaof(context: &mut SessionContext<'_>, args: Args<'_>, reply: &mut Reply<'_>) -> Result {
    if context.node.replication.is_replica() {
        return Err(CommandError::text(
            "ERR WAITAOF cannot be used with replica instances. Please also note that writes to replicas are just local and are not propagated.",
        ));
    }
    let local = args.int(1)?;
    if !(0..=1).contains(&local) {
        return Err(CommandError::text("ERR value is out of range, must be between 0 and 1"));
    }
    let replicas = args.int(2)?;
    if replicas < 0 {
        return Err(CommandError::text("ERR value is out of range, must be positive"));
    }
    let timeout = timeout(&args, 3)?;
    let Some(store) = context.node.log.store() else {
        if local == 1 {
            return Err(CommandError::text(
                "ERR WAITAOF cannot be used when numlocal is set but appendonly is disabled.",
            ));
        }
        return without_log(context, replicas, timeout, reply);
    };
    let generation = generation(context)?;
    let led = context.session.led;
    let (durable, copies) = on_disk(context.node, generation);
    let enough = (local == 0 || durable) && copies >= replicas;
    if context.in_transaction() || enough {
        store.check().map_err(|error| CommandError::Misconfigured(error.to_string()))?;
        reply.array(2);
        reply.flag(durable);
        reply.int(copies);
        return Ok(());
    }
    let node = Arc::clone(context.node);
    // The disks begin before the replies to what came in front of this are sent.
    node.replication.feeds.want_on_disk(generation);
    store.want_durable(generation);
    context.pause(Pause::Reply(Box::pin(async move {
        let feeds = &node.replication.feeds;
        let enough = async {
            // Also where only replicas are asked for: they are told what is written, and this has it written now.
            node.log.durable(generation).await?;
            let enough = |feeds: &Feeds| {
                feeds.on_disk(generation) as i64 >= replicas && (local == 0 || feeds.is_saved(generation))
            };
            feeds.until(enough).await;
            Ok::<(), CommandError>(())
        };
        let result = tokio::select! {
            biased;
            result = enough => result,
            () = wait_for(timeout) => Ok(()),
        };
        let (durable, copies) = on_disk(&node, generation);
        let known = generation == Generation::NONE || node.replication.leads_since(led);
        let mut reply = Vec::new();
        match result.and(if known { Ok(()) } else { Err(no_longer_known()) }) {
            Ok(()) => {
                write::array(&mut reply, 2);
                write::integer(&mut reply, i64::from(durable));
                write::integer(&mut reply, copies);
            }
            Err(error) => write::error(&mut reply, &error.to_string()),
        }
        reply
    })));
    Ok(())
}

/// Whether a generation is on the disk of this node and saved: in a cluster also on those of all copies that may be elected. And
/// on the disks of how many replicas it is.
fn on_disk(node: &Shared, generation: Generation) -> (bool, i64) {
    let feeds = &node.replication.feeds;
    let durable = node.log.store().is_some_and(|store| store.durable() >= generation);
    (durable && feeds.is_saved(generation), feeds.on_disk(generation) as i64)
}

/// WAITAOF on a node without a log, and so without replicas: more than none never come.
fn without_log(
    context: &mut SessionContext<'_>,
    replicas: i64,
    timeout: Option<Duration>,
    reply: &mut Reply<'_>,
) -> Result {
    if replicas == 0 || context.in_transaction() {
        reply.array(2);
        reply.int(0);
        reply.int(0);
        return Ok(());
    }
    context.pause(Pause::Reply(Box::pin(async move {
        wait_for(timeout).await;
        let mut reply = Vec::new();
        write::array(&mut reply, 2);
        write::integer(&mut reply, 0);
        write::integer(&mut reply, 0);
        reply
    })));
    Ok(())
}
