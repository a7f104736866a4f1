//! Which part of the grid lies at a pixel.

use super::model::{HEADER_HEIGHT, Model};
use crate::sheet::selection::Position;

/// How near to a border a drag changes the size, pixels.
const BORDER_GRIP: f64 = 4.0;

/// A part of the grid.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Part {
    /// A cell.
    Cell(Position),
    /// The header of a column.
    Column(usize),
    /// The header of a row.
    Row(usize),
    /// The right border of a column's header.
    ColumnBorder(usize),
    /// The lower border of a row's header.
    RowBorder(usize),
    /// Where the headers meet.
    Corner,
}

/// The part at a place in the widget, which is scrolled by so many pixels. `None` only where there are no lines.
pub(super) fn part_at(model: &Model, x: f64, y: f64, scroll: (f64, f64)) -> Option<Part> {
    let header = model.header_width();
    let (inside_x, inside_y) = (x - header + scroll.0, y - HEADER_HEIGHT + scroll.1);
    match (x < header, y < HEADER_HEIGHT) {
        (true, true) => Some(Part::Corner),
        (false, true) => {
            let border =
                border_at(inside_x, |pixels| model.cols.line_at(pixels), |index| model.cols.offset(index));
            border.map(Part::ColumnBorder).or_else(|| model.cols.line_at(inside_x).map(Part::Column))
        }
        (true, false) => {
            let border =
                border_at(inside_y, |pixels| model.rows.line_at(pixels), |index| model.rows.offset(index));
            border.map(Part::RowBorder).or_else(|| model.rows.line_at(inside_y).map(Part::Row))
        }
        (false, false) => {
            let (row, col) = (model.rows.line_at(inside_y)?, model.cols.line_at(inside_x)?);
            Some(Part::Cell(Position { row, col }))
        }
    }
}

fn border_at(
    pixels: f64,
    line_at: impl Fn(f64) -> Option<usize>,
    offset: impl Fn(usize) -> f64,
) -> Option<usize> {
    let line = line_at(pixels)?;
    if offset(line + 1) - pixels <= BORDER_GRIP {
        Some(line)
    } else if pixels - offset(line) < BORDER_GRIP {
        line.checked_sub(1)
    } else {
        None
    }
}

#[cfg(test)]
mod tests {
    use super::super::model::ROW_HEIGHT;
    use super::*;
    use crate::sheet::axis::Axis;

    #[test]
    fn parts_lie_where_they_are_drawn() {
        let model =
            Model { rows: Axis::new(9, ROW_HEIGHT, []), cols: Axis::new(5, 100.0, []), ..Model::default() };
        let header = model.header_width();
        let part = |x: f64, y: f64| part_at(&model, x, y, (0.0, 0.0));
        assert_eq!(part(1.0, 1.0), Some(Part::Corner));
        assert_eq!(part(header + 50.0, 1.0), Some(Part::Column(0)));
        assert_eq!(part(header + 98.0, 1.0), Some(Part::ColumnBorder(0)));
        assert_eq!(part(header + 102.0, 1.0), Some(Part::ColumnBorder(0)));
        assert_eq!(part(1.0, HEADER_HEIGHT + 10.0), Some(Part::Row(0)));
        assert_eq!(
            part(header + 150.0, HEADER_HEIGHT + ROW_HEIGHT + 1.0),
            Some(Part::Cell(Position { row: 1, col: 1 }))
        );
        let scrolled = part_at(&model, header + 50.0, HEADER_HEIGHT + 1.0, (100.0, ROW_HEIGHT));
        assert_eq!(scrolled, Some(Part::Cell(Position { row: 1, col: 1 })));
    }
}
