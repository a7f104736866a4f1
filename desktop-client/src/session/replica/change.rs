//! What a page has to do to its view.

use shared::document::text::Delta;

/// One step; positions are Unicode scalars, valid when the steps are done in order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Change {
    /// Text comes in.
    Insert {
        /// In front of which character.
        at: usize,
        /// What comes in.
        text: String,
    },
    /// Text goes out.
    Delete {
        /// The first character that goes.
        at: usize,
        /// How many go.
        chars: usize,
    },
}

impl Change {
    /// The steps of a walk, each with its place.
    pub fn of_walk(steps: Vec<Delta>) -> Vec<Change> {
        let mut at = 0;
        let mut changes = Vec::new();
        for step in steps {
            match step {
                Delta::Retain(chars) => at += chars,
                Delta::Delete(chars) => changes.push(Change::Delete { at, chars }),
                Delta::Insert(text) => {
                    let chars = text.chars().count();
                    changes.push(Change::Insert { at, text });
                    at += chars;
                }
            }
        }
        changes
    }

    /// Where a position is after the step. One that stands where text comes in stays in front of it.
    pub fn map(&self, position: usize) -> usize {
        match self {
            Change::Insert { at, text } if *at < position => position + text.chars().count(),
            Change::Delete { at, chars } if *at < position => position - (position - at).min(*chars),
            _ => position,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_caret_stays_at_its_letters() {
        let insert = Change::Insert { at: 3, text: "ab".into() };
        assert_eq!([2, 3, 4].map(|p| insert.map(p)), [2, 3, 6]);
        let delete = Change::Delete { at: 3, chars: 4 };
        assert_eq!([2, 3, 5, 7, 9].map(|p| delete.map(p)), [2, 3, 3, 3, 5]);
    }

    #[test]
    fn a_walk_becomes_steps_with_places() {
        let walk = vec![Delta::Retain(2), Delta::Insert("é😀".into()), Delta::Retain(1), Delta::Delete(3)];
        let changes = [Change::Insert { at: 2, text: "é😀".into() }, Change::Delete { at: 5, chars: 3 }];
        assert_eq!(Change::of_walk(walk), changes);
    }
}
