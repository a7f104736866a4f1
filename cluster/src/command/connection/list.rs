//! CLIENT LIST, INFO and KILL.

use std::sync::atomic::Ordering;

use crate::command::{Args, CommandError, Reply, SessionContext, table};
use crate::server::clients::Client;

type Result<T = ()> = std::result::Result<T, CommandError>;

/// One line of CLIENT LIST.
fn line(client: &Client, now_ms: u64) -> String {
    let load = |count: &std::sync::atomic::AtomicUsize| count.load(Ordering::Relaxed);
    let mut flags = String::new();
    let queued = client.queued.load(Ordering::Relaxed);
    for (set, letter) in [
        (client.subscribed(), 'P'),
        (queued >= 0, 'x'),
        (client.blocked(), 'b'),
        (client.no_evict.load(Ordering::Relaxed), 'e'),
    ] {
        flags.extend(set.then_some(letter));
    }
    if flags.is_empty() {
        flags.push('N');
    }
    let command = load(&client.last_command).checked_sub(1).and_then(|index| table::all().nth(index));
    let (library, version) = client.library.lock().clone();
    format!(
        "id={} addr={} laddr={} fd=0 name={} age={} idle={} flags={flags} db=0 sub={} psub={} ssub={} multi={queued} qbuf=0 \
         qbuf-free=0 argv-mem=0 multi-mem=0 rbs=0 rbp=0 obl=0 oll=0 omem={} tot-mem=0 events=r cmd={} user=default redir=-1 \
         resp={} lib-name={library} lib-ver={version}\n",
        client.id,
        client.peer,
        client.local,
        client.name.lock(),
        now_ms.saturating_sub(client.since_ms) / 1_000,
        now_ms.saturating_sub(client.last_ms.load(Ordering::Relaxed)) / 1_000,
        load(&client.listens[0]),
        load(&client.listens[1]),
        load(&client.listens[2]),
        client.outbox.bytes(),
        command.map_or("NULL", |spec| spec.name),
        if client.resp3.load(Ordering::Relaxed) { 3 } else { 2 },
    )
}

/// `CLIENT INFO`
pub fn info(context: &mut SessionContext<'_>, _: Args<'_>, reply: &mut Reply<'_>) -> Result {
    reply.verbatim(&line(&context.session.client, context.clock.now_ms));
    Ok(())
}

/// Whether a client is of a TYPE.
fn is_type(client: &Client, name: &[u8]) -> Result<bool> {
    match name.to_ascii_lowercase().as_slice() {
        b"normal" => Ok(!client.subscribed()),
        b"pubsub" => Ok(client.subscribed()),
        b"master" | b"slave" | b"replica" => Ok(false),
        _ => Err(CommandError::owned(format!("ERR Unknown client type '{}'", String::from_utf8_lossy(name)))),
    }
}

/// `CLIENT LIST [TYPE type | ID id…]`
pub fn list(context: &mut SessionContext<'_>, args: Args<'_>, reply: &mut Reply<'_>) -> Result {
    let mut clients = context.node.clients.all();
    if args.len() == 4 && args.is(2, "type") {
        is_type(&context.session.client, args.at(3))?;
        clients.retain(|client| is_type(client, args.at(3)).unwrap_or(false));
    } else if args.len() > 3 && args.is(2, "id") {
        let bad = |_| CommandError::text("ERR Invalid client ID");
        let ids = (3..args.len()).map(|index| args.int(index).map_err(bad)).collect::<Result<Vec<_>>>()?;
        clients.retain(|client| ids.contains(&(client.id as i64)));
    } else if args.len() != 2 {
        return Err(CommandError::Syntax);
    }
    let lines: String = clients.iter().map(|client| line(client, context.clock.now_ms)).collect();
    reply.verbatim(&lines);
    Ok(())
}

/// Which clients CLIENT KILL ends.
#[derive(Default)]
struct Filter<'a> {
    id: Option<i64>,
    peer: Option<&'a [u8]>,
    local: Option<&'a [u8]>,
    kind: Option<&'a [u8]>,
    user: Option<&'a [u8]>,
}

impl Filter<'_> {
    fn takes(&self, client: &Client) -> bool {
        let same = |wanted: Option<&[u8]>, address: std::net::SocketAddr| {
            wanted.is_none_or(|wanted| wanted == address.to_string().as_bytes())
        };
        self.id.is_none_or(|id| id == client.id as i64)
            && same(self.peer, client.peer)
            && same(self.local, client.local)
            && self.kind.is_none_or(|kind| is_type(client, kind).unwrap_or(false))
            && self.user.is_none_or(|user| user == super::auth::USER)
    }
}

/// `CLIENT KILL ip:port`, `CLIENT KILL [ID id] [ADDR a] [LADDR a] [TYPE t] [USER u] [SKIPME yes|no]`
pub fn kill(context: &mut SessionContext<'_>, args: Args<'_>, reply: &mut Reply<'_>) -> Result {
    let (mut filter, mut skip_me) = (Filter::default(), true);
    let old_form = args.len() == 3;
    if old_form {
        filter.peer = Some(args.at(2));
        skip_me = false;
    } else if args.len().is_multiple_of(2) {
        for index in (2..args.len()).step_by(2) {
            let value = args.at(index + 1);
            if args.is(index, "id") {
                let bad = || CommandError::text("ERR client-id should be greater than 0");
                filter.id = Some(args.int(index + 1).ok().filter(|id| *id > 0).ok_or_else(bad)?);
            } else if args.is(index, "addr") {
                filter.peer = Some(value);
            } else if args.is(index, "laddr") {
                filter.local = Some(value);
            } else if args.is(index, "type") {
                is_type(&context.session.client, value)?;
                filter.kind = Some(value);
            } else if args.is(index, "user") {
                if value != super::auth::USER {
                    let user = String::from_utf8_lossy(value);
                    return Err(CommandError::owned(format!("ERR No such user '{user}'")));
                }
                filter.user = Some(value);
            } else if args.is(index, "skipme") {
                skip_me = match value.to_ascii_lowercase().as_slice() {
                    b"yes" => true,
                    b"no" => false,
                    _ => return Err(CommandError::Syntax),
                };
            } else {
                return Err(CommandError::Syntax);
            }
        }
    } else {
        return Err(CommandError::Syntax);
    }
    let me = context.session.client.id;
    let mut killed = 0;
    for client in context.node.clients.all() {
        if filter.takes(&client) && !(skip_me && client.id == me) {
            killed += 1;
            if client.id == me {
                // It is answered first.
                context.close();
            } else {
                client.outbox.close();
            }
        }
    }
    match (old_form, killed) {
        (true, 0) => return Err(CommandError::text("ERR No such client")),
        (true, _) => reply.ok(),
        (false, _) => reply.int(killed),
    }
    Ok(())
}
