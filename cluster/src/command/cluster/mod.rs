//! CLUSTER: what the node knows of its cluster, and what people tell it (Redis 7.0 in words and shapes).
//!
//! - [`show`]: INFO, NODES, SLOTS, SHARDS, LINKS and smaller questions.
//! - [`slots`]: who owns a slot, and the keys in it.
//! - [`migrations`]: slots that go to another node as a stream.
//! - [`peers`]: who belongs to the cluster; epochs; RESET.

pub mod migrations;
mod peers;
mod show;
mod slots;

use std::sync::Arc;

use super::flag::{NO_MULTI, STALE};
use super::subcommand::{self, Subcommand};
use super::{Args, CommandError, CommandSpec, Group, Handler, KeySpec, Reply, SessionContext};
use crate::bus::Bus;

/// The rows of this module.
pub const COMMANDS: &[CommandSpec] = &[CommandSpec {
    name: "cluster",
    arity: -2,
    // It counts keys under the locks of their partitions, so it cannot run while EXEC holds one.
    flags: STALE | NO_MULTI,
    keys: KeySpec::None,
    group: Group::Cluster,
    since: "3.0.0",
    summary: "A container for Redis Cluster commands.",
    handler: Handler::Session(cluster),
}];

const fn member(
    name: &'static str,
    arity: i16,
    handler: super::spec::SessionHandler,
    help: &'static [&'static str],
) -> Subcommand {
    Subcommand { name, arity, handler, help }
}

const MEMBERS: &[Subcommand] = &[
    member(
        "addslots",
        -3,
        slots::add,
        &["ADDSLOTS <slot> [<slot> ...]", "    Assign slots to current node."],
    ),
    member(
        "addslotsrange",
        -4,
        slots::add_range,
        &[
            "ADDSLOTSRANGE <start slot> <end slot> [<start slot> <end slot> ...]",
            "    Assign slots which are between <start-slot> and <end-slot> to current node.",
        ],
    ),
    member("bumpepoch", 2, peers::bump_epoch, &["BUMPEPOCH", "    Advance the cluster config epoch."]),
    member(
        "cancelslotmigrations",
        2,
        migrations::cancel,
        &["CANCELSLOTMIGRATIONS", "    Cancel all migrations of slots of this node."],
    ),
    member(
        "count-failure-reports",
        3,
        peers::count_failure_reports,
        &["COUNT-FAILURE-REPORTS <node-id>", "    Return number of failure reports for <node-id>."],
    ),
    member(
        "countkeysinslot",
        3,
        slots::count_keys,
        &["COUNTKEYSINSLOT <slot>", "    Return the number of keys in <slot>."],
    ),
    member(
        "delslots",
        -3,
        slots::delete,
        &["DELSLOTS <slot> [<slot> ...]", "    Delete slots information from current node."],
    ),
    member(
        "delslotsrange",
        -4,
        slots::delete_range,
        &[
            "DELSLOTSRANGE <start slot> <end slot> [<start slot> <end slot> ...]",
            "    Delete slots information which are between <start-slot> and <end-slot> from current node.",
        ],
    ),
    member(
        "failover",
        -2,
        peers::failover,
        &["FAILOVER [FORCE|TAKEOVER]", "    Promote current replica node to being a master."],
    ),
    member("flushslots", 2, slots::flush, &["FLUSHSLOTS", "    Delete current node own slots information."]),
    member("forget", 3, peers::forget, &["FORGET <node-id>", "    Remove a node from the cluster."]),
    member(
        "getkeysinslot",
        4,
        slots::keys,
        &["GETKEYSINSLOT <slot> <count>", "    Return key names stored by current node in a slot."],
    ),
    member(
        "getslotmigrations",
        2,
        migrations::show,
        &["GETSLOTMIGRATIONS", "    Return the migrations of slots that this node takes or took part in."],
    ),
    member("info", 2, show::info, &["INFO", "    Return information about the cluster."]),
    member("keyslot", 3, slots::of_key, &["KEYSLOT <key>", "    Return the hash slot for <key>."]),
    member(
        "links",
        2,
        show::links,
        &[
            "LINKS",
            "    Return information about all network links between this node and its peers.",
            "    Output format is an array where each array element is a map containing attributes of a link",
        ],
    ),
    member(
        "meet",
        -4,
        peers::meet,
        &["MEET <ip> <port> [<bus-port>]", "    Connect nodes into a working cluster."],
    ),
    member(
        "migrateslots",
        -7,
        migrations::migrate,
        &[
            "MIGRATESLOTS SLOTSRANGE <start slot> <end slot> [<start slot> <end slot> ...] NODE <node-id> [SLOTSRANGE ... NODE ...]",
            "    Move slots of this node to other nodes: they serve them when they have everything.",
        ],
    ),
    member("myid", 2, show::my_id, &["MYID", "    Return the node id."]),
    member("myshardid", 2, show::my_shard_id, &["MYSHARDID", "    Return the node's shard id."]),
    member(
        "nodes",
        2,
        show::nodes,
        &[
            "NODES",
            "    Return cluster configuration seen by node. Output format:",
            "    <id> <ip:port> <flags> <master> <pings> <pongs> <epoch> <link> <slot> ...",
        ],
    ),
    member("replicas", 3, peers::replicas, &["REPLICAS <node-id>", "    Return <node-id> replicas."]),
    member(
        "replicate",
        3,
        peers::replicate,
        &["REPLICATE <node-id>", "    Configure current node as replica to <node-id>."],
    ),
    member("slaves", 3, peers::replicas, &[]),
    member("reset", -2, peers::reset, &["RESET [HARD|SOFT]", "    Reset current node (default: soft)."]),
    member(
        "saveconfig",
        2,
        peers::save_config,
        &["SAVECONFIG", "    Force saving cluster configuration on disk."],
    ),
    member(
        "set-config-epoch",
        3,
        peers::set_config_epoch,
        &["SET-CONFIG-EPOCH <epoch>", "    Set config epoch of current node."],
    ),
    member(
        "setslot",
        -4,
        slots::set,
        &[
            "SETSLOT <slot> (IMPORTING <node-id>|MIGRATING <node-id>|STABLE|NODE <node-id>)",
            "    Set slot state.",
        ],
    ),
    member(
        "shards",
        2,
        show::shards,
        &["SHARDS", "    Return information about slot range mappings and the nodes associated with them."],
    ),
    member(
        "slots",
        2,
        show::slots,
        &[
            "SLOTS",
            "    Return information about slots range mappings. Each range is made of:",
            "    start, end, master and replicas IP addresses, ports and ids",
        ],
    ),
];

type Done = Result<(), CommandError>;

fn cluster(context: &mut SessionContext<'_>, args: Args<'_>, reply: &mut Reply<'_>) -> Done {
    subcommand::run("cluster", MEMBERS, context, args, reply)
}

/// The node's side of the bus.
fn bus(context: &SessionContext<'_>) -> Result<Arc<Bus>, CommandError> {
    let disabled = || CommandError::text("ERR This instance has cluster support disabled");
    context.node.bus.as_ref().map(Arc::clone).ok_or_else(disabled)
}

/// A refusal of the engine, with its code.
fn refused(error: impl std::fmt::Display) -> CommandError {
    CommandError::owned(format!("ERR {error}"))
}

/// `nodes.conf` could not be written.
fn unsaved(why: String) -> CommandError {
    CommandError::owned(format!("ERR error saving the cluster node config: {why}"))
}
