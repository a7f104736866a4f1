//! The engine in a process of its own, with bounded memory and time.
//!
//! A formula is a small program, and everybody who may edit a sheet writes it: `=A1&A1` over a chain of sixty cells asks for 2⁶⁰
//! letters, a range times itself transposed for 4 × 10¹⁰ numbers, a LAMBDA that calls itself for all of the stack. No engine tells
//! beforehand, none can be stopped in the middle, and what runs out of memory or stack ends its process. So it gets one of its own:
//! this same program, started with [`FLAG`]. It ends itself when it takes too much, or when whoever started it is gone.

use std::io::{Error, ErrorKind, Read, Result, Write};
use std::path::PathBuf;
use std::process::{Child, ChildStdin, ChildStdout, Command, ExitCode, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use parking_lot::Mutex;
use rustix::process::{Resource, Rlimit, setrlimit};

use super::calculator::STACK_BYTES;
use super::computer::{Batch, Computed, Computer};
use super::wire;
use crate::limits::{CALCULATED_CELLS_MAX, CALCULATION_MEMORY_BYTES_MAX, CALCULATION_SECONDS_MAX};

/// The argument that makes a program a calculator. Its bounds follow: bytes of memory, seconds for each calculation.
pub const FLAG: &str = "--calculator";

/// Exit code of a calculation that took too long or gave too much.
const EXIT_LIMIT: u8 = 3;

/// Longest frame either way, bytes: a document, with its formulas written out.
const FRAME_BYTES_MAX: u32 = 1 << 30;

const _: () = assert!(CALCULATED_CELLS_MAX * 24 < FRAME_BYTES_MAX as usize);

/// This program, if its main function lets it be a calculator.
static PROGRAM: OnceLock<Program> = OnceLock::new();

/// A program that can be a calculator, and the bounds that it gets.
#[derive(Debug, Clone)]
pub struct Program {
    /// Where it is.
    pub path: PathBuf,
    /// Most bytes of address space, [`STACK_BYTES`] and the program itself among them.
    pub memory_bytes: u64,
    /// Most seconds for one calculation.
    pub seconds: u64,
}

impl Program {
    /// A program with the bounds of every day.
    pub fn new(path: PathBuf) -> Program {
        Program { path, memory_bytes: CALCULATION_MEMORY_BYTES_MAX, seconds: CALCULATION_SECONDS_MAX }
    }

    /// This program, if [`serve_if_asked`] was called in it.
    pub fn own() -> Option<Program> {
        PROGRAM.get().cloned()
    }
}

/// To be called first in the main function of a program that shows sheets. `Some`: it was started as a calculator, and is done.
/// A program that does not call it (a test, a benchmark) computes on a thread of its own, unbounded.
pub fn serve_if_asked() -> Option<ExitCode> {
    // Not its name: a program that is updated while it runs still is what it was.
    let _ = PROGRAM.set(Program::new("/proc/self/exe".into()));
    let mut args = std::env::args().skip(1);
    if args.next().as_deref() != Some(FLAG) {
        return None;
    }
    let mut number = || args.next().and_then(|arg| arg.parse().ok());
    let (Some(memory_bytes), Some(seconds)) = (number(), number()) else { return Some(ExitCode::FAILURE) };
    Some(serve(memory_bytes, Duration::from_secs(seconds)).unwrap_or(ExitCode::FAILURE))
}

/// Reads batches, writes values, until nothing more can come.
fn serve(memory_bytes: u64, at_most: Duration) -> Result<ExitCode> {
    let limit = |bytes| Rlimit { current: Some(bytes), maximum: Some(bytes) };
    setrlimit(Resource::As, limit(memory_bytes))?;
    setrlimit(Resource::Core, limit(0))?;
    let (to_engine, batches) = sync_channel::<Vec<u8>>(0);
    let (to_main, values) = sync_channel::<Vec<u8>>(0);
    let engine = std::thread::Builder::new().name("engine".to_owned()).stack_size(STACK_BYTES);
    engine.spawn(move || compute_all(&batches, &to_main))?;
    let (to_us, asked) = sync_channel::<Vec<u8>>(0);
    std::thread::Builder::new().name("input".to_owned()).spawn(move || read_all(&to_us))?;
    while let Ok(batch) = asked.recv() {
        if to_engine.send(batch).is_err() {
            return Ok(ExitCode::from(EXIT_LIMIT));
        }
        match values.recv_timeout(at_most) {
            Ok(values) => write_frame(&mut std::io::stdout(), &values)?,
            Err(RecvTimeoutError::Timeout | RecvTimeoutError::Disconnected) => {
                return Ok(ExitCode::from(EXIT_LIMIT));
            }
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// The engine's thread. It ends when the engine fails or panics.
fn compute_all(batches: &Receiver<Vec<u8>>, to_main: &SyncSender<Vec<u8>>) {
    let mut computer = Computer::default();
    while let Ok(bytes) = batches.recv() {
        let Ok(batch) = wire::decode_batch(&bytes) else { return };
        drop(bytes);
        let Ok(values) = computer.compute(batch) else { return };
        if to_main.send(wire::encode_values(&values)).is_err() {
            return;
        }
    }
}

/// Reads what is asked. When nothing more can come nobody needs the answer: the process ends, whatever it computes.
fn read_all(to_main: &SyncSender<Vec<u8>>) {
    let mut input = std::io::stdin().lock();
    while let Ok(frame) = read_frame(&mut input) {
        if to_main.send(frame).is_err() {
            break;
        }
    }
    std::process::exit(0);
}

/// A running process with an engine in it.
pub struct EngineProcess {
    input: ChildStdin,
    output: ChildStdout,
    handle: ProcessHandle,
}

/// Ends the process from elsewhere.
#[derive(Clone, Default)]
pub struct ProcessHandle(Arc<Mutex<Held>>);

#[derive(Default)]
struct Held {
    child: Option<Child>,
    /// Nobody wants values any more: a process that is just being started ends as well.
    over: bool,
}

impl EngineProcess {
    /// Starts one.
    pub fn start(program: &Program, handle: &ProcessHandle) -> Result<EngineProcess> {
        let mut command = Command::new(&program.path);
        command.arg(FLAG).arg(program.memory_bytes.to_string()).arg(program.seconds.to_string());
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null());
        let mut child = command.spawn()?;
        let pipes = child.stdin.take().zip(child.stdout.take());
        let mut held = handle.0.lock();
        if held.over {
            let _ = child.kill();
        }
        held.child = Some(child);
        drop(held);
        let (input, output) = pipes.ok_or(ErrorKind::BrokenPipe)?;
        Ok(EngineProcess { input, output, handle: handle.clone() })
    }

    /// Hands over a batch and waits for the values; the process sees to it that this ends. An error: it is gone.
    pub fn compute(&mut self, batch: &Batch) -> Result<Vec<Computed>> {
        write_frame(&mut self.input, &wire::encode_batch(batch))?;
        let values = read_frame(&mut self.output)?;
        wire::decode_values(&values).map_err(|bad| Error::new(ErrorKind::InvalidData, bad))
    }
}

impl Drop for EngineProcess {
    fn drop(&mut self) {
        if let Some(mut child) = self.handle.0.lock().child.take() {
            let _ = child.kill();
            let ended = child.wait();
            tracing::debug!(?ended, "a calculator's process has ended");
        }
    }
}

impl ProcessHandle {
    /// Ends the process, and any that is started later. Whoever waits for its values gets an error.
    pub fn end(&self) {
        let mut held = self.0.lock();
        held.over = true;
        if let Some(child) = &mut held.child {
            let _ = child.kill();
        }
    }
}

fn write_frame(out: &mut impl Write, bytes: &[u8]) -> Result<()> {
    let len = u32::try_from(bytes.len()).ok().filter(|len| *len <= FRAME_BYTES_MAX);
    out.write_all(&len.ok_or(ErrorKind::FileTooLarge)?.to_le_bytes())?;
    out.write_all(bytes)?;
    out.flush()
}

fn read_frame(input: &mut impl Read) -> Result<Vec<u8>> {
    let mut len = [0; 4];
    input.read_exact(&mut len)?;
    let len = u32::from_le_bytes(len);
    if len > FRAME_BYTES_MAX {
        return Err(ErrorKind::FileTooLarge.into());
    }
    let mut bytes = Vec::new();
    input.take(u64::from(len)).read_to_end(&mut bytes)?;
    if bytes.len() < len as usize { Err(ErrorKind::UnexpectedEof.into()) } else { Ok(bytes) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{binary, wait};

    #[test]
    fn a_process_that_is_started_when_nobody_wants_values_any_more_ends() {
        let handle = ProcessHandle::default();
        handle.end();
        let started = EngineProcess::start(&Program::new(binary::ours(binary::SERVER)), &handle).unwrap();
        // Its input is still open: nothing else ends it.
        wait::until("it has ended", || {
            let mut held = handle.0.lock();
            held.child.as_mut().is_some_and(|child| matches!(child.try_wait(), Ok(Some(_))))
        });
        drop(started);
    }
}
