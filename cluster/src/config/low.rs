//! A command line and configuration files as typed: `[FILE.conf] [--NAME VALUE…]…`, in redis-server's syntax.

use std::path::{Path, PathBuf};

use shared::resp::inline;
use shared::rt::fs;

use super::settings::Settings;

/// Deepest nesting of `include`, so that a file that includes itself is an error.
const INCLUDE_NESTING_MAX: usize = 16;

/// One setting as typed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Directive {
    /// Lower case.
    pub name: String,
    /// Its words, quotes and escapes resolved.
    pub words: Vec<String>,
    /// Where it stands, for messages: `FILE:LINE` or `command line`.
    pub place: String,
}

/// Why settings cannot be used, in the words of redis-server.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// A file could not be read.
    #[error("Fatal error, can't open config file '{path}': {source}")]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// A directive is wrong.
    #[error("{place}: >>> '{directive}': {reason}")]
    Directive {
        /// `FILE:LINE` or `command line`.
        place: String,
        /// As typed.
        directive: String,
        /// What is wrong with it.
        reason: String,
    },
}

impl Directive {
    fn wrong(&self, reason: impl Into<String>) -> ConfigError {
        let quoted: Vec<_> = self.words.iter().map(|word| format!(" \"{word}\"")).collect();
        ConfigError::Directive {
            place: self.place.clone(),
            directive: self.name.clone() + &quoted.concat(),
            reason: reason.into(),
        }
    }
}

/// The settings of a command line (without the program's name): a file first, if the first word names one; then options.
pub fn load(args: impl Iterator<Item = String>) -> Result<Settings, ConfigError> {
    let mut args = args.peekable();
    let mut directives = Vec::new();
    let mut file = None;
    if let Some(path) = args.next_if(|arg| !arg.starts_with("--")) {
        let path = PathBuf::from(path);
        read(&path, 0, &mut directives)?;
        // CONFIG REWRITE finds it wherever `dir` leads later.
        file = Some(path.canonicalize().unwrap_or(path));
    }
    options(args, &mut directives)?;
    let mut settings = Settings::default();
    settings.file = file;
    for directive in &directives {
        settings.apply(directive).map_err(|reason| directive.wrong(reason))?;
    }
    Ok(settings)
}

/// `--NAME WORD…`: words up to the next word with two dashes.
fn options(args: impl Iterator<Item = String>, directives: &mut Vec<Directive>) -> Result<(), ConfigError> {
    let place = || "command line".to_owned();
    for arg in args {
        match (arg.strip_prefix("--"), directives.last_mut()) {
            (Some(name), _) if !name.is_empty() => {
                directives.push(Directive { name: name.to_lowercase(), words: Vec::new(), place: place() });
            }
            (_, Some(last)) if last.place == place() => last.words.push(arg),
            _ => {
                let stray = Directive { name: arg, words: Vec::new(), place: place() };
                return Err(stray.wrong("expected --NAME VALUE"));
            }
        }
    }
    Ok(())
}

/// Reads a file of `name word…` lines; `#` begins a comment line, `include FILE` reads another (relative to the working folder,
/// as in redis-server).
fn read(path: &Path, nesting: usize, directives: &mut Vec<Directive>) -> Result<(), ConfigError> {
    let unreadable = |source| ConfigError::Unreadable { path: path.to_owned(), source };
    if nesting > INCLUDE_NESTING_MAX {
        return Err(unreadable(std::io::Error::other(format!(
            "includes nested deeper than {INCLUDE_NESTING_MAX}"
        ))));
    }
    let text = fs::read_to_string(path).map_err(unreadable)?;
    for (number, line) in text.lines().enumerate() {
        let line = line.trim();
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        let place = format!("{}:{}", path.display(), number + 1);
        let directive = parse(line, place)?;
        if directive.name == "include" {
            for path in &directive.words {
                read(Path::new(path), nesting + 1, directives)?;
            }
        } else {
            directives.push(directive);
        }
    }
    Ok(())
}

fn parse(line: &str, place: String) -> Result<Directive, ConfigError> {
    let (mut scratch, mut ranges) = (Vec::new(), Vec::new());
    let split = inline::split(line.as_bytes(), &mut scratch, &mut ranges);
    let mut words = ranges.into_iter().map(|word| String::from_utf8_lossy(&scratch[word]).into_owned());
    match (split, words.next()) {
        (Ok(()), Some(name)) => Ok(Directive { name: name.to_lowercase(), words: words.collect(), place }),
        _ => {
            let reason = "Unbalanced quotes in configuration line".to_owned();
            Err(ConfigError::Directive { place, directive: line.to_owned(), reason })
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(line: &str) -> impl Iterator<Item = String> {
        line.split(' ').map(str::to_owned).collect::<Vec<_>>().into_iter()
    }

    #[test]
    fn options_take_words_up_to_the_next_option() {
        let settings =
            load(words("--port 7000 --bind 127.0.0.1 ::1 --maxmemory 1kb --save  --appendonly YES")).unwrap();
        assert_eq!(settings.get("port"), Some("7000"));
        assert_eq!(settings.get("bind"), Some("127.0.0.1 ::1"));
        assert_eq!(settings.get("maxmemory"), Some("1024"));
        assert_eq!(settings.get("appendonly"), Some("yes"));
    }

    #[test]
    fn what_is_wrong_is_said_with_its_place() {
        for (line, said) in [
            ("--nosuch 1", "command line: >>> 'nosuch \"1\"': Bad directive or wrong number of arguments"),
            ("--port abc", "command line: >>> 'port \"abc\"': argument couldn't be parsed into an integer"),
            ("--port", "command line: >>> 'port': Bad directive or wrong number of arguments"),
            (
                "--appendonly maybe",
                "command line: >>> 'appendonly \"maybe\"': argument must be 'yes' or 'no'",
            ),
        ] {
            assert_eq!(load(words(line)).unwrap_err().to_string(), said);
        }
    }

    #[test]
    fn files_have_comments_quotes_and_includes() {
        let dir = std::env::temp_dir().join(format!("rustidocs-config-{}", std::process::id()));
        std::fs::create_dir_all(&dir).unwrap();
        let (main, other) = (dir.join("main.conf"), dir.join("other.conf"));
        std::fs::write(&other, "timeout 7\n").unwrap();
        std::fs::write(
            &main,
            format!("# comment\n\nrequirepass \"a \\x41\"\ninclude {}\nPORT 7001\n", other.display()),
        )
        .unwrap();
        let load_file = |more: &str| load([main.display().to_string()].into_iter().chain(words(more)));
        let settings = load_file("--port 7002").unwrap();
        assert_eq!(settings.get("requirepass"), Some("a A"));
        assert_eq!((settings.get("timeout"), settings.get("port")), (Some("7"), Some("7002")));
        std::fs::write(&main, "port 1\nport \"2\n").unwrap();
        assert!(load_file("--port 7002").unwrap_err().to_string().contains("main.conf:2: >>> 'port \"2'"));
        std::fs::write(&main, format!("include {}\n", main.display())).unwrap();
        assert!(load_file("--port 7002").unwrap_err().to_string().contains("nested deeper"));
        std::fs::remove_dir_all(&dir).unwrap();
    }
}
