//! The arguments of `rebalance`, as typed.

/// What `rebalance` was told.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Arguments {
    /// A node of the cluster: its host and port.
    pub node: (String, u16),
    /// Nodes that are to become part of it before.
    pub added: Vec<(String, u16)>,
    /// Primaries that are to own no slot afterwards: their names, or `HOST:PORT`.
    pub drained: Vec<String>,
    /// Whether it is only said what would be done.
    pub only_plan: bool,
    /// The user of AUTH; none is the default one.
    pub user: Option<String>,
    /// The password of AUTH, if one is asked for.
    pub password: Option<String>,
}

const USAGE: &str = "usage: rustidocs-node rebalance --cluster HOST:PORT [--add HOST:PORT]… [--drain NODE-ID|HOST:PORT]… [--plan] \
                     [--user NAME] [--pass PASSWORD]\nThe password can also stand in the environment, as REDISCLI_AUTH.";

impl Arguments {
    /// Reads the words after `rebalance`; `password` is what the environment says.
    ///
    /// # Errors
    /// What is wrong with them, in words.
    pub fn of(words: impl Iterator<Item = String>, password: Option<String>) -> Result<Arguments, String> {
        let mut arguments = Arguments { password, ..Arguments::default() };
        let mut words = words.peekable();
        while let Some(word) = words.next() {
            let mut value = || words.next().ok_or_else(|| format!("{word} takes a value\n{USAGE}"));
            match word.as_str() {
                "--cluster" => arguments.node = address(&value()?)?,
                "--add" => arguments.added.push(address(&value()?)?),
                "--drain" => arguments.drained.push(value()?),
                "--plan" => arguments.only_plan = true,
                "--user" => arguments.user = Some(value()?),
                "--pass" => arguments.password = Some(value()?),
                _ => return Err(format!("what is {word}?\n{USAGE}")),
            }
        }
        if arguments.node.1 == 0 {
            return Err(format!("--cluster is missing\n{USAGE}"));
        }
        Ok(arguments)
    }
}

fn address(text: &str) -> Result<(String, u16), String> {
    let wrong = || format!("'{text}' is no address: HOST:PORT");
    let (host, port) = text.rsplit_once(':').ok_or_else(wrong)?;
    let port = port.parse().ok().filter(|port| *port > 0).ok_or_else(wrong)?;
    Ok((host.trim_matches(['[', ']']).to_owned(), port))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(line: &str) -> Result<Arguments, String> {
        Arguments::of(line.split_whitespace().map(str::to_owned), None)
    }

    #[test]
    fn what_is_typed_is_read() {
        let read = of("--cluster 127.0.0.1:7000 --add [::1]:7001 --drain a --drain b:1 --plan").unwrap();
        assert_eq!((read.node.1, &read.added[0]), (7_000, &("::1".to_owned(), 7_001)));
        assert!(read.only_plan && read.drained == ["a", "b:1"]);
    }

    #[test]
    fn what_does_not_fit_is_refused_in_words() {
        for (line, why) in [
            ("", "--cluster is missing"),
            ("--cluster nowhere", "'nowhere' is no address: HOST:PORT"),
            ("--cluster a:0", "'a:0' is no address: HOST:PORT"),
            ("--cluster", "--cluster takes a value"),
            ("--faster", "what is --faster?"),
        ] {
            let error = of(line).unwrap_err();
            assert!(error.starts_with(why), "{error}");
        }
    }
}
