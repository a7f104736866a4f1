//! Commands on strings.
//!
//! # Layout
//!
//! - [`set`]: SET and its kin; [`get`]: reading, also with a change of the deadline.
//! - [`many`]: several keys at once; [`counter`]: numbers; [`range`]: parts of a string; [`bits`]: bits of it; [`lcs`]: LCS.

pub mod bits;
pub mod counter;
pub mod get;
pub mod lcs;
pub mod many;
pub mod range;
pub mod set;

use super::flag::{DENY_OOM, FAST, QUICK, READ, WRITE};
use super::spec::{ALL_KEYS, KeysHandler, ONE_KEY};
use super::{CommandSpec, Group, Handler, KeySpec};

/// Every second word from the first: MSET.
const PAIRS: KeySpec = KeySpec::Span { first: 1, last: -1, step: 2 };
const TWO_KEYS: KeySpec = KeySpec::Span { first: 1, last: 2, step: 1 };
const SETS: u32 = WRITE | DENY_OOM;
const QUICKLY: u32 = SETS | FAST;

const fn row(
    name: &'static str,
    arity: i16,
    flags: u32,
    keys: KeySpec,
    since: &'static str,
    summary: &'static str,
    handler: KeysHandler,
) -> CommandSpec {
    CommandSpec {
        name,
        arity,
        flags,
        keys,
        group: Group::String,
        since,
        summary,
        handler: Handler::Keys(handler),
    }
}

const fn bit_row(
    name: &'static str,
    arity: i16,
    flags: u32,
    since: &'static str,
    summary: &'static str,
    handler: KeysHandler,
) -> CommandSpec {
    let (keys, group, handler) = (ONE_KEY, Group::Bitmap, Handler::Keys(handler));
    CommandSpec { name, arity, flags, keys, group, since, summary, handler }
}

/// The rows of this module.
#[rustfmt::skip]
pub const COMMANDS: &[CommandSpec] = &[
    row("get", 2, READ | FAST, ONE_KEY, "1.0.0", "Returns the string value of a key.", get::get),
    row("set", -3, SETS | QUICK, ONE_KEY, "1.0.0", "Sets the string value of a key, ignoring its type. The key is created if it doesn't exist.", set::set),
    row("setnx", 3, QUICKLY, ONE_KEY, "1.0.0", "Set the string value of a key only when the key doesn't exist.", set::setnx),
    row("setex", 4, SETS, ONE_KEY, "2.0.0", "Sets the string value and expiration time of a key. Creates the key if it doesn't exist.", set::setex),
    row("psetex", 4, SETS, ONE_KEY, "2.6.0", "Sets both string value and expiration time in milliseconds of a key. The key is created if it doesn't exist.", set::psetex),
    row("getset", 3, QUICKLY, ONE_KEY, "1.0.0", "Returns the previous string value of a key after setting it to a new value.", set::getset),
    row("getdel", 2, WRITE | FAST, ONE_KEY, "6.2.0", "Returns the string value of a key after deleting the key.", get::getdel),
    row("getex", -2, WRITE | FAST, ONE_KEY, "6.2.0", "Returns the string value of a key after setting its expiration time.", get::getex),
    row("mget", -2, READ | FAST, ALL_KEYS, "1.0.0", "Atomically returns the string values of one or more keys.", many::mget),
    row("mset", -3, SETS, PAIRS, "1.0.1", "Atomically creates or modifies the string values of one or more keys.", many::mset),
    row("msetnx", -3, SETS, PAIRS, "1.0.1", "Atomically modifies the string values of one or more keys only when all keys don't exist.", many::msetnx),
    row("append", 3, QUICKLY, ONE_KEY, "2.0.0", "Appends a string to the value of a key. Creates the key if it doesn't exist.", range::append),
    row("strlen", 2, READ | FAST, ONE_KEY, "2.2.0", "Returns the length of a string value.", range::strlen),
    row("getrange", 4, READ, ONE_KEY, "2.4.0", "Returns a substring of the string stored at a key.", range::getrange),
    row("substr", 4, READ, ONE_KEY, "1.0.0", "Returns a substring from a string value.", range::getrange),
    row("setrange", 4, SETS, ONE_KEY, "2.2.0", "Overwrites a part of a string value with another by an offset. Creates the key if it doesn't exist.", range::setrange),
    row("lcs", -3, READ, TWO_KEYS, "7.0.0", "Finds the longest common substring.", lcs::lcs),
    row("incr", 2, QUICKLY, ONE_KEY, "1.0.0", "Increments the integer value of a key by one. Uses 0 as initial value if the key doesn't exist.", counter::incr),
    row("decr", 2, QUICKLY, ONE_KEY, "1.0.0", "Decrements the integer value of a key by one. Uses 0 as initial value if the key doesn't exist.", counter::decr),
    row("incrby", 3, QUICKLY, ONE_KEY, "1.0.0", "Increments the integer value of a key by a number. Uses 0 as initial value if the key doesn't exist.", counter::incrby),
    row("decrby", 3, QUICKLY, ONE_KEY, "1.0.0", "Decrements a number from the integer value of a key. Uses 0 as initial value if the key doesn't exist.", counter::decrby),
    row("incrbyfloat", 3, QUICKLY, ONE_KEY, "2.6.0", "Increment the floating point value of a key by a number. Uses 0 as initial value if the key doesn't exist.", counter::incrbyfloat),
    bit_row("setbit", 4, SETS, "2.2.0", "Sets or clears the bit at offset of the string value. Creates the key if it doesn't exist.", bits::setbit),
    bit_row("getbit", 3, READ | FAST, "2.2.0", "Returns a bit value by offset.", bits::getbit),
    bit_row("bitcount", -2, READ, "2.6.0", "Counts the number of set bits (population counting) in a string.", bits::bitcount),
    bit_row("bitpos", -3, READ, "2.8.7", "Finds the first set (1) or clear (0) bit in a string.", bits::bitpos),
];
