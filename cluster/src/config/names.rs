//! Every name a setting may have: those of Redis 7.0, `cluster-proxy` and `repl-digest-period`, with kind, default and whether CONFIG SET may change it.
//!
//! Names that mean nothing here are taken and answered all the same, so that configuration made for redis-server works; what
//! means something is read in [`super::high`]. The defaults are redis-server's, but for: `bind` (as in the redis.conf that is
//! shipped with it), `databases` (there is one), `io-threads` (0 is one for each core but one), `save` (there are no RDB files).

use shared::limits::BULK_BYTES_MAX;

use super::kind::Kind::{self, Bool, Int, Memory, OneOf, OutputLimits, Save, Text, Words};

/// Whether a setting may change while the node runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Change {
    /// CONFIG SET changes it.
    Live,
    /// It is read at the start only.
    Start,
}

use Change::{Live, Start};

/// A name, its kind, its default, and when it may change.
pub struct Row(pub &'static str, pub Kind, pub &'static str, pub Change);

const I32: i64 = i32::MAX as i64;
const POLICIES: &[&str] = &[
    "volatile-lru",
    "volatile-lfu",
    "volatile-random",
    "volatile-ttl",
    "allkeys-lru",
    "allkeys-lfu",
    "allkeys-random",
    "noeviction",
];
const FACILITIES: &[&str] =
    &["user", "local0", "local1", "local2", "local3", "local4", "local5", "local6", "local7"];

/// Every setting, by name ascending.
#[rustfmt::skip]
pub static ROWS: &[Row] = &[
    Row("acl-pubsub-default", OneOf(&["resetchannels", "allchannels"]), "resetchannels", Live),
    Row("aclfile", Text, "", Start),
    Row("acllog-max-len", Int(0, I32), "128", Live),
    Row("active-defrag-cycle-max", Int(0, I32), "25", Live),
    Row("active-defrag-cycle-min", Int(0, I32), "1", Live),
    Row("active-defrag-ignore-bytes", Memory(i64::MAX as u64), "104857600", Live),
    Row("active-defrag-max-scan-fields", Int(0, I32), "1000", Live),
    Row("active-defrag-threshold-lower", Int(0, I32), "10", Live),
    Row("active-defrag-threshold-upper", Int(0, I32), "100", Live),
    Row("active-expire-effort", Int(0, I32), "1", Live),
    Row("activedefrag", Bool, "no", Live),
    Row("activerehashing", Bool, "yes", Live),
    Row("always-show-logo", Bool, "no", Start),
    Row("aof-disable-auto-gc", Bool, "no", Live),
    Row("aof-load-truncated", Bool, "yes", Live),
    Row("aof-rewrite-incremental-fsync", Bool, "yes", Live),
    Row("aof-timestamp-enabled", Bool, "no", Live),
    Row("aof-use-rdb-preamble", Bool, "yes", Live),
    Row("aof_rewrite_cpulist", Text, "", Start),
    Row("appenddirname", Text, "appendonlydir", Start),
    Row("appendfilename", Text, "appendonly.aof", Start),
    Row("appendfsync", OneOf(&["everysec", "always", "no"]), "everysec", Live),
    Row("appendonly", Bool, "no", Start),
    Row("auto-aof-rewrite-min-size", Memory(i64::MAX as u64), "67108864", Live),
    Row("auto-aof-rewrite-percentage", Int(0, I32), "100", Live),
    Row("bgsave_cpulist", Text, "", Start),
    Row("bind", Words(16), "127.0.0.1 -::1", Start),
    Row("bind-source-addr", Text, "", Live),
    Row("bio_cpulist", Text, "", Start),
    Row("busy-reply-threshold", Int(0, I32), "5000", Live),
    Row("client-output-buffer-limit", OutputLimits, "normal 0 0 0 slave 268435456 67108864 60 pubsub 33554432 8388608 60", Live),
    Row("client-query-buffer-limit", Memory(i64::MAX as u64), "1073741824", Live),
    Row("cluster-allow-pubsubshard-when-down", Bool, "yes", Live),
    Row("cluster-allow-reads-when-down", Bool, "no", Live),
    Row("cluster-allow-replica-migration", Bool, "yes", Live),
    Row("cluster-announce-bus-port", Int(0, I32), "0", Live),
    Row("cluster-announce-hostname", Text, "", Live),
    Row("cluster-announce-ip", Text, "", Live),
    Row("cluster-announce-port", Int(0, I32), "0", Live),
    Row("cluster-announce-tls-port", Int(0, I32), "0", Live),
    Row("cluster-config-file", Text, "nodes.conf", Start),
    Row("cluster-enabled", Bool, "no", Start),
    Row("cluster-link-sendbuf-limit", Memory(i64::MAX as u64), "0", Live),
    Row("cluster-migration-barrier", Int(0, I32), "1", Live),
    Row("cluster-node-timeout", Int(0, i64::MAX), "15000", Live),
    Row("cluster-port", Int(0, I32), "0", Start),
    Row("cluster-preferred-endpoint-type", OneOf(&["ip", "hostname", "unknown-endpoint"]), "ip", Live),
    Row("cluster-proxy", Bool, "no", Live),
    Row("cluster-replica-no-failover", Bool, "no", Live),
    Row("cluster-replica-validity-factor", Int(0, I32), "10", Live),
    Row("cluster-require-full-coverage", Bool, "yes", Live),
    Row("crash-log-enabled", Bool, "yes", Live),
    Row("crash-memcheck-enabled", Bool, "yes", Start),
    Row("daemonize", Bool, "no", Start),
    Row("databases", Int(1, I32), "1", Start),
    Row("dbfilename", Text, "dump.rdb", Live),
    Row("dir", Text, ".", Start),
    Row("disable-thp", Bool, "yes", Start),
    Row("dynamic-hz", Bool, "yes", Live),
    Row("enable-debug-command", OneOf(&["no", "yes", "local"]), "no", Start),
    Row("enable-module-command", OneOf(&["no", "yes", "local"]), "no", Start),
    Row("enable-protected-configs", OneOf(&["no", "yes", "local"]), "no", Start),
    Row("hash-max-listpack-entries", Memory(i64::MAX as u64), "512", Live),
    Row("hash-max-listpack-value", Memory(i64::MAX as u64), "64", Live),
    Row("hll-sparse-max-bytes", Memory(i64::MAX as u64), "3000", Live),
    Row("hz", Int(0, I32), "10", Live),
    Row("ignore-warnings", Text, "", Start),
    Row("io-threads", Int(0, 128), "0", Start),
    Row("io-threads-do-reads", Bool, "no", Start),
    Row("jemalloc-bg-thread", Bool, "yes", Start),
    Row("latency-monitor-threshold", Int(0, I32), "0", Live),
    Row("latency-tracking", Bool, "yes", Live),
    Row("latency-tracking-info-percentiles", Words(64), "50 99 99.9", Live),
    Row("lazyfree-lazy-eviction", Bool, "no", Live),
    Row("lazyfree-lazy-expire", Bool, "no", Live),
    Row("lazyfree-lazy-server-del", Bool, "no", Live),
    Row("lazyfree-lazy-user-del", Bool, "no", Live),
    Row("lazyfree-lazy-user-flush", Bool, "no", Live),
    Row("lfu-decay-time", Int(0, I32), "1", Live),
    Row("lfu-log-factor", Int(0, I32), "10", Live),
    Row("list-compress-depth", Int(0, I32), "0", Live),
    Row("list-max-listpack-size", Int(-5, I32), "-2", Live),
    Row("logfile", Text, "", Start),
    Row("loglevel", OneOf(&["debug", "verbose", "notice", "warning", "nothing"]), "notice", Live),
    Row("masterauth", Text, "", Live),
    Row("masteruser", Text, "", Live),
    Row("maxclients", Int(1, I32), "10000", Live),
    Row("maxmemory", Memory(u64::MAX), "0", Live),
    Row("maxmemory-clients", Text, "0", Live),
    Row("maxmemory-eviction-tenacity", Int(0, I32), "10", Live),
    Row("maxmemory-policy", OneOf(POLICIES), "noeviction", Live),
    Row("maxmemory-samples", Int(0, I32), "5", Live),
    Row("min-replicas-max-lag", Int(0, I32), "10", Live),
    Row("min-replicas-to-write", Int(0, I32), "0", Live),
    Row("no-appendfsync-on-rewrite", Bool, "no", Live),
    Row("notify-keyspace-events", Text, "", Live),
    Row("oom-score-adj", OneOf(&["no", "yes", "relative", "absolute"]), "no", Live),
    Row("oom-score-adj-values", Words(3), "0 200 800", Live),
    Row("pidfile", Text, "", Start),
    Row("port", Int(0, 65_535), "6379", Start),
    Row("proc-title-template", Text, "{title} {listen-addr} {server-mode}", Live),
    Row("propagation-error-behavior", OneOf(&["ignore", "panic", "panic-on-replicas"]), "ignore", Live),
    Row("protected-mode", Bool, "yes", Live),
    Row("proto-max-bulk-len", Memory(BULK_BYTES_MAX as u64), "536870912", Live),
    Row("rdb-del-sync-files", Bool, "no", Live),
    Row("rdb-save-incremental-fsync", Bool, "yes", Live),
    Row("rdbchecksum", Bool, "yes", Start),
    Row("rdbcompression", Bool, "yes", Live),
    Row("repl-backlog-size", Memory(i64::MAX as u64), "1048576", Live),
    Row("repl-backlog-ttl", Int(0, I32), "3600", Live),
    Row("repl-digest-period", Int(0, I32), "600", Live),
    Row("repl-disable-tcp-nodelay", Bool, "no", Live),
    Row("repl-diskless-load", OneOf(&["disabled", "on-empty-db", "swapdb"]), "disabled", Live),
    Row("repl-diskless-sync", Bool, "yes", Live),
    Row("repl-diskless-sync-delay", Int(0, I32), "5", Live),
    Row("repl-diskless-sync-max-replicas", Int(0, I32), "0", Live),
    Row("repl-ping-replica-period", Int(0, I32), "10", Live),
    Row("repl-timeout", Int(0, I32), "60", Live),
    Row("replica-announce-ip", Text, "", Live),
    Row("replica-announce-port", Int(0, I32), "0", Live),
    Row("replica-announced", Bool, "yes", Live),
    Row("replica-ignore-disk-write-errors", Bool, "no", Live),
    Row("replica-ignore-maxmemory", Bool, "yes", Live),
    Row("replica-lazy-flush", Bool, "no", Live),
    Row("replica-priority", Int(0, I32), "100", Live),
    Row("replica-read-only", Bool, "yes", Live),
    Row("replica-serve-stale-data", Bool, "yes", Live),
    Row("replicaof", Words(2), "", Start),
    Row("requirepass", Text, "", Live),
    Row("sanitize-dump-payload", OneOf(&["no", "yes", "clients"]), "no", Live),
    Row("save", Save, "", Live),
    Row("server_cpulist", Text, "", Start),
    Row("set-max-intset-entries", Int(0, I32), "512", Live),
    Row("set-proc-title", Bool, "yes", Start),
    Row("shutdown-on-sigint", Words(4), "default", Live),
    Row("shutdown-on-sigterm", Words(4), "default", Live),
    Row("shutdown-timeout", Int(0, I32), "10", Live),
    Row("slowlog-log-slower-than", Int(-1, i64::MAX), "10000", Live),
    Row("slowlog-max-len", Int(0, I32), "128", Live),
    Row("socket-mark-id", Int(0, I32), "0", Start),
    Row("stop-writes-on-bgsave-error", Bool, "yes", Live),
    Row("stream-node-max-bytes", Memory(i64::MAX as u64), "4096", Live),
    Row("stream-node-max-entries", Int(0, I32), "100", Live),
    Row("supervised", OneOf(&["upstart", "systemd", "auto", "no"]), "no", Start),
    Row("syslog-enabled", Bool, "no", Start),
    Row("syslog-facility", OneOf(FACILITIES), "local0", Start),
    Row("syslog-ident", Text, "redis", Start),
    Row("tcp-backlog", Int(0, I32), "511", Start),
    Row("tcp-keepalive", Int(0, I32), "300", Live),
    Row("timeout", Int(0, I32), "0", Live),
    Row("tls-auth-clients", OneOf(&["no", "yes", "optional"]), "yes", Live),
    Row("tls-ca-cert-dir", Text, "", Live),
    Row("tls-ca-cert-file", Text, "", Live),
    Row("tls-cert-file", Text, "", Live),
    Row("tls-ciphers", Text, "", Live),
    Row("tls-ciphersuites", Text, "", Live),
    Row("tls-client-cert-file", Text, "", Live),
    Row("tls-client-key-file", Text, "", Live),
    Row("tls-client-key-file-pass", Text, "", Live),
    Row("tls-cluster", Bool, "no", Start),
    Row("tls-dh-params-file", Text, "", Live),
    Row("tls-key-file", Text, "", Live),
    Row("tls-key-file-pass", Text, "", Live),
    Row("tls-port", Int(0, I32), "0", Start),
    Row("tls-prefer-server-ciphers", Bool, "no", Live),
    Row("tls-protocols", Text, "", Live),
    Row("tls-replication", Bool, "no", Live),
    Row("tls-session-cache-size", Int(0, I32), "20480", Live),
    Row("tls-session-cache-timeout", Int(0, I32), "300", Live),
    Row("tls-session-caching", Bool, "yes", Live),
    Row("tracking-table-max-keys", Int(0, i64::MAX), "1000000", Live),
    Row("unixsocket", Text, "", Start),
    Row("unixsocketperm", Text, "0", Start),
    Row("zset-max-listpack-entries", Int(0, I32), "128", Live),
    Row("zset-max-listpack-value", Memory(i64::MAX as u64), "64", Live),
];

/// Older names, ascending, and the settings they are other names of.
pub static OLDER: &[(&str, &str)] = &[
    ("cluster-slave-no-failover", "cluster-replica-no-failover"),
    ("cluster-slave-validity-factor", "cluster-replica-validity-factor"),
    ("hash-max-ziplist-entries", "hash-max-listpack-entries"),
    ("hash-max-ziplist-value", "hash-max-listpack-value"),
    ("list-max-ziplist-size", "list-max-listpack-size"),
    ("lua-time-limit", "busy-reply-threshold"),
    ("min-slaves-max-lag", "min-replicas-max-lag"),
    ("min-slaves-to-write", "min-replicas-to-write"),
    ("repl-ping-slave-period", "repl-ping-replica-period"),
    ("slave-announce-ip", "replica-announce-ip"),
    ("slave-announce-port", "replica-announce-port"),
    ("slave-ignore-maxmemory", "replica-ignore-maxmemory"),
    ("slave-lazy-flush", "replica-lazy-flush"),
    ("slave-priority", "replica-priority"),
    ("slave-read-only", "replica-read-only"),
    ("slave-serve-stale-data", "replica-serve-stale-data"),
    ("slaveof", "replicaof"),
    ("zset-max-ziplist-entries", "zset-max-listpack-entries"),
    ("zset-max-ziplist-value", "zset-max-listpack-value"),
];

/// The place of a name, older or not, in [`ROWS`].
pub fn place(name: &str) -> Option<usize> {
    let name = OLDER.binary_search_by(|(older, _)| older.cmp(&name)).map_or(name, |at| OLDER[at].1);
    ROWS.binary_search_by(|row| row.0.cmp(name)).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_sorted_and_defaults_are_canonical() {
        assert!(ROWS.is_sorted_by(|a, b| a.0 < b.0));
        for Row(name, kind, default, _) in ROWS {
            let words =
                if default.is_empty() && matches!(kind, Words(_) | Save) { vec![] } else { vec![*default] };
            assert_eq!(kind.canonical(&words, default).as_deref(), Ok(*default), "{name}");
        }
    }

    #[test]
    fn older_names_lead_to_newer_ones() {
        assert!(OLDER.is_sorted_by(|a, b| a.0 < b.0));
        for (older, newer) in OLDER {
            let place = place(older).unwrap();
            assert_eq!((ROWS[place].0, super::place(newer)), (*newer, Some(place)));
            assert!(ROWS.iter().all(|row| row.0 != *older), "{older} has a row of its own");
        }
        assert_eq!(place("nosuch"), None);
    }
}
