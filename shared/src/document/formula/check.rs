//! Bounds on a formula, before any engine sees it: engines parse by recursion, and 700 nested parentheses overflow a stack of 2 MiB.

use super::FormulaError;
use crate::limits::{FORMULA_BYTES_MAX, FORMULA_NESTING_MAX};

/// Checks length and nesting of a formula in any form; returns how many parentheses are left open.
///
/// Signs in a row count as nesting too (`=----1`): each is one level for a parser.
pub fn check(formula: &str) -> Result<usize, FormulaError> {
    if formula.len() > FORMULA_BYTES_MAX {
        return Err(FormulaError::TooLong);
    }
    nesting(formula)
}

/// [`check`] without the bound on length, for text that was made from something that was checked.
pub fn nesting(formula: &str) -> Result<usize, FormulaError> {
    let (mut open, mut signs, mut quote) = (0usize, 0usize, None);
    for c in formula.chars() {
        if let Some(end) = quote {
            // A doubled quote closes and opens again: the same for counting.
            if c == end {
                quote = None;
            }
            continue;
        }
        match c {
            '"' | '\'' => quote = Some(c),
            '(' | '{' => open += 1,
            ')' | '}' => open = open.checked_sub(1).ok_or(FormulaError::Unbalanced)?,
            _ => {}
        }
        match c {
            '+' | '-' | '@' => signs += 1,
            ' ' => {}
            _ => signs = 0,
        }
        if open + signs > FORMULA_NESTING_MAX {
            return Err(FormulaError::TooDeep);
        }
    }
    if quote.is_some() { Err(FormulaError::Quote) } else { Ok(open) }
}
