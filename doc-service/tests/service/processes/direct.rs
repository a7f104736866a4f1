//! A typist on the cluster itself, as a window with `--server redis://…`.

use std::sync::Arc;

use shared::client::Client;
use shared::client::document::{CatchUp, DocumentDoor};
use shared::client::subscription::Event;
use shared::document::TextDocument;
use shared::protocol::Message;
use shared::rt::rng::Rng;
use shared::rt::time::{self, Instant, now_ms, timeout};
use shared::testing::wait;

use super::oracle::{BETWEEN_WORDS, Oracle, place};
use super::typist::apply;

/// After how many words it asks whether they are saved.
const WORDS: usize = 4;

pub(crate) struct Direct {
    pub(crate) number: usize,
    pub(crate) document: usize,
    pub(crate) client: Client,
    pub(crate) rng: Rng,
    pub(crate) oracle: Arc<Oracle>,
}

impl Direct {
    /// Types until it is told to stop, then listens until it has every word; the text as it then has it.
    pub(crate) async fn run(mut self) -> String {
        let id = super::name(self.document).parse().expect("a name");
        let opened = DocumentDoor::open(&self.client, &id).await.expect("the document opens");
        let (door, mut subscription) = (opened.door, opened.subscription);
        let mut text = TextDocument::new(self.rng.next_u64() >> 32).expect("a document");
        read(&mut text, &opened.content);
        // Missed ticks come at once: who was held up types what is due.
        let mut ticks = time::interval(BETWEEN_WORDS);
        let (mut written, mut unsaved) = (0, Vec::new());
        while !self.oracle.is_stopped() {
            tokio::select! {
                biased;
                event = subscription.next() => hear(&mut text, &door, event.expect("it stays")).await,
                _ = ticks.tick() => {
                    let word = format!("<{}.{written}>", self.number);
                    written += 1;
                    let visible = text.visible().to_string();
                    let at = place(&visible, self.rng.below(visible.len() as u64 + 1) as usize);
                    let update = text.splice(at, 0, &word, now_ms()).expect("sound").expect("an edit");
                    self.oracle.typed(self.document, &word);
                    let typed_at = Instant::now();
                    unsaved.push((word, typed_at));
                    door.publish(update).await.expect("tried until it succeeds");
                    if unsaved.len() >= WORDS {
                        self.have_saved(&door, &mut unsaved).await;
                    }
                }
            }
        }
        self.have_saved(&door, &mut unsaved).await;
        self.oracle.rest();
        let deadline = Instant::now() + wait::PATIENCE;
        loop {
            let visible = text.visible().to_string();
            if self.oracle.is_complete(self.document, &visible) || Instant::now() > deadline {
                return visible;
            }
            if let Ok(event) = timeout(BETWEEN_WORDS, subscription.next()).await {
                hear(&mut text, &door, event.expect("it stays")).await;
            }
        }
    }

    async fn have_saved(&self, door: &DocumentDoor, unsaved: &mut Vec<(String, Instant)>) {
        timeout(wait::PATIENCE, door.saved()).await.expect("saved in time");
        for (word, typed_at) in unsaved.drain(..) {
            self.oracle.saved(self.document, word, typed_at);
        }
    }
}

async fn hear(text: &mut TextDocument, door: &DocumentDoor, event: Event) {
    match event {
        Event::Message { payload, .. } => {
            if let Ok(Message::Update(update)) = Message::decode(&payload) {
                apply(text, update);
            }
        }
        Event::Lost => {}
        Event::Resumed => read(text, &door.load().await.expect("tried until it succeeds")),
    }
}

fn read(text: &mut TextDocument, content: &CatchUp) {
    if let Some(state) = &content.state {
        apply(text, &state.update);
    }
    content.entries.iter().for_each(|entry| apply(text, &entry.update));
}
