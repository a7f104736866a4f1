//! The link to the cluster itself, by RESP through the document's door: editing goes on while the document service is down.

use std::collections::VecDeque;
use std::future::Future;
use std::pin::Pin;

use bytes::Bytes;
use futures_util::StreamExt;
use futures_util::stream::FuturesOrdered;
use shared::client::document::{CatchUp, DocumentDoor, Opened};
use shared::client::{Client, ClientConfig, ClientError, Event, Subscription};
use shared::document::{Document, Kind};
use shared::names::DocumentId;
use shared::protocol::{Message, StateVector};
use shared::rt::task;
use shared::rt::time::{Duration, timeout};
use tokio::sync::mpsc;

use super::control::hold_until_deleted;
use super::{LINK_QUEUE_MAX, Link, LinkError};
use crate::session::limits::{CONNECT_DEADLINE, PING_WAIT, RESUME_DEADLINE, SYNC_DEADLINE};
use crate::session::room::{Heard, Said};

/// Edits whose publishing is under way; later ones wait in the link's queue.
const PUBLISHING_MAX: usize = 256;

/// Events of the channel that are taken in one turn.
const EVENTS_MAX: usize = 256;

/// A Yjs client under which nobody edits: what was loaded is only merged.
const NOBODY: u64 = 0;

type Publishing = Pin<Box<dyn Future<Output = Result<u64, ClientError>> + Send>>;
type Saving = Pin<Box<dyn Future<Output = u64> + Send>>;

/// Connects a document by way of the cluster at `url`.
pub async fn connect(url: &str, document: &DocumentId, kind: Kind) -> Result<Link, LinkError> {
    let unreachable = |error: ClientError| match error {
        ClientError::Auth { .. } => LinkError::Refused(error.to_string()),
        _ => LinkError::Unreachable(error.to_string()),
    };
    let client = Client::connect(config(url)?).await.map_err(unreachable)?;
    let opened = timeout(SYNC_DEADLINE, DocumentDoor::open(&client, document)).await;
    let opened = opened.map_err(|_| LinkError::Unreachable("the cluster does not answer".into()))?;
    let Opened { door, subscription, content } = opened.map_err(unreachable)?;
    let (say, said) = mpsc::channel(LINK_QUEUE_MAX);
    let (heard, hear) = mpsc::channel(LINK_QUEUE_MAX);
    let document = document.clone();
    let task = task::spawn(async move {
        let mut talk = Talk {
            door,
            kind,
            heard,
            publishing: FuturesOrdered::new(),
            published: 0,
            saving: None,
            saved: 0,
            echoes: VecDeque::new(),
        };
        let why = tokio::select! {
            biased;
            why = talk.run(content, subscription, said) => why,
            () = hold_until_deleted(&client, &document) => {
                let _ = talk.tell(Heard::Deleted).await;
                "the document was deleted"
            }
        };
        tracing::info!(why, "the link is gone");
    });
    Ok(Link { say, hear, task })
}

/// A window asks for shorter deadlines than a service: a person looks at a banner meanwhile.
pub(in crate::session) fn config(url: &str) -> Result<ClientConfig, LinkError> {
    let mut config: ClientConfig =
        url.parse().map_err(|error| LinkError::Refused(format!("{url}: {error}")))?;
    config.connect_deadline = CONNECT_DEADLINE / 2;
    config.call_deadline = CONNECT_DEADLINE;
    config.reply_deadline = CONNECT_DEADLINE / 2;
    config.ping_interval = PING_WAIT;
    config.backoff_max = Duration::from_millis(250);
    Ok(config)
}

struct Talk {
    door: DocumentDoor,
    kind: Kind,
    heard: mpsc::Sender<Heard>,
    publishing: FuturesOrdered<Publishing>,
    /// Number of the last edit that is in the log.
    published: u64,
    saving: Option<Saving>,
    /// Number of the last edit that is *saved*.
    saved: u64,
    /// Own edits that will come back on the channel.
    echoes: VecDeque<Bytes>,
}

impl Talk {
    /// Talks until the connection is gone; says why it is.
    async fn run(
        &mut self,
        content: CatchUp,
        mut channel: Subscription,
        mut said: mpsc::Receiver<Said>,
    ) -> &'static str {
        if let Err(why) = self.begin(content).await {
            return why;
        }
        loop {
            if self.saving.is_none() && self.published > self.saved {
                let (door, number) = (self.door.clone(), self.published);
                self.saving = Some(Box::pin(async move {
                    door.saved().await;
                    number
                }));
            }
            let outcome = tokio::select! {
                biased;
                Some(published) = self.publishing.next() => match published {
                    Ok(number) => {
                        self.published = number;
                        Ok(())
                    }
                    Err(error) => {
                        tracing::info!(%error, "an edit was not published");
                        Err("an edit could not be published")
                    }
                },
                number = some(&mut self.saving) => {
                    self.saving = None;
                    self.saved = number;
                    self.tell(Heard::Saved(number)).await
                }
                events = channel.batch(EVENTS_MAX) => self.events(events, &mut channel).await,
                said = said.recv(), if self.publishing.len() < PUBLISHING_MAX => match said {
                    Some(said) => self.say(said).await,
                    None => Err("the document was closed"),
                },
            };
            if let Err(why) = outcome {
                return why;
            }
        }
    }

    /// Hands over state and log, and says what the cluster lacks of what the room has.
    async fn begin(&mut self, content: CatchUp) -> Result<(), &'static str> {
        let known = self.hand_over(content).await?;
        self.tell(Heard::Asked(known)).await?;
        if self.door.publish_message(&Message::QueryAwareness).await.is_err() {
            return Err("nothing can be published");
        }
        Ok(())
    }

    async fn hand_over(&mut self, content: CatchUp) -> Result<StateVector, &'static str> {
        let CatchUp { state, entries, .. } = content;
        let mut document = match &state {
            Some(state) => Document::load(self.kind, NOBODY, &state.update)
                .map_err(|_| "the document's state cannot be read")?,
            None => Document::new(self.kind, NOBODY),
        };
        let updates: Vec<&[u8]> = entries.iter().map(|entry| &entry.update[..]).collect();
        document.apply_log(&updates);
        match document.snapshot() {
            Ok(snapshot) => self.tell(Heard::Update(snapshot.into())).await?,
            // Somebody's update broke it: the room refuses it by itself.
            Err(_) => {
                if let Some(state) = state {
                    self.tell(Heard::Update(state.update)).await?;
                }
            }
        }
        let waiting: Vec<Bytes> = document.waiting().map(Bytes::copy_from_slice).collect();
        for update in waiting {
            self.tell(Heard::Update(update)).await?;
        }
        let known = document.state_vector();
        self.tell(Heard::Synced).await?;
        Ok(known)
    }

    async fn events(&mut self, events: Vec<Event>, channel: &mut Subscription) -> Result<(), &'static str> {
        if events.is_empty() {
            return Err("the channel was taken away");
        }
        for event in events {
            match event {
                Event::Message { payload, .. } => self.message(payload).await?,
                Event::Lost => self.resume(channel).await?,
                Event::Resumed => self.read_again().await?,
            }
        }
        Ok(())
    }

    /// A slot that moves is back in a moment; a cluster that is gone is not.
    async fn resume(&mut self, channel: &mut Subscription) -> Result<(), &'static str> {
        let resumed = async {
            loop {
                match channel.next().await {
                    Some(Event::Message { payload, .. }) => self.message(payload).await?,
                    Some(Event::Lost) => {}
                    Some(Event::Resumed) => return Ok(()),
                    None => return Err("the channel was taken away"),
                }
            }
        };
        timeout(RESUME_DEADLINE, resumed).await.unwrap_or(Err("the cluster is silent"))?;
        self.read_again().await
    }

    async fn read_again(&mut self) -> Result<(), &'static str> {
        match timeout(SYNC_DEADLINE, self.door.load()).await {
            Ok(Ok(content)) => self.hand_over(content).await.map(drop),
            _ => Err("the log cannot be read"),
        }
    }

    async fn message(&mut self, payload: Bytes) -> Result<(), &'static str> {
        let owned = |part: &[u8]| payload.slice_ref(part);
        let heard = match Message::decode(&payload) {
            Ok(Message::Update(update) | Message::SyncStep2(update)) => {
                if self.echoes.front().is_some_and(|own| own == update) {
                    self.echoes.pop_front();
                    return Ok(());
                }
                Heard::Update(owned(update))
            }
            Ok(Message::Awareness(update)) => Heard::Presence(owned(update)),
            Ok(Message::QueryAwareness) => Heard::PresenceAsked,
            // What else people may publish on a channel is no reason to leave it.
            Ok(_) | Err(_) => return Ok(()),
        };
        self.tell(heard).await
    }

    async fn say(&mut self, said: Said) -> Result<(), &'static str> {
        match said {
            Said::Ask(_) => self.read_again().await,
            Said::Update { number, update } => {
                self.publish(number, update);
                Ok(())
            }
            Said::Answer(update) => {
                let number = self.published;
                self.publish(number, update);
                Ok(())
            }
            Said::Presence(update) => match self.door.publish_awareness(&update).await {
                Ok(()) => Ok(()),
                Err(_) => Err("nothing can be published"),
            },
        }
    }

    fn publish(&mut self, number: u64, update: Bytes) {
        if self.echoes.len() >= PUBLISHING_MAX {
            self.echoes.pop_front();
        }
        self.echoes.push_back(update.clone());
        let (door, last) = (self.door.clone(), number.max(self.published));
        self.publishing.push_back(Box::pin(async move {
            door.publish(update).await?;
            Ok(last)
        }));
    }

    async fn tell(&mut self, heard: Heard) -> Result<(), &'static str> {
        self.heard.send(heard).await.map_err(|_| "the document was closed")
    }
}

async fn some(saving: &mut Option<Saving>) -> u64 {
    match saving {
        Some(saving) => saving.await,
        None => std::future::pending().await,
    }
}
