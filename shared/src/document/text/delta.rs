//! What a change does to the visible text: a walk from its start that keeps, inserts and deletes. Counted in Unicode scalars, as
//! GTK counts.

use super::visible::VisibleText;

/// One step of the walk.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Delta {
    /// So many scalars stay.
    Retain(usize),
    /// This comes in.
    Insert(String),
    /// So many scalars go.
    Delete(usize),
}

/// The steps from one text to another by what they share at both ends.
pub(super) fn between(old: &VisibleText, new: &str) -> Vec<Delta> {
    let old = old.to_string();
    let head: usize =
        old.chars().zip(new.chars()).take_while(|(a, b)| a == b).map(|(a, _)| a.len_utf8()).sum();
    let (old_rest, new_rest) = (&old[head..], &new[head..]);
    let tail: usize = old_rest
        .chars()
        .rev()
        .zip(new_rest.chars().rev())
        .take_while(|(a, b)| a == b)
        .map(|(a, _)| a.len_utf8())
        .sum();
    let deleted = old_rest[..old_rest.len() - tail].chars().count();
    let inserted = &new_rest[..new_rest.len() - tail];
    let mut steps = Vec::new();
    if deleted > 0 || !inserted.is_empty() {
        let kept = old[..head].chars().count();
        if kept > 0 {
            steps.push(Delta::Retain(kept));
        }
        if deleted > 0 {
            steps.push(Delta::Delete(deleted));
        }
        if !inserted.is_empty() {
            steps.push(Delta::Insert(inserted.to_owned()));
        }
    }
    steps
}
