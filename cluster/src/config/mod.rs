//! Settings as typed and as validated.

/// The settings of a node, validated.
#[derive(Debug, Clone)]
pub struct Config {
    /// Port that clients connect to; 0 lets the system choose.
    pub port: u16,
    /// Addresses to listen on.
    pub bind: Vec<String>,
    /// Folder of all its files.
    pub dir: std::path::PathBuf,
    /// Whether the node is part of a cluster.
    pub cluster_enabled: bool,
    /// Port of the cluster bus; 0 is `port` + 10000.
    pub cluster_port: u16,
    /// How long a node may be silent before it is suspected, milliseconds.
    pub cluster_node_timeout_ms: u64,
    /// The password of the default user; empty for none.
    pub requirepass: String,
    /// Most clients at a time.
    pub maxclients: usize,
    /// Worker threads; 0 is one a core.
    pub workers: usize,
}

impl Default for Config {
    fn default() -> Config {
        Config {
            port: 6_379,
            bind: vec!["127.0.0.1".into(), "::1".into()],
            dir: ".".into(),
            cluster_enabled: false,
            cluster_port: 0,
            cluster_node_timeout_ms: 15_000,
            requirepass: String::new(),
            maxclients: 10_000,
            workers: 0,
        }
    }
}

impl Config {
    /// The settings of a command line; an error says what is wrong with it.
    pub fn from_args(args: impl Iterator<Item = String>) -> Result<Config, String> {
        let mut config = Config::default();
        let mut args = args.peekable();
        while let Some(arg) = args.next() {
            let name = arg.strip_prefix("--").ok_or_else(|| format!("unknown argument {arg}"))?;
            let value = args.next().ok_or_else(|| format!("--{name} takes a value"))?;
            let number = || value.parse().map_err(|_| format!("--{name} takes a number, not {value}"));
            match name {
                "port" => config.port = number()? as u16,
                "bind" => config.bind = value.split_whitespace().map(str::to_owned).collect(),
                "dir" => config.dir = value.into(),
                "cluster-enabled" => config.cluster_enabled = value == "yes",
                "cluster-port" => config.cluster_port = number()? as u16,
                "cluster-node-timeout" => config.cluster_node_timeout_ms = number()?,
                "requirepass" => config.requirepass = value,
                "maxclients" => config.maxclients = number()? as usize,
                "io-threads" => config.workers = number()? as usize,
                _ => return Err(format!("Bad directive or wrong number of arguments: {name}")),
            }
        }
        Ok(config)
    }
}
