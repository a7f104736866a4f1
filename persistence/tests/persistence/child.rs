//! A second process: this test binary again, doing one job on a folder.

use std::io::{BufRead, BufReader, Write};
use std::process::{ChildStdout, Command, Stdio};

use persistence::{Error, Fsync};

use crate::folder::Folder;
use crate::model::{Keyspace, block_on, open, quiet, slot};

/// Opens the store, says `open`, and keeps it until killed.
pub(crate) const KEEP_OPEN: &str = "keep-open";
/// Appends 1, 2, 3… without an end and says each number once it is durable.
pub(crate) const APPEND_DURABLY: &str = "append-durably";
/// Appends until the store refuses, and says why. Its files may not grow beyond 64 KiB.
pub(crate) const FILL_THE_DISK: &str = "fill-the-disk";
/// Rewrites range 0 into a base that may not grow beyond 64 KiB, says why that fails, then appends once more and says `durable`.
pub(crate) const REWRITE_ON_FULL_DISK: &str = "rewrite-on-full-disk";
/// Opens the store and says how many numbers it holds. No file may get a byte.
pub(crate) const OPEN_ON_FULL_DISK: &str = "open-on-full-disk";

const JOB: &str = "PERSISTENCE_CHILD_JOB";
const DIR: &str = "PERSISTENCE_CHILD_DIR";

pub(crate) struct Child {
    child: std::process::Child,
    output: BufReader<ChildStdout>,
}

impl Child {
    pub(crate) fn start(job: &str, folder: &Folder) -> Child {
        // A shell sets what std cannot without unsafe code: how long files may get (in blocks of 512 bytes, as dash and POSIX count), and EFBIG
        // instead of the signal.
        let blocks = match job {
            FILL_THE_DISK | REWRITE_ON_FULL_DISK => "128",
            OPEN_ON_FULL_DISK => "0",
            _ => "unlimited",
        };
        let shell = format!("trap '' XFSZ; ulimit -f {blocks}; exec \"$0\" \"$@\"");
        let mut child = Command::new("sh")
            .args(["-c", &shell])
            .arg(std::env::current_exe().unwrap())
            .args(["--exact", "child::do_the_job_if_this_is_the_child", "--nocapture"])
            .env(JOB, job)
            .env(DIR, folder.path())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let output = BufReader::new(child.stdout.take().unwrap());
        Child { child, output }
    }

    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    /// The next line that the job says; the test harness's own are skipped. Empty at the end.
    pub(crate) fn line(&mut self) -> String {
        loop {
            let mut line = String::new();
            self.output.read_line(&mut line).unwrap();
            if line.is_empty() {
                return line;
            }
            // The harness prints `test NAME ... ` without a line end before the first one.
            if let Some((_, said)) = line.split_once("child says ") {
                return said.trim_end().to_owned();
            }
        }
    }

    /// SIGKILL.
    pub(crate) fn kill(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }
}

impl Drop for Child {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn say(what: impl std::fmt::Display) {
    let mut output = std::io::stdout().lock();
    writeln!(output, "child says {what}").unwrap();
    output.flush().unwrap();
}

/// In the parent this does nothing: a job is a test only because a test binary runs nothing else.
#[test]
fn do_the_job_if_this_is_the_child() {
    let (Ok(job), Some(dir)) = (std::env::var(JOB), std::env::var_os(DIR)) else { return };
    let folder = Folder::existing(dir.into());
    let (store, keyspace, _) = open(&quiet(&folder)).unwrap();
    store.start().unwrap();
    match job.as_str() {
        KEEP_OPEN => {
            say("open");
            loop {
                std::thread::park();
            }
        }
        APPEND_DURABLY => append_durably(&store, &keyspace),
        FILL_THE_DISK => fill_the_disk(&store, &keyspace),
        REWRITE_ON_FULL_DISK => rewrite_on_full_disk(&store, &keyspace),
        OPEN_ON_FULL_DISK => say(keyspace.state().values().map(Vec::len).sum::<usize>()),
        other => panic!("no such job: {other}"),
    }
}

fn append_durably(store: &persistence::Store, keyspace: &Keyspace) {
    store.set_fsync(Fsync::EverySecond);
    block_on(async {
        for number in 1.. {
            let mut last = keyspace.add(store, slot(0), number).unwrap().generation;
            for other in 1..40 {
                last = last.max(keyspace.add(store, slot(other * 400), number).unwrap().generation);
            }
            store.wait_durable(last).await.unwrap();
            say(number);
        }
    });
}

fn fill_the_disk(store: &persistence::Store, keyspace: &Keyspace) {
    for number in 1.. {
        let appended = keyspace.add(store, slot(0), number);
        let saved = appended.and_then(|appended| store.wait_durable_blocking(appended.generation));
        match saved {
            Ok(()) => say(number),
            Err(error) => {
                assert!(matches!(error, Error::Poisoned { .. }));
                say(format!("refused: {error}"));
                return;
            }
        }
    }
}

fn rewrite_on_full_disk(store: &persistence::Store, keyspace: &Keyspace) {
    keyspace.add(store, slot(0), 1).unwrap();
    let rewritten = store.rewrite(0, |slot, dump| {
        let mut entries = dump.begin();
        entries.push(|bytes| bytes.resize(bytes.len() + 4_096, slot.number() as u8));
    });
    say(rewritten.unwrap_err());
    let last = keyspace.add(store, slot(0), 2).unwrap().generation;
    store.wait_durable_blocking(last).unwrap();
    say("durable");
}
