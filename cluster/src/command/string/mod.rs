//! Commands on strings.
//!
//! # Layout
//!
//! - [`set`]: SET and its kin; [`get`]: reading, also with a change of the deadline.
//! - [`many`]: several keys at once; [`counter`]: numbers; [`range`]: parts of a string; [`bits`], [`bitfield`]: bits of it;
//!   [`lcs`]: LCS.

pub mod bitfield;
pub mod bits;
pub mod counter;
pub mod get;
pub mod lcs;
pub mod many;
pub mod range;
pub mod set;

use super::flag::{DENY_OOM, FAST, QUICK, READ, WRITE};
use super::spec::{ALL_KEYS, ONE_KEY};
use super::{CommandSpec, Group, KeySpec};

/// Every second word from the first: MSET.
const PAIRS: KeySpec = KeySpec::Span { first: 1, last: -1, step: 2 };
const TWO_KEYS: KeySpec = KeySpec::Span { first: 1, last: 2, step: 1 };
/// All but the first argument: BITOP.
const BEHIND_FIRST: KeySpec = KeySpec::Span { first: 2, last: -1, step: 1 };
const SETS: u32 = WRITE | DENY_OOM;
const QUICKLY: u32 = SETS | FAST;

const STRING: Group = Group::String;
const BITMAP: Group = Group::Bitmap;

/// The rows of this module.
#[rustfmt::skip]
pub const COMMANDS: &[CommandSpec] = &[
    STRING.row("get", 2, READ | FAST, ONE_KEY, "1.0.0", "Returns the string value of a key.", get::get),
    STRING.row("set", -3, SETS | QUICK, ONE_KEY, "1.0.0", "Sets the string value of a key, ignoring its type. The key is created if it doesn't exist.", set::set),
    STRING.row("setnx", 3, QUICKLY, ONE_KEY, "1.0.0", "Set the string value of a key only when the key doesn't exist.", set::setnx),
    STRING.row("setex", 4, SETS, ONE_KEY, "2.0.0", "Sets the string value and expiration time of a key. Creates the key if it doesn't exist.", set::setex),
    STRING.row("psetex", 4, SETS, ONE_KEY, "2.6.0", "Sets both string value and expiration time in milliseconds of a key. The key is created if it doesn't exist.", set::psetex),
    STRING.row("getset", 3, QUICKLY, ONE_KEY, "1.0.0", "Returns the previous string value of a key after setting it to a new value.", set::getset),
    STRING.row("getdel", 2, WRITE | FAST, ONE_KEY, "6.2.0", "Returns the string value of a key after deleting the key.", get::getdel),
    STRING.row("getex", -2, WRITE | FAST, ONE_KEY, "6.2.0", "Returns the string value of a key after setting its expiration time.", get::getex),
    STRING.row("mget", -2, READ | FAST, ALL_KEYS, "1.0.0", "Atomically returns the string values of one or more keys.", many::mget),
    STRING.row("mset", -3, SETS, PAIRS, "1.0.1", "Atomically creates or modifies the string values of one or more keys.", many::mset),
    STRING.row("msetnx", -3, SETS, PAIRS, "1.0.1", "Atomically modifies the string values of one or more keys only when all keys don't exist.", many::msetnx),
    STRING.row("append", 3, QUICKLY, ONE_KEY, "2.0.0", "Appends a string to the value of a key. Creates the key if it doesn't exist.", range::append),
    STRING.row("strlen", 2, READ | FAST, ONE_KEY, "2.2.0", "Returns the length of a string value.", range::strlen),
    STRING.row("getrange", 4, READ, ONE_KEY, "2.4.0", "Returns a substring of the string stored at a key.", range::getrange),
    STRING.row("substr", 4, READ, ONE_KEY, "1.0.0", "Returns a substring from a string value.", range::getrange),
    STRING.row("setrange", 4, SETS, ONE_KEY, "2.2.0", "Overwrites a part of a string value with another by an offset. Creates the key if it doesn't exist.", range::setrange),
    STRING.row("lcs", -3, READ, TWO_KEYS, "7.0.0", "Finds the longest common substring.", lcs::lcs),
    STRING.row("incr", 2, QUICKLY, ONE_KEY, "1.0.0", "Increments the integer value of a key by one. Uses 0 as initial value if the key doesn't exist.", counter::incr),
    STRING.row("decr", 2, QUICKLY, ONE_KEY, "1.0.0", "Decrements the integer value of a key by one. Uses 0 as initial value if the key doesn't exist.", counter::decr),
    STRING.row("incrby", 3, QUICKLY, ONE_KEY, "1.0.0", "Increments the integer value of a key by a number. Uses 0 as initial value if the key doesn't exist.", counter::incrby),
    STRING.row("decrby", 3, QUICKLY, ONE_KEY, "1.0.0", "Decrements a number from the integer value of a key. Uses 0 as initial value if the key doesn't exist.", counter::decrby),
    STRING.row("incrbyfloat", 3, QUICKLY, ONE_KEY, "2.6.0", "Increment the floating point value of a key by a number. Uses 0 as initial value if the key doesn't exist.", counter::incrbyfloat),
    BITMAP.row("setbit", 4, SETS, ONE_KEY, "2.2.0", "Sets or clears the bit at offset of the string value. Creates the key if it doesn't exist.", bits::setbit),
    BITMAP.row("getbit", 3, READ | FAST, ONE_KEY, "2.2.0", "Returns a bit value by offset.", bits::getbit),
    BITMAP.row("bitcount", -2, READ, ONE_KEY, "2.6.0", "Counts the number of set bits (population counting) in a string.", bits::bitcount),
    BITMAP.row("bitpos", -3, READ, ONE_KEY, "2.8.7", "Finds the first set (1) or clear (0) bit in a string.", bits::bitpos),
    BITMAP.row("bitop", -4, SETS, BEHIND_FIRST, "2.6.0", "Performs bitwise operations on multiple strings, and stores the result.", bits::bitop),
    BITMAP.row("bitfield", -2, SETS, ONE_KEY, "3.2.0", "Performs arbitrary bitfield integer operations on strings.", bitfield::bitfield),
    BITMAP.row("bitfield_ro", -2, READ | FAST, ONE_KEY, "6.0.0", "Performs arbitrary read-only bitfield integer operations on strings.", bitfield::bitfield_ro),
];
