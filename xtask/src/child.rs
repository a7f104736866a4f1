//! Processes that end with us.

use std::path::{Path, PathBuf};
use std::process::{Child, Command};
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};

use crate::Outcome;

/// How long a process may take to stop in order before it is killed.
const STOP_DEADLINE: Duration = Duration::from_secs(10);

/// A process that ends earlier has something wrong with it.
const LIVES_AT_LEAST: Duration = Duration::from_secs(5);

/// Runs a command to its end.
pub(crate) fn finish(mut command: Command) -> Outcome {
    match command.status() {
        Ok(status) if status.success() => Ok(()),
        Ok(status) => Err(format!("{}: {status}", words(&command))),
        Err(error) => Err(format!("{}: {error}", words(&command))),
    }
}

/// The command as one would type it.
fn words(command: &Command) -> String {
    let arguments = command.get_args().map(|a| a.to_string_lossy());
    std::iter::once(command.get_program().to_string_lossy()).chain(arguments).collect::<Vec<_>>().join(" ")
}

fn spawn(program: &Path, arguments: &[String]) -> Result<Child, String> {
    let mut command = Command::new("setpriv");
    command.args(["--pdeathsig", "TERM", "--"]).arg(program).args(arguments);
    command.spawn().map_err(|error| format!("{}: {error}", words(&command)))
}

/// A process that is stopped when this value goes, and by the kernel when we are killed.
pub(crate) struct Service {
    name: &'static str,
    program: PathBuf,
    arguments: Vec<String>,
    child: Child,
    started: Instant,
}

impl Service {
    /// Starts a program. `setpriv` (util-linux) asks the kernel to end it when we die, however that happens.
    pub(crate) fn start(name: &'static str, program: &Path, arguments: &[&str]) -> Result<Service, String> {
        let arguments: Vec<String> = arguments.iter().map(|argument| (*argument).to_owned()).collect();
        let child = spawn(program, &arguments)?;
        Ok(Service { name, program: program.to_owned(), arguments, child, started: Instant::now() })
    }

    /// Starts it anew if it has ended, and tells so.
    ///
    /// # Errors
    /// It had hardly begun: to start it again and again helps nobody.
    pub(crate) fn keep_alive(&mut self) -> Outcome {
        let Some(how) = self.ended() else { return Ok(()) };
        if self.started.elapsed() < LIVES_AT_LEAST {
            return Err(how);
        }
        eprintln!("xtask: {how}; it is started anew");
        self.child = spawn(&self.program, &self.arguments)?;
        self.started = Instant::now();
        Ok(())
    }

    /// Whether it has ended.
    pub(crate) fn ended(&mut self) -> Option<String> {
        match self.child.try_wait() {
            Ok(None) => None,
            Ok(Some(status)) => Some(format!("{} ended: {status}", self.name)),
            Err(error) => Some(format!("{}: {error}", self.name)),
        }
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        if self.ended().is_some() {
            return;
        }
        if let Some(pid) = i32::try_from(self.child.id()).ok().and_then(Pid::from_raw) {
            let _ = kill_process(pid, Signal::TERM);
        }
        let deadline = Instant::now() + STOP_DEADLINE;
        while self.ended().is_none() {
            if Instant::now() > deadline {
                eprintln!("xtask: {} does not stop; killing it", self.name);
                let _ = self.child.kill();
                let _ = self.child.wait();
                return;
            }
            thread::sleep(Duration::from_millis(20));
        }
    }
}
