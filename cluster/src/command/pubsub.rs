//! Messages: SUBSCRIBE and its kin, PUBLISH, SPUBLISH, PUBSUB.

use std::sync::Arc;

use bytes::Bytes;
use shared::slot::Slot;

use super::flag::{CHANNEL_KEYS, FAST, LOADING, PUBSUB, STALE, WHILE_SUBSCRIBED};
use super::spec::ALL_KEYS;
use super::subcommand::{self, Subcommand};
use super::{Args, CommandError, CommandSpec, Group, Handler, KeyContext, KeySpec, Reply, SessionContext};
use crate::pubsub::{Scope, Subscription};
use crate::redirect::{self, Said};

const fn row(
    name: &'static str,
    arity: i16,
    flags: u32,
    keys: KeySpec,
    since: &'static str,
    summary: &'static str,
    handler: Handler,
) -> CommandSpec {
    CommandSpec {
        name,
        arity,
        flags: flags | PUBSUB | LOADING | STALE,
        keys,
        group: Group::PubSub,
        since,
        summary,
        handler,
    }
}

const LISTEN: u32 = WHILE_SUBSCRIBED;

/// The rows of this module.
pub const COMMANDS: &[CommandSpec] = &[
    row(
        "subscribe",
        -2,
        LISTEN,
        KeySpec::None,
        "2.0.0",
        "Listens for messages published to channels.",
        Handler::Session(subscribe),
    ),
    row(
        "unsubscribe",
        -1,
        LISTEN,
        KeySpec::None,
        "2.0.0",
        "Stops listening to messages posted to channels.",
        Handler::Session(unsubscribe),
    ),
    row(
        "psubscribe",
        -2,
        LISTEN,
        KeySpec::None,
        "2.0.0",
        "Listens for messages published to channels that match one or more patterns.",
        Handler::Session(psubscribe),
    ),
    row(
        "punsubscribe",
        -1,
        LISTEN,
        KeySpec::None,
        "2.0.0",
        "Stops listening to messages published to channels that match one or more patterns.",
        Handler::Session(punsubscribe),
    ),
    row(
        "ssubscribe",
        -2,
        LISTEN | CHANNEL_KEYS,
        ALL_KEYS,
        "7.0.0",
        "Listens for messages published to shard channels.",
        Handler::Session(ssubscribe),
    ),
    row(
        "sunsubscribe",
        -1,
        LISTEN | CHANNEL_KEYS,
        ALL_KEYS,
        "7.0.0",
        "Stops listening to messages posted to shard channels.",
        Handler::Session(sunsubscribe),
    ),
    row(
        "publish",
        3,
        FAST,
        KeySpec::None,
        "2.0.0",
        "Posts a message to a channel.",
        Handler::Session(publish),
    ),
    row(
        "spublish",
        3,
        FAST | CHANNEL_KEYS,
        super::spec::ONE_KEY,
        "7.0.0",
        "Post a message to a shard channel",
        Handler::Keys(spublish),
    ),
    row(
        "pubsub",
        -2,
        0,
        KeySpec::None,
        "2.8.0",
        "A container for Pub/Sub commands.",
        Handler::Session(pubsub),
    ),
];

const MEMBERS: &[Subcommand] = &[
    Subcommand {
        name: "channels",
        arity: -2,
        handler: channels,
        help: &[
            "CHANNELS [<pattern>]",
            "    Return the currently active channels matching a <pattern> (default: '*').",
        ],
    },
    Subcommand {
        name: "numpat",
        arity: 2,
        handler: numpat,
        help: &["NUMPAT", "    Return number of subscriptions to patterns."],
    },
    Subcommand {
        name: "numsub",
        arity: -2,
        handler: numsub,
        help: &[
            "NUMSUB [<channel> ...]",
            "    Return the number of subscribers for the specified channels, excluding",
            "    pattern subscriptions(default: no channels).",
        ],
    },
    Subcommand {
        name: "shardchannels",
        arity: -2,
        handler: shardchannels,
        help: &[
            "SHARDCHANNELS [<pattern>]",
            "    Return the currently active shard level channels matching a <pattern> (default: '*').",
        ],
    },
    Subcommand {
        name: "shardnumsub",
        arity: -2,
        handler: shardnumsub,
        help: &[
            "SHARDNUMSUB [<shardchannel> ...]",
            "    Return the number of subscribers for the specified shard level channel(s)",
        ],
    },
];

type Done = Result<(), CommandError>;

fn subscribe(context: &mut SessionContext<'_>, args: Args<'_>, reply: &mut Reply<'_>) -> Done {
    listen(context, Scope::Channel, "subscribe", args, reply);
    Ok(())
}

fn psubscribe(context: &mut SessionContext<'_>, args: Args<'_>, reply: &mut Reply<'_>) -> Done {
    listen(context, Scope::Pattern, "psubscribe", args, reply);
    Ok(())
}

fn ssubscribe(context: &mut SessionContext<'_>, args: Args<'_>, reply: &mut Reply<'_>) -> Done {
    listen(context, Scope::Shard, "ssubscribe", args, reply);
    // The slot may have gone after it was looked at and before this client was known to listen: then nobody told it.
    let moved = redirect::serves(
        context.config,
        &context.node.view,
        Slot::of_key(args.at(1)),
        CHANNEL_KEYS,
        Said::default(),
    );
    if let (Err(error), Some(subscription)) = (moved, &context.session.subscription) {
        for name in args.from(1) {
            subscription.unsubscribe(Scope::Shard, name);
        }
        return Err(error);
    }
    Ok(())
}

fn listen(context: &mut SessionContext<'_>, scope: Scope, kind: &str, args: Args<'_>, reply: &mut Reply<'_>) {
    let session = &mut *context.session;
    let subscription = session.subscription.get_or_insert_with(|| {
        Subscription::new(Arc::clone(&context.node.pubsub), Arc::clone(&session.client), session.protocol)
    });
    subscription.speaks(session.protocol);
    for name in args.from(1) {
        let count = subscription.subscribe(scope, name);
        confirm(reply, kind, Some(name), count);
    }
    // Sharded channels have their publishers on this node.
    if let (Some(bus), Scope::Channel | Scope::Pattern) = (&context.node.bus, scope) {
        session.unheard = bus.unheard();
    }
}

fn unsubscribe(context: &mut SessionContext<'_>, args: Args<'_>, reply: &mut Reply<'_>) -> Done {
    end(context, Scope::Channel, "unsubscribe", args, reply);
    Ok(())
}

fn punsubscribe(context: &mut SessionContext<'_>, args: Args<'_>, reply: &mut Reply<'_>) -> Done {
    end(context, Scope::Pattern, "punsubscribe", args, reply);
    Ok(())
}

fn sunsubscribe(context: &mut SessionContext<'_>, args: Args<'_>, reply: &mut Reply<'_>) -> Done {
    end(context, Scope::Shard, "sunsubscribe", args, reply);
    Ok(())
}

fn end(context: &mut SessionContext<'_>, scope: Scope, kind: &str, args: Args<'_>, reply: &mut Reply<'_>) {
    let names: Vec<Bytes> = match &context.session.subscription {
        Some(subscription) if args.len() == 1 => subscription.names(scope),
        _ => args.from(1).map(Bytes::copy_from_slice).collect(),
    };
    let mut confirmed = Vec::with_capacity(names.len());
    for name in names {
        let count = context.session.subscription.as_ref().map_or(0, |s| s.unsubscribe(scope, &name));
        confirmed.push((name, count));
    }
    // After the confirmation nothing comes from the channel: what is under way goes before it. Not inside EXEC, where it would
    // stand among the replies.
    if context.work.is_some() {
        context.session.client.outbox.take().iter().for_each(|message| reply.encoded(message));
    }
    if confirmed.is_empty() {
        let count = context.session.subscription.as_ref().map_or(0, |s| s.told(scope));
        confirm(reply, kind, None, count);
    }
    for (name, count) in confirmed {
        confirm(reply, kind, Some(&name), count);
    }
}

fn confirm(reply: &mut Reply<'_>, kind: &str, name: Option<&[u8]>, count: usize) {
    reply.push(3);
    reply.bulk(kind.as_bytes());
    reply.bulk_or_null(name);
    reply.count(count);
}

fn publish(context: &mut SessionContext<'_>, args: Args<'_>, reply: &mut Reply<'_>) -> Done {
    let (channel, message) = (args.at(1), args.at(2));
    if let Some(bus) = &context.node.bus {
        bus.publish(channel, message).map_err(|error| CommandError::owned(format!("ERR {error}")))?;
    }
    reply.count(context.node.pubsub.deliver(channel, message));
    Ok(())
}

fn spublish(context: &mut KeyContext<'_>, args: Args<'_>, reply: &mut Reply<'_>) -> Done {
    reply.count(context.publish(args.at(1), args.at(2)));
    Ok(())
}

fn pubsub(context: &mut SessionContext<'_>, args: Args<'_>, reply: &mut Reply<'_>) -> Done {
    subcommand::run("pubsub", MEMBERS, context, args, reply)
}

fn channels(context: &mut SessionContext<'_>, args: Args<'_>, reply: &mut Reply<'_>) -> Done {
    active(context, Scope::Channel, args, reply)
}

fn shardchannels(context: &mut SessionContext<'_>, args: Args<'_>, reply: &mut Reply<'_>) -> Done {
    active(context, Scope::Shard, args, reply)
}

fn active(context: &SessionContext<'_>, scope: Scope, args: Args<'_>, reply: &mut Reply<'_>) -> Done {
    if args.len() > 3 {
        return Err(subcommand::wrong("pubsub", args.at(1)));
    }
    let names = context.node.pubsub.active(scope, args.get(2));
    reply.array(names.len());
    names.iter().for_each(|name| reply.bulk(name));
    Ok(())
}

fn numsub(context: &mut SessionContext<'_>, args: Args<'_>, reply: &mut Reply<'_>) -> Done {
    listeners(context, Scope::Channel, args, reply);
    Ok(())
}

fn shardnumsub(context: &mut SessionContext<'_>, args: Args<'_>, reply: &mut Reply<'_>) -> Done {
    listeners(context, Scope::Shard, args, reply);
    Ok(())
}

fn listeners(context: &SessionContext<'_>, scope: Scope, args: Args<'_>, reply: &mut Reply<'_>) {
    // Flat in both protocols, as Redis has it.
    reply.array(2 * (args.len() - 2));
    for name in args.from(2) {
        reply.bulk(name);
        reply.count(context.node.pubsub.listeners(scope, name));
    }
}

fn numpat(context: &mut SessionContext<'_>, _: Args<'_>, reply: &mut Reply<'_>) -> Done {
    reply.count(context.node.pubsub.patterns());
    Ok(())
}
