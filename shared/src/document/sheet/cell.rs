//! What a cell holds, and how typed text becomes it: as in every spreadsheet.

use std::sync::Arc;

use yrs::{Any, Out};

/// What a cell holds.
#[derive(Debug, Clone, PartialEq)]
pub enum Cell {
    /// A finite number.
    Number(f64),
    /// A text.
    Text(Arc<str>),
    /// TRUE or FALSE.
    Bool(bool),
    /// A formula in its stored form, with ids; see [`crate::document::formula`].
    Formula(Arc<str>),
}

/// What somebody typed into a cell.
#[derive(Debug, Clone, PartialEq)]
pub enum Typed {
    /// Nothing: the cell becomes empty.
    Nothing,
    /// A number.
    Number(f64),
    /// A number with a percent sign, divided by 100.
    Percent(f64),
    /// A text.
    Text(String),
    /// TRUE or FALSE.
    Bool(bool),
    /// A formula as it is shown, with its `=`.
    Formula(String),
}

impl Typed {
    /// Understands typed text: `=` starts a formula, `'` a text whatever follows; then numbers, percents, TRUE and FALSE.
    pub fn parse(text: &str) -> Typed {
        let trimmed = text.trim();
        if let Some(rest) = text.strip_prefix('\'') {
            return Typed::Text(rest.to_owned());
        }
        match trimmed {
            "" => return Typed::Nothing,
            _ if trimmed.len() > 1 && trimmed.starts_with('=') => return Typed::Formula(trimmed.to_owned()),
            _ if trimmed.eq_ignore_ascii_case("true") => return Typed::Bool(true),
            _ if trimmed.eq_ignore_ascii_case("false") => return Typed::Bool(false),
            _ => {}
        }
        if let Some(number) = trimmed.strip_suffix('%').and_then(|rest| number(rest.trim_end())) {
            return Typed::Percent(number / 100.0);
        }
        number(trimmed).map_or_else(|| Typed::Text(text.to_owned()), Typed::Number)
    }
}

impl Cell {
    /// What would have to be typed to get this cell; for formulas see [`super::Workbook::typed`].
    pub(super) fn typed(&self) -> String {
        match self {
            Cell::Number(number) => number.to_string(),
            Cell::Bool(true) => "TRUE".to_owned(),
            Cell::Bool(false) => "FALSE".to_owned(),
            Cell::Formula(formula) => formula.to_string(),
            Cell::Text(text) => match Typed::parse(text) {
                Typed::Text(same) if *same == **text => same,
                _ => format!("'{text}"),
            },
        }
    }

    /// Reads the value of a shared map; what no cell can hold is an empty cell.
    pub(super) fn from_shared(value: &Out) -> Option<Cell> {
        let Out::Any(value) = value else { return None };
        match value {
            Any::Number(yrs::Number::Float(number)) => number.is_finite().then_some(Cell::Number(*number)),
            Any::Number(yrs::Number::Int(number)) => Some(Cell::Number(*number as f64)),
            Any::String(text) => Some(Cell::Text(text.clone())),
            Any::Bool(value) => Some(Cell::Bool(*value)),
            Any::Map(map) => match map.get("f") {
                Some(Any::String(formula)) => Some(Cell::Formula(formula.clone())),
                _ => None,
            },
            _ => None,
        }
    }

    pub(super) fn to_shared(&self) -> Any {
        match self {
            Cell::Number(number) if number.fract() == 0.0 && number.abs() < f64::from(1 << 30) => {
                Any::from(*number as i64)
            }
            Cell::Number(number) => Any::from(*number),
            Cell::Text(text) => Any::String(text.clone()),
            Cell::Bool(value) => Any::from(*value),
            Cell::Formula(formula) => {
                Any::Map(Arc::new([("f".to_owned(), Any::String(formula.clone()))].into()))
            }
        }
    }
}

/// A decimal number as people type it; not `inf`, `nan` or `0x1`, which Rust would read too.
fn number(text: &str) -> Option<f64> {
    let digits = text.bytes().any(|byte| byte.is_ascii_digit());
    let allowed = text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'+' | b'-' | b'.' | b'e' | b'E'));
    let starts = text.starts_with(|c: char| c.is_ascii_digit() || matches!(c, '+' | '-' | '.'));
    (digits && allowed && starts).then(|| text.parse::<f64>().ok())?.filter(|number| number.is_finite())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn typed_text_becomes_what_every_spreadsheet_makes_of_it() {
        for (typed, cell) in [
            ("", Typed::Nothing),
            ("  ", Typed::Nothing),
            ("12", Typed::Number(12.0)),
            (" -1.5e3 ", Typed::Number(-1500.0)),
            (".5", Typed::Number(0.5)),
            ("50%", Typed::Percent(0.5)),
            ("true", Typed::Bool(true)),
            ("False", Typed::Bool(false)),
            ("=A1+1", Typed::Formula("=A1+1".into())),
            ("=", Typed::Text("=".into())),
            ("'12", Typed::Text("12".into())),
            ("'=A1", Typed::Text("=A1".into())),
            ("inf", Typed::Text("inf".into())),
            ("NaN", Typed::Text("NaN".into())),
            ("1e999", Typed::Text("1e999".into())),
            ("e5", Typed::Text("e5".into())),
            ("1-2", Typed::Text("1-2".into())),
            (" a b ", Typed::Text(" a b ".into())),
        ] {
            assert_eq!(Typed::parse(typed), cell, "{typed:?}");
        }
    }

    proptest! {
        #[test]
        fn a_text_or_number_typed_again_stays_what_it_is(text in "[ '=%0-9a-zTRUE.-]{0,8}", number in any::<f64>()) {
            let text = Cell::Text(text.into());
            if text != Cell::Text("".into()) {
                let again = match Typed::parse(&text.typed()) { Typed::Text(text) => Cell::Text(text.into()), other => panic!("{other:?}") };
                prop_assert_eq!(again, text);
            }
            if number.is_finite() {
                prop_assert_eq!(Typed::parse(&Cell::Number(number).typed()), Typed::Number(number));
                let shared = Out::Any(Cell::Number(number).to_shared());
                prop_assert_eq!(Cell::from_shared(&shared), Some(Cell::Number(number)));
            }
        }
    }
}
