//! The record of a run: what happened, in order. The same seed must write the same bytes.

use std::cell::{Cell, RefCell};
use std::fmt;
use std::io::{self, Write};
use std::path::Path;
use std::time::Duration;

use tracing_subscriber::filter::EnvFilter;
use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::fmt::format::Writer;
use tracing_subscriber::fmt::time::FormatTime;

thread_local! {
    static LINES: RefCell<Vec<u8>> = const { RefCell::new(Vec::new()) };
    static NOW: Cell<Duration> = const { Cell::new(Duration::ZERO) };
}

/// What nodes tell is recorded from here on.
pub(crate) fn start() {
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| {
        EnvFilter::new(
            "cluster=debug,persistence=info,shared=info,doc_service=info,desktop_client=info,turmoil=info",
        )
    });
    let subscriber = tracing_subscriber::fmt()
        .with_ansi(false)
        .with_target(false)
        .with_timer(Clock)
        .with_env_filter(filter)
        .with_writer(Record);
    // Refused only if there is one already: then that one is used.
    let _ = subscriber.try_init();
}

/// It is so late in the simulation.
pub(crate) fn set_now(now: Duration) {
    NOW.set(now);
}

/// How late it is in the simulation, to the millisecond.
pub(crate) fn now() -> Duration {
    NOW.get()
}

/// Records what somebody did or saw.
pub(crate) fn line(who: &str, what: fmt::Arguments<'_>) {
    LINES.with_borrow_mut(|lines| {
        // Writing to a vector does not fail.
        let _ = writeln!(lines, "{:>6} {who}: {what}", NOW.get().as_millis());
    });
}

/// The record as a file.
pub(crate) fn save(path: &Path) -> io::Result<()> {
    LINES.with_borrow(|lines| std::fs::write(path, lines))
}

/// A number for the whole record: runs with different ones were different.
pub(crate) fn digest() -> u64 {
    LINES.with_borrow(|lines| {
        lines.iter().fold(0xCBF2_9CE4_8422_2325, |hash: u64, byte| {
            (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01B3)
        })
    })
}

/// The last lines.
pub(crate) fn last(count: usize) -> String {
    LINES.with_borrow(|lines| {
        let text = String::from_utf8_lossy(lines);
        let skipped = text.lines().count().saturating_sub(count);
        text.lines().skip(skipped).collect::<Vec<_>>().join("\n")
    })
}

struct Clock;

impl FormatTime for Clock {
    fn format_time(&self, to: &mut Writer<'_>) -> fmt::Result {
        write!(to, "{:>6}", NOW.get().as_millis())
    }
}

struct Record;

impl<'a> MakeWriter<'a> for Record {
    type Writer = Record;

    fn make_writer(&'a self) -> Record {
        Record
    }
}

impl Write for Record {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        LINES.with_borrow_mut(|lines| lines.extend_from_slice(bytes));
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
