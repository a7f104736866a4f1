//! The arguments of `local`, as typed and as one set of settings for each node.

use std::path::Path;

use shared::limits::CLUSTER_NODES_MAX;

use crate::config::{Settings, low};

/// Port of the first node if none is given: Redis Cluster's habit.
const PORT_DEFAULT: u16 = 7_000;
/// How many nodes if it is not said: the fewest whose majority survives one of them.
const NODES_DEFAULT: u16 = 3;

/// From so many nodes on half of them are replicas: then each of at least three primaries has one.
const NODES_WITH_REPLICAS: usize = 6;

/// What `local` was told.
pub struct Arguments {
    /// The settings of each node, primaries first.
    pub settings: Vec<Settings>,
    /// How many of them are primaries.
    pub primaries: usize,
}

impl Arguments {
    /// Reads the words after `local`.
    ///
    /// # Errors
    /// What is wrong with them, in words.
    pub fn of(words: impl Iterator<Item = String>) -> Result<Arguments, String> {
        let (mut nodes, mut port, mut dir) = (NODES_DEFAULT, PORT_DEFAULT, ".".to_owned());
        let mut common = Vec::new();
        let mut words = words.peekable();
        while let Some(word) = words.next() {
            let mut value = || words.next().ok_or_else(|| format!("{word} takes a value"));
            let number =
                |value: String| value.parse().map_err(|_| format!("{word} takes a number, not '{value}'"));
            match word.as_str() {
                "--nodes" => nodes = number(value()?)?,
                "--port" => port = number(value()?)?,
                "--dir" => dir = value()?,
                "--cluster-port"
                | "--cluster-announce-port"
                | "--cluster-announce-bus-port"
                | "--cluster-enabled" => {
                    return Err(format!("{word} cannot be the same for all nodes of a local cluster"));
                }
                _ => common.push(word),
            }
        }
        let last = port.checked_add(nodes).filter(|_| nodes > 0 && usize::from(nodes) <= CLUSTER_NODES_MAX);
        let last = last.ok_or_else(|| format!("--nodes is 1 to {CLUSTER_NODES_MAX}"))?;
        let nodes = usize::from(nodes);
        let primaries = if nodes < NODES_WITH_REPLICAS { nodes } else { nodes.div_ceil(2) };
        if primaries < nodes {
            // What comes later counts: who says no is told.
            common.splice(0..0, ["--appendonly", "yes"].map(str::to_owned));
        }
        let settings: Vec<Settings> =
            (port..last).map(|port| node(&common, port, Path::new(&dir))).collect::<Result<_, _>>()?;
        if primaries < nodes && settings.iter().any(|settings| settings.get("appendonly") != Some("yes")) {
            return Err(format!(
                "from --nodes {NODES_WITH_REPLICAS} on half are replicas, which keep a log: not with --appendonly no"
            ));
        }
        Ok(Arguments { settings, primaries })
    }
}

fn node(common: &[String], port: u16, dir: &Path) -> Result<Settings, String> {
    let dir = dir.join(port.to_string());
    let dir = dir.to_str().ok_or("--dir is not UTF-8")?;
    let port = port.to_string();
    let own = ["--cluster-enabled", "yes", "--port", &port, "--dir", dir].map(str::to_owned);
    low::load(common.iter().cloned().chain(own)).map_err(|error| error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(line: &str) -> Result<Arguments, String> {
        Arguments::of(line.split_whitespace().map(str::to_owned))
    }

    #[test]
    fn each_node_has_its_port_and_folder_and_all_have_the_rest() {
        let arguments = of("--nodes 2 --port 7100 --dir d --appendfsync always").unwrap();
        let told: Vec<_> = arguments
            .settings
            .iter()
            .map(|s| ["port", "dir", "appendfsync", "cluster-enabled"].map(|name| s.get(name).unwrap()))
            .collect();
        assert_eq!(told, [["7100", "d/7100", "always", "yes"], ["7101", "d/7101", "always", "yes"]]);
    }

    #[test]
    fn from_six_nodes_on_half_are_replicas_and_keep_a_log() {
        let arguments = of("--nodes 6").unwrap();
        assert_eq!((arguments.primaries, arguments.settings.len()), (3, 6));
        assert!(arguments.settings.iter().all(|settings| settings.get("appendonly") == Some("yes")));
        assert_eq!(of("--nodes 7").unwrap().primaries, 4);
        let three = of("--nodes 3").unwrap();
        assert_eq!((three.primaries, three.settings[0].get("appendonly")), (3, Some("no")));
    }

    #[test]
    fn what_does_not_fit_is_refused() {
        for (line, why) in [
            ("--nodes 0", "--nodes is 1 to 1000"),
            ("--nodes many", "--nodes takes a number, not 'many'"),
            (
                "--nodes 6 --appendonly no",
                "from --nodes 6 on half are replicas, which keep a log: not with --appendonly no",
            ),
            ("--port", "--port takes a value"),
            ("--cluster-port 9", "--cluster-port cannot be the same for all nodes of a local cluster"),
        ] {
            assert_eq!(of(line).err().as_deref(), Some(why));
        }
        assert!(of("--nosuch 1").is_err());
    }
}
