//! What the merge engine tells of a change to the letters, in UTF-16 units, and how it becomes steps in scalars.

use std::sync::Arc;

use parking_lot::Mutex;
use yrs::types::Delta as YDelta;
use yrs::types::text::{Diff, YChange};
use yrs::{Any, Observable, Out, Text, TextRef};

use super::super::guard::LOCAL;
use super::delta::{self, Delta};
use super::visible::VisibleText;
use super::{CONTENT, EMBED};

/// A step in UTF-16 units.
#[derive(Debug)]
pub(super) enum Step {
    Retain(u32),
    Insert(String),
    Delete(u32),
}

/// Changes that were not made through this document's own door, each as its steps.
pub(super) type Changes = Arc<Mutex<Vec<Vec<Step>>>>;

/// Collects every change to the letters but local ones, which are known to whoever makes them.
pub(super) fn observe(content: &TextRef) -> Changes {
    let changes = Changes::default();
    let sink = changes.clone();
    content.observe(CONTENT, move |txn, event| {
        if txn.origin().is_none_or(|origin| *origin != LOCAL.into()) {
            sink.lock().push(event.delta(txn).iter().map(step).collect());
        }
    });
    changes
}

/// The letters as they are seen: embedded values count as one.
pub(super) fn letters<T: yrs::ReadTxn>(content: &TextRef, txn: &T) -> String {
    let diffs = content.diff(txn, YChange::identity);
    diffs.into_iter().fold(String::new(), |mut text, Diff { insert, .. }| {
        push_letters(&mut text, &insert);
        text
    })
}

/// Takes the steps of observed changes into the visible text and says them in scalars.
///
/// Half of a surrogate pair may be deleted, or something put between both halves; Yjs then shows U+FFFD for each half without
/// saying so. Then, and whenever lengths do not agree afterwards, the whole text is compared.
pub(super) fn take(
    visible: &mut VisibleText,
    changes: Vec<Vec<Step>>,
    len_utf16: usize,
    letters: impl FnOnce() -> String,
) -> Vec<Delta> {
    let before = visible.clone();
    let mut all = Vec::new();
    let mut splits = false;
    for change in changes {
        let steps = in_scalars(visible, change, &mut splits);
        visible.apply(&steps);
        all.push(steps);
    }
    if splits || visible.len_utf16() != len_utf16 || all.len() > 1 {
        let letters = letters();
        let steps = delta::between(&before, &letters);
        *visible = before;
        visible.apply(&steps);
        return steps;
    }
    all.pop().unwrap_or_default()
}

fn in_scalars(visible: &VisibleText, change: Vec<Step>, splits: &mut bool) -> Vec<Delta> {
    let mut steps = Vec::with_capacity(change.len());
    // Where the walk is in the text before the change.
    let (mut unit, mut scalar) = (0usize, 0usize);
    let mut forward = |units: u32| {
        unit += units as usize;
        let next = visible.scalar_of_utf16(unit);
        *splits |= visible.utf16_of(next) != unit;
        let passed = next.saturating_sub(scalar);
        scalar = next;
        passed
    };
    for step in change {
        steps.push(match step {
            Step::Retain(units) => Delta::Retain(forward(units)),
            Step::Delete(units) => Delta::Delete(forward(units)),
            Step::Insert(text) => Delta::Insert(text),
        });
    }
    steps
}

fn step(delta: &YDelta) -> Step {
    match delta {
        YDelta::Retain(units, _) => Step::Retain(*units),
        YDelta::Deleted(units) => Step::Delete(*units),
        YDelta::Inserted(value, _) => {
            let mut text = String::new();
            push_letters(&mut text, value);
            Step::Insert(text)
        }
    }
}

fn push_letters(text: &mut String, value: &Out) {
    match value {
        Out::Any(Any::String(letters)) => text.push_str(letters),
        _ => text.push(EMBED),
    }
}
