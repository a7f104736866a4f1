//! What a room has set on its way into the cluster: edits, awareness, and the question whether the edits are saved.

use std::sync::Arc;
use std::task::Poll;

use bytes::Bytes;
use futures_util::future::{BoxFuture, FutureExt};
use futures_util::stream::{FuturesUnordered, StreamExt};
use shared::client::ClientError;
use shared::client::document::{DocumentDoor, LogId};
use shared::limits::{ROOM_PRESENCE_PUBLISHING_MAX, ROOM_PUBLISHING_MAX};
use shared::rt::time::{Duration, timeout};

use super::own::Place;
use crate::metrics::Metrics;

/// How long an awareness message may take to be published; a caret that late is of no use.
const PRESENCE_MAX: Duration = Duration::from_secs(5);

/// Everything under way, as futures that the room's task polls.
pub(super) struct Publications {
    door: DocumentDoor,
    metrics: Arc<Metrics>,
    edits: FuturesUnordered<BoxFuture<'static, Result<LogId, ClientError>>>,
    presence: FuturesUnordered<BoxFuture<'static, ()>>,
    barrier: Option<BoxFuture<'static, Place>>,
}

/// What came of something.
pub(super) enum Arrived {
    /// An edit is in the log and on the channel, or will never be.
    Edit(Result<LogId, ClientError>),
    /// Every edit up to this place is saved.
    Saved(Place),
}

impl Publications {
    pub(super) fn new(door: DocumentDoor, metrics: Arc<Metrics>) -> Publications {
        let (edits, presence) = (FuturesUnordered::new(), FuturesUnordered::new());
        Publications { door, metrics, edits, presence, barrier: None }
    }

    /// Takes an edit; it sets out with [`Publications::set_out`].
    pub(super) fn publish(&mut self, update: Bytes) {
        let (door, counted) = (self.door.clone(), Waiting::count(&self.metrics));
        let publish = async move {
            let _counted = counted;
            door.publish(update).await
        };
        self.edits.push(publish.boxed());
    }

    /// Takes an awareness update; it sets out with [`Publications::set_out`].
    pub(super) fn announce(&mut self, update: Bytes) {
        if self.presence.len() >= ROOM_PRESENCE_PUBLISHING_MAX {
            // Programs say again every few seconds where their caret is.
            tracing::debug!("an awareness message is left out: too many wait for the cluster");
            return;
        }
        self.presence.push(publish_presence(self.door.clone(), update).boxed());
    }

    /// Polls what was just taken: publications are sent in the order in which they are first polled, and a barrier covers those
    /// that were sent before it. An error is that of an edit that could not be published.
    pub(super) async fn set_out(&mut self) -> Result<(), ClientError> {
        std::future::poll_fn(|context| {
            while let Poll::Ready(Some(result)) = self.edits.poll_next_unpin(context) {
                if let Err(error) = result {
                    return Poll::Ready(Err(error));
                }
            }
            while let Poll::Ready(Some(())) = self.presence.poll_next_unpin(context) {}
            Poll::Ready(Ok(()))
        })
        .await
    }

    /// Asks whether everything up to this place is saved, unless such a question is under way.
    pub(super) fn await_saved(&mut self, place: Place) {
        if self.barrier.is_some() {
            return;
        }
        let door = self.door.clone();
        let barrier = async move {
            door.saved().await;
            place
        };
        self.barrier = Some(barrier.boxed());
    }

    /// Waits until something has arrived. Cancel safe.
    pub(super) async fn next(&mut self) -> Arrived {
        loop {
            tokio::select! {
                biased;
                Some(result) = self.edits.next(), if !self.edits.is_empty() => return Arrived::Edit(result),
                Some(()) = self.presence.next(), if !self.presence.is_empty() => {}
                place = some(&mut self.barrier) => {
                    self.barrier = None;
                    return Arrived::Saved(place);
                }
            }
        }
    }

    /// Whether no edit is under way.
    pub(super) fn is_quiet(&self) -> bool {
        self.edits.is_empty()
    }

    /// Whether more edits may be taken: a bound on what waits for the cluster.
    pub(super) fn has_room(&self) -> bool {
        self.edits.len() < ROOM_PUBLISHING_MAX
    }
}

/// An edit among those that are counted as waiting, until it has arrived or is given up.
struct Waiting(Arc<Metrics>);

impl Waiting {
    fn count(metrics: &Arc<Metrics>) -> Waiting {
        metrics.edits_waiting.up();
        Waiting(metrics.clone())
    }
}

impl Drop for Waiting {
    fn drop(&mut self) {
        self.0.edits_waiting.down();
    }
}

async fn publish_presence(door: DocumentDoor, update: Bytes) {
    match timeout(PRESENCE_MAX, door.publish_awareness(&update)).await {
        Ok(Ok(())) => {}
        Ok(Err(error)) => tracing::debug!(%error, "an awareness message was not published"),
        Err(_) => tracing::debug!("an awareness message took too long"),
    }
}

/// Waits for a future that may not be there.
async fn some<T>(future: &mut Option<BoxFuture<'static, T>>) -> T {
    match future {
        Some(future) => future.await,
        None => std::future::pending().await,
    }
}

#[cfg(test)]
mod tests {
    use shared::client::Client;
    use shared::testing::Node;
    use shared::testing::folder::TempFolder;

    use super::*;

    #[tokio::test]
    async fn carets_that_wait_for_the_cluster_are_bounded_and_edits_are_none_of_them() {
        let folder = TempFolder::new("publications");
        let node = Node::redis(folder.path(), &[]);
        let client = Client::connect_url(&node.url()).await.unwrap();
        let door = DocumentDoor::new(&client, &"notes".parse().unwrap());
        let mut publications = Publications::new(door, Arc::default());
        for _ in 0..ROOM_PRESENCE_PUBLISHING_MAX + 10 {
            publications.announce(Bytes::from_static(&[0]));
        }
        assert_eq!(publications.presence.len(), ROOM_PRESENCE_PUBLISHING_MAX);
        assert!(publications.is_quiet() && publications.has_room());
        // They go out, and there is room for others.
        publications.set_out().await.unwrap();
        let all = async {
            while !publications.presence.is_empty() {
                publications.set_out().await.unwrap();
                tokio::task::yield_now().await;
            }
        };
        timeout(shared::testing::wait::PATIENCE, all).await.unwrap();
    }
}
