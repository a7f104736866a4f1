//! Group commit: one fsync for everything that was written before it.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use shared::limits::FSYNC_INTERVAL_MS;
use shared::rt;
use shared::rt::time::{Duration, Instant};

use crate::config::Fsync;
use crate::error::Error;
use crate::generation::Generation;
use crate::journal::Journal;
use crate::log::LogFile;
use crate::range::Unsynced;
use crate::store::Core;
use crate::sync_threads::SyncThreads;

/// The one syncer of a store: a passive object, stepped by a thread ([`Store::start`](crate::Store::start)) or by a simulation.
#[derive(Debug)]
pub struct Syncer {
    pub(crate) core: Arc<Core>,
    /// When the last fsync began.
    last: Option<Instant>,
    /// Once several files had to be made durable at once.
    threads: Option<SyncThreads>,
    /// Once somebody has waited.
    journal: Option<Journal>,
    /// None could be made.
    without_journal: bool,
}

/// When to step again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum When {
    /// When something was written, or when somebody waits.
    Woken,
    /// At this time, or when somebody waits.
    At(Instant),
}

impl Syncer {
    pub(crate) fn new(core: Arc<Core>) -> Syncer {
        Syncer { core, last: None, threads: None, journal: None, without_journal: false }
    }

    /// Makes durable what is written, if the policy or somebody who waits wants it now.
    ///
    /// # Errors
    ///
    /// [`Error::Io`] when an fsync fails, [`Error::Poisoned`] ever after.
    pub fn step(&mut self, now: Instant) -> Result<When, Error> {
        self.core.syncer_signal.clear();
        self.core.poison.check()?;
        let (written, durable) = (self.core.written.reached(), self.core.durable.reached());
        if written == durable {
            return Ok(When::Woken);
        }
        let wanted = Generation(self.core.wanted_durable.load(Ordering::Acquire)) > durable;
        let due = self.last.map(|last| last + Duration::from_millis(FSYNC_INTERVAL_MS));
        match (self.core.fsync(), due) {
            (Fsync::No, _) if !wanted => return Ok(When::Woken),
            (Fsync::EverySecond, Some(due)) if !wanted && now < due => return Ok(When::At(due)),
            _ => {}
        }
        self.last = Some(now);
        self.sync(written, wanted || self.core.fsync() == Fsync::Always)?;
        Ok(When::Woken)
    }

    /// Makes durable what is written, whatever the policy, in the logs themselves: the end of the journal.
    pub(crate) fn sync_now(&mut self) -> Result<(), Error> {
        self.core.poison.check()?;
        self.sync(self.core.written.reached(), false)?;
        let Some(journal) = self.journal.take() else { return Ok(()) };
        self.sync_all(journal.behind()).inspect_err(|error| self.core.poison(error))?;
        journal.remove()
    }

    /// `waited_for`: now, so in the journal if possible. Else in the logs, whose bytes then need not be written twice.
    fn sync(&mut self, written: Generation, waited_for: bool) -> Result<(), Error> {
        // `written` was read before the lists: they name every file of that generation.
        let mut files: Vec<(usize, Unsynced)> = Vec::new();
        for (range, state) in self.core.ranges.iter().enumerate() {
            files.extend(state.unsynced.lock().drain(..).map(|unsynced| (range, unsynced)));
        }
        let began = Instant::now();
        if !files.is_empty() {
            self.core.sync_begins();
        }
        let logs: Vec<_> =
            files.iter().map(|(range, unsynced)| (*range, Arc::clone(&unsynced.log))).collect();
        let synced = match waited_for && !logs.is_empty() {
            true => self.commit(&logs),
            false => self.sync_logs(&logs),
        };
        self.core.sync_ended();
        if let Err(error) = synced {
            self.core.poison(&error);
            return Err(error);
        }
        if !files.is_empty() {
            let took = u64::try_from(began.elapsed().as_micros()).unwrap_or(u64::MAX);
            self.core.last_commit_us.store(took, Ordering::Relaxed);
            self.core.group_commits.fetch_add(1, Ordering::Relaxed);
        }
        for (range, unsynced) in &files {
            self.core.ranges[*range].synced(unsynced);
        }
        self.core.durable.publish(written);
        Ok(())
    }

    /// Makes durable in the journal what is written to these logs; in the logs, if there is no journal or if it is full.
    fn commit(&mut self, logs: &[(usize, Arc<LogFile>)]) -> Result<(), Error> {
        if self.journal.is_none() && !self.without_journal {
            let created = Journal::create(&self.core.layout);
            // On a full disk, for one: the logs do as well.
            let told = created.inspect_err(|error| tracing::warn!(%error, "no journal: logs are synced"));
            self.journal = told.ok();
            self.without_journal = self.journal.is_none();
        }
        let Some(journal) = &mut self.journal else { return self.sync_logs(logs) };
        let committed = journal.commit(logs);
        if let Ok(true) = committed {
            return Ok(());
        }
        let mut all: Vec<_> = logs.iter().map(|(_, log)| Arc::clone(log)).collect();
        let others = |log: &&Arc<LogFile>| logs.iter().all(|(_, other)| !Arc::ptr_eq(log, other));
        all.extend(journal.behind().iter().filter(others).cloned());
        self.sync_all(&all)?;
        // Nothing depends on it now, whatever has happened to it.
        let begun = committed.and_then(|_| self.journal.as_mut().map_or(Ok(()), Journal::begin_anew));
        if let Err(error) = begun {
            tracing::warn!(%error, "no journal any more: logs are synced");
            self.without_journal = true;
            // One that stays changes nothing when it is done again.
            let removed = self.journal.take().map_or(Ok(()), Journal::remove);
            removed.unwrap_or_else(|error| tracing::warn!(%error, "the next start will remove the journal"));
        }
        Ok(())
    }

    fn sync_logs(&mut self, logs: &[(usize, Arc<LogFile>)]) -> Result<(), Error> {
        let logs: Vec<_> = logs.iter().map(|(_, log)| Arc::clone(log)).collect();
        self.sync_all(&logs)
    }

    /// Makes files durable, several at once if there is more than one.
    fn sync_all(&mut self, logs: &[Arc<LogFile>]) -> Result<(), Error> {
        if logs.len() <= 1 || rt::SIMULATED {
            return logs.iter().try_for_each(|log| log.sync());
        }
        if self.threads.is_none() {
            let started = SyncThreads::start();
            // One after the other does as well.
            let told = started.inspect_err(|error| tracing::warn!(%error, "no threads for fsync"));
            self.threads = told.ok();
        }
        match &self.threads {
            Some(threads) => threads.sync(logs.iter().cloned()),
            None => logs.iter().try_for_each(|log| log.sync()),
        }
    }
}

impl Core {
    /// An fsync begins: what it makes durable is written.
    fn sync_begins(&self) {
        self.syncing.store(true, Ordering::SeqCst);
    }

    /// It has ended: what somebody asked for meanwhile is to be written, by who steps the syncer.
    fn sync_ended(&self) {
        self.syncing.store(false, Ordering::SeqCst);
    }

    /// Somebody waits for something to be durable that is not written.
    pub(crate) fn wants_write(&self) -> bool {
        self.wanted_durable.load(Ordering::SeqCst) > self.written.reached().0
    }
}

#[cfg(all(test, not(feature = "sim")))]
mod tests {
    use shared::slot::Slot;
    use shared::testing::TempFolder;

    use super::*;
    use crate::signal::Urgency;
    use crate::{Config, Store};

    #[test]
    fn what_is_waited_for_while_an_fsync_runs_is_written_when_it_ends() {
        let folder = TempFolder::new("sync");
        let (store, _) = Store::open(&Config::new(folder.path()), &()).unwrap();
        let (mut writer, syncer) = store.drivers().unwrap();
        let core = Arc::clone(&syncer.core);
        let hurries = || core.syncer_signal.wait(Urgency::Now, Some(Instant::now()));
        let append = || store.append(Slot::of_key(b"key"), |bytes| bytes.push(1)).unwrap().generation;
        store.want_durable(append());
        assert!(hurries() && core.wants_write(), "no fsync runs");
        writer.step().unwrap();
        core.syncer_signal.clear();
        core.sync_begins();
        store.want_durable(append());
        assert!(!hurries());
        assert!(core.wants_write());
        core.sync_ended();
        writer.step().unwrap();
        assert!(!core.wants_write(), "nobody waits for more");
    }
}
