//! How a store is run.

use std::path::PathBuf;

/// When written bytes are made durable without anybody waiting: Redis's `appendfsync`.
///
/// Whoever calls [`Store::wait_durable`](crate::Store::wait_durable) starts an fsync at once under every policy.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fsync {
    /// After every group of effects. The caller waits for it before it answers.
    Always,
    /// Once a second, if there is something.
    EverySecond,
    /// When the system likes.
    No,
}

impl Fsync {
    /// The policy of a configuration word: `always`, `everysec` or `no`.
    pub fn from_word(word: &str) -> Option<Fsync> {
        [Fsync::Always, Fsync::EverySecond, Fsync::No].into_iter().find(|policy| policy.word() == word)
    }

    /// Its configuration word.
    pub fn word(self) -> &'static str {
        match self {
            Fsync::Always => "always",
            Fsync::EverySecond => "everysec",
            Fsync::No => "no",
        }
    }

    pub(crate) fn from_code(code: u8) -> Fsync {
        match code {
            0 => Fsync::Always,
            1 => Fsync::EverySecond,
            _ => Fsync::No,
        }
    }

    pub(crate) fn code(self) -> u8 {
        match self {
            Fsync::Always => 0,
            Fsync::EverySecond => 1,
            Fsync::No => 2,
        }
    }
}

/// When the log of a range is due for rewriting: the words of Redis, divided by range.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rewriting {
    /// `auto-aof-rewrite-percentage`: the log must be this many percent of the base; 0 means never.
    pub percentage: u32,
    /// `auto-aof-rewrite-min-size`, bytes of the whole store: a range counts with a sixteenth of it.
    pub min_bytes: u64,
}

impl Default for Rewriting {
    /// Redis's defaults: 100 percent, 64 MiB.
    fn default() -> Rewriting {
        Rewriting { percentage: 100, min_bytes: 64 * 1024 * 1024 }
    }
}

/// What a store is opened with.
#[derive(Debug, Clone)]
pub struct Config {
    /// The directory; made if missing. One process at a time has it open.
    pub dir: PathBuf,
    /// When written bytes are made durable.
    pub fsync: Fsync,
    /// When a range is due for rewriting.
    pub rewriting: Rewriting,
    /// Whether what a crash left unfinished at the end of a log is cut off; else it is damage (`aof-load-truncated`).
    pub cut_torn: bool,
}

impl Config {
    /// Redis's defaults, in this directory.
    pub fn new(dir: impl Into<PathBuf>) -> Config {
        Config { dir: dir.into(), fsync: Fsync::EverySecond, rewriting: Rewriting::default(), cut_torn: true }
    }
}
