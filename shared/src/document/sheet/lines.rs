//! The order of the rows, or of the columns, of a sheet: which are shown where, which are deleted but may come back.

use std::collections::HashMap;
use std::sync::Arc;

use crate::limits::SHEET_ROWS_MAX;

/// Rows or columns.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Axis {
    /// Rows.
    Row,
    /// Columns.
    Col,
}

/// A row or column by the number that this process gave to its id: it stays while the workbook lives, wherever the line goes.
pub type Line = u32;

const NOWHERE: u32 = u32::MAX;

/// What is said about one line.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct LineAttributes {
    /// Not shown, and no part of any range; it may come back.
    pub deleted: bool,
    /// Part of ranges, but not drawn.
    pub hidden: bool,
    /// Height or width in pixels, if somebody set it.
    pub size: Option<f64>,
}

/// All lines of one axis.
#[derive(Debug, Clone, Default)]
pub struct Lines {
    ids: Vec<Arc<str>>,
    numbers: HashMap<Arc<str>, Line>,
    attributes: Vec<LineAttributes>,
    /// Every line that has a place, in order, deleted ones too.
    order: Vec<Line>,
    /// For each line its place in `order`.
    place: Vec<u32>,
    /// For each line the index of its first entry in the shared array.
    entry: Vec<u32>,
    /// Entries of the shared array, doubled ones too.
    entries: u32,
    /// Lines that are shown, in order.
    shown: Vec<Line>,
    /// For each place in `order` how many shown lines come before it; one more at the end.
    shown_before: Vec<u32>,
}

impl Lines {
    /// How many are shown.
    pub fn len(&self) -> usize {
        self.shown.len()
    }

    /// Whether none is shown.
    pub fn is_empty(&self) -> bool {
        self.shown.is_empty()
    }

    /// The line at a position, from 0.
    pub fn at(&self, position: usize) -> Option<Line> {
        self.shown.get(position).copied()
    }

    /// The position of a line, from 0; `None` if it is deleted or has no place.
    pub fn position(&self, line: Line) -> Option<usize> {
        let place = self.placed(line)?;
        let before = *self.shown_before.get(place)?;
        (self.shown.get(before as usize) == Some(&line)).then_some(before as usize)
    }

    /// The positions from one line to another, whichever comes first: without deleted lines, so a range shrinks when its end is
    /// deleted. `None` if nothing is left, or if a line is not known.
    pub fn span(&self, one: Line, other: Line) -> Option<(usize, usize)> {
        let (one, other) = (self.placed(one)?, self.placed(other)?);
        let first = *self.shown_before.get(one.min(other))?;
        let end = *self.shown_before.get(one.max(other) + 1)?;
        (first < end).then(|| (first as usize, end as usize - 1))
    }

    /// Whether one line has a place before another, shown or not.
    pub fn comes_before(&self, one: Line, other: Line) -> bool {
        matches!((self.placed(one), self.placed(other)), (Some(one), Some(other)) if one < other)
    }

    /// The id of a line.
    pub fn id(&self, line: Line) -> &Arc<str> {
        &self.ids[line as usize]
    }

    /// The line with an id.
    pub fn line(&self, id: &str) -> Option<Line> {
        self.numbers.get(id).copied()
    }

    /// What is said about a line.
    pub fn attributes(&self, line: Line) -> LineAttributes {
        self.attributes[line as usize]
    }

    /// Deleted lines that have a place, in order.
    pub fn deleted(&self) -> impl Iterator<Item = Line> + '_ {
        self.order.iter().copied().filter(|line| self.attributes(*line).deleted)
    }

    /// Where in the shared array a line is to be inserted so that it is shown at a position.
    pub(super) fn entry_before(&self, position: usize) -> u32 {
        self.at(position).map_or(self.entries, |line| self.entry[line as usize])
    }

    /// The first number from which on no line `<letter><number>` has a place.
    pub(super) fn next_number(&self, letter: char) -> usize {
        // Whoever wrote an id with a number beyond all lines did not grow a sheet.
        let number = |line: &Line| self.id(*line).strip_prefix(letter)?.parse::<usize>().ok();
        let number = |line: &Line| number(line).filter(|number| *number < SHEET_ROWS_MAX);
        self.order.iter().filter_map(number).max().map_or(0, |last| last + 1)
    }

    /// The number of an id, which is given one if it has none.
    pub(super) fn intern(&mut self, id: &str) -> Line {
        if let Some(line) = self.numbers.get(id) {
            return *line;
        }
        let line = self.ids.len() as Line;
        let id: Arc<str> = id.into();
        self.ids.push(id.clone());
        self.attributes.push(LineAttributes::default());
        self.place.push(NOWHERE);
        self.entry.push(NOWHERE);
        self.numbers.insert(id, line);
        line
    }

    pub(super) fn set_attributes(&mut self, line: Line, attributes: LineAttributes) {
        self.attributes[line as usize] = attributes;
    }

    pub(super) fn forget_attributes(&mut self) {
        self.attributes.fill(LineAttributes::default());
    }

    /// Takes the entries of the shared array, at most `max` different ones.
    pub(super) fn set_order<'a>(&mut self, ids: impl Iterator<Item = Option<&'a str>>, max: usize) {
        self.place.fill(NOWHERE);
        self.order.clear();
        self.entries = 0;
        for id in ids {
            let entry = self.entries;
            self.entries += 1;
            let Some(id) = id else { continue };
            let line = self.intern(id);
            if self.place[line as usize] == NOWHERE && self.order.len() < max {
                self.place[line as usize] = self.order.len() as u32;
                self.entry[line as usize] = entry;
                self.order.push(line);
            }
        }
        self.update_shown();
    }

    /// Works out positions after `order` or attributes have changed.
    pub(super) fn update_shown(&mut self) {
        self.shown.clear();
        self.shown_before.clear();
        for line in &self.order {
            self.shown_before.push(self.shown.len() as u32);
            if !self.attributes[*line as usize].deleted {
                self.shown.push(*line);
            }
        }
        self.shown_before.push(self.shown.len() as u32);
    }

    fn placed(&self, line: Line) -> Option<usize> {
        self.place.get(line as usize).filter(|place| **place != NOWHERE).map(|place| *place as usize)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn lines(ids: &[&str], deleted: &[&str]) -> Lines {
        let mut lines = Lines::default();
        lines.set_order(ids.iter().map(|id| Some(*id)), 100);
        for id in deleted {
            let line = lines.intern(id);
            lines.set_attributes(line, LineAttributes { deleted: true, ..LineAttributes::default() });
        }
        lines.update_shown();
        lines
    }

    #[test]
    fn a_doubled_id_counts_at_its_first_place() {
        let lines = lines(&["a", "b", "a", "c"], &[]);
        assert_eq!(lines.len(), 3);
        assert_eq!(lines.position(lines.line("a").unwrap()), Some(0));
        assert_eq!(lines.entry_before(2), 3);
        assert_eq!(lines.entry_before(9), 4);
    }

    #[test]
    fn a_range_shrinks_inwards_and_is_gone_when_all_of_it_is() {
        let lines = lines(&["a", "b", "c", "d", "e"], &["b", "d", "e"]);
        let line = |id| lines.line(id).unwrap();
        assert_eq!(lines.span(line("b"), line("d")), Some((1, 1)));
        assert_eq!(lines.span(line("e"), line("a")), Some((0, 1)));
        assert_eq!(lines.span(line("d"), line("e")), None);
        assert_eq!(lines.position(line("d")), None);
        assert_eq!(lines.deleted().count(), 3);
    }

    proptest! {
        #[test]
        fn positions_and_lines_are_inverse(ids in proptest::collection::vec(0..12u8, 0..30), gone in proptest::collection::vec(0..12u8, 0..5)) {
            let ids: Vec<String> = ids.iter().map(u8::to_string).collect();
            let gone: Vec<String> = gone.iter().map(u8::to_string).collect();
            let lines = lines(&ids.iter().map(String::as_str).collect::<Vec<_>>(), &gone.iter().map(String::as_str).collect::<Vec<_>>());
            for position in 0..lines.len() {
                let line = lines.at(position).unwrap();
                prop_assert_eq!(lines.position(line), Some(position));
                prop_assert!(!lines.attributes(line).deleted);
            }
        }
    }
}
