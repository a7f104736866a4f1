//! What the network has for the window: one batch that grows until the window takes it.
//!
//! The window is woken at most once in [`BATCH_WAIT`], and not again before it has taken what it was woken for. So a busy
//! document costs it one turn a frame, and a stuck window costs the session nothing: updates are merged, of everything else
//! only the latest is kept.

use std::sync::Arc;

use bytes::Bytes;
use parking_lot::Mutex;
use shared::document::Kind;
use shared::names::DocumentId;
use shared::rt::time::{Instant, sleep_until};
use tokio::sync::Notify;

use super::directory::Entry;
use super::limits::{BATCH_UPDATES_MAX, BATCH_WAIT};
use super::notice::Notice;
use super::person::Peer;
use super::status::Status;

/// Most notices that wait for the window; more say nothing new.
const NOTICES_MAX: usize = 8;

/// Names one opening of a document by a window, so that news of an earlier one is told apart.
pub type Seat = u64;

/// What the window has not heard yet.
#[derive(Debug, Default)]
pub struct Batch {
    /// About the open document.
    pub document: Option<DocumentNews>,
    /// The list of documents, if it was read anew.
    pub directory: Option<Vec<Entry>>,
    /// The list could not be read, as there is no connection.
    pub unreachable: bool,
    /// A document that was made at the window's request.
    pub created: Option<(DocumentId, Kind)>,
    /// What the person should be told, in plain words.
    pub notices: Vec<Notice>,
}

/// What changed in the open document.
#[derive(Debug, Default)]
pub struct DocumentNews {
    /// Which opening of which document.
    pub seat: Seat,
    /// Updates of others in the order in which they came.
    pub updates: Vec<Bytes>,
    /// There is something to show: the local copy, the server's state, or the knowledge that neither is to be had.
    pub ready: bool,
    /// Who else is here, if that changed.
    pub peers: Option<Vec<Peer>>,
    /// Connection and saving, if that changed.
    pub status: Option<Status>,
    /// The page must close, and why.
    pub closed: Option<Notice>,
}

/// The session's end.
#[derive(Debug, Clone)]
pub struct Mailbox {
    shared: Arc<Shared>,
}

#[derive(Debug, Default)]
struct Shared {
    batch: Mutex<Option<Batch>>,
    news: Notify,
}

impl Mailbox {
    /// An empty one.
    #[expect(
        clippy::new_without_default,
        reason = "a second mailbox is never what a caller without one wants"
    )]
    pub fn new() -> Mailbox {
        Mailbox { shared: Arc::default() }
    }

    /// Adds to the batch.
    pub fn post(&self, add: impl FnOnce(&mut Batch)) {
        let mut batch = self.shared.batch.lock();
        let is_new = batch.is_none();
        add(batch.get_or_insert_default());
        drop(batch);
        if is_new {
            self.shared.news.notify_one();
        }
    }

    /// Adds to the news of a document. News of an earlier seat gives way.
    pub fn post_document(&self, seat: Seat, add: impl FnOnce(&mut DocumentNews)) {
        self.post(|batch| {
            let news = batch.document.get_or_insert_default();
            if news.seat > seat {
                return;
            }
            if news.seat < seat {
                *news = DocumentNews { seat, ..DocumentNews::default() };
            }
            add(news);
            merge(&mut news.updates);
        });
    }

    /// Tells the person something.
    pub fn notify(&self, notice: Notice) {
        self.post(|batch| {
            if batch.notices.len() < NOTICES_MAX && !batch.notices.contains(&notice) {
                batch.notices.push(notice);
            }
        });
    }

    /// Everything since the last call; the window's end.
    pub fn take(&self) -> Batch {
        self.shared.batch.lock().take().unwrap_or_default()
    }

    /// Wakes the window when there is something to take. Never ends.
    pub async fn wake(&self, window: impl Fn()) {
        let mut next = Instant::now();
        loop {
            self.shared.news.notified().await;
            sleep_until(next).await;
            next = Instant::now() + BATCH_WAIT;
            window();
        }
    }
}

/// Keeps the count of updates bounded. If merging fails they stay as they are.
fn merge(updates: &mut Vec<Bytes>) {
    if updates.len() > BATCH_UPDATES_MAX
        && let Ok(merged) = yrs::merge_updates_v1(updates.iter().map(|update| &update[..]))
    {
        *updates = vec![merged.into()];
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use shared::rt::time::{Duration, sleep};
    use yrs::updates::decoder::Decode;
    use yrs::{Doc, GetString, Text, Transact, Update};

    use super::*;

    fn runtime() -> tokio::runtime::Runtime {
        tokio::runtime::Builder::new_current_thread().enable_all().start_paused(true).build().unwrap()
    }

    #[test]
    fn the_window_is_woken_once_a_frame_and_not_again_before_it_has_taken() {
        runtime().block_on(async {
            let (mailbox, woken) = (Mailbox::new(), Arc::new(AtomicUsize::new(0)));
            let count = Arc::clone(&woken);
            let waker = mailbox.clone();
            let task = tokio::spawn(async move {
                waker
                    .wake(|| {
                        count.fetch_add(1, Ordering::Relaxed);
                    })
                    .await;
            });
            for _ in 0..1_000 {
                mailbox.notify(Notice::new("something"));
                sleep(Duration::from_millis(1)).await;
            }
            assert_eq!(woken.load(Ordering::Relaxed), 1);
            assert_eq!(mailbox.take().notices.len(), 1);
            for _ in 0..160 {
                mailbox.notify(Notice::new("something"));
                sleep(Duration::from_millis(1)).await;
                mailbox.take();
            }
            assert!((8..=12).contains(&woken.load(Ordering::Relaxed)), "{woken:?}");
            task.abort();
        });
    }

    #[test]
    fn updates_that_nobody_takes_are_merged_and_none_is_lost() {
        let doc = Doc::with_client_id(7);
        let text = doc.get_or_insert_text("content");
        let mailbox = Mailbox::new();
        for _ in 0..3 * BATCH_UPDATES_MAX {
            let mut txn = doc.transact_mut();
            text.push(&mut txn, "x");
            let update = txn.encode_update_v1().into();
            mailbox.post_document(1, |news| news.updates.push(update));
        }
        let news = mailbox.take().document.unwrap();
        assert!(news.updates.len() <= BATCH_UPDATES_MAX + 1);
        let copy = Doc::new();
        let shown = copy.get_or_insert_text("content");
        let mut txn = copy.transact_mut();
        for update in &news.updates {
            txn.apply_update(Update::decode_v1(update).unwrap()).unwrap();
        }
        assert_eq!(shown.get_string(&txn).len(), 3 * BATCH_UPDATES_MAX);
    }

    #[test]
    fn news_of_an_earlier_seat_never_reaches_a_later_page() {
        let mailbox = Mailbox::new();
        mailbox.post_document(1, |news| news.ready = true);
        mailbox.post_document(2, |news| news.updates.push(Bytes::from_static(b"b")));
        mailbox.post_document(1, |news| news.updates.push(Bytes::from_static(b"a")));
        let news = mailbox.take().document.unwrap();
        assert_eq!((news.seat, news.ready, news.updates.len()), (2, false, 1));
    }
}
