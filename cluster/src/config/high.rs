//! The settings that mean something here, as values.

use std::path::PathBuf;

use super::settings::Settings;
use crate::replication::Source;

/// Highest port whose bus port (plus 10,000) is a port too.
const PORT_WITH_BUS_MAX: u16 = 55_535;

/// When effects reach the disk.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AppendFsync {
    /// Before the reply.
    Always,
    /// At most a second later.
    EverySecond,
    /// When the system likes.
    No,
}

/// Which keys are chosen when memory is at `maxmemory`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct EvictionPolicy {
    /// Whether only keys with a deadline may be evicted.
    pub volatile: bool,
    /// By what the victim is chosen.
    pub by: EvictBy,
}

/// By what the key to evict is chosen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EvictBy {
    /// None is: writes are refused.
    Nothing,
    /// The longest unused.
    Lru,
    /// The least often used.
    Lfu,
    /// Chance.
    Random,
    /// The nearest deadline.
    Ttl,
}

/// What a client may have unread before it is disconnected.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OutputLimit {
    /// At once beyond so many bytes; 0 is never.
    pub hard_bytes: u64,
    /// Beyond so many bytes for [`OutputLimit::soft_s`]; 0 is never.
    pub soft_bytes: u64,
    /// Seconds.
    pub soft_s: u64,
}

/// The settings that mean something here, validated.
#[derive(Debug, Clone)]
pub struct Config {
    /// Port that clients connect to; 0 lets the system choose.
    pub port: u16,
    /// Addresses to listen on; `-` before one says that it may be missing.
    pub bind: Vec<String>,
    /// Whether, without a password, only clients of this machine are served.
    pub protected_mode: bool,
    /// Folder of all its files.
    pub dir: PathBuf,
    /// Whether effects are logged to disk.
    pub appendonly: bool,
    /// Name of the log's folder in `dir`.
    pub appenddirname: String,
    /// When effects reach the disk.
    pub appendfsync: AppendFsync,
    /// Growth of a log since it was last rewritten that has it rewritten, percent; 0 is never.
    pub rewrite_percentage: u64,
    /// Size below which a log is not rewritten, bytes.
    pub rewrite_min_bytes: u64,
    /// Whether a log whose end is torn is cut and loaded; else the node does not start.
    pub load_truncated: bool,
    /// Whether the node is part of a cluster.
    pub cluster_enabled: bool,
    /// Name of the file in `dir` that holds what the node knows of the cluster.
    pub cluster_config_file: String,
    /// Port of the cluster bus; 0 is `port` + 10,000.
    pub cluster_port: u16,
    /// How long a node may be silent before it is suspected, milliseconds.
    pub cluster_node_timeout_ms: u64,
    /// Whether the whole cluster stops when a slot is not served.
    pub cluster_require_full_coverage: bool,
    /// Whether reads are answered while the cluster is down.
    pub cluster_allow_reads_when_down: bool,
    /// Who of several replicas with the same offset is elected first: the lowest; 0 is never.
    pub replica_priority: u32,
    /// Whether this replica stands only if somebody orders it.
    pub cluster_replica_no_failover: bool,
    /// Whether this replica may go to a primary that has lost all of its own.
    pub cluster_allow_replica_migration: bool,
    /// How many replicas its old primary must keep then.
    pub cluster_migration_barrier: usize,
    /// Whether sharded channels work while the cluster is down.
    pub cluster_allow_pubsubshard_when_down: bool,
    /// Whether commands on slots of other nodes are forwarded to them.
    pub cluster_proxy: bool,
    /// Address that is told to others; empty for the one they see.
    pub cluster_announce_ip: String,
    /// Port that is told to others; 0 for the real one.
    pub cluster_announce_port: u16,
    /// Bus port that is told to others; 0 for the real one.
    pub cluster_announce_bus_port: u16,
    /// The password of the default user; empty for none.
    pub requirepass: String,
    /// Most clients at a time.
    pub maxclients: usize,
    /// Worker threads; 0 is one a core.
    pub workers: usize,
    /// File that is logged to; empty is standard output.
    pub logfile: String,
    /// What is logged: `debug`, `verbose`, `notice`, `warning`, `nothing`.
    pub loglevel: String,
    /// File that holds the process id while the node runs; empty for none.
    pub pidfile: String,
    /// Bytes of data beyond which keys are evicted or writes refused; 0 is no bound.
    pub maxmemory: u64,
    /// What happens then.
    pub maxmemory_policy: EvictionPolicy,
    /// Keys looked at for one victim.
    pub maxmemory_samples: usize,
    /// How slowly the LFU counter grows.
    pub lfu_log_factor: u32,
    /// Minutes after which the LFU counter falls by one; 0 is never.
    pub lfu_decay_min: u32,
    /// Seconds after which an idle client is disconnected; 0 is never.
    pub timeout_s: u64,
    /// Seconds between probes of idle connections; 0 is none.
    pub tcp_keepalive_s: u64,
    /// Connections that wait to be accepted.
    pub tcp_backlog: u32,
    /// Limit of ordinary clients.
    pub output_limit_normal: OutputLimit,
    /// Limit of clients that have subscribed.
    pub output_limit_pubsub: OutputLimit,
    /// What a client may have sent without its request being whole, bytes.
    pub query_buffer_bytes_max: u64,
    /// Longest argument, bytes.
    pub bulk_bytes_max: usize,
    /// Commands that took longer are in the slow log, microseconds; negative is none.
    pub slowlog_slower_than_us: i64,
    /// Entries of the slow log.
    pub slowlog_len_max: usize,
    /// Whether a failed write or fsync of the log refuses further writes (it always does; here for CONFIG GET).
    pub stop_writes: bool,
    /// The primary that the node follows from its start on.
    pub replicaof: Option<Source>,
    /// How long a link of replication may be silent, seconds.
    pub repl_timeout_s: u64,
    /// How long it takes at least until a replica has compared all slots with its primary, seconds; 0 is never.
    pub repl_digest_period_s: u64,
    /// Replicas without which no write is taken; 0 is none.
    pub min_replicas_to_write: usize,
    /// How long such a replica may have been silent, seconds.
    pub min_replicas_max_lag_s: u64,
}

/// Why settings do not fit: the name of one, and the reason.
type Unfit = (&'static str, String);

impl Config {
    /// The values of these settings.
    pub fn of(settings: &Settings) -> Result<Config, Unfit> {
        let text = |name| settings.get(name).unwrap_or_default();
        let owned = |name| text(name).to_owned();
        let yes = |name| text(name) == "yes";
        let number = |name| text(name).parse::<u64>().unwrap_or_default();
        let port = |name| u16::try_from(number(name)).unwrap_or_default();
        let size = |name| usize::try_from(number(name)).unwrap_or(usize::MAX);
        if yes("daemonize") {
            return Err(("daemonize", "not supported: start it under a supervisor".into()));
        }
        if !text("unixsocket").is_empty() || port("tls-port") != 0 || !text("aclfile").is_empty() {
            return Err(("unixsocket", "unixsocket, tls-port and aclfile are not supported".into()));
        }
        let replicaof = source(text("replicaof"))?;
        if replicaof.is_some() && yes("cluster-enabled") {
            return Err(("replicaof", "replicaof directive not allowed in cluster mode".into()));
        }
        if replicaof.is_some() && !yes("appendonly") {
            return Err(("replicaof", "a replica keeps a log: appendonly must be yes".into()));
        }
        if yes("cluster-enabled") && port("cluster-port") == 0 && port("port") > PORT_WITH_BUS_MAX {
            let reason = format!(
                "with cluster-enabled, port is at most {PORT_WITH_BUS_MAX} unless cluster-port is set"
            );
            return Err(("port", reason));
        }
        if text("appenddirname").is_empty() || text("appenddirname").contains('/') {
            return Err(("appenddirname", "appenddirname can't be a path, just a dirname".into()));
        }
        Ok(Config {
            port: port("port"),
            bind: text("bind").split_whitespace().map(str::to_owned).collect(),
            protected_mode: yes("protected-mode"),
            dir: text("dir").into(),
            appendonly: yes("appendonly"),
            appenddirname: owned("appenddirname"),
            appendfsync: match text("appendfsync") {
                "always" => AppendFsync::Always,
                "no" => AppendFsync::No,
                _ => AppendFsync::EverySecond,
            },
            rewrite_percentage: number("auto-aof-rewrite-percentage"),
            rewrite_min_bytes: number("auto-aof-rewrite-min-size"),
            load_truncated: yes("aof-load-truncated"),
            cluster_enabled: yes("cluster-enabled"),
            cluster_config_file: owned("cluster-config-file"),
            cluster_port: port("cluster-port"),
            cluster_node_timeout_ms: number("cluster-node-timeout"),
            cluster_require_full_coverage: yes("cluster-require-full-coverage"),
            replica_priority: u32::try_from(number("replica-priority")).unwrap_or(u32::MAX),
            cluster_replica_no_failover: yes("cluster-replica-no-failover"),
            cluster_allow_replica_migration: yes("cluster-allow-replica-migration"),
            cluster_migration_barrier: size("cluster-migration-barrier"),
            cluster_allow_reads_when_down: yes("cluster-allow-reads-when-down"),
            cluster_allow_pubsubshard_when_down: yes("cluster-allow-pubsubshard-when-down"),
            cluster_proxy: yes("cluster-proxy") && yes("cluster-enabled"),
            cluster_announce_ip: owned("cluster-announce-ip"),
            cluster_announce_port: port("cluster-announce-port"),
            cluster_announce_bus_port: port("cluster-announce-bus-port"),
            requirepass: owned("requirepass"),
            maxclients: size("maxclients"),
            workers: size("io-threads"),
            logfile: owned("logfile"),
            loglevel: owned("loglevel"),
            pidfile: owned("pidfile"),
            maxmemory: number("maxmemory"),
            maxmemory_policy: EvictionPolicy::of(text("maxmemory-policy")),
            maxmemory_samples: size("maxmemory-samples").clamp(1, 64),
            lfu_log_factor: number("lfu-log-factor") as u32,
            lfu_decay_min: number("lfu-decay-time") as u32,
            timeout_s: number("timeout"),
            tcp_keepalive_s: number("tcp-keepalive"),
            tcp_backlog: number("tcp-backlog") as u32,
            output_limit_normal: OutputLimit::of(text("client-output-buffer-limit"), "normal"),
            output_limit_pubsub: OutputLimit::of(text("client-output-buffer-limit"), "pubsub"),
            query_buffer_bytes_max: number("client-query-buffer-limit"),
            bulk_bytes_max: size("proto-max-bulk-len"),
            slowlog_slower_than_us: text("slowlog-log-slower-than").parse().unwrap_or(-1),
            slowlog_len_max: size("slowlog-max-len"),
            stop_writes: yes("stop-writes-on-bgsave-error"),
            replicaof,
            repl_timeout_s: number("repl-timeout"),
            repl_digest_period_s: number("repl-digest-period"),
            min_replicas_to_write: size("min-replicas-to-write"),
            min_replicas_max_lag_s: number("min-replicas-max-lag"),
        })
    }
}

/// The primary that `replicaof` names, if any.
fn source(text: &str) -> Result<Option<Source>, (&'static str, String)> {
    let Some((host, port)) = text.split_once(' ') else { return Ok(None) };
    if host.eq_ignore_ascii_case("no") && port.eq_ignore_ascii_case("one") {
        return Ok(None);
    }
    let port = port.parse().map_err(|_| ("replicaof", "Invalid master port".to_owned()))?;
    Ok(Some(Source { host: host.to_owned(), port }))
}

impl EvictionPolicy {
    fn of(name: &str) -> EvictionPolicy {
        let by = match name.split_once('-').map_or(name, |(_, by)| by) {
            "lru" => EvictBy::Lru,
            "lfu" => EvictBy::Lfu,
            "random" => EvictBy::Random,
            "ttl" => EvictBy::Ttl,
            _ => EvictBy::Nothing,
        };
        EvictionPolicy { volatile: name.starts_with("volatile"), by }
    }
}

impl OutputLimit {
    fn of(text: &str, class: &str) -> OutputLimit {
        let words: Vec<_> = text.split(' ').collect();
        let row = words.chunks(4).find(|row| row.first() == Some(&class)).unwrap_or_default();
        let number = |at: usize| row.get(at).and_then(|word| word.parse().ok()).unwrap_or_default();
        OutputLimit { hard_bytes: number(1), soft_bytes: number(2), soft_s: number(3) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_become_values() {
        let mut settings = Settings::default();
        settings.put("client-output-buffer-limit", &["pubsub", "2mb", "1mb", "9"]).unwrap();
        settings.put("maxmemory-policy", &["volatile-lfu"]).unwrap();
        let config = Config::of(&settings).unwrap();
        assert_eq!(
            config.output_limit_pubsub,
            OutputLimit { hard_bytes: 2 << 20, soft_bytes: 1 << 20, soft_s: 9 }
        );
        assert_eq!(config.output_limit_normal, OutputLimit { hard_bytes: 0, soft_bytes: 0, soft_s: 0 });
        assert_eq!(config.maxmemory_policy, EvictionPolicy { volatile: true, by: EvictBy::Lfu });
        assert_eq!((config.port, config.timeout_s, config.appendonly), (6_379, 0, false));
    }

    #[test]
    fn what_is_not_supported_is_refused() {
        for (name, value) in [
            ("daemonize", &["yes"][..]),
            ("tls-port", &["6380"]),
            ("appenddirname", &["a/b"]),
            // A replica keeps a log.
            ("replicaof", &["127.0.0.1", "6379"]),
        ] {
            let mut settings = Settings::default();
            settings.put(name, value).unwrap();
            assert!(Config::of(&settings).is_err(), "{name}");
        }
        let mut settings = Settings::default();
        settings.put("appendonly", &["yes"]).unwrap();
        for (value, source) in [
            (&["127.0.0.1", "6379"][..], Ok(Some(Source { host: "127.0.0.1".into(), port: 6379 }))),
            (&["127.0.0.1", "70000"], Err("replicaof")),
            (&["no", "one"], Ok(None)),
        ] {
            settings.put("replicaof", value).unwrap();
            assert_eq!(Config::of(&settings).map(|config| config.replicaof).map_err(|error| error.0), source);
        }
        let mut settings = Settings::default();
        settings.put("cluster-enabled", &["yes"]).unwrap();
        settings.put("port", &["60000"]).unwrap();
        assert_eq!(Config::of(&settings).unwrap_err().0, "port");
        settings.put("cluster-port", &["17000"]).unwrap();
        assert!(Config::of(&settings).is_ok());
    }
}
