//! Ports that no other test takes meanwhile.
//!
//! A port is taken by a lock on a file that the operating system gives back when the process ends, so tests that run at the
//! same time (nextest: a process each) never meet. The ports lie below the system's range for outgoing connections, and so
//! do their bus ports (port + 10,000).

use std::net::TcpListener;
use std::path::Path;

use parking_lot::Mutex;

use crate::rt::fs::{File, create_dir_all};
use crate::rt::rng::Rng;

const FIRST: u64 = 10_500;
const LAST: u64 = 22_000;

/// What a bus port is above its port.
pub const BUS_OFFSET: u16 = 10_000;

static TAKEN: Mutex<Vec<File>> = Mutex::new(Vec::new());

/// A port on 127.0.0.1, free together with its bus port, and given to no other test before this process ends.
pub fn free_port() -> u16 {
    free_ports_in_a_row(1)
}

/// The first of so many such ports in a row, for servers that count up.
pub fn free_ports_in_a_row(count: u16) -> u16 {
    let folder = std::env::temp_dir().join("rustidocs-test-ports");
    create_dir_all(&folder).expect("a folder for the locks of ports");
    let mut rng = Rng::from_system();
    for _ in 0..1_000 {
        let first = (FIRST + rng.below(LAST - FIRST)) as u16;
        let locks: Option<Vec<File>> = (first..first + count).map(|port| take(&folder, port)).collect();
        if let Some(locks) = locks {
            TAKEN.lock().extend(locks);
            return first;
        }
    }
    panic!("no {count} free ports in a row between {FIRST} and {LAST}");
}

/// The lock of this port, if nobody has it and nothing listens there.
fn take(folder: &Path, port: u16) -> Option<File> {
    let lock = File::create(folder.join(port.to_string())).expect("the lock of a port");
    let free = |port: u16| TcpListener::bind(("127.0.0.1", port)).is_ok();
    (lock.try_lock().is_ok() && free(port) && free(port + BUS_OFFSET)).then_some(lock)
}
