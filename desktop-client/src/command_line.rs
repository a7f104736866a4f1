//! `rustidocs [--server URL] [--name NAME] [--color #RRGGBB] [--kind text|sheet] [DOCUMENT]`

use shared::document::Kind;
use shared::names::DocumentId;

use crate::session::person::is_color;
use crate::session::{Person, Server};

/// Where the document service listens when nobody says otherwise (`cargo xtask run`).
const DEFAULT_SERVER: &str = "ws://127.0.0.1:8080";

/// What `--help` prints.
pub const USAGE: &str = "\
Write texts and fill sheets together.

Usage: rustidocs [OPTIONS] [DOCUMENT]

  DOCUMENT             the document to open, made if it is missing

Options:
  --server URL         ws://HOST:PORT of a document service (default ws://127.0.0.1:8080),
                       or redis://[USER:PASSWORD@]HOST:PORT of a cluster, in a trusted network
  --name NAME          who you are to the others (default: your login name)
  --color #RRGGBB      the colour of your caret (default: by your name)
  --kind text|sheet    what DOCUMENT shall be if it is missing (default text)
  --help, --version
";

/// What the command line asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Request {
    /// Open a window.
    Window(Options),
    /// Print the usage.
    Help,
    /// Print the version.
    Version,
}

/// How the window begins.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Options {
    /// Where documents live.
    pub server: Server,
    /// Who sits here.
    pub person: Person,
    /// What to open, and what to make of it if it is missing.
    pub document: Option<(DocumentId, Kind)>,
}

/// Reads the arguments without the program's name. `login` stands in for a missing `--name`.
///
/// Errors are one sentence for the terminal.
pub fn parse(arguments: impl IntoIterator<Item = String>, login: Option<String>) -> Result<Request, String> {
    let mut arguments = arguments.into_iter();
    let (mut server, mut name, mut color) = (None, None, None);
    let (mut kind, mut document) = (None, None);
    while let Some(argument) = arguments.next() {
        let (flag, inline) = match argument.split_once('=') {
            Some((flag, value)) if flag.starts_with("--") => (flag.to_owned(), Some(value.to_owned())),
            _ => (argument, None),
        };
        let mut value =
            || inline.clone().or_else(|| arguments.next()).ok_or_else(|| format!("{flag} needs a value"));
        match flag.as_str() {
            "--help" | "-h" => return Ok(Request::Help),
            "--version" | "-V" => return Ok(Request::Version),
            "--server" => server = Some(value()?),
            "--name" => name = Some(value()?),
            "--color" => color = Some(value()?),
            "--kind" => kind = Some(value()?),
            other if other.starts_with('-') => return Err(format!("there is no option {other}")),
            _ if document.is_some() => return Err("only one document can be opened at a time".into()),
            id => document = Some(id.to_owned()),
        }
    }
    if let Some(color) = color.as_ref().filter(|color| !is_color(color)) {
        return Err(format!("a colour is #RRGGBB, not {color}"));
    }
    let server = server.as_deref().unwrap_or(DEFAULT_SERVER);
    let server = server.parse().map_err(|error| format!("{server}: {error}"))?;
    let kind =
        kind.map_or(Ok(Kind::Text), |kind| kind.parse().map_err(|error| format!("{kind}: {error}")))?;
    let document = match document {
        Some(id) => Some((id.parse().map_err(|error| format!("{id}: {error}"))?, kind)),
        None => None,
    };
    let name = name.or(login).unwrap_or_default();
    Ok(Request::Window(Options { server, person: Person::new(&name, color.as_deref()), document }))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(line: &str) -> Result<Request, String> {
        parse(line.split_whitespace().map(str::to_owned), Some("ana".into()))
    }

    #[test]
    fn the_usual_lines_are_understood() {
        let Ok(Request::Window(options)) = parsed("--server ws://127.0.0.1:9 --name Ben --kind=sheet budget")
        else {
            panic!("no window")
        };
        assert_eq!(options.person.name, "Ben");
        assert_eq!(options.document, Some(("budget".parse().unwrap(), Kind::Sheet)));
        let Ok(Request::Window(options)) = parsed("") else { panic!("no window") };
        assert_eq!((options.person.name.as_str(), options.document), ("ana", None));
        assert_eq!(options.server.to_string(), DEFAULT_SERVER);
        assert_eq!(parsed("--help whatever"), Ok(Request::Help));
    }

    #[test]
    fn mistakes_are_told_in_one_sentence() {
        for (line, part) in [
            ("--server", "needs a value"),
            ("--server tcp://x", "ws:// or redis://"),
            ("--kind poem x", "text or a sheet"),
            ("--color red", "#RRGGBB"),
            ("--fullscreen", "no option --fullscreen"),
            ("a b", "one document"),
            ("a{b", "document id"),
        ] {
            let error = parsed(line).unwrap_err();
            assert!(error.contains(part), "{line}: {error}");
        }
    }
}
