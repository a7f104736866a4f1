//! Effects of a range on their way to the writer.

use std::sync::Arc;

use shared::limits::RANGE_PENDING_BYTES_MAX;
use shared::slot::Slot;

use crate::generation::Generation;
use crate::log::LogFile;
use crate::record_buffer::{BadItem, RecordBuffer};
use crate::store::Appended;

#[derive(Debug)]
pub(crate) struct Pending {
    records: RecordBuffer,
    /// The generation that the next taking will be.
    generation: Generation,
    /// Increments that the writer shall switch to, in order; nearly always none, at most one.
    next_logs: Vec<NextLog>,
}

/// An increment that the writer shall switch to.
#[derive(Debug)]
pub(crate) struct NextLog {
    pub(crate) log: Arc<LogFile>,
    pub(crate) number: u64,
    /// The log stream begins anew there: nothing of what it was counts.
    pub(crate) restart: Option<u64>,
}

impl Pending {
    /// Nothing pending; the log stream ends at this offset.
    pub(crate) fn new(end: u64) -> Pending {
        Pending { records: RecordBuffer::new(end), generation: Generation(1), next_logs: Vec::new() }
    }

    #[inline]
    pub(crate) fn append(
        &mut self,
        slot: Slot,
        encode: impl FnOnce(&mut Vec<u8>),
    ) -> Result<Appended, BadItem> {
        self.records.push(slot.number(), encode)?;
        Ok(Appended { generation: self.generation, pressed: self.records.len() > RANGE_PENDING_BYTES_MAX })
    }

    /// Appends records of another node's log, whole and sealed, as they are.
    pub(crate) fn append_records(&mut self, records: &[u8]) -> Appended {
        self.records.append_sealed(records);
        Appended { generation: self.generation, pressed: self.records.len() > RANGE_PENDING_BYTES_MAX }
    }

    /// The end of the log stream, with everything that is pending.
    pub(crate) fn end(&self) -> u64 {
        self.records.end()
    }

    pub(crate) fn bytes(&self) -> usize {
        self.records.len()
    }

    /// Asks for a switch of increments; the generation after which it is done.
    /// Where the log stream begins anew, nothing may be appended until then.
    pub(crate) fn switch(&mut self, next: NextLog) -> Generation {
        if let Some(start) = next.restart {
            self.records = RecordBuffer::new(start);
        }
        self.next_logs.push(next);
        self.generation
    }

    /// Hands out what is pending, as the generation before `next`; records lack their CRC. `into` must be given back empty.
    pub(crate) fn take(&mut self, next: Generation, into: &mut Vec<u8>) -> Vec<NextLog> {
        self.generation = next;
        if !self.records.is_empty() {
            self.records.take(into);
        }
        std::mem::take(&mut self.next_logs)
    }
}
