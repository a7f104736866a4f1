//! Machines that a seed makes up, for turmoil: everything is one thread, and the same seed gives the same run.
//!
//! # Layout
//!
//! - [`host`]: what can be done to a machine: frozen, killed, its clock set, its disk broken.
//! - `fs`, `net`, `task`, `time`: what `shared::rt` is while it is simulated.
//!
//! # What is simulated, and what is not
//!
//! - Files are turmoil's: what was written is there for who reads it; at [`turmoil::Sim::crash`] what was not synced is gone (a
//!   power failure), at [`turmoil::Sim::bounce`] it is not (SIGKILL). A name survives only if its folder was synced. Disk operations
//!   take no time and nothing comes between two of them that no `await` separates.
//! - Sockets are turmoil's: what a partition drops is never sent again, so a connection that lost something stands still for ever. TCP
//!   would repair it: deadlines must be short here.
//! - A frozen machine takes and sends nothing until it thaws; its clocks go on, as with SIGSTOP.
//! - Random bits come from one seed. A process runs one simulation: what it leaves in statics would change the next.

pub mod host;

use std::cell::{Cell, RefCell};

pub use host::{Disk, Host};

use super::rng::Rng;

thread_local! {
    static BITS: RefCell<Rng> = RefCell::new(Rng::from_seed(0));
    static PLANTED: Cell<&'static str> = const { Cell::new("") };
    static STRUCK: Cell<u64> = const { Cell::new(0) };
}

/// Plants a fault in the product: the places that know its name do wrong from now on, to see whether that is found.
pub fn plant(name: &'static str) {
    PLANTED.set(name);
}

/// Whether the fault of this name is planted.
pub fn is_planted(name: &str) -> bool {
    PLANTED.get() == name
}

/// Whether the fault of this name is planted, and counts that it did wrong: asked last, where it makes a difference.
pub fn strikes(name: &str) -> bool {
    let strikes = is_planted(name);
    STRUCK.set(STRUCK.get() + u64::from(strikes));
    strikes
}

/// How often the planted fault did wrong.
pub fn struck() -> u64 {
    STRUCK.get()
}

/// The process that the caller is in holds so much of this: for who looks whether it is bounded.
pub fn holds(what: &'static str, count: usize) {
    if let Some(host) = Host::current() {
        host.holds(what, count);
    }
}

/// The seed of all random bits of this thread from now on.
pub fn seed(seed: u64) {
    BITS.set(Rng::from_seed(seed));
}

/// Fills a buffer with bits of the seed.
pub fn fill(buffer: &mut [u8]) {
    BITS.with_borrow_mut(|bits| {
        for chunk in buffer.chunks_mut(8) {
            chunk.copy_from_slice(&bits.next_u64().to_le_bytes()[..chunk.len()]);
        }
    });
}
