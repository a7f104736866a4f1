//! The slow log: commands that took longer than `slowlog-log-slower-than`.

use std::collections::VecDeque;

use parking_lot::Mutex;
use shared::rt::time::{self, Duration};

use crate::command::table::Found;
use crate::command::{Args, flag};
use crate::config::Config;
use crate::server::session::Session;

/// Words of a command that an entry keeps (Redis's `SLOWLOG_ENTRY_MAX_ARGC`).
const WORDS_MAX: usize = 32;

/// Bytes of a word that an entry keeps (Redis's `SLOWLOG_ENTRY_MAX_STRING`).
const WORD_BYTES_MAX: usize = 128;

/// One slow command.
#[derive(Clone)]
pub struct Entry {
    /// Unique and ascending.
    pub id: u64,
    /// Unix seconds.
    pub at_s: u64,
    /// Microseconds.
    pub took_us: u64,
    /// Its words, shortened.
    pub words: Vec<Vec<u8>>,
    /// Where the client came from.
    pub peer: String,
    /// What the client called itself.
    pub name: String,
}

/// The newest slow commands.
#[derive(Default)]
pub struct SlowLog {
    inner: Mutex<(u64, VecDeque<Entry>)>,
}

impl SlowLog {
    /// Adds a command if it was slow; the oldest beyond `slowlog-max-len` are forgotten.
    #[inline]
    pub fn note(&self, found: Found, args: &Args<'_>, took: Duration, session: &Session, config: &Config) {
        let slower_than = config.slowlog_slower_than_us;
        if slower_than >= 0 && took.as_micros() >= slower_than as u128 && !found.spec.has(flag::SECRET) {
            self.add(args, took, session, config.slowlog_len_max);
        }
    }

    #[cold]
    fn add(&self, args: &Args<'_>, took: Duration, session: &Session, max: usize) {
        let mut words: Vec<Vec<u8>> = args.from(0).take(WORDS_MAX).map(shortened).collect();
        if args.len() > WORDS_MAX {
            words.truncate(WORDS_MAX - 1);
            words.push(format!("... ({} more arguments)", args.len() - WORDS_MAX + 1).into_bytes());
        }
        let mut inner = self.inner.lock();
        let id = inner.0;
        inner.0 += 1;
        inner.1.push_front(Entry {
            id,
            at_s: time::now_ms() / 1_000,
            took_us: took.as_micros() as u64,
            words,
            peer: session.client.peer.to_string(),
            name: session.client.name.lock().clone(),
        });
        inner.1.truncate(max);
    }

    /// The newest entries, the newest first.
    pub fn newest(&self, count: usize) -> Vec<Entry> {
        self.inner.lock().1.iter().take(count).cloned().collect()
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.inner.lock().1.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Forgets all.
    pub fn clear(&self) {
        self.inner.lock().1.clear();
    }
}

fn shortened(word: &[u8]) -> Vec<u8> {
    if word.len() <= WORD_BYTES_MAX {
        return word.to_vec();
    }
    let more = format!("... ({} more bytes)", word.len() - WORD_BYTES_MAX);
    [&word[..WORD_BYTES_MAX], more.as_bytes()].concat()
}
