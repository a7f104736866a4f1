//! What a connection waits for before it takes its next request.

use std::future::poll_fn;
use std::pin::pin;
use std::sync::Arc;
use std::task::{Poll, ready};

use shared::resp::write;
use shared::rt::time::{self, Duration};
use tokio::sync::oneshot;

use super::{Connection, Goodbye, READ_BYTES, Stop};
use crate::commit::{self, Wait};
use crate::config::high::AppendFsync;
use crate::keyspace::waiting::Wake;
use crate::proxy::batch::Batch;
use crate::proxy::claim::Written;
use crate::proxy::errand::Errand;
use crate::replication::feed::{self, Hello};
use crate::server::clients::Client;
use crate::server::dispatch::Due;
use crate::server::hold::Hold;
use crate::server::outbox::Taken;
use crate::server::pause::Pause;
use crate::server::session::{Consistency, Replies};
use crate::slot_migration;
use crate::slot_migration::import::{self, Offer};
use crate::topology::view::Ownership;

/// Runs something to its end, unless the client is killed before.
async fn unless_killed<T>(client: &Client, task: impl Future<Output = T>) -> Option<T> {
    let mut nothing = Vec::new();
    let killed = poll_fn(|cx| match client.outbox.poll_take(cx, &mut nothing, 0) {
        Taken::Closed => Poll::Ready(()),
        _ => Poll::Pending,
    });
    tokio::select! {
        biased;
        () = killed => None,
        ended = task => Some(ended),
    }
}

/// How a client that waited for keys was woken.
enum Woken {
    By(Option<Wake>),
    Unblocked(bool),
}

impl Connection {
    /// Waits for what replies and the last request wait for.
    pub(super) async fn wait(&mut self, stop: Stop) -> Result<(), Goodbye> {
        let Stop { due: Due { mut holds, batch, led, .. }, own, pause, .. } = stop;
        if let Some(batch) = batch {
            self.forward(*batch, own).await?;
            // It may have taken long.
            let lost = |led| !self.shared.view.is_leased() || !self.shared.replication.leads_since(led);
            if let Some(led) = led.filter(|led| holds.is_empty() && lost(*led)) {
                holds.push(Hold::Lease { led });
            }
        }
        for hold in holds {
            self.hold(hold).await?;
        }
        if let Some(hold) = poll_fn(|cx| self.poll_sent(cx)).await? {
            self.hold(hold).await?;
        }
        match pause {
            None => Ok(()),
            Some(Pause::Keys(wait)) => self.wait_for_keys(wait).await,
            Some(Pause::Reply(reply)) => {
                let reply = self.until(reply).await?;
                if self.session.replies == Replies::On {
                    self.output.extend_from_slice(&reply);
                }
                Ok(())
            }
            Some(Pause::Errand(errand)) => self.run_errand(*errand).await,
            Some(Pause::Feed(hello)) => self.feed(*hello).await,
            Some(Pause::Import(offer)) => self.import(*offer).await,
            Some(Pause::Settled(slot, until)) => {
                let shared = Arc::clone(&self.shared);
                let mut changes = shared.view.changes();
                let settled = async {
                    slot_migration::settled(&shared, slot).await;
                    while shared.view.owner(slot) == Ownership::InTransfer && changes.changed().await.is_ok()
                    {
                    }
                };
                self.until(async { time::timeout_at(until, settled).await.ok() }).await.map(drop)
            }
            Some(Pause::Unpaused(until)) => {
                let mut pauses = self.shared.clients.pauses();
                let over = async {
                    let ended = pauses.wait_for(Option::is_none);
                    // Either it was lifted, or its time has come; both let the request run.
                    time::timeout_at(until, ended).await.map(drop).ok();
                };
                self.until(over).await
            }
        }
    }

    /// Has requests answered by other nodes, and puts their replies between this node's own.
    async fn forward(&mut self, batch: Batch, own: Vec<u8>) -> Result<(), Goodbye> {
        let answered = Box::pin(batch.run(Arc::clone(&self.shared), own));
        let answered = self.until(answered).await?;
        self.output.extend_from_slice(&answered.replies);
        self.session.forwarded_together_max = answered.requests_max;
        answered.wrote.into_iter().for_each(|(owner, token)| self.session.written.note(owner, token));
        Ok(())
    }

    async fn run_errand(&mut self, errand: Errand) -> Result<(), Goodbye> {
        let wanted = errand.wanted;
        let done = self.until(Box::pin(errand.run(Arc::clone(&self.shared)))).await?;
        if wanted {
            self.output.extend_from_slice(&done.reply);
        }
        if done.forget {
            self.session.written = Written::default();
        }
        if done.pinned.is_some() {
            self.session.watch.elsewhere = done.pinned;
        }
        done.wrote.into_iter().for_each(|(owner, token)| self.session.written.note(owner, token));
        Ok(())
    }

    /// Hands the connection to replication, until it ends.
    async fn feed(&mut self, hello: Hello) -> Result<(), Goodbye> {
        poll_fn(|cx| self.poll_flush(cx)).await?;
        let peer = self.session.client.peer;
        let feeding = feed::serve(&self.shared, &mut self.stream, peer, hello);
        if let Some(Err(error)) = unless_killed(&self.session.client, feeding).await {
            tracing::info!(replica = %peer, %error, "the link to a replica ended");
        }
        Err(Goodbye::Gone)
    }

    /// Hands the connection to a node that sends slots, until it ends.
    async fn import(&mut self, offer: Offer) -> Result<(), Goodbye> {
        poll_fn(|cx| self.poll_flush(cx)).await?;
        let importing = import::serve(&self.shared, &mut self.stream, std::mem::take(&mut self.input), offer);
        let _ended = unless_killed(&self.session.client, importing).await;
        Err(Goodbye::Gone)
    }

    /// Keeps replies back until what they tell holds. If it does not, they are never sent.
    async fn hold(&mut self, hold: Hold) -> Result<(), Goodbye> {
        let shared = Arc::clone(&self.shared);
        self.holding = true;
        let holds = self.until(hold.ends(&shared)).await?;
        self.holding = false;
        if let Err(why) = holds {
            tracing::warn!(id = self.session.client.id, why, "closing a connection without its replies");
            return Err(Goodbye::Gone);
        }
        // It may have taken long.
        let led = self.session.led;
        let demoted = self.shared.bus.is_some() && !self.shared.replication.leads_since(led);
        if matches!(hold, Hold::Log { .. }) && (demoted || !self.shared.view.is_leased()) {
            return Box::pin(self.hold(Hold::Lease { led })).await;
        }
        Ok(())
    }

    async fn wait_for_keys(&mut self, mut wait: Wait) -> Result<(), Goodbye> {
        let shared = Arc::clone(&self.shared);
        let (unblock, unblocked) = oneshot::channel();
        *self.session.client.unblock.lock() = Some(unblock);
        let timeout = wait.timeout_ms.map(Duration::from_millis);
        let woken = async {
            let late = async {
                match timeout {
                    Some(timeout) => time::sleep(timeout).await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                biased;
                woken = &mut wait.woken => Woken::By(woken.ok()),
                with_error = unblocked => Woken::Unblocked(with_error.unwrap_or(false)),
                () = late => Woken::Unblocked(false),
            }
        };
        let woken = self.until(woken).await;
        *self.session.client.unblock.lock() = None;
        commit::leave(&shared.keyspace, &wait);
        // It may have been served between the deadline and leaving the queues: then that is the answer.
        let (wake, with_error) = match woken? {
            Woken::By(wake) => (wake, false),
            Woken::Unblocked(with_error) => (wait.woken.try_recv().ok(), with_error),
        };
        match wake {
            Some(Wake::Served { reply, generation }) => {
                let led = shared.replication.led_count();
                if let Some(generation) = generation {
                    self.session.wrote(generation, led);
                }
                self.output.extend_from_slice(&reply);
                if self.session.consistency != Consistency::One {
                    let all = self.session.consistency == Consistency::All;
                    return self.hold(Hold::Copies { all, led }).await;
                }
                self.note_unsent(generation);
                if let (Some(generation), AppendFsync::Always) = (generation, shared.config().appendfsync) {
                    self.hold(Hold::Log { generation, durable: true }).await?;
                } else if !shared.view.is_leased() {
                    self.hold(Hold::Lease { led }).await?;
                }
            }
            Some(Wake::Retry) => {
                // The request is put before what came behind it, and runs again with all the locks it needs.
                let mut input = wait.waiter.request.args().raw().to_vec();
                input.append(&mut self.input);
                (self.input, self.needed) = (input, 0);
            }
            None if with_error => {
                write::error(&mut self.output, "UNBLOCKED client unblocked via CLIENT UNBLOCK");
            }
            None => write::null_array(&mut self.output, self.session.protocol),
        }
        Ok(())
    }

    /// Waits for a future; meanwhile pushes are sent, requests are read (not run), and the connection may end.
    async fn until<T>(&mut self, future: impl Future<Output = T>) -> Result<T, Goodbye> {
        let mut future = pin!(future);
        poll_fn(|cx| {
            if let Poll::Ready(result) = future.as_mut().poll(cx) {
                return Poll::Ready(Ok(result));
            }
            if self.holding {
                // Nothing is sent before what is held back; being killed still counts.
                if self.session.client.outbox.poll_take(cx, &mut self.output, 0) == Taken::Closed {
                    return Poll::Ready(Err(Goodbye::Asked));
                }
            } else {
                let _sent = self.poll_pushes(cx)?;
            }
            while self.input.len() < READ_BYTES {
                self.input.reserve(READ_BYTES - self.input.len());
                ready!(self.poll_more(cx))?;
                self.needed = 0;
            }
            Poll::Pending
        })
        .await
    }
}
