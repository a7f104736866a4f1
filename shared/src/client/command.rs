//! One command: its arguments as they are sent, and where it goes.

use bytes::{Bytes, BytesMut};

use super::address::Address;
use crate::resp::write;
use crate::rt::time::Duration;
use crate::slot::Slot;

/// A command to be sent. Arguments that are keys say so ([`Command::key`]): the first decides which node is asked.
///
/// ```
/// use shared::client::Command;
/// let command = Command::new("SET").key("doc:{notes}").arg("text");
/// ```
#[derive(Debug, Clone)]
pub struct Command {
    name: String,
    /// The arguments as bulk strings, the name among them.
    body: BytesMut,
    count: usize,
    route: Route,
    idempotent: bool,
    /// Time that the command itself may block on the server.
    blocks: Duration,
}

/// Where a command goes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Route {
    /// To any primary.
    Any,
    /// To the owner of this slot.
    Slot(Slot),
    /// To the owners of different slots: it is refused.
    Cross,
    /// To this node and no other.
    Node(Address),
}

impl Command {
    /// The command of this name; a subcommand is its first argument.
    pub fn new(name: &str) -> Command {
        let mut command = Command {
            name: name.to_ascii_uppercase(),
            body: BytesMut::with_capacity(64),
            count: 0,
            route: Route::Any,
            idempotent: false,
            blocks: Duration::ZERO,
        };
        command.idempotent = READS.binary_search(&command.name.as_str()).is_ok();
        command.arg(name)
    }

    /// Adds a key. All keys of a command lie in one slot.
    #[must_use]
    pub fn key(mut self, key: impl AsRef<[u8]>) -> Command {
        let slot = Slot::of_key(key.as_ref());
        self.route = match self.route {
            Route::Any => Route::Slot(slot),
            Route::Slot(other) if other != slot => Route::Cross,
            route => route,
        };
        self.arg(key)
    }

    /// Adds an argument that is no key.
    #[must_use]
    pub fn arg(mut self, arg: impl AsRef<[u8]>) -> Command {
        let arg = arg.as_ref();
        self.body.reserve(write::bulk_bytes(arg.len()));
        write::bulk(&mut self.body, arg);
        self.count += 1;
        self
    }

    /// Adds a number.
    #[must_use]
    pub fn int(mut self, number: i64) -> Command {
        write::bulk_integer(&mut self.body, number);
        self.count += 1;
        self
    }

    /// Says that executing it twice is as good as once: it may be sent again after its answer was lost. Commands that only
    /// read say so by themselves.
    #[must_use]
    pub fn idempotent(mut self) -> Command {
        self.idempotent = true;
        self
    }

    /// Says how long the command itself may block on the server (`XREAD BLOCK`), on top of the deadlines of the
    /// configuration. It takes a connection of its own, where only other commands that block wait behind it.
    #[must_use]
    pub fn blocks(mut self, time: Duration) -> Command {
        self.blocks = time;
        self
    }

    /// Sends it to this node, whatever keys it has.
    #[must_use]
    pub fn at(mut self, node: &Address) -> Command {
        self.route = Route::Node(node.clone());
        self
    }

    /// Sends it to the owner of this slot although it names no key.
    #[must_use]
    pub fn in_slot(mut self, slot: Slot) -> Command {
        self.route = Route::Slot(slot);
        self
    }

    /// Its name in capitals.
    pub fn name(&self) -> &str {
        &self.name
    }

    pub(crate) fn route(&self) -> &Route {
        &self.route
    }

    pub(crate) fn is_idempotent(&self) -> bool {
        self.idempotent
    }

    pub(crate) fn blocking_time(&self) -> Duration {
        self.blocks
    }

    /// Bytes of its request.
    pub(crate) fn request_bytes(&self) -> usize {
        const HEADER_BYTES_MAX: usize = 16;
        self.body.len() + HEADER_BYTES_MAX
    }

    pub(crate) fn write_to(&self, out: &mut BytesMut) {
        write::array(out, self.count);
        out.extend_from_slice(&self.body);
    }

    pub(crate) fn to_request(&self) -> Bytes {
        let mut out = BytesMut::with_capacity(self.request_bytes());
        self.write_to(&mut out);
        out.freeze()
    }
}

/// Commands that change nothing, in order.
const READS: &[&str] = &[
    "COMMAND",
    "DBSIZE",
    "ECHO",
    "EXISTS",
    "EXPIRETIME",
    "GET",
    "GETRANGE",
    "HEXISTS",
    "HGET",
    "HGETALL",
    "HKEYS",
    "HLEN",
    "HMGET",
    "HSCAN",
    "HSTRLEN",
    "HVALS",
    "INFO",
    "KEYS",
    "LINDEX",
    "LLEN",
    "LRANGE",
    "MGET",
    "PEXPIRETIME",
    "PING",
    "PTTL",
    "RANDOMKEY",
    "SCAN",
    "SCARD",
    "SISMEMBER",
    "SMEMBERS",
    "SMISMEMBER",
    "SRANDMEMBER",
    "SSCAN",
    "STRLEN",
    "TIME",
    "TTL",
    "TYPE",
    "XINFO",
    "XLEN",
    "XRANGE",
    "XREAD",
    "XREVRANGE",
    "ZCARD",
    "ZCOUNT",
    "ZLEXCOUNT",
    "ZMSCORE",
    "ZRANGE",
    "ZRANGEBYLEX",
    "ZRANGEBYSCORE",
    "ZRANK",
    "ZREVRANGE",
    "ZREVRANGEBYSCORE",
    "ZREVRANK",
    "ZSCAN",
    "ZSCORE",
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_command_is_sent_as_an_array_of_bulk_strings() {
        let command = Command::new("XADD").key("k").arg("*").int(-7);
        assert_eq!(&command.to_request()[..], b"*4\r\n$4\r\nXADD\r\n$1\r\nk\r\n$1\r\n*\r\n$2\r\n-7\r\n");
        assert!(command.to_request().len() <= command.request_bytes());
    }

    #[test]
    fn the_keys_decide_where_it_goes() {
        let slot = Slot::of_key(b"{a}");
        assert_eq!(Command::new("MGET").key("{a}1").key("{a}2").route(), &Route::Slot(slot));
        assert_eq!(Command::new("MGET").key("a").key("b").route(), &Route::Cross);
        assert_eq!(Command::new("PING").route(), &Route::Any);
    }

    #[test]
    fn reads_are_idempotent_by_themselves() {
        assert!(READS.is_sorted());
        assert!(Command::new("xrange").is_idempotent());
        assert!(!Command::new("XADD").is_idempotent());
        assert!(Command::new("XADD").idempotent().is_idempotent());
    }
}
