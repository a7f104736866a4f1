//! What an awareness state holds: who somebody is, and where. The shapes are those of the browser editors: y-codemirror, y-monaco
//! and y-quill write `user` and `cursor`; `sheet` is ours.

use serde::{Deserialize, Serialize};

use crate::document::text::Anchor;

/// One person's state. Unknown fields are left out, and a field of another shape is taken as not there.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Presence {
    /// Who it is.
    #[serde(default, deserialize_with = "lenient", skip_serializing_if = "Option::is_none")]
    pub user: Option<User>,
    /// Caret and selection in a text.
    #[serde(default, deserialize_with = "lenient", skip_serializing_if = "Option::is_none")]
    pub cursor: Option<TextCursor>,
    /// Selected cells of a sheet.
    #[serde(default, deserialize_with = "lenient", skip_serializing_if = "Option::is_none")]
    pub sheet: Option<SheetCursor>,
}

/// A person as the others see them.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct User {
    /// Shown at the caret.
    pub name: String,
    /// CSS colour of the caret, such as `#30bced`.
    #[serde(default)]
    pub color: String,
    /// CSS colour of the selection.
    #[serde(default, rename = "colorLight")]
    pub color_light: String,
}

/// A selection in a text: from where it was started to where the caret is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TextCursor {
    /// Where it was started.
    pub anchor: Anchor,
    /// Where the caret is.
    pub head: Anchor,
}

/// A selection in a sheet, by ids: it stays with its cells.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SheetCursor {
    /// Which sheet.
    #[serde(rename = "sheetId")]
    pub sheet_id: String,
    /// Where it was started.
    pub anchor: CellPlace,
    /// Where the person is.
    pub focus: CellPlace,
}

/// A cell by the ids of its row and column.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CellPlace {
    /// Id of its row.
    pub row: String,
    /// Id of its column.
    pub col: String,
}

impl Presence {
    /// Reads an awareness state; what cannot be read is left out.
    pub fn from_json(state: &str) -> Presence {
        serde_json::from_str(state).unwrap_or_default()
    }

    /// The state to say.
    pub fn to_json(&self) -> String {
        serde_json::to_string(self).unwrap_or_else(|_| "{}".to_owned())
    }
}

/// A foreign program may write anything: what has another shape is not there.
fn lenient<'de, D, T>(deserializer: D) -> Result<Option<T>, D::Error>
where
    D: serde::Deserializer<'de>,
    T: serde::de::DeserializeOwned,
{
    let value = serde_json::Value::deserialize(deserializer)?;
    Ok(serde_json::from_value(value).ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_state_of_a_browser_editor_is_read() {
        let state = r##"{"user":{"name":"Ana","color":"#30bced","colorLight":"#30bced33"},
            "cursor":{"anchor":{"type":null,"tname":"content","item":{"client":7,"clock":3},"assoc":0},
                      "head":{"type":null,"tname":"content","item":null,"assoc":0}}}"##;
        let presence = Presence::from_json(state);
        assert_eq!(presence.user.as_ref().map(|user| &user.name[..]), Some("Ana"));
        assert!(presence.cursor.is_some() && presence.sheet.is_none());
        assert_eq!(Presence::from_json(&presence.to_json()), presence);
    }

    #[test]
    fn what_has_another_shape_is_left_out() {
        let presence = Presence::from_json(r#"{"user":{"name":"Ben"},"cursor":{"x":1},"mouse":[1,2]}"#);
        assert_eq!(presence.user.map(|user| user.name), Some("Ben".to_owned()));
        assert_eq!(presence.cursor, None);
        assert_eq!(Presence::from_json("[1"), Presence::default());
    }
}
