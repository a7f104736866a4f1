//! Commands that are families: `CLUSTER INFO`, `PUBSUB CHANNELS`.

use super::spec::SessionHandler;
use super::{Args, CommandError, Reply, SessionContext};

/// One member of a family.
pub struct Subcommand {
    /// Lower case.
    pub name: &'static str,
    /// Words with both names; negative: at least so many.
    pub arity: i16,
    /// What it does.
    pub handler: SessionHandler,
    /// Its lines in HELP: what it takes, and what it does.
    pub help: &'static [&'static str],
}

/// Runs the member of a family that the second word names.
///
/// # Errors
/// There is none of that name, or it does not take so many words; or what it says itself.
pub fn run(
    family: &str,
    members: &[Subcommand],
    context: &mut SessionContext<'_>,
    args: Args<'_>,
    reply: &mut Reply<'_>,
) -> Result<(), CommandError> {
    if args.is(1, "help") {
        if args.len() != 2 {
            return Err(CommandError::Arity(format!("{family}|help")));
        }
        help(family, members, reply);
        return Ok(());
    }
    let Some(member) = members.iter().find(|member| args.is(1, member.name)) else {
        return Err(CommandError::unknown_subcommand(family, args.at(1)));
    };
    let words = usize::from(member.arity.unsigned_abs());
    if args.len() < words || (member.arity >= 0 && args.len() > words) {
        return Err(CommandError::Arity(format!("{family}|{}", member.name)));
    }
    (member.handler)(context, args, reply)
}

/// A member was called with more words than its arity can tell.
pub fn wrong(family: &str, member: &[u8]) -> CommandError {
    CommandError::owned(format!(
        "ERR unknown subcommand or wrong number of arguments for '{}'. Try {} HELP.",
        String::from_utf8_lossy(member),
        family.to_ascii_uppercase()
    ))
}

fn help(family: &str, members: &[Subcommand], reply: &mut Reply<'_>) {
    let head =
        format!("{} <subcommand> [<arg> [value] [opt] ...]. Subcommands are:", family.to_ascii_uppercase());
    reply.array(3 + members.iter().map(|member| member.help.len()).sum::<usize>());
    reply.simple(&head);
    members.iter().flat_map(|member| member.help).for_each(|line| reply.simple(line));
    reply.simple("HELP");
    reply.simple("    Prints this help.");
}
