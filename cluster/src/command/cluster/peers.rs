//! Who belongs to the cluster; epochs; RESET.

use std::net::IpAddr;

use shared::node_id::NodeId;

use super::{Args, CommandError, Done, Reply, SessionContext, bus, refused, unsaved};
use crate::bus::bus::{BUS_PORT_OFFSET, new_name};
use crate::command::args::parse_int;
use crate::command::subcommand;
use crate::gossip::admin::{Bumped, Refused};

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

/// There are none in this version; an unknown primary is still an error.
pub(super) fn replicas(context: &mut SessionContext<'_>, args: Args<'_>, reply: &mut Reply<'_>) -> Done {
    known(context, args)?;
    reply.array(0);
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
    bus(context)?.order(|engine, _, _| engine.save()).map_err(unsaved)?;
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
    if !context.node.keyspace.is_empty() {
        return Err(CommandError::text(
            "ERR CLUSTER RESET can't be called with master nodes containing keys",
        ));
    }
    bus.order(|engine, now, _| engine.reset(hard.then(new_name), now)).map_err(unsaved)?;
    reply.ok();
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
