//! ACL, as far as there is one: the default user, with `requirepass`.

use crate::command::connection::auth::USER;
use crate::command::subcommand::{self, Subcommand};
use crate::command::{Args, CommandError, Reply, SessionContext, table};

type Result<T = ()> = std::result::Result<T, CommandError>;

#[rustfmt::skip]
const MEMBERS: &[Subcommand] = &[
    Subcommand { name: "whoami", arity: 2, handler: whoami, help: &["WHOAMI", "    Return the current connection username."] },
    Subcommand { name: "users", arity: 2, handler: users, help: &["USERS", "    List all the registered usernames."] },
    Subcommand { name: "list", arity: 2, handler: list, help: &["LIST", "    Show users details in config file format."] },
    Subcommand { name: "cat", arity: -2, handler: cat, help: &["CAT [<category>]", "    List all commands that belong to <category>, or all command categories."] },
];

/// `ACL subcommand …`
pub fn acl(context: &mut SessionContext<'_>, args: Args<'_>, reply: &mut Reply<'_>) -> Result {
    subcommand::run("acl", MEMBERS, context, args, reply)
}

fn whoami(_: &mut SessionContext<'_>, _: Args<'_>, reply: &mut Reply<'_>) -> Result {
    reply.bulk(USER);
    Ok(())
}

fn users(_: &mut SessionContext<'_>, _: Args<'_>, reply: &mut Reply<'_>) -> Result {
    reply.array(1);
    reply.bulk(USER);
    Ok(())
}

fn list(context: &mut SessionContext<'_>, _: Args<'_>, reply: &mut Reply<'_>) -> Result {
    // A password is not told, not even as a hash.
    let password = if context.config.requirepass.is_empty() { "nopass " } else { "" };
    reply.array(1);
    reply.bulk(format!("user default on {password}~* &* +@all").as_bytes());
    Ok(())
}

fn cat(_: &mut SessionContext<'_>, args: Args<'_>, reply: &mut Reply<'_>) -> Result {
    let mut names: Vec<&str> = match args.get(2) {
        None => table::all().flat_map(|spec| spec.categories()).collect(),
        Some(category) => {
            let in_category = |spec: &&'static crate::command::CommandSpec| {
                spec.categories().any(|name| name.as_bytes().eq_ignore_ascii_case(category))
            };
            table::all().filter(in_category).map(|spec| spec.name).collect()
        }
    };
    names.sort_unstable();
    names.dedup();
    if names.is_empty() {
        let category = String::from_utf8_lossy(args.at(2));
        return Err(CommandError::owned(format!("ERR Unknown category '{category}'")));
    }
    reply.array(names.len());
    names.iter().for_each(|name| reply.bulk(name.as_bytes()));
    Ok(())
}
