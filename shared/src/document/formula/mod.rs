//! Formulas. People see and type addresses (`=SUM(A1:B2)`); the document holds ids (`=SUM(⟦r0:c0,r1:c1⟧)`), so a row that somebody
//! inserts never bends what another wrote.
//!
//! A stored reference is `⟦row:col⟧` or `⟦row:col,row:col⟧`, each id with `$` in front where it was typed so, `*` for the rows of
//! whole columns and the columns of whole rows, and the id of another sheet with `!` in front of all.
//!
//! # Layout
//!
//! - [`scan`]: a typed formula as pieces: text, and references in it.
//! - [`stored`]: the stored form, read and written.
//! - [`convert`]: from one to the other: [`store`], [`show`], [`shift`].
//! - [`check`]: bounds on length and nesting, before any engine sees a formula.

pub mod check;
pub mod convert;
pub mod scan;
pub mod stored;

pub use check::check;
#[cfg(feature = "calc")]
pub(crate) use convert::show_with;
pub use convert::{Needs, absolute, needs, shift, show, store};

/// Why a typed formula is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum FormulaError {
    /// It is longer than [`crate::limits::FORMULA_BYTES_MAX`].
    #[error("the formula is too long")]
    TooLong,
    /// It is nested deeper than [`crate::limits::FORMULA_NESTING_MAX`].
    #[error("the formula is nested too deep")]
    TooDeep,
    /// A bracket is closed that was not opened.
    #[error("a closing bracket has no opening one")]
    Unbalanced,
    /// A text in quotes does not end.
    #[error("a quote is not closed")]
    Quote,
    /// A character that means something in the stored form.
    #[error("{0:?} has no meaning in a formula")]
    Character(char),
    /// A reference leads out of what a sheet may have.
    #[error("a reference leads beyond the end of a sheet")]
    Beyond,
}

/// What a reference shows that leads nowhere any more.
pub const REF_ERROR: &str = "#REF!";

#[cfg(test)]
mod tests;
