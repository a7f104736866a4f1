//! Positions that stay with the letters around them: Yjs relative positions, in the JSON that y-codemirror and its relatives put
//! into an awareness state.

use serde::{Deserialize, Serialize};
use yrs::{Assoc, ID, IndexScope, IndexedSequence, ReadTxn, StickyIndex, TextRef};

use super::CONTENT;
use crate::limits::CLOCK_MAX;
use crate::protocol::lib0::NUMBER_MAX;

/// A position in a text.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Anchor {
    /// The nested type that it is in; `None` in a root type.
    #[serde(rename = "type", default)]
    nested: Option<AnchorId>,
    /// The root type that it is in.
    #[serde(default)]
    tname: Option<String>,
    /// The letter that it stays with; `None` at the end of the text.
    #[serde(default)]
    item: Option<AnchorId>,
    /// Below 0: it stays with the letter before it.
    #[serde(default)]
    assoc: i32,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
struct AnchorId {
    client: u64,
    clock: u32,
}

/// Which letter a position stays with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Side {
    /// The one before it: what is inserted here comes after the position.
    Before,
    /// The one after it: what is inserted here comes before the position.
    After,
}

impl Anchor {
    /// The anchor of a position, in UTF-16 units.
    pub(super) fn at<T: ReadTxn>(content: &TextRef, txn: &T, unit: u32, side: Side) -> Anchor {
        let (assoc, number) = match side {
            Side::Before => (Assoc::Before, -1),
            Side::After => (Assoc::After, 0),
        };
        let item = content.sticky_index(txn, unit, assoc).and_then(|index| index.id().copied());
        let item = item.map(|id| AnchorId { client: id.client.get(), clock: id.clock });
        Anchor { nested: None, tname: Some(CONTENT.to_owned()), item, assoc: number }
    }

    /// Where it is now, in UTF-16 units; `None` if it is not in the letters of this text, or not known here yet.
    pub(super) fn unit<T: ReadTxn>(&self, content: &TextRef, txn: &T) -> Option<u32> {
        let assoc = if self.assoc < 0 { Assoc::Before } else { Assoc::After };
        let scope = match (self.item, &self.tname) {
            (Some(id), _) if id.client <= NUMBER_MAX && id.clock < CLOCK_MAX => {
                IndexScope::Relative(ID::new(yrs::ClientID::new(id.client), id.clock))
            }
            (None, Some(name)) if name == CONTENT => IndexScope::Root(CONTENT.into()),
            _ => return None,
        };
        let offset = StickyIndex::new(scope, assoc).get_offset(txn)?;
        let here: &yrs::branch::Branch = content.as_ref();
        (offset.branch == yrs::branch::BranchPtr::from(here)).then_some(offset.index)
    }
}
