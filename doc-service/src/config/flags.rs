//! The command line as typed: names are known, values are not yet understood.

/// What `rustidocs-server --help` prints.
pub const USAGE: &str = "\
rustidocs-server: the document service of RustiDocs

usage: rustidocs-server [--NAME VALUE]…

  --listen ADDRESS     where to serve HTTP and WebSocket      [127.0.0.1:8080]
  --cluster URL        a node of the cluster, redis://[user:password@]host:port;
                       several: repeat it, or separate with commas
                                                              [redis://127.0.0.1:7000]
  --username NAME      user of the cluster                    [default user]
  --password WORD      password of the cluster; RUSTIDOCS_PASSWORD keeps it out
                       of the list of processes
  --save-every TIME    how often a changed document is saved as a snapshot,
                       such as 500ms, 3s, 1m                  [3s]
  --idle-after TIME    how long a document without clients stays open
                                                              [60s]
  --log LEVELS         error, warn, info, debug, trace, or rules such as
                       info,doc_service::save=debug           [info]
  --help               this text
  --version            the version
";

/// What was typed, or the defaults of [`USAGE`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Flags {
    /// `--listen`
    pub listen: String,
    /// `--cluster`, each one
    pub cluster: Vec<String>,
    /// `--username`
    pub username: Option<String>,
    /// `--password`
    pub password: Option<String>,
    /// `--save-every`
    pub save_every: String,
    /// `--idle-after`
    pub idle_after: String,
    /// `--log`
    pub log: String,
}

/// Why the command line is not understood, or is no command to serve.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BadFlags {
    /// `--help`: print [`USAGE`], which is no fault.
    #[error("help was asked for")]
    Help,
    /// `--version`: print the version, which is no fault.
    #[error("the version was asked for")]
    Version,
    /// A name that does not exist.
    #[error("unknown option {0}")]
    Unknown(String),
    /// A name without its value.
    #[error("{0} needs a value")]
    NoValue(String),
}

impl Default for Flags {
    fn default() -> Flags {
        Flags {
            listen: "127.0.0.1:8080".into(),
            cluster: Vec::new(),
            username: None,
            password: None,
            save_every: "3s".into(),
            idle_after: "60s".into(),
            log: "info".into(),
        }
    }
}

impl Flags {
    /// Reads `--NAME VALUE` and `--NAME=VALUE`; the program's own name is not among `words`.
    pub fn parse(words: impl IntoIterator<Item = String>) -> Result<Flags, BadFlags> {
        let mut flags = Flags::default();
        let mut words = words.into_iter();
        while let Some(word) = words.next() {
            let (name, inline) = match word.split_once('=') {
                Some((name, value)) => (name.to_owned(), Some(value.to_owned())),
                None => (word, None),
            };
            match name.as_str() {
                "--help" | "-h" => return Err(BadFlags::Help),
                "--version" | "-V" => return Err(BadFlags::Version),
                _ => {}
            }
            let mut value = || inline.clone().or_else(|| words.next()).ok_or(BadFlags::NoValue(name.clone()));
            match name.as_str() {
                "--listen" => flags.listen = value()?,
                "--cluster" => flags.cluster.extend(value()?.split(',').map(str::to_owned)),
                "--username" => flags.username = Some(value()?),
                "--password" => flags.password = Some(value()?),
                "--save-every" => flags.save_every = value()?,
                "--idle-after" => flags.idle_after = value()?,
                "--log" => flags.log = value()?,
                _ => return Err(BadFlags::Unknown(name)),
            }
        }
        if flags.cluster.is_empty() {
            flags.cluster.push("redis://127.0.0.1:7000".into());
        }
        Ok(flags)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(line: &str) -> Result<Flags, BadFlags> {
        Flags::parse(line.split_whitespace().map(str::to_owned))
    }

    #[test]
    fn both_ways_of_writing_a_value_are_read() {
        let flags = parse("--listen 127.0.0.1:1 --save-every=1s --cluster redis://a:1,redis://b:2").unwrap();
        assert_eq!((flags.listen.as_str(), flags.save_every.as_str()), ("127.0.0.1:1", "1s"));
        assert_eq!(flags.cluster, ["redis://a:1", "redis://b:2"]);
    }

    #[test]
    fn what_is_not_understood_is_named() {
        assert_eq!(parse("--lisen x"), Err(BadFlags::Unknown("--lisen".into())));
        assert_eq!(parse("document"), Err(BadFlags::Unknown("document".into())));
        assert_eq!(parse("--listen"), Err(BadFlags::NoValue("--listen".into())));
        assert_eq!(parse("--help"), Err(BadFlags::Help));
    }

    #[test]
    fn every_flag_is_in_the_usage() {
        for name in
            ["--listen", "--cluster", "--username", "--password", "--save-every", "--idle-after", "--log"]
        {
            assert!(USAGE.contains(name), "{name}");
        }
    }
}
