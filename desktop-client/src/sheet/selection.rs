//! Which cells are selected, and how keys move the selection.

use std::ops::RangeInclusive;

/// A cell by where it is shown: both count from 0.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Position {
    /// Its row.
    pub row: usize,
    /// Its column.
    pub col: usize,
}

/// A rectangle of cells with one active cell in a corner.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Selection {
    /// The cell that typing goes to.
    pub active: Position,
    /// The opposite corner.
    pub extent: Position,
}

/// Which way a key moves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Direction {
    /// To smaller rows.
    Up,
    /// To larger rows.
    Down,
    /// To smaller columns.
    Left,
    /// To larger columns.
    Right,
}

/// How far a key moves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    /// So many cells.
    Cells(usize),
    /// To the first or last line.
    End,
}

impl Selection {
    /// One cell.
    pub fn cell(at: Position) -> Selection {
        Selection { active: at, extent: at }
    }

    /// Rows of the rectangle.
    pub fn rows(&self) -> RangeInclusive<usize> {
        self.active.row.min(self.extent.row)..=self.active.row.max(self.extent.row)
    }

    /// Columns of the rectangle.
    pub fn cols(&self) -> RangeInclusive<usize> {
        self.active.col.min(self.extent.col)..=self.active.col.max(self.extent.col)
    }

    /// The corner with the smallest row and column.
    pub fn top_left(&self) -> Position {
        Position { row: *self.rows().start(), col: *self.cols().start() }
    }

    /// Whether it is one cell.
    pub fn is_single(&self) -> bool {
        self.active == self.extent
    }

    /// Whether it holds this cell.
    pub fn contains(&self, at: Position) -> bool {
        self.rows().contains(&at.row) && self.cols().contains(&at.col)
    }

    /// The selection after a key. `extend` (Shift) moves the corner opposite to the active cell. `size` is how many rows and
    /// columns there are.
    pub fn moved(self, direction: Direction, step: Step, extend: bool, size: Position) -> Selection {
        let from = self.moving(extend);
        let to = match step {
            Step::End => end(from, direction, size),
            Step::Cells(count) => (0..count)
                .try_fold(from, |at, _| next(at, direction, size))
                .unwrap_or_else(|| end(from, direction, size)),
        };
        self.to(to, extend)
    }

    /// The selection after Ctrl with an arrow: at the edge of the block of cells that hold something. `filled` says whether a
    /// cell does.
    pub fn jumped(
        self,
        direction: Direction,
        extend: bool,
        size: Position,
        filled: impl Fn(Position) -> bool,
    ) -> Selection {
        self.to(edge(self.moving(extend), direction, size, filled), extend)
    }

    fn moving(self, extend: bool) -> Position {
        if extend { self.extent } else { self.active }
    }

    fn to(self, to: Position, extend: bool) -> Selection {
        if extend { Selection { extent: to, ..self } } else { Selection::cell(to) }
    }

    /// The selection with both corners inside a sheet of this size.
    pub fn clamped(self, size: Position) -> Selection {
        let clamp = |at: Position| Position {
            row: at.row.min(size.row.saturating_sub(1)),
            col: at.col.min(size.col.saturating_sub(1)),
        };
        Selection { active: clamp(self.active), extent: clamp(self.extent) }
    }
}

/// Inside a block its last cell; else the first cell of the next block.
fn edge(from: Position, direction: Direction, size: Position, filled: impl Fn(Position) -> bool) -> Position {
    let Some(mut at) = next(from, direction, size) else { return from };
    let inside = filled(from) && filled(at);
    loop {
        let Some(ahead) = next(at, direction, size) else { return at };
        let stop = if inside { !filled(ahead) } else { filled(at) };
        if stop {
            return at;
        }
        at = ahead;
    }
}

fn next(at: Position, direction: Direction, size: Position) -> Option<Position> {
    let Position { row, col } = at;
    match direction {
        Direction::Up => row.checked_sub(1).map(|row| Position { row, col }),
        Direction::Left => col.checked_sub(1).map(|col| Position { row, col }),
        Direction::Down => (row + 1 < size.row).then_some(Position { row: row + 1, col }),
        Direction::Right => (col + 1 < size.col).then_some(Position { row, col: col + 1 }),
    }
}

fn end(from: Position, direction: Direction, size: Position) -> Position {
    match direction {
        Direction::Up => Position { row: 0, ..from },
        Direction::Left => Position { col: 0, ..from },
        Direction::Down => Position { row: size.row.saturating_sub(1), ..from },
        Direction::Right => Position { col: size.col.saturating_sub(1), ..from },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SIZE: Position = Position { row: 100, col: 26 };

    fn at(row: usize, col: usize) -> Position {
        Position { row, col }
    }

    fn filled(position: Position) -> bool {
        // B3:B6 and B10
        position.col == 1 && ((2..=5).contains(&position.row) || position.row == 9)
    }

    fn edge(from: Position, direction: Direction) -> Position {
        Selection::cell(from).jumped(direction, false, SIZE, filled).active
    }

    #[test]
    fn ctrl_and_an_arrow_go_to_the_edge_of_the_block() {
        assert_eq!(edge(at(2, 1), Direction::Down), at(5, 1));
        assert_eq!(edge(at(5, 1), Direction::Down), at(9, 1));
        assert_eq!(edge(at(9, 1), Direction::Down), at(99, 1));
        assert_eq!(edge(at(0, 1), Direction::Down), at(2, 1));
        assert_eq!(edge(at(99, 1), Direction::Down), at(99, 1));
        assert_eq!(edge(at(4, 25), Direction::Left), at(4, 1));
    }

    #[test]
    fn shift_extends_and_keeps_the_active_cell() {
        let selection = Selection::cell(at(3, 3)).moved(Direction::Up, Step::Cells(2), true, SIZE);
        assert_eq!((selection.active, selection.rows(), selection.cols()), (at(3, 3), 1..=3, 3..=3));
        assert!(selection.contains(at(2, 3)) && !selection.contains(at(2, 2)));
        assert_eq!(selection.top_left(), at(1, 3));
    }

    #[test]
    fn no_key_leaves_the_sheet() {
        let corner = Selection::cell(at(0, 0));
        for direction in [Direction::Up, Direction::Left] {
            assert_eq!(corner.moved(direction, Step::Cells(5), false, SIZE), corner);
        }
        assert_eq!(corner.moved(Direction::Down, Step::Cells(1_000), false, SIZE).active, at(99, 0));
        assert_eq!(Selection::cell(at(500, 500)).clamped(SIZE).active, at(99, 25));
    }
}
