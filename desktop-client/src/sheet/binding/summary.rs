//! Sums of the selection for the status bar, and what is wrong with a cell.

use shared::document::engine::{Value, value::show_number};

use super::Binding;
use super::explained::explained;

/// Selections of more cells are not summed up: it would be felt.
const SUMMED_CELLS_MAX: usize = 200_000;

impl Binding {
    /// Sum, average and count of the numbers in the selection, if there are several; else the size of the selection. Of one
    /// cell that shows an error: why.
    pub(in crate::sheet) fn summary(&self) -> String {
        let area = self.area();
        if area.cells() < 2 {
            return self.error_in_words().unwrap_or_default();
        }
        let size = format!("{} × {}", area.rows(), area.cols());
        if area.cells() > SUMMED_CELLS_MAX {
            return size;
        }
        let values = self.values.borrow();
        let numbers: Vec<f64> = self
            .with_sheet(|_, sheet| {
                let cells = area.positions().filter_map(|at| sheet.key_at(at.row, at.col));
                cells
                    .filter_map(|key| {
                        if let Value::Number(number) = values.of(sheet, key) { Some(number) } else { None }
                    })
                    .collect()
            })
            .unwrap_or_default();
        if numbers.is_empty() {
            return size;
        }
        let sum: f64 = numbers.iter().sum();
        let average = sum / numbers.len() as f64;
        format!(
            "Sum {} · Average {} · Count {}",
            show_number(sum, None),
            show_number(average, None),
            numbers.len()
        )
    }

    fn error_in_words(&self) -> Option<String> {
        let active = self.selection().active;
        let value = self.with_sheet(|_, sheet| {
            Some(self.values.borrow().of(sheet, sheet.key_at(active.row, active.col)?))
        });
        match value.flatten()? {
            Value::Error(error) => explained(&error).map(|words| format!("{error} {words}")),
            _ => None,
        }
    }
}
