//! yrs under `catch_unwind`.
//!
//! A yrs transaction commits when it is dropped, also while a panic unwinds, and a second panic there would end the process. So
//! a transaction in which something panicked is forgotten, not dropped: its document stays locked and is thrown away as a whole.

use std::mem::ManuallyDrop;
use std::panic::{AssertUnwindSafe, catch_unwind};

use yrs::updates::decoder::Decode;
use yrs::{Doc, OffsetKind, Options, ReadTxn, Transact, TransactionMut, Update};

use crate::protocol::lib0::NUMBER_MAX;
use crate::protocol::state_vector::ClientId;

/// Origin of transactions that apply what others did.
pub(crate) const REMOTE: &str = "remote";
/// Origin of transactions that the person here made.
pub(crate) const LOCAL: &str = "local";

/// Something panicked inside the merge engine; the document must be thrown away.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the document broke inside the merge engine")]
pub struct Broken;

pub(crate) fn new_doc(client: ClientId) -> Doc {
    let client = client & NUMBER_MAX;
    let mut options = Options::with_guid_and_client_id(client.to_string().into(), yrs::ClientID::new(client));
    options.offset_kind = OffsetKind::Utf16;
    // A clean-up that each peer makes for itself would make peers differ that saw the same bytes.
    options.cleanup_formatting = false;
    Doc::with_options(options)
}

/// Decodes an update that was walked; `None` if yrs does not take it.
pub(super) fn decode(update: &[u8]) -> Result<Option<Update>, Broken> {
    catch_unwind(|| Update::decode_v1(update).ok()).map_err(|_| Broken)
}

/// Applies updates in one transaction.
pub(super) fn apply(doc: &Doc, updates: Vec<Update>) -> Result<(), Broken> {
    transact(doc, REMOTE, |txn| merge(txn, updates))?
}

/// [`apply`], and what it changed as an update of its own.
pub(super) fn apply_for_news(doc: &Doc, updates: Vec<Update>) -> Result<Option<Vec<u8>>, Broken> {
    transact(doc, REMOTE, |txn| {
        merge(txn, updates)?;
        Ok(txn.has_changes().then(|| txn.encode_update_v1()))
    })?
}

fn merge(txn: &mut TransactionMut<'_>, updates: Vec<Update>) -> Result<(), Broken> {
    for update in updates {
        txn.apply_update(update).map_err(|_| Broken)?;
    }
    // It was fed with what fits only, so nothing may be left over.
    if txn.has_missing_updates() { Err(Broken) } else { Ok(()) }
}

/// Runs a transaction to its commit.
pub(super) fn transact<T>(
    doc: &Doc,
    origin: &str,
    change: impl FnOnce(&mut TransactionMut<'_>) -> T,
) -> Result<T, Broken> {
    let mut txn = ManuallyDrop::new(doc.try_transact_mut_with(origin).map_err(|_| Broken)?);
    let result = catch_unwind(AssertUnwindSafe(|| change(&mut txn))).map_err(|_| Broken)?;
    catch_unwind(AssertUnwindSafe(|| drop(ManuallyDrop::into_inner(txn)))).map_err(|_| Broken)?;
    Ok(result)
}

/// Reads under `catch_unwind`.
pub(super) fn read<T>(doc: &Doc, look: impl FnOnce(&yrs::Transaction<'_>) -> T) -> Result<T, Broken> {
    let txn = doc.try_transact().map_err(|_| Broken)?;
    catch_unwind(AssertUnwindSafe(|| look(&txn))).map_err(|_| Broken)
}
