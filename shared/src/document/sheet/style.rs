//! How a cell looks. Stored as JSON with short keys in a fixed order, so that equal styles have equal bytes.

use serde::{Deserialize, Serialize};

use crate::limits::STYLE_BYTES_MAX;

/// How a cell looks; what is not said is as usual.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Style {
    /// Bold.
    #[serde(rename = "b", default, skip_serializing_if = "is_false")]
    pub bold: bool,
    /// Italic.
    #[serde(rename = "i", default, skip_serializing_if = "is_false")]
    pub italic: bool,
    /// Underlined.
    #[serde(rename = "u", default, skip_serializing_if = "is_false")]
    pub underline: bool,
    /// Struck through.
    #[serde(rename = "s", default, skip_serializing_if = "is_false")]
    pub strike: bool,
    /// Colour of the letters, `#rrggbb`.
    #[serde(rename = "c", default, skip_serializing_if = "Option::is_none")]
    pub color: Option<String>,
    /// Colour behind them, `#rrggbb`.
    #[serde(rename = "g", default, skip_serializing_if = "Option::is_none")]
    pub fill: Option<String>,
    /// Where the letters stand.
    #[serde(rename = "a", default, skip_serializing_if = "Option::is_none")]
    pub align: Option<Align>,
    /// Number format of spreadsheets, such as `0.00` or `0%`.
    #[serde(rename = "n", default, skip_serializing_if = "Option::is_none")]
    pub number_format: Option<String>,
}

/// Where the letters of a cell stand.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Align {
    /// At the left.
    Left,
    /// In the middle.
    Center,
    /// At the right.
    Right,
}

impl Style {
    pub(super) fn from_json(json: &str) -> Option<Style> {
        if json.len() > STYLE_BYTES_MAX {
            return None;
        }
        serde_json::from_str(json).ok()
    }

    pub(super) fn to_json(&self) -> String {
        serde_json::to_string(self).unwrap_or_default()
    }
}

fn is_false(value: &bool) -> bool {
    !value
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_style_says_only_what_is_unusual() {
        let style = Style { bold: true, align: Some(Align::Right), ..Style::default() };
        assert_eq!(style.to_json(), r#"{"b":true,"a":"right"}"#);
        assert_eq!(Style::from_json(&style.to_json()), Some(style));
        assert_eq!(Style::from_json("{}"), Some(Style::default()));
        assert_eq!(Style::from_json("7"), None);
    }
}
