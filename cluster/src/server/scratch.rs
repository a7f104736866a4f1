//! Buffers of a worker, used by one connection after another: an idle connection holds none, and a busy worker's stay in the
//! processor's cache.

use std::cell::RefCell;
use std::ops::Range;

use crate::command::work::Work;

/// Bytes read at once.
pub(super) const READ_BYTES: usize = 64 * 1024;

/// A reply buffer that grew beyond this is given back, bytes.
const KEEP_BYTES_MAX: usize = 1024 * 1024;

/// The buffers.
pub(super) struct Scratch {
    pub(super) input: Box<[u8]>,
    pub(super) output: Vec<u8>,
    pub(super) words: Vec<Range<usize>>,
    /// Those of a request that stands behind the one that runs.
    pub(super) words_ahead: Vec<Range<usize>>,
    pub(super) work: Work,
}

impl Scratch {
    fn new() -> Scratch {
        Scratch {
            input: vec![0; READ_BYTES].into(),
            output: Vec::with_capacity(READ_BYTES),
            words: Vec::new(),
            words_ahead: Vec::new(),
            work: Work::default(),
        }
    }

    /// Readies it for the next connection.
    pub(super) fn clear(&mut self) {
        if self.input.len() != READ_BYTES {
            // Whoever had the buffers panicked: without this every later connection would read nothing and be closed.
            *self = Scratch::new();
        }
        self.output.clear();
        if self.output.capacity() > KEEP_BYTES_MAX {
            self.output = Vec::with_capacity(READ_BYTES);
        }
        if self.words.capacity() > READ_BYTES {
            self.words = Vec::new();
        }
    }
}

thread_local! {
    /// Borrowed only between two awaits.
    pub(super) static SCRATCH: RefCell<Scratch> = RefCell::new(Scratch::new());
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_panic_while_the_buffers_are_out_costs_no_later_connection() {
        let mut scratch = Scratch::new();
        drop(std::mem::take(&mut scratch.input));
        scratch.clear();
        assert_eq!(scratch.input.len(), READ_BYTES);
    }
}
