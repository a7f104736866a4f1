//! Who a person is in a document: name, colour, caret.

use serde::{Deserialize, Serialize};

/// Colours of people, each readable with white letters on it, none like the blue of one's own selection.
pub const PALETTE: [&str; 9] =
    ["#5e6c84", "#26a269", "#c64600", "#a51d2d", "#813d9c", "#865e3c", "#007c8a", "#9a1a6b", "#5a6b00"];

/// Longest name that is shown, characters.
pub const NAME_CHARS_MAX: usize = 64;

/// Who sits at this window, or at another one.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Person {
    /// Shown beside the caret.
    pub name: String,
    /// `#rrggbb`.
    pub color: String,
}

impl Person {
    /// A person with a valid colour: the one given, or one of the palette by the name.
    pub fn new(name: &str, color: Option<&str>) -> Person {
        let name: String = name.trim().chars().filter(|c| !c.is_control()).take(NAME_CHARS_MAX).collect();
        let name = if name.is_empty() { "Someone".to_owned() } else { name };
        let color = color
            .filter(|color| is_color(color))
            .map_or_else(|| palette_color(&name).to_owned(), str::to_ascii_lowercase);
        Person { name, color }
    }

    /// The letters on the avatar: the first of the first and of the last word.
    pub fn initials(&self) -> String {
        let mut words = self.name.split_whitespace().filter_map(|word| word.chars().next());
        let first = words.next();
        let last = words.next_back();
        first.into_iter().chain(last).flat_map(char::to_uppercase).collect()
    }
}

/// Whether a text is `#rrggbb`.
pub fn is_color(text: &str) -> bool {
    text.strip_prefix('#').is_some_and(|hex| hex.len() == 6 && hex.bytes().all(|b| b.is_ascii_hexdigit()))
}

/// A colour of the palette, the same for the same name in every window (FNV-1a).
fn palette_color(name: &str) -> &'static str {
    let hash = name.bytes().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    });
    PALETTE[(hash % PALETTE.len() as u64) as usize]
}

/// Where somebody's caret is: Yjs relative positions as JSON, as every Yjs editor writes them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Caret {
    /// The end of the selection that stays; equal to `head` without one.
    pub anchor: serde_json::Value,
    /// The end that moves: where the caret blinks.
    pub head: serde_json::Value,
}

/// One open window of somebody else on the document.
#[derive(Debug, Clone, PartialEq)]
pub struct Peer {
    /// Its Yjs client id.
    pub client: u64,
    /// Who sits there.
    pub person: Person,
    /// The caret in a text, once there is one.
    pub caret: Option<Caret>,
    /// The whole awareness state, for pages that keep more in it (a sheet: the selected cells).
    pub state: serde_json::Value,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_person_has_a_readable_name_and_a_valid_colour() {
        let person = Person::new("  Ana\u{7} Lúcia Souza ", Some("red; x"));
        assert_eq!(person.name, "Ana Lúcia Souza");
        assert_eq!(person.initials(), "AS");
        assert!(PALETTE.contains(&person.color.as_str()));
        assert_eq!(person.color, Person::new("Ana Lúcia Souza", None).color);
        assert_eq!(Person::new("Ben", Some("#ABCDEF")).color, "#abcdef");
        assert_eq!(Person::new("\n", None).name, "Someone");
    }
}
