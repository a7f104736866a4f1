//! CONFIG.

use std::collections::BTreeMap;

use shared::rt::fs;

use crate::command::subcommand::{self, Subcommand};
use crate::command::{Args, CommandError, Reply, SessionContext};
use crate::config::rewrite;

type Result<T = ()> = std::result::Result<T, CommandError>;

#[rustfmt::skip]
const MEMBERS: &[Subcommand] = &[
    Subcommand { name: "get", arity: -3, handler: get, help: &["GET <pattern>", "    Return parameters matching the glob-like <pattern> and their values."] },
    Subcommand { name: "set", arity: -4, handler: set, help: &["SET <directive> <value>", "    Set the configuration <directive> to <value>."] },
    Subcommand { name: "resetstat", arity: 2, handler: resetstat, help: &["RESETSTAT", "    Reset statistics reported by the INFO command."] },
    Subcommand { name: "rewrite", arity: 2, handler: rewrite, help: &["REWRITE", "    Rewrite the configuration file."] },
];

/// `CONFIG subcommand …`
pub fn config(context: &mut SessionContext<'_>, args: Args<'_>, reply: &mut Reply<'_>) -> Result {
    subcommand::run("config", MEMBERS, context, args, reply)
}

fn get(context: &mut SessionContext<'_>, args: Args<'_>, reply: &mut Reply<'_>) -> Result {
    let settings = context.node.settings();
    let mut found = BTreeMap::new();
    for pattern in args.from(2) {
        let is_name = !pattern.iter().any(|byte| b"*?[".contains(byte));
        for (name, text) in settings.matching(pattern) {
            // A name is answered as it was asked: clients look for it among the replies.
            found.insert(if is_name { pattern } else { name.as_bytes() }, (name, text));
        }
    }
    let port = context.node.port.to_string();
    reply.map(found.len());
    for (asked, (name, text)) in found {
        reply.bulk(asked);
        // The system may have chosen it.
        reply.bulk(if name == "port" { port.as_bytes() } else { text.as_bytes() });
    }
    Ok(())
}

fn set(context: &mut SessionContext<'_>, args: Args<'_>, reply: &mut Reply<'_>) -> Result {
    if !args.len().is_multiple_of(2) {
        return Err(CommandError::Arity("config|set".into()));
    }
    let text = |word: &[u8]| String::from_utf8_lossy(word).into_owned();
    let pairs: Vec<_> = (2..args.len())
        .step_by(2)
        .map(|index| (text(args.at(index)).to_lowercase(), text(args.at(index + 1))))
        .collect();
    context.node.set(&pairs).map_err(|error| CommandError::owned(error.to_string()))?;
    reply.ok();
    Ok(())
}

fn resetstat(context: &mut SessionContext<'_>, _: Args<'_>, reply: &mut Reply<'_>) -> Result {
    context.node.stats.reset(&context.node.keyspace);
    reply.ok();
    Ok(())
}

fn rewrite(context: &mut SessionContext<'_>, _: Args<'_>, reply: &mut Reply<'_>) -> Result {
    let settings = context.node.settings();
    let Some(file) = &settings.file else {
        return Err(CommandError::text("ERR The server is running without a config file"));
    };
    let failed = |error: std::io::Error| CommandError::owned(format!("ERR Rewriting config file: {error}"));
    let old = fs::read_to_string(file).map_err(failed)?;
    let new = file.with_extension("conf.new");
    fs::write(&new, rewrite::rewritten(&old, &settings)).map_err(failed)?;
    fs::rename(&new, file).map_err(failed)?;
    reply.ok();
    Ok(())
}
