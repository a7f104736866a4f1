//! Commands on keys of any type.
//!
//! # Layout
//!
//! - [`basic`]: being there, type, deleting; [`moving`]: RENAME, COPY, DUMP, RESTORE; [`object`]: OBJECT.
//! - [`migrate`]: MIGRATE, from its words to its reply.
//! - [`expire`]: the family of deadlines; [`scan`]: SCAN, KEYS, RANDOMKEY; [`flush`]: FLUSHALL.

pub mod basic;
pub mod expire;
pub mod flush;
pub mod migrate;
pub mod moving;
pub mod object;
pub mod scan;

use super::flag::{ASKING, DENY_OOM, FAST, MOVABLE_KEYS, NO_MULTI, READ, WALKS, WHOLE, WRITE};
use super::spec::{ALL_KEYS, ONE_KEY};
use super::{CommandSpec, Group, Handler, KeySpec};

const TWO_KEYS: KeySpec = KeySpec::Span { first: 1, last: 2, step: 1 };
const SECOND: KeySpec = KeySpec::Span { first: 2, last: 2, step: 1 };

const GENERIC: Group = Group::Generic;

/// The rows of this module.
#[rustfmt::skip]
pub const COMMANDS: &[CommandSpec] = &[
    GENERIC.row("del", -2, WRITE, ALL_KEYS, "1.0.0", "Deletes one or more keys.", basic::del),
    GENERIC.row("unlink", -2, WRITE | FAST, ALL_KEYS, "4.0.0", "Asynchronously deletes one or more keys.", basic::del),
    GENERIC.row("exists", -2, READ | FAST, ALL_KEYS, "1.0.0", "Determines whether one or more keys exist.", basic::exists),
    GENERIC.row("touch", -2, READ | FAST, ALL_KEYS, "3.2.1", "Returns the number of existing keys out of those specified after updating the time they were last accessed.", basic::exists),
    GENERIC.row("type", 2, READ | FAST, ONE_KEY, "1.0.0", "Determines the type of value stored at a key.", basic::type_of),
    GENERIC.row("rename", 3, WRITE, TWO_KEYS, "1.0.0", "Renames a key and overwrites the destination.", moving::rename),
    GENERIC.row("renamenx", 3, WRITE | FAST, TWO_KEYS, "1.0.0", "Renames a key only when the target key name doesn't exist.", moving::renamenx),
    GENERIC.row("copy", -3, WRITE | DENY_OOM, TWO_KEYS, "6.2.0", "Copies the value of a key to a new key.", moving::copy),
    GENERIC.row("dump", 2, READ, ONE_KEY, "2.6.0", "Returns a serialized representation of the value stored at a key.", moving::dump),
    GENERIC.row("restore", -4, WRITE | DENY_OOM, ONE_KEY, "2.6.0", "Creates a key from the serialized representation of a value.", moving::restore),
    GENERIC.row("restore-asking", -4, WRITE | DENY_OOM | ASKING, ONE_KEY, "3.0.0", "An internal command for migrating keys in a cluster.", moving::restore),
    CommandSpec {
        name: "migrate",
        arity: -6,
        // It waits for another node, so it cannot run while EXEC holds locks.
        flags: WRITE | MOVABLE_KEYS | NO_MULTI | ASKING,
        keys: KeySpec::Found { find: migrate::keys, told: 3 },
        group: GENERIC,
        since: "2.6.0",
        summary: "Atomically transfers a key from one Redis instance to another.",
        handler: Handler::Session(migrate::migrate),
    },
    GENERIC.row("object", -2, READ, SECOND, "2.2.3", "Returns the internals of a key's value.", object::object),
    GENERIC.row("expire", -3, WRITE | FAST, ONE_KEY, "1.0.0", "Sets the expiration time of a key in seconds.", expire::expire),
    GENERIC.row("pexpire", -3, WRITE | FAST, ONE_KEY, "2.6.0", "Sets the expiration time of a key in milliseconds.", expire::pexpire),
    GENERIC.row("expireat", -3, WRITE | FAST, ONE_KEY, "1.2.0", "Sets the expiration time of a key to a Unix timestamp.", expire::expireat),
    GENERIC.row("pexpireat", -3, WRITE | FAST, ONE_KEY, "2.6.0", "Sets the expiration time of a key to a Unix milliseconds timestamp.", expire::pexpireat),
    GENERIC.row("ttl", 2, READ | FAST, ONE_KEY, "1.0.0", "Returns the expiration time in seconds of a key.", expire::ttl),
    GENERIC.row("pttl", 2, READ | FAST, ONE_KEY, "2.6.0", "Returns the expiration time in milliseconds of a key.", expire::pttl),
    GENERIC.row("expiretime", 2, READ | FAST, ONE_KEY, "7.0.0", "Returns the expiration time of a key as a Unix timestamp.", expire::expiretime),
    GENERIC.row("pexpiretime", 2, READ | FAST, ONE_KEY, "7.0.0", "Returns the expiration time of a key as a Unix milliseconds timestamp.", expire::pexpiretime),
    GENERIC.row("persist", 2, WRITE | FAST, ONE_KEY, "2.2.0", "Removes the expiration time of a key.", expire::persist),
    GENERIC.row("scan", -2, READ | WALKS, KeySpec::None, "2.8.0", "Iterates over the key names in the database.", scan::scan),
    GENERIC.row("keys", 2, READ | WALKS, KeySpec::None, "1.0.0", "Returns all key names that match a pattern.", scan::keys),
    GENERIC.row("randomkey", 1, READ | WALKS, KeySpec::None, "1.0.0", "Returns a random key name from the database.", scan::randomkey),
    GENERIC.row("dbsize", 1, READ | FAST | WALKS, KeySpec::None, "1.0.0", "Returns the number of keys in the database.", scan::dbsize),
    GENERIC.row("flushall", -1, WRITE | WHOLE, KeySpec::None, "1.0.0", "Removes all keys from all databases.", flush::flushall),
    GENERIC.row("flushdb", -1, WRITE | WHOLE, KeySpec::None, "1.0.0", "Remove all keys from the current database.", flush::flushall),
];
