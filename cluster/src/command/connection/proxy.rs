//! CLIENT PROXY: what nodes say to each other about requests that one has forwarded.

use crate::command::{Args, CommandError, Reply, SessionContext};
use crate::proxy::mark::{self, Mark};

/// `CLIENT PROXY ON|SHARED`: what comes was forwarded, for one client or for several; answers a token.
/// `CLIENT PROXY RESUME`: refusals until now were heard of. `CLIENT PROXY CLAIM token`: WAIT and WAITAOF speak of all that was written
/// since the token was given.
pub fn proxy(
    context: &mut SessionContext<'_>,
    args: Args<'_>,
    reply: &mut Reply<'_>,
) -> Result<(), CommandError> {
    let (node, session) = (context.node, &mut *context.session);
    let is_shared = args.is(2, "shared");
    match args.len() {
        3 if is_shared || args.is(2, "on") => {
            session.mark = Some(Box::new(Mark::new(is_shared)));
            "cluster-proxy".clone_into(&mut session.client.name.lock());
            reply.bulk(mark::token(node, node.replication.led_count()).as_bytes());
        }
        3 if args.is(2, "resume") => {
            session.mark.iter_mut().for_each(|mark| mark.resume());
            reply.ok();
        }
        4 if args.is(2, "claim") => {
            mark::claim(node, session, args.at(3))?;
            reply.ok();
        }
        _ => return Err(CommandError::Syntax),
    }
    Ok(())
}
