//! The text of every setting: what CONFIG GET answers and CONFIG SET changes.

use std::path::PathBuf;

use super::high::Config;
use super::low::Directive;
use super::names::{self, Change, OLDER, ROWS};
use crate::glob;

/// The text of every setting, each in its canonical form.
#[derive(Debug, Clone)]
pub struct Settings {
    /// By place in [`ROWS`].
    texts: Vec<String>,
    /// The file that was read at the start: CONFIG REWRITE writes it.
    pub file: Option<PathBuf>,
}

/// Why CONFIG SET changed nothing, in redis-server's words.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum SetError {
    /// No setting has this name.
    #[error("ERR Unknown option or number of arguments for CONFIG SET - '{0}'")]
    Unknown(String),
    /// The value cannot be taken.
    #[error("ERR CONFIG SET failed (possibly related to argument '{name}') - {reason}")]
    Refused {
        /// The setting.
        name: String,
        /// Why.
        reason: String,
    },
}

impl Default for Settings {
    fn default() -> Settings {
        Settings { texts: ROWS.iter().map(|row| row.2.to_owned()).collect(), file: None }
    }
}

impl Settings {
    /// The text of a setting.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.texts.get(names::place(name)?).map(String::as_str)
    }

    /// The settings whose name matches a glob, letters of either case alike.
    pub fn matching<'s>(&'s self, pattern: &'s [u8]) -> impl Iterator<Item = (&'static str, &'s str)> + 's {
        let names = ROWS.iter().map(|row| row.0).chain(OLDER.iter().map(|(older, _)| *older));
        names
            .filter(move |name| glob::matches_ignoring_case(pattern, name.as_bytes()))
            .filter_map(|name| Some((name, self.get(name)?)))
    }

    /// Takes a directive of the command line or a file; an error is its reason.
    pub(super) fn apply(&mut self, directive: &Directive) -> Result<(), String> {
        let words: Vec<_> = directive.words.iter().map(String::as_str).collect();
        self.put(&directive.name, &words)
    }

    /// Sets a setting, live or not: for what is made in the program itself.
    pub fn put(&mut self, name: &str, words: &[&str]) -> Result<(), String> {
        let place = names::place(name).ok_or("Bad directive or wrong number of arguments")?;
        let text = ROWS[place].1.canonical(words, &self.texts[place])?;
        self.texts[place] = text;
        Ok(())
    }

    /// These settings with others changed: all or none. The pairs are names, in any case, and values.
    pub fn with(&self, pairs: &[(String, String)]) -> Result<(Settings, Config), SetError> {
        let mut new = self.clone();
        let refused =
            |name: &str, reason: &str| SetError::Refused { name: name.to_owned(), reason: reason.to_owned() };
        for (name, _) in pairs {
            names::place(name).ok_or_else(|| SetError::Unknown(name.clone()))?;
        }
        for (number, (name, value)) in pairs.iter().enumerate() {
            let changes = names::place(name).is_some_and(|place| ROWS[place].3 == Change::Live);
            if !changes {
                return Err(refused(name, "can't set immutable config"));
            }
            if pairs[..number].iter().any(|(earlier, _)| names::place(earlier) == names::place(name)) {
                return Err(refused(name, "duplicate parameter"));
            }
            new.put(name, &[value]).map_err(|reason| refused(name, &reason))?;
        }
        let config = Config::of(&new).map_err(|(name, reason)| refused(name, &reason))?;
        Ok((new, config))
    }

    /// The settings that differ from their defaults, in the order of their names.
    pub fn changed(&self) -> impl Iterator<Item = (&'static str, &str)> {
        let pairs = ROWS.iter().zip(&self.texts);
        pairs.filter(|(row, text)| row.2 != text.as_str()).map(|(row, text)| (row.0, text.as_str()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pairs(pairs: &[(&str, &str)]) -> Vec<(String, String)> {
        pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
    }

    #[test]
    fn several_are_set_or_none() {
        let settings = Settings::default();
        let (new, config) = settings.with(&pairs(&[("maxmemory", "1mb"), ("timeout", "5")])).unwrap();
        assert_eq!((new.get("maxmemory"), config.maxmemory), (Some("1048576"), 1_048_576));
        assert_eq!(config.timeout_s, 5);
        for (wrong, said) in [
            (
                &[("hz", "10"), ("foo", "1")][..],
                "ERR Unknown option or number of arguments for CONFIG SET - 'foo'",
            ),
            (
                &[("databases", "3")],
                "ERR CONFIG SET failed (possibly related to argument 'databases') - can't set immutable config",
            ),
            (
                &[("maxclients", "100"), ("maxclients", "200")],
                "ERR CONFIG SET failed (possibly related to argument 'maxclients') - duplicate parameter",
            ),
            (
                &[("maxmemory", "1x")],
                "ERR CONFIG SET failed (possibly related to argument 'maxmemory') - argument must be a memory value",
            ),
        ] {
            assert_eq!(settings.with(&pairs(wrong)).unwrap_err().to_string(), said);
        }
    }

    #[test]
    fn two_names_of_one_setting_stay_the_same() {
        let mut settings = Settings::default();
        settings.put("slave-priority", &["7"]).unwrap();
        assert_eq!(settings.get("replica-priority"), Some("7"));
        assert_eq!(settings.matching(b"*-PRIORITY").count(), 2);
        assert_eq!(settings.changed().count(), 1);
    }
}
