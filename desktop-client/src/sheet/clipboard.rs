//! A block of cells as text, as spreadsheets exchange it: tabs between cells, line feeds between rows.

/// Cells, row by row, as tab-separated text; a cell with a tab, a line feed or a quote is quoted.
pub fn to_text(rows: &[Vec<String>]) -> String {
    let mut text = String::new();
    for (number, row) in rows.iter().enumerate() {
        if number > 0 {
            text.push('\n');
        }
        for (column, cell) in row.iter().enumerate() {
            if column > 0 {
                text.push('\t');
            }
            if cell.contains(['\t', '\n', '\r', '"']) {
                text.push('"');
                text.push_str(&cell.replace('"', "\"\""));
                text.push('"');
            } else {
                text.push_str(cell);
            }
        }
    }
    text
}

/// The inverse of [`to_text`]; also takes CR LF, and a line feed at the end as spreadsheets append it.
pub fn from_text(text: &str) -> Vec<Vec<String>> {
    let mut rows = vec![vec![String::new()]];
    let mut characters = text.chars().peekable();
    let mut quoted = false;
    let mut start_of_cell = true;
    while let Some(character) = characters.next() {
        if quoted {
            match character {
                '"' if characters.peek() == Some(&'"') => {
                    characters.next();
                    append(&mut rows, '"');
                }
                '"' => quoted = false,
                other => append(&mut rows, other),
            }
            continue;
        }
        match character {
            '"' if start_of_cell => quoted = true,
            '\t' => rows.last_mut().into_iter().for_each(|row| row.push(String::new())),
            '\r' if characters.peek() == Some(&'\n') => continue,
            '\n' => rows.push(vec![String::new()]),
            other => append(&mut rows, other),
        }
        start_of_cell = matches!(character, '\t' | '\n');
    }
    if rows.len() > 1 && rows.last().is_some_and(|row| row.len() == 1 && row[0].is_empty()) {
        rows.pop();
    }
    rows
}

fn append(rows: &mut [Vec<String>], character: char) {
    if let Some(cell) = rows.last_mut().and_then(|row| row.last_mut()) {
        cell.push(character);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn what_other_spreadsheets_copy_is_read() {
        assert_eq!(from_text("a\tb\r\n1\t\"two\nlines\"\r\n"), [["a", "b"], ["1", "two\nlines"]]);
        assert_eq!(from_text("plain"), [["plain"]]);
        assert_eq!(from_text("5\" disk"), [["5\" disk"]]);
    }

    proptest! {
        #[test]
        fn text_and_cells_are_inverse(width in 1_usize..5, cells in proptest::collection::vec("[a\t\n\"\r ]{0,4}|x", 1..30)) {
            let rows: Vec<Vec<String>> = cells.chunks_exact(width).map(<[String]>::to_vec).collect();
            // A last row of one empty cell cannot be told from the line feed that others append.
            prop_assume!(!rows.is_empty() && rows.last() != Some(&vec![String::new()]));
            prop_assert_eq!(from_text(&to_text(&rows)), rows);
        }
    }
}
