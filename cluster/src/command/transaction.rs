//! MULTI, EXEC, DISCARD, WATCH, UNWATCH.

use std::sync::atomic::Ordering;

use shared::rt::time::Instant;
use shared::slot::Slot;

use super::flag::{FAST, LOADING, NOT_QUEUED, STALE};
use super::spec::{ALL_KEYS, SessionHandler};
use super::{Args, CommandError, CommandSpec, Group, Handler, KeySpec, Reply, SessionContext, flag};
use crate::commit;
use crate::redirect::{self, Route};
use crate::server::session::{Transaction, Watch};

type Result<T = ()> = std::result::Result<T, CommandError>;

const fn row(
    name: &'static str,
    arity: i16,
    flags: u32,
    keys: KeySpec,
    since: &'static str,
    summary: &'static str,
    handler: SessionHandler,
) -> CommandSpec {
    let flags = flags | LOADING | STALE | NOT_QUEUED;
    let (group, handler) = (Group::Transactions, Handler::Session(handler));
    CommandSpec { name, arity, flags, keys, group, since, summary, handler }
}

/// The rows of this module.
#[rustfmt::skip]
pub const COMMANDS: &[CommandSpec] = &[
    row("multi", 1, FAST, KeySpec::None, "1.2.0", "Starts a transaction.", multi),
    row("exec", 1, 0, KeySpec::None, "1.2.0", "Executes all commands in a transaction.", exec),
    row("discard", 1, FAST, KeySpec::None, "2.0.0", "Discards a transaction.", discard),
    row("watch", -2, FAST, ALL_KEYS, "2.2.0", "Monitors changes to keys to determine the execution of a transaction.", watch),
    row("unwatch", 1, FAST, KeySpec::None, "2.2.0", "Forgets about watched keys of a transaction.", unwatch),
];

fn multi(context: &mut SessionContext<'_>, _: Args<'_>, reply: &mut Reply<'_>) -> Result {
    if context.session.transaction.is_some() {
        return Err(CommandError::text("ERR MULTI calls can not be nested"));
    }
    context.session.transaction = Some(Transaction::default());
    reply.ok();
    Ok(())
}

fn discard(context: &mut SessionContext<'_>, _: Args<'_>, reply: &mut Reply<'_>) -> Result {
    if context.session.transaction.take().is_none() {
        return Err(CommandError::text("ERR DISCARD without MULTI"));
    }
    context.session.watch.end(&context.node.keyspace);
    reply.ok();
    Ok(())
}

fn watch(context: &mut SessionContext<'_>, args: Args<'_>, reply: &mut Reply<'_>) -> Result {
    if context.session.transaction.is_some() {
        return Err(CommandError::text("ERR WATCH inside MULTI is not allowed"));
    }
    let Watch { flag, keys, .. } = &mut context.session.watch;
    for key in args.from(1) {
        // That a key which was dead before is taken out afterwards is no change.
        if let Some(work) = &mut context.work {
            commit::expire_dead(context.node, work, key, context.clock.now_ms);
        }
        context.node.keyspace.lock(Slot::of_key(key).partition()).watched.watch(key, flag);
        keys.push(key.into());
    }
    reply.ok();
    Ok(())
}

fn unwatch(context: &mut SessionContext<'_>, _: Args<'_>, reply: &mut Reply<'_>) -> Result {
    context.session.watch.end(&context.node.keyspace);
    reply.ok();
    Ok(())
}

fn exec(context: &mut SessionContext<'_>, _: Args<'_>, reply: &mut Reply<'_>) -> Result {
    let transaction =
        context.session.transaction.take().ok_or(CommandError::text("ERR EXEC without MULTI"))?;
    let mut watch = std::mem::take(&mut context.session.watch);
    let result = run(context, &transaction, &watch, reply);
    if let Err(CommandError::InTransfer(_)) = result {
        // Nothing was done: it is said again when the slot has changed hands.
        (context.session.transaction, context.session.watch) = (Some(transaction), watch);
        return result;
    }
    watch.end(&context.node.keyspace);
    result
}

fn run(
    context: &mut SessionContext<'_>,
    transaction: &Transaction,
    watch: &Watch,
    reply: &mut Reply<'_>,
) -> Result {
    if transaction.failed {
        return Err(CommandError::text("EXECABORT Transaction discarded because of previous errors."));
    }
    let route = route(context, transaction, watch)?;
    let Some(work) = context.work.take() else {
        return Err(CommandError::text("ERR EXEC inside EXEC"));
    };
    let mut changed = false;
    commit::run_all(context.node, work, &transaction.queue, &route, context.clock, |running| {
        watch.keys.iter().for_each(|key| running.expire(key));
        changed = watch.flag.load(Ordering::Acquire);
        if changed {
            return;
        }
        reply.array(transaction.queue.len());
        let mut since = Instant::now();
        for (found, request) in &transaction.queue {
            let mut one = reply.nested(context.session.protocol);
            let result = match found.spec.handler {
                Handler::Keys(handler) => running.run(handler, request.args(), &mut one),
                Handler::Session(handler) => {
                    let mut inner = SessionContext::new(
                        context.node,
                        context.config,
                        context.session,
                        context.clock,
                        None,
                    );
                    handler(&mut inner, request.args(), &mut one)
                }
            };
            if let Err(error) = result {
                one.cut();
                one.error(&error);
                context.node.stats.failed(&error);
                context.node.stats.command_failed(found.index);
            }
            let now = Instant::now();
            context.node.stats.called(found.index, 1, now - since);
            context.node.slowlog.note(*found, &request.args(), now - since, context.session, context.config);
            since = now;
        }
    })?;
    if changed {
        reply.null_array();
    }
    Ok(())
}

/// The locks of all its commands and of the keys it watches.
fn route(context: &SessionContext<'_>, transaction: &Transaction, watch: &Watch) -> Result<Route> {
    let mut slots: Vec<Slot> = watch.keys.iter().map(|key| Slot::of_key(key)).collect();
    let (mut whole, mut common) = (false, None);
    for (found, request) in &transaction.queue {
        let args = request.args();
        match redirect::route(found.spec, &args, context.config, &context.node.view, context.session.said)? {
            Route::Nowhere => {}
            Route::Whole | Route::Walk => whole = true,
            Route::Slot(slot) if found.spec.has(flag::CHANNEL_KEYS) && !context.config.cluster_enabled => {
                slots.push(slot);
            }
            Route::Slot(slot) => {
                let other = common.replace(slot).is_some_and(|other| other != slot);
                if other && context.config.cluster_enabled {
                    return Err(CommandError::CrossSlot);
                }
                slots.push(slot);
            }
            Route::Several(_) => {
                found.spec.keys.each(&args, &mut |index| slots.push(Slot::of_key(args.at(index))))
            }
        }
    }
    slots.sort_unstable_by_key(|slot| slot.number());
    slots.dedup();
    Ok(match slots[..] {
        _ if whole => Route::Whole,
        [] => Route::Nowhere,
        [slot] => Route::Slot(slot),
        _ => Route::Several(slots.iter().map(|slot| slot.partition()).collect()),
    })
}
