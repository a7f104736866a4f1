//! A room's document as bytes: a state, and every update that the document took since. Snapshots are made of this on a thread of
//! their own, so the room never encodes its document while keystrokes wait: it only hands over a list.

use std::collections::HashSet;

use bytes::Bytes;
use shared::client::document::LogEntry;
use shared::document::{BadUpdate, Document, Kind};
use shared::protocol::StateVector;

use super::load::{NOBODY, with_first_sheet};
use super::snapshot::Damaged;

/// Updates behind the state are merged into it when they are longer than it and this, bytes: a service that does not save the
/// document does no more work for it than that, and keeps no more than twice its bytes.
const SINCE_BYTES_MIN: usize = 256 * 1024;

/// An update about nothing: no blocks, no deletions.
const EMPTY: &[u8] = &[0, 0];

/// A document as bytes. Merged in this order it is the document, the updates included that wait for others.
#[derive(Debug, Clone, Default)]
pub struct Basis {
    /// One Yjs v1 update; empty where the document begins.
    state: Bytes,
    /// What the document took since, in its order.
    since: Vec<Bytes>,
}

/// What a room hands over for a snapshot.
#[derive(Debug, Default)]
pub struct Recent {
    /// What its document took since it handed over last, in its order.
    pub updates: Vec<Bytes>,
    /// What its document knows with them.
    pub knows: StateVector,
}

impl Basis {
    /// A document of this state and these updates behind it.
    pub fn new(state: Bytes, since: Vec<Bytes>) -> Basis {
        Basis { state, since }
    }

    /// The document as of the last [`Basis::encode`].
    pub fn state(&self) -> &Bytes {
        &self.state
    }

    /// The state as an update that can be applied: an update about nothing where the document begins.
    pub fn state_or_empty(&self) -> &[u8] {
        if self.state.is_empty() { EMPTY } else { &self.state }
    }

    /// Updates behind the state. Right after [`Basis::encode`]: those that wait for edits they build on.
    pub fn since(&self) -> &[Bytes] {
        &self.since
    }

    /// Takes what the document took.
    pub fn extend(&mut self, updates: Vec<Bytes>) {
        self.since.extend(updates);
    }

    /// Its bytes: never less than the document takes when it is encoded.
    pub fn bytes(&self) -> usize {
        self.state.len() + self.since_bytes()
    }

    /// Whether it is time to merge the updates into the state, although nobody needs a snapshot.
    pub fn is_long(&self) -> bool {
        self.since_bytes() > self.state.len().max(SINCE_BYTES_MIN)
    }

    /// Entries of the log that are none of its updates: the room has perhaps not heard them.
    pub fn unheard(&self, entries: Vec<LogEntry>) -> Vec<Bytes> {
        let heard: HashSet<&[u8]> = self.since.iter().map(|update| &update[..]).collect();
        entries.into_iter().map(|entry| entry.update).filter(|update| !heard.contains(&update[..])).collect()
    }

    /// Merges the updates into the state. `knows` is what the room knows: whatever of it were missing would be lost when the log
    /// is trimmed.
    pub fn encode(self, kind: Kind, knows: &StateVector) -> Result<Basis, Damaged> {
        let mut document = self.load(kind)?;
        let updates: Vec<&[u8]> = self.since.iter().map(|update| &update[..]).collect();
        document.apply_log(&updates);
        if document.is_broken() || !document.state_vector().covers(knows) {
            return Err(Damaged::Differs);
        }
        let state = document.encode_since(&StateVector::new()).map_err(|_| Damaged::Differs)?;
        let since = document.waiting().map(Bytes::copy_from_slice).collect();
        Ok(Basis { state: state.into(), since })
    }

    fn since_bytes(&self) -> usize {
        self.since.iter().map(Bytes::len).sum()
    }

    /// The document of the state alone; a sheet has at least its first sheet.
    pub fn load(&self, kind: Kind) -> Result<Document, BadUpdate> {
        with_first_sheet(Document::load(kind, NOBODY, self.state_or_empty())?)
    }
}

#[cfg(test)]
mod tests {
    use shared::client::document::LogId;
    use shared::document::text;
    use shared::limits::PENDING_UPDATES_MAX;
    use yrs::{Doc, Text, Transact, WriteTxn};

    use super::*;

    fn typed(doc: &Doc, letters: &str) -> Bytes {
        let mut transaction = doc.transact_mut();
        let content = transaction.get_or_insert_text("content");
        content.push(&mut transaction, letters);
        transaction.encode_update_v1().into()
    }

    fn knows(clock: u32) -> StateVector {
        [(1, clock)].into_iter().collect()
    }

    #[test]
    fn state_and_updates_become_a_state_and_what_waits_goes_on_waiting() {
        let (ana, ben) = (Doc::with_client_id(1), Doc::with_client_id(2));
        let first =
            Basis::new(Bytes::new(), vec![typed(&ana, "one ")]).encode(Kind::Text, &knows(4)).unwrap();
        assert!(first.since().is_empty());
        let mut second = first;
        let lost = typed(&ben, "lost ");
        let waiting = typed(&ben, "waiting ");
        second.extend(vec![typed(&ana, "two "), waiting.clone()]);
        let second = second.encode(Kind::Text, &knows(8)).unwrap();
        assert_eq!(text::plain(&second.load(Kind::Text).unwrap()).unwrap(), "one two ");
        assert_eq!(second.since(), [waiting]);
        let mut third = second;
        third.extend(vec![lost]);
        let third = third.encode(Kind::Text, &knows(8)).unwrap();
        let letters = text::plain(&third.load(Kind::Text).unwrap()).unwrap();
        assert!(letters.contains("lost waiting ") && third.since().is_empty(), "{letters}");
    }

    #[test]
    fn however_much_comes_out_of_order_all_of_it_is_in_the_state_or_goes_on_waiting() {
        let ana = Doc::with_client_id(1);
        let edits = 2 * PENDING_UPDATES_MAX;
        let mut updates: Vec<Bytes> = (0..edits).map(|_| typed(&ana, "x")).collect();
        updates.reverse();
        let first = updates.pop().unwrap();
        let waits = Basis::new(Bytes::new(), updates).encode(Kind::Text, &StateVector::new()).unwrap();
        assert_eq!(waits.since().len(), edits - 1);
        let mut whole = waits;
        whole.extend(vec![first]);
        let whole = whole.encode(Kind::Text, &knows(edits as u32)).unwrap();
        assert_eq!(
            (text::plain(&whole.load(Kind::Text).unwrap()).unwrap().len(), whole.since().len()),
            (edits, 0)
        );
    }

    #[test]
    fn what_lacks_an_edit_of_the_room_is_no_snapshot() {
        let ana = Doc::with_client_id(1);
        let basis = Basis::new(Bytes::new(), vec![typed(&ana, "one ")]);
        assert!(matches!(basis.encode(Kind::Text, &knows(5)), Err(Damaged::Differs)));
    }

    #[test]
    fn only_entries_that_the_room_did_not_take_are_unheard() {
        let ana = Doc::with_client_id(1);
        let (heard, unheard) = (typed(&ana, "heard"), typed(&ana, "unheard"));
        let basis = Basis::new(Bytes::new(), vec![heard.clone()]);
        let entry = |update: &Bytes| LogEntry { id: LogId::START, update: update.clone() };
        assert_eq!(basis.unheard(vec![entry(&heard), entry(&unheard)]), [unheard]);
    }

    #[test]
    fn it_is_long_when_the_updates_outweigh_the_state() {
        let update = Bytes::from(vec![0; SINCE_BYTES_MIN / 2 + 1]);
        let mut basis = Basis::new(Bytes::new(), vec![update.clone()]);
        assert!(!basis.is_long());
        basis.extend(vec![update.clone()]);
        assert!(basis.is_long());
        assert!(
            !Basis::new(Bytes::from(vec![0; SINCE_BYTES_MIN * 2]), vec![update.clone(), update]).is_long()
        );
    }
}
