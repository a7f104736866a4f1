//! A batch is sent; what was refused is sent again, until all parts have their replies.

use std::collections::BTreeMap;
use std::future::poll_fn;
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::task::Poll;

use shared::resp::write;
use shared::rt::time::Instant;
use shared::slot::Slot;
use shared::slot_set::SlotSet;

use super::batch::{Answered, Batch, Hop};
use super::link::{Answer, Failure};
use super::verdict::{self, Verdict};
use super::{mark, patience, pause, pool};
use crate::node::Shared;
use crate::peer::encode;
use crate::topology::view::{Owner, Owners};

/// What goes to one owner at once.
struct Group {
    to: SocketAddr,
    bytes: Vec<u8>,
    replies: usize,
    /// Parts, and the first of each one's replies.
    parts: Vec<(usize, usize)>,
    writes: bool,
}

/// What a round has brought.
#[derive(Default)]
struct Round {
    answered: bool,
    /// Somebody said that it is not the time.
    again: bool,
}

impl Batch {
    /// Sends all parts until each has its reply, or it is too late; then puts the replies between this node's own.
    pub async fn run(mut self, shared: Arc<Shared>, own: Vec<u8>) -> Answered {
        mark::forwarded(&shared, self.len());
        let patience = patience(&shared.config());
        let mut deadline = Instant::now() + patience;
        let mut changes = shared.view.changes();
        let mut wrote = Vec::new();
        let mut rounds = 0;
        loop {
            changes.mark_unchanged();
            let groups = self.groups(&shared.view.owners(), rounds > 0);
            let round = self.round(&shared, groups, deadline, &mut wrote).await;
            let pending = self.len();
            if pending == 0 {
                break;
            }
            rounds += 1;
            shared.proxy.again.fetch_add(pending as u64, Ordering::Relaxed);
            if round.answered {
                deadline = Instant::now() + patience;
            } else if Instant::now() >= deadline {
                self.give_up();
                break;
            }
            if round.again || !round.answered && rounds > 1 {
                pause(&mut changes, deadline).await;
            }
        }
        self.answer(&own, wrote)
    }

    /// What goes to whom in this round. Parts on one slot go to one owner in their order; behind one that goes alone none goes.
    fn groups(&mut self, owners: &Owners, again: bool) -> Vec<Group> {
        let mut groups: Vec<Group> = Vec::new();
        let mut barred = SlotSet::new();
        let mut moved: BTreeMap<u16, SocketAddr> = BTreeMap::new();
        for (index, part) in self.parts.iter_mut().enumerate().filter(|(_, part)| part.reply.is_none()) {
            let slot = part.slot;
            if again && barred.contains(slot) {
                continue;
            }
            let (mut to, mut asking) = (moved.get(&slot.number()).copied(), false);
            match part.hop.take() {
                None => {}
                Some(Hop::Moved(address)) => to = Some(*moved.entry(slot.number()).or_insert(address)),
                Some(Hop::Ask(address)) => {
                    (to, asking) = (Some(address), true);
                    barred.insert(slot);
                }
                Some(Hop::Alone) => {
                    barred.insert(slot);
                }
            }
            let Some(to) = to.or_else(|| owner(owners, slot, self.place.own)) else {
                "CLUSTERDOWN Hash slot not served".clone_into(&mut part.why);
                barred.insert(slot);
                continue;
            };
            let place = groups.iter().position(|group| group.to == to).unwrap_or_else(|| {
                groups.push(Group { to, bytes: Vec::new(), replies: 0, parts: Vec::new(), writes: false });
                groups.len() - 1
            });
            let group = &mut groups[place];
            if asking {
                encode(&mut group.bytes, &[b"ASKING"]);
                group.replies += 1;
            }
            group.bytes.extend_from_slice(&self.requests[part.bytes.clone()]);
            group.parts.push((index, group.replies));
            group.replies += part.replies;
            group.writes |= part.writes;
        }
        groups
    }

    /// Sends all groups at once, and sorts their replies.
    async fn round(
        &mut self,
        shared: &Arc<Shared>,
        mut groups: Vec<Group>,
        deadline: Instant,
        wrote: &mut Vec<(SocketAddr, Arc<str>)>,
    ) -> Round {
        let sent = groups.iter_mut().map(|group| {
            let link = pool::link(shared, group.to, self.mode, self.place);
            link.send(std::mem::take(&mut group.bytes), group.replies, deadline)
        });
        let answers = all(sent.collect()).await;
        let mut round = Round { again: groups.is_empty(), ..Round::default() };
        for (group, answer) in groups.iter().zip(answers) {
            self.take(group, answer, &mut round, wrote);
        }
        round
    }

    fn take(
        &mut self,
        group: &Group,
        answer: Answer,
        round: &mut Round,
        wrote: &mut Vec<(SocketAddr, Arc<str>)>,
    ) {
        match answer {
            Ok(replies) => {
                let mut has_written = false;
                for &(part, first) in &group.parts {
                    let each = replies.each(first, self.parts[part].replies);
                    let mut last: &[u8] = &[];
                    let mut refused = None;
                    for reply in each {
                        last = reply;
                        let verdict = verdict::of(reply, group.to);
                        // What a transaction answers inside of its EXEC is its own matter.
                        if verdict != Verdict::Answer && refused.is_none() {
                            refused = Some((verdict, reply));
                        }
                    }
                    match refused {
                        None => {
                            has_written |= self.parts[part].writes;
                            round.answered = true;
                            self.reply(part, last);
                        }
                        Some((verdict, reply)) => self.refused(part, verdict, reply, round),
                    }
                }
                if let (true, Some(token)) = (has_written, &replies.token) {
                    wrote.push((group.to, Arc::clone(token)));
                }
            }
            Err(Failure::NotSent(why)) => self.not_sent(group, &why, round),
            // Reads may be asked twice.
            Err(Failure::Unknown(why)) if !group.writes => self.not_sent(group, &why, round),
            Err(Failure::Refused(why)) => self.error(group, &format!("ERR cluster-proxy: {why}"), round),
            Err(Failure::Unknown(why)) => self.error(group, &unknown(&why), round),
        }
    }

    fn refused(&mut self, part: usize, verdict: Verdict, reply: &[u8], round: &mut Round) {
        let line = reply.strip_prefix(b"-").unwrap_or(reply);
        let part = &mut self.parts[part];
        part.why = String::from_utf8_lossy(line.strip_suffix(b"\r\n").unwrap_or(line)).into_owned();
        part.hop = match verdict {
            Verdict::Moved(Some(to)) => Some(Hop::Moved(to)),
            Verdict::Ask(Some(to)) => Some(Hop::Ask(to)),
            Verdict::Stuck | Verdict::Answer => None,
            Verdict::Moved(None) | Verdict::Ask(None) | Verdict::Again => {
                round.again = true;
                Some(Hop::Alone)
            }
        };
    }

    fn not_sent(&mut self, group: &Group, why: &str, round: &mut Round) {
        round.again = true;
        for (part, _) in &group.parts {
            self.parts[*part].why = format!("ERR cluster-proxy: the owner cannot be reached: {why}");
        }
    }

    fn error(&mut self, group: &Group, error: &str, round: &mut Round) {
        round.answered = true;
        let mut reply = Vec::new();
        write::error(&mut reply, error);
        group.parts.iter().for_each(|(part, _)| self.reply(*part, &reply));
    }

    /// It is too late: each part that has no reply is told why.
    fn give_up(&mut self) {
        for index in 0..self.parts.len() {
            if self.parts[index].reply.is_none() {
                let mut reply = Vec::new();
                write::error(&mut reply, &self.parts[index].why);
                self.reply(index, &reply);
            }
        }
    }
}

/// Where the owner of a slot is reached.
pub(super) fn owner(owners: &Owners, slot: Slot, own: SocketAddr) -> Option<SocketAddr> {
    match owners.of(slot) {
        Owner::Me => Some(own),
        Owner::At(address) => Some(address),
        Owner::Unknown => None,
    }
}

/// What is told of a write that was sent and not answered.
pub(super) fn unknown(why: &str) -> String {
    format!(
        "ERR cluster-proxy: the outcome is not known, the command may have been executed, or may yet be: {why}"
    )
}

/// What all futures come to, in their order.
pub(super) async fn all<F: Future>(futures: Vec<F>) -> Vec<F::Output> {
    let mut running: Vec<_> = futures.into_iter().map(|future| (Box::pin(future), None)).collect();
    poll_fn(|cx| {
        let mut ready = true;
        for (future, output) in running.iter_mut().filter(|(_, output)| output.is_none()) {
            match pin!(future).poll(cx) {
                Poll::Ready(result) => *output = Some(result),
                Poll::Pending => ready = false,
            }
        }
        if ready { Poll::Ready(()) } else { Poll::Pending }
    })
    .await;
    running.into_iter().filter_map(|(_, output)| output).collect()
}
