//! Replies wait until what they tell has left for the replicas (`replication/sent`).
//!
//! The first connection of a round that waits lets all others that have something to read run before it has the log written, so that one
//! write serves them all; then the links send it, and wake whoever waits.

use std::pin::{Pin, pin};
use std::task::{Context, Poll, ready};

use persistence::Generation;
use shared::rt::time::{self, Duration, Sleep};
use tokio::task::yield_now;

use super::{Connection, Goodbye};
use crate::node::Shared;
use crate::replication::sent::Look;
use crate::server::hold::Hold;
use crate::server::outbox::Taken;

/// How long replies wait for a disk that takes nothing, milliseconds: then they leave before what they tell.
const SENT_MS_MAX: u64 = 500;

/// What replies wait for.
pub(super) struct Unsent {
    generation: Generation,
    leads: Option<Leads>,
}

/// This connection sees to it for all that wait.
enum Leads {
    /// When others have had their turn.
    Later,
    /// It has: until then.
    Done(Pin<Box<Sleep>>),
}

impl Connection {
    /// Replies are held back until this has left.
    pub(super) fn note_unsent(&mut self, wrote: Option<Generation>) {
        let sent = &self.shared.replication.feeds.sent;
        if let Some(generation) = wrote.filter(|generation| !sent.has_left(generation.number())) {
            self.unsent = Some(Unsent { generation, leads: None });
        }
    }

    /// Ready when what is held back may leave, or must wait for something more.
    pub(super) fn poll_sent(&mut self, cx: &mut Context<'_>) -> Poll<Result<Option<Hold>, Goodbye>> {
        let Some(unsent) = &mut self.unsent else { return Poll::Ready(Ok(None)) };
        if unsent.poll(cx, &self.shared, self.session.client.id).is_pending() {
            // Being killed still counts.
            let closed = self.session.client.outbox.poll_take(cx, &mut self.output, 0) == Taken::Closed;
            return if closed { Poll::Ready(Err(Goodbye::Asked)) } else { Poll::Pending };
        }
        self.unsent = None;
        // Now, not when it was done: the process may have been stopped in between.
        let led = self.session.led;
        let demoted = self.shared.bus.is_some() && !self.shared.replication.leads_since(led);
        Poll::Ready(Ok((demoted || !self.shared.view.is_leased()).then_some(Hold::Lease { led })))
    }
}

impl Unsent {
    fn poll(&mut self, cx: &mut Context<'_>, shared: &Shared, client: u64) -> Poll<()> {
        let sent = &shared.replication.feeds.sent;
        loop {
            match (sent.look(client, self.generation.number(), cx.waker()), &mut self.leads) {
                (Look::Left, _) => return Poll::Ready(()),
                (Look::First, leads) => {
                    *leads = Some(Leads::Later);
                    // Wakes this task when the runtime has looked at its sockets once.
                    let _later = pin!(yield_now()).poll(cx);
                    return Poll::Pending;
                }
                (Look::Another, leads) => {
                    *leads = None;
                    return Poll::Pending;
                }
                (Look::Still, None) => return Poll::Pending,
                (Look::Still, leads @ Some(Leads::Later)) => {
                    if let Some(store) = shared.log.store() {
                        store.write_now(self.generation);
                    }
                    *leads = Some(Leads::Done(Box::pin(time::sleep(Duration::from_millis(SENT_MS_MAX)))));
                }
                (Look::Still, Some(Leads::Done(sleep))) => {
                    ready!(sleep.as_mut().poll(cx));
                    tracing::warn!(
                        "replies leave before the log is written and sent: the disk takes nothing"
                    );
                    sent.give_up(self.generation.number());
                }
            }
        }
    }
}
