//! Who belongs to the cluster; epochs; RESET.

use std::net::IpAddr;
use std::sync::Arc;

use shared::node_id::NodeId;
use shared::resp::write;

use super::{Args, CommandError, Done, Reply, SessionContext, bus, refused, unsaved};
use crate::bus::bus::{BUS_PORT_OFFSET, new_name};
use crate::command::args::parse_int;
use crate::command::subcommand;
use crate::commit;
use crate::failover::handover::Manner;
use crate::gossip::admin::{Bumped, Refused};
use crate::replication;
use crate::server::pause::Pause;
use crate::topology::{Member, describe};

pub(super) fn meet(context: &mut SessionContext<'_>, args: Args<'_>, reply: &mut Reply<'_>) -> Done {
    let bus = bus(context)?;
    if args.len() > 5 {
        return Err(subcommand::wrong("cluster", args.at(1)));
    }
    let number = |index: usize, what: &str| {
        parse_int(args.at(index)).ok_or_else(|| {
            let word = String::from_utf8_lossy(args.at(index));
            CommandError::owned(format!("ERR Invalid TCP {what} port specified: {word}"))
        })
    };
    let port = number(3, "base")?;
    let bus_port =
        if args.len() == 5 { number(4, "bus")? } else { port.saturating_add(i64::from(BUS_PORT_OFFSET)) };
    let host = String::from_utf8_lossy(args.at(2));
    let bad = || CommandError::owned(format!("ERR Invalid node address specified: {host}:{port}"));
    let ip: IpAddr = host.parse().map_err(|_| bad())?;
    let as_port = |number: i64| u16::try_from(number).ok().filter(|&port| port > 0).ok_or_else(bad);
    let (port, bus_port) = (as_port(port)?, as_port(bus_port)?);
    bus.order(|engine, now, rng| engine.meet(ip, port, bus_port, now, rng)).map_err(unsaved)?;
    reply.ok();
    Ok(())
}

pub(super) fn forget(context: &mut SessionContext<'_>, args: Args<'_>, reply: &mut Reply<'_>) -> Done {
    let bus = bus(context)?;
    let id = parse_name(args.at(2))?;
    bus.order(|engine, now, _| engine.forget(id, now)).map_err(unsaved)?.map_err(refused)?;
    reply.ok();
    Ok(())
}

/// `CLUSTER REPLICAS node`
pub(super) fn replicas(context: &mut SessionContext<'_>, args: Args<'_>, reply: &mut Reply<'_>) -> Done {
    let id = known(context, args)?;
    let bus = bus(context)?;
    let clock = bus.clock();
    bus.look(|engine| {
        let topology = engine.topology();
        if !topology.member(id).is_some_and(Member::is_primary) {
            return Err(CommandError::text("ERR The specified node is not a master"));
        }
        let replicas: Vec<_> = topology.replicas(id).collect();
        reply.array(replicas.len());
        replicas.iter().for_each(|member| reply.bulk(describe::node(topology, member, clock).as_bytes()));
        Ok(())
    })
}

/// `CLUSTER REPLICATE node`
pub(super) fn replicate(context: &mut SessionContext<'_>, args: Args<'_>, reply: &mut Reply<'_>) -> Done {
    let bus = bus(context)?;
    let id = parse_name(args.at(2))?;
    if context.node.log.store().is_none() {
        return Err(CommandError::text("ERR a replica keeps a log: appendonly must be yes"));
    }
    let is_empty = context.node.keyspace.is_empty();
    bus.order(|engine, now, rng| engine.replicate(id, is_empty, now, rng))
        .map_err(unsaved)?
        .map_err(refused)?;
    if let Some(source) = bus.my_primary() {
        replication::follow(context.node, source);
    }
    reply.ok();
    Ok(())
}

/// `CLUSTER FAILOVER [FORCE|TAKEOVER]`
pub(super) fn failover(context: &mut SessionContext<'_>, args: Args<'_>, reply: &mut Reply<'_>) -> Done {
    let bus = bus(context)?;
    if args.len() > 3 {
        return Err(subcommand::wrong("cluster", args.at(1)));
    }
    let manner = match args.get(2) {
        None => Manner::HandOver,
        Some(_) if args.is(2, "force") => Manner::Force,
        Some(_) if args.is(2, "takeover") => Manner::TakeOver,
        Some(_) => return Err(CommandError::Syntax),
    };
    bus.order(|engine, now, rng| engine.fail_over(manner, now, rng)).map_err(unsaved)?.map_err(refused)?;
    reply.ok();
    Ok(())
}

pub(super) fn count_failure_reports(
    context: &mut SessionContext<'_>,
    args: Args<'_>,
    reply: &mut Reply<'_>,
) -> Done {
    let id = known(context, args)?;
    let bus = bus(context)?;
    let now = bus.now();
    reply.count(bus.look(|engine| engine.failure_reports(id, now)));
    Ok(())
}

pub(super) fn bump_epoch(context: &mut SessionContext<'_>, _: Args<'_>, reply: &mut Reply<'_>) -> Done {
    match bus(context)?.order(|engine, _, _| engine.bump_epoch()).map_err(unsaved)? {
        Bumped::To(epoch) => reply.simple(&format!("BUMPED {epoch}")),
        Bumped::Still(epoch) => reply.simple(&format!("STILL {epoch}")),
    }
    Ok(())
}

pub(super) fn set_config_epoch(
    context: &mut SessionContext<'_>,
    args: Args<'_>,
    reply: &mut Reply<'_>,
) -> Done {
    let bus = bus(context)?;
    let epoch = args.int(2)?;
    bus.order(|engine, _, _| engine.set_config_epoch(epoch)).map_err(unsaved)?.map_err(refused)?;
    reply.ok();
    Ok(())
}

pub(super) fn save_config(context: &mut SessionContext<'_>, _: Args<'_>, reply: &mut Reply<'_>) -> Done {
    bus(context)?.save_config().map_err(unsaved)?;
    reply.ok();
    Ok(())
}

pub(super) fn reset(context: &mut SessionContext<'_>, args: Args<'_>, reply: &mut Reply<'_>) -> Done {
    let bus = bus(context)?;
    if args.len() > 3 {
        return Err(subcommand::wrong("cluster", args.at(1)));
    }
    let hard = match args.get(2) {
        None => false,
        Some(_) if args.is(2, "soft") => false,
        Some(_) if args.is(2, "hard") => true,
        Some(_) => return Err(CommandError::Syntax),
    };
    let replica = context.node.replication.is_replica();
    if !replica && !context.node.keyspace.is_empty() {
        return Err(CommandError::text(
            "ERR CLUSTER RESET can't be called with master nodes containing keys",
        ));
    }
    bus.order(|engine, now, rng| engine.reset(hard.then(new_name), now, rng)).map_err(unsaved)?;
    if !replica {
        reply.ok();
        return Ok(());
    }
    // What a replica holds is its primary's: nothing of it stays.
    let node = Arc::clone(context.node);
    context.pause(Pause::Reply(Box::pin(async move {
        replication::lead(&node);
        node.replication.led().await;
        commit::forget_all(&node);
        let mut reply = Vec::new();
        write::simple(&mut reply, "OK");
        reply
    })));
    Ok(())
}

fn known(context: &SessionContext<'_>, args: Args<'_>) -> Result<NodeId, CommandError> {
    let bus = bus(context)?;
    let id = parse_name(args.at(2))?;
    if bus.look(|engine| engine.topology().member(id).is_none()) {
        return Err(refused(Refused::UnknownNode(id.to_string())));
    }
    Ok(id)
}

fn parse_name(word: &[u8]) -> Result<NodeId, CommandError> {
    let text = String::from_utf8_lossy(word);
    text.parse().map_err(|_| refused(Refused::UnknownNode(text.into_owned())))
}
