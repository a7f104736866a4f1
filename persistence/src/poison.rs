//! After a failed write or fsync nothing is taken and nothing is acknowledged (fjall's `poison.rs` is the model).
//!
//! A second fsync may answer without an error although the bytes of the first are gone (the kernel reports a write-back error once),
//! so nothing is ever tried again: whoever runs the store ends the process or fails over.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};

use crate::error::Error;

#[derive(Debug, Default)]
pub(crate) struct Poison {
    set: AtomicBool,
    reason: OnceLock<Arc<str>>,
}

impl Poison {
    /// Refuses everything from now on. The first reason stays.
    pub(crate) fn set(&self, reason: &str) {
        self.reason.get_or_init(|| Arc::from(reason));
        if !self.set.swap(true, Ordering::AcqRel) {
            tracing::error!(reason, "the store takes no more writes");
        }
    }

    /// Refuses everything from now on without a fault: the store was closed.
    pub(crate) fn close(&self) {
        self.reason.get_or_init(|| Arc::from("the store was closed"));
        self.set.store(true, Ordering::Release);
    }

    #[inline]
    pub(crate) fn is_set(&self) -> bool {
        self.set.load(Ordering::Acquire)
    }

    #[inline]
    pub(crate) fn check(&self) -> Result<(), Error> {
        if self.is_set() { Err(self.error()) } else { Ok(()) }
    }

    #[cold]
    pub(crate) fn error(&self) -> Error {
        Error::Poisoned { reason: self.reason().unwrap_or_else(|| Arc::from("unknown")) }
    }

    pub(crate) fn reason(&self) -> Option<Arc<str>> {
        self.reason.get().cloned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_reason_stays() {
        let poison = Poison::default();
        assert!(poison.check().is_ok());
        poison.set("the disk is full");
        poison.set("something later");
        poison.close();
        assert_eq!(
            poison.check().unwrap_err().to_string(),
            "the store takes no more writes: the disk is full"
        );
    }
}
