//! INFO.

use std::fmt::Write;
use std::sync::atomic::Ordering;

use super::replication;
use crate::command::connection::auth::REDIS_VERSION;
use crate::command::{Args, CommandError, Reply, SessionContext};
use crate::node::Shared;
use crate::process;
use crate::pubsub::Scope;
use crate::stats::CommandCalls;

/// A section: its name in requests, its title, what it says, and whether it is told only when asked for.
type Section = (&'static str, &'static str, fn(&Shared) -> Vec<(String, String)>, bool);

const SECTIONS: &[Section] = &[
    ("server", "Server", server, false),
    ("clients", "Clients", clients, false),
    ("memory", "Memory", memory, false),
    ("persistence", "Persistence", persistence, false),
    ("stats", "Stats", stats, false),
    ("replication", "Replication", replication::info, false),
    ("cpu", "CPU", cpu, false),
    ("commandstats", "Commandstats", commandstats, true),
    ("errorstats", "Errorstats", errorstats, false),
    ("cluster", "Cluster", cluster, false),
    ("keyspace", "Keyspace", keyspace, false),
];

/// `INFO [section…]`
pub fn info(
    context: &mut SessionContext<'_>,
    args: Args<'_>,
    reply: &mut Reply<'_>,
) -> Result<(), CommandError> {
    let words: Vec<String> = args.from(1).map(|word| String::from_utf8_lossy(word).to_lowercase()).collect();
    let all = words.iter().any(|word| word == "all" || word == "everything");
    let default = words.is_empty() || words.iter().any(|word| word == "default");
    let mut text = String::new();
    for (name, title, lines, only_asked) in SECTIONS {
        if !(all || default && !only_asked || words.iter().any(|word| word == name)) {
            continue;
        }
        if !text.is_empty() {
            text.push_str("\r\n");
        }
        // Writing to a String does not fail.
        let _ = write!(text, "# {title}\r\n");
        for (field, value) in lines(context.node) {
            let _ = write!(text, "{field}:{value}\r\n");
        }
    }
    reply.verbatim(&text);
    Ok(())
}

macro_rules! lines {
    ($($field:literal => $value:expr),* $(,)?) => { vec![$(($field.to_string(), $value.to_string())),*] };
}

fn server(node: &Shared) -> Vec<(String, String)> {
    let config = node.config();
    let uptime_s = shared::rt::time::now_ms().saturating_sub(node.started_ms) / 1_000;
    lines! {
        "redis_version" => REDIS_VERSION,
        "rustidocs_version" => env!("CARGO_PKG_VERSION"),
        "redis_mode" => if config.cluster_enabled { "cluster" } else { "standalone" },
        "os" => process::system(),
        "arch_bits" => usize::BITS,
        "process_id" => std::process::id(),
        "tcp_port" => node.port,
        "server_time_usec" => shared::rt::time::now_us(),
        "uptime_in_seconds" => uptime_s,
        "uptime_in_days" => uptime_s / 86_400,
        "io_threads_active" => node.workers.len(),
        "config_file" => node.settings().file.map(|file| file.display().to_string()).unwrap_or_default(),
    }
}

fn clients(node: &Shared) -> Vec<(String, String)> {
    let all = node.clients.all();
    lines! {
        "connected_clients" => all.len(),
        "cluster_connections" => 0,
        "maxclients" => node.config().maxclients,
        "blocked_clients" => all.iter().filter(|client| client.blocked()).count(),
        "tracking_clients" => 0,
        "pubsub_clients" => all.iter().filter(|client| client.subscribed()).count(),
    }
}

fn memory(node: &Shared) -> Vec<(String, String)> {
    let used: usize = node.keyspace.stats().map(|stats| stats.memory()).sum();
    let rss = process::resident_bytes();
    let config = node.config();
    lines! {
        "used_memory" => used,
        "used_memory_human" => human(used),
        "used_memory_rss" => rss,
        "used_memory_rss_human" => human(rss),
        "used_memory_dataset" => used,
        "maxmemory" => config.maxmemory,
        "maxmemory_human" => human(config.maxmemory as usize),
        "maxmemory_policy" => node.settings().get("maxmemory-policy").unwrap_or_default(),
        "mem_fragmentation_ratio" => format!("{:.2}", rss as f64 / used.max(1) as f64),
        "mem_allocator" => "jemalloc-5.3.1",
    }
}

/// Bytes as people say them.
fn human(bytes: usize) -> String {
    let units = [("G", 1 << 30), ("M", 1 << 20), ("K", 1 << 10)];
    match units.into_iter().find(|(_, unit)| bytes >= *unit) {
        Some((name, unit)) => format!("{:.2}{name}", bytes as f64 / unit as f64),
        None => format!("{bytes}B"),
    }
}

fn persistence(node: &Shared) -> Vec<(String, String)> {
    let status = node.log.store().map(persistence::Store::status);
    let ok = |ok: bool| if ok { "ok" } else { "err" };
    let poisoned = status.as_ref().is_some_and(|status| status.poisoned.is_some());
    let sum = |of: fn(&persistence::RangeStatus) -> u64| {
        status.as_ref().map_or(0, |status| status.ranges.iter().map(of).sum::<u64>())
    };
    lines! {
        "loading" => 0,
        "async_loading" => 0,
        "rdb_changes_since_last_save" => 0,
        "rdb_bgsave_in_progress" => 0,
        "rdb_last_save_time" => node.log.saved_s(),
        "rdb_last_bgsave_status" => "ok",
        "aof_enabled" => u8::from(status.is_some()),
        "aof_rewrite_in_progress" => u8::from(node.log.rewriting()),
        "aof_last_bgrewrite_status" => ok(!poisoned && !node.log.rewrite_failed()),
        "aof_last_write_status" => ok(!poisoned),
        "aof_base_size" => sum(|range| range.base_bytes),
        "aof_current_size" => sum(|range| range.base_bytes + range.log_bytes),
        "aof_pending_bytes" => status.as_ref().map_or(0, |status| status.pending_bytes),
    }
}

fn stats(node: &Shared) -> Vec<(String, String)> {
    let [connections, rejected, commands, unblocked, evicted] = node.stats.totals();
    let lookups = node.stats.lookups(&node.keyspace);
    lines! {
        "total_connections_received" => connections,
        "total_commands_processed" => commands,
        "rejected_connections" => rejected,
        "expired_keys" => lookups.expired,
        "evicted_keys" => evicted,
        "keyspace_hits" => lookups.hits,
        "keyspace_misses" => lookups.misses,
        "total_unblocked_clients" => unblocked,
        "pubsub_channels" => node.pubsub.active(Scope::Channel, None).len(),
        "pubsub_patterns" => node.pubsub.patterns(),
        "pubsubshard_channels" => node.pubsub.active(Scope::Shard, None).len(),
        "proxy_forwarded_requests" => node.proxy.forwarded.load(Ordering::Relaxed),
        "proxy_split_requests" => node.proxy.split.load(Ordering::Relaxed),
        "proxy_asked_again" => node.proxy.again.load(Ordering::Relaxed),
        "proxy_private_connections" => node.proxy.private.load(Ordering::Relaxed),
        "total_error_replies" => node.stats.errors().iter().map(|(_, count)| count).sum::<u64>(),
    }
}

fn cpu(_: &Shared) -> Vec<(String, String)> {
    let (user, system) = process::cpu_seconds();
    lines! { "used_cpu_sys" => format!("{system:.6}"), "used_cpu_user" => format!("{user:.6}") }
}

fn commandstats(node: &Shared) -> Vec<(String, String)> {
    let line = |command: CommandCalls| {
        let CommandCalls { name, calls, took_us, rejected, failed } = command;
        let per_call = took_us as f64 / calls.max(1) as f64;
        let text = format!(
            "calls={calls},usec={took_us},usec_per_call={per_call:.2},rejected_calls={rejected},failed_calls={failed}"
        );
        (format!("cmdstat_{name}"), text)
    };
    node.stats.by_command().map(line).collect()
}

fn errorstats(node: &Shared) -> Vec<(String, String)> {
    let errors = node.stats.errors().into_iter();
    errors.map(|(code, count)| (format!("errorstat_{code}"), format!("count={count}"))).collect()
}

fn cluster(node: &Shared) -> Vec<(String, String)> {
    let mut lines = lines! { "cluster_enabled" => u8::from(node.config().cluster_enabled) };
    if let Some(bus) = &node.bus {
        let messages = &bus.messages;
        lines.extend(lines! {
            "cluster_message_links_to" => messages.standing(),
            "cluster_message_links_from" => messages.inlets.len(),
            "cluster_message_links_waiting_bytes" => messages.waiting_bytes(),
        });
    }
    lines
}

fn keyspace(node: &Shared) -> Vec<(String, String)> {
    let keys = node.keyspace.len();
    let volatile: usize = node.keyspace.stats().map(|stats| stats.volatile()).sum();
    match keys {
        0 => Vec::new(),
        _ => lines! { "db0" => format!("keys={keys},expires={volatile},avg_ttl=0") },
    }
}
