//! A child process, its log, and signals to it.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::thread;

use rustix::process::{Pid, Resource, Rlimit, Signal, getrlimit, kill_process, prlimit};

use super::wait;
use crate::rt::fs::{OpenOptions, read_dir, read_to_string};

/// A running child process; killed when dropped. When the test panicked, the end of its log is printed.
#[derive(Debug)]
pub struct Process {
    child: Child,
    name: String,
    log: PathBuf,
}

impl Process {
    /// Starts a program; what it prints is appended to the file `log`.
    pub fn spawn<A: AsRef<OsStr>>(program: &Path, args: &[A], log: &Path) -> Process {
        Process::spawn_with(program, args, log, |command| command)
    }

    /// As [`Process::spawn`]; a file that grows beyond its limit ([`Process::limit_files`]) is an error of the write, not the end
    /// of the program.
    pub fn spawn_patient(program: &Path, args: &[String], log: &Path) -> Process {
        let shell = ["-c", "trap '' XFSZ; exec \"$0\" \"$@\""].map(OsStr::new);
        let args: Vec<&OsStr> =
            shell.into_iter().chain([program.as_os_str()]).chain(args.iter().map(OsStr::new)).collect();
        Process::spawn(Path::new("/bin/sh"), &args, log)
    }

    /// As [`Process::spawn`], after `prepare` has set environment or working folder.
    pub fn spawn_with<A: AsRef<OsStr>>(
        program: &Path,
        args: &[A],
        log: &Path,
        prepare: impl FnOnce(&mut Command) -> &mut Command,
    ) -> Process {
        let out = OpenOptions::new().create(true).append(true).open(log).expect("the log of a process");
        let err = out.try_clone().expect("the log of a process");
        let mut command = Command::new(program);
        command.args(args).stdin(Stdio::null()).stdout(out).stderr(err);
        let name = program.file_name().unwrap_or_default().to_string_lossy().into_owned();
        match prepare(&mut command).spawn() {
            Ok(child) => Process { child, name, log: log.to_owned() },
            Err(error) => panic!("{} does not start: {error}", program.display()),
        }
    }

    /// Its process id.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// What it has printed.
    pub fn log(&self) -> String {
        read_to_string(&self.log).unwrap_or_default()
    }

    /// Whether it runs.
    pub fn is_running(&mut self) -> bool {
        matches!(self.child.try_wait(), Ok(None))
    }

    /// SIGKILL, and waits for its end.
    pub fn kill(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }

    /// SIGTERM, and waits for its end in order.
    pub fn terminate(&mut self) -> ExitStatus {
        // It may be on its way out by itself.
        if self.is_running() {
            self.signal(Signal::TERM);
        }
        self.wait()
    }

    /// SIGINT, as Ctrl-C sends it.
    pub fn interrupt(&self) {
        self.signal(Signal::INT);
    }

    /// Waits for its end.
    pub fn wait(&mut self) -> ExitStatus {
        wait::until_some(&format!("{} ends", self.name), || self.child.try_wait().ok().flatten())
    }

    /// SIGSTOP, and waits until each of its threads stands still; its sockets stay open.
    pub fn pause(&self) {
        self.signal(Signal::STOP);
        wait::until(&format!("{} stands still", self.name), || {
            let threads = read_dir(format!("/proc/{}/task", self.id())).expect("its threads");
            threads.filter_map(Result::ok).all(|thread| {
                // A thread that has ended meanwhile has no state.
                read_to_string(thread.path().join("stat")).map_or(true, |stat| stat.contains(") T "))
            })
        });
    }

    /// SIGCONT.
    pub fn resume(&self) {
        self.signal(Signal::CONT);
    }

    /// Lets it write no file beyond this length, bytes; `None` lifts that. To a program that ignores SIGXFSZ, as those of
    /// [`Process::spawn_patient`] do, it is as if the disk were full.
    pub fn limit_files(&self, bytes: Option<u64>) {
        let known = getrlimit(Resource::Fsize);
        let limit = Rlimit { current: bytes, maximum: known.maximum };
        prlimit(Some(self.pid()), Resource::Fsize, limit)
            .unwrap_or_else(|error| panic!("the files of {} are not limited: {error}", self.name));
    }

    /// Blocks until `ready`; panics with the log if the process ends before.
    pub fn wait_ready(&mut self, mut ready: impl FnMut() -> bool) {
        let what = format!("{} is ready", self.name);
        wait::until(&what, || {
            if let Ok(Some(status)) = self.child.try_wait() {
                panic!("{} ended with {status} before it was ready:\n{}", self.name, self.log());
            }
            ready()
        });
    }

    fn pid(&self) -> Pid {
        i32::try_from(self.child.id()).ok().and_then(Pid::from_raw).expect("a process id")
    }

    fn signal(&self, signal: Signal) {
        kill_process(self.pid(), signal)
            .unwrap_or_else(|error| panic!("{signal:?} to {}: {error}", self.name));
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.kill();
        if thread::panicking() {
            const SHOWN_LINES: usize = 40;
            let log = self.log();
            let lines: Vec<&str> = log.lines().collect();
            eprintln!("--- the end of {} ---", self.log.display());
            lines[lines.len().saturating_sub(SHOWN_LINES)..].iter().for_each(|line| eprintln!("{line}"));
        }
    }
}
