//! The shape of a row of the command table.

use super::{Args, CommandError, KeyContext, Reply, SessionContext};

/// What a command may do and where it may run; bits of [`CommandSpec::flags`].
pub mod flag {
    /// Changes keys.
    pub const WRITE: u32 = 1;
    /// Reads keys, changes none.
    pub const READ: u32 = 1 << 1;
    /// Refused when memory is at `maxmemory`.
    pub const DENY_OOM: u32 = 1 << 2;
    /// For administrators.
    pub const ADMIN: u32 = 1 << 3;
    /// About channels.
    pub const PUBSUB: u32 = 1 << 4;
    /// Allowed before the password was said.
    pub const NO_AUTH: u32 = 1 << 5;
    /// Refused inside MULTI.
    pub const NO_MULTI: u32 = 1 << 6;
    /// May wait for keys.
    pub const BLOCKING: u32 = 1 << 7;
    /// Constant or logarithmic time.
    pub const FAST: u32 = 1 << 8;
    /// Its keys stand where only its arguments tell.
    pub const MOVABLE_KEYS: u32 = 1 << 9;
    /// Allowed to a RESP2 client that has subscribed.
    pub const WHILE_SUBSCRIBED: u32 = 1 << 10;
    /// A [`Handler::Keys`](super::Handler::Keys) that visits partitions one after another, each under its own lock.
    pub const WALKS: u32 = 1 << 11;
    /// A [`Handler::Keys`](super::Handler::Keys) that holds all partitions at once.
    pub const WHOLE: u32 = 1 << 12;
    /// Runs at once inside MULTI instead of being queued.
    pub const NOT_QUEUED: u32 = 1 << 13;
    /// Its key is a sharded channel: routed by slot, no key is touched.
    pub const CHANNEL_KEYS: u32 = 1 << 14;
    /// Never said in the slow log (it carries a password).
    pub const SECRET: u32 = 1 << 15;
    /// Answered while data is loading.
    pub const LOADING: u32 = 1 << 16;
    /// Not timed by itself although it is not called fast: SET.
    pub const QUICK: u32 = 1 << 18;
    /// Answered by a node that does not have the newest data.
    pub const STALE: u32 = 1 << 17;
    /// Runs in a slot that is being imported although the client did not say ASKING.
    pub const ASKING: u32 = 1 << 19;
}

/// Which words of a request are keys.
#[derive(Clone, Copy)]
pub enum KeySpec {
    /// None.
    None,
    /// From `first` to `last` (negative: from the end), every `step`th.
    Span {
        /// Index of the first key.
        first: usize,
        /// Index of the last key; -1 is the last word.
        last: isize,
        /// From one key to the next.
        step: usize,
    },
    /// The word at `count` says how many keys follow it; `destination` is one more key before, 0 if there is none.
    Counted {
        /// Index of the word that counts.
        count: usize,
        /// Index of a further key, or 0.
        destination: usize,
    },
    /// As the function finds them: it calls back with the index of each.
    Found {
        /// Finds them.
        find: fn(&Args<'_>, &mut dyn FnMut(usize)),
        /// Index of the key that COMMAND tells of; 0 if none stands at a fixed place.
        told: usize,
    },
}

/// One key, the first argument.
pub const ONE_KEY: KeySpec = KeySpec::Span { first: 1, last: 1, step: 1 };

/// All arguments are keys.
pub const ALL_KEYS: KeySpec = KeySpec::Span { first: 1, last: -1, step: 1 };

impl KeySpec {
    /// Calls back with the index of each key of a request.
    #[inline]
    pub fn each(&self, args: &Args<'_>, found: &mut dyn FnMut(usize)) {
        match *self {
            KeySpec::None => {}
            KeySpec::Span { first, last, step } => {
                let len = args.len();
                let last =
                    if last < 0 { len.saturating_sub(last.unsigned_abs()) } else { last.unsigned_abs() };
                (first..=last.min(len - 1)).step_by(step).for_each(found);
            }
            KeySpec::Counted { count, destination } => {
                if destination != 0 {
                    found(destination);
                }
                let keys = args.int(count).ok().and_then(|n| usize::try_from(n).ok()).unwrap_or(0);
                let end = (count + 1).saturating_add(keys).min(args.len());
                (count + 1..end).for_each(found);
            }
            KeySpec::Found { find, .. } => find(args, found),
        }
    }

    /// `first`, `last`, `step` as COMMAND tells them.
    pub fn positions(&self) -> (i64, i64, i64) {
        match *self {
            KeySpec::Span { first, last, step } => (first as i64, last as i64, step as i64),
            // What is stored stands at a fixed place; the others are found by COMMAND GETKEYS.
            KeySpec::Counted { destination: 1.., .. } => (1, 1, 1),
            KeySpec::Found { told: told @ 1.., .. } => (told as i64, told as i64, 1),
            _ => (0, 0, 0),
        }
    }
}

/// The family of a command: its ACL category and its group in COMMAND DOCS.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Group {
    /// Strings.
    String,
    /// Bits of strings.
    Bitmap,
    /// Keys of any type.
    Generic,
    /// Hashes.
    Hash,
    /// Lists.
    List,
    /// Sets.
    Set,
    /// Sorted sets.
    SortedSet,
    /// Streams.
    Stream,
    /// Channels.
    PubSub,
    /// MULTI and its kin.
    Transactions,
    /// The connection.
    Connection,
    /// The node.
    Server,
    /// The cluster.
    Cluster,
}

impl Group {
    /// Its name in COMMAND DOCS.
    pub fn name(self) -> &'static str {
        match self {
            Group::String => "string",
            Group::Bitmap => "bitmap",
            Group::Generic => "generic",
            Group::Hash => "hash",
            Group::List => "list",
            Group::Set => "set",
            Group::SortedSet => "sorted-set",
            Group::Stream => "stream",
            Group::PubSub => "pubsub",
            Group::Transactions => "transactions",
            Group::Connection => "connection",
            Group::Server => "server",
            Group::Cluster => "cluster",
        }
    }

    /// A row of this family for a command on keys.
    #[allow(clippy::too_many_arguments, reason = "the columns of a table")]
    pub const fn row(
        self,
        name: &'static str,
        arity: i16,
        flags: u32,
        keys: KeySpec,
        since: &'static str,
        summary: &'static str,
        handler: KeysHandler,
    ) -> CommandSpec {
        let handler = Handler::Keys(handler);
        CommandSpec { name, arity, flags, keys, group: self, since, summary, handler }
    }

    /// A row of this family for a command on the connection or the node; it is answered in any state of the node.
    pub const fn session_row(
        self,
        name: &'static str,
        arity: i16,
        flags: u32,
        since: &'static str,
        summary: &'static str,
        handler: SessionHandler,
    ) -> CommandSpec {
        let (keys, handler) = (KeySpec::None, Handler::Session(handler));
        let flags = flags | flag::LOADING | flag::STALE;
        CommandSpec { name, arity, flags, keys, group: self, since, summary, handler }
    }

    /// Its ACL category, without the `@`; none for groups that ACL does not know.
    pub fn category(self) -> Option<&'static str> {
        match self {
            Group::String => Some("string"),
            Group::Bitmap => Some("bitmap"),
            Group::Generic => Some("keyspace"),
            Group::Hash => Some("hash"),
            Group::List => Some("list"),
            Group::Set => Some("set"),
            Group::SortedSet => Some("sortedset"),
            Group::Stream => Some("stream"),
            Group::PubSub => Some("pubsub"),
            Group::Transactions => Some("transaction"),
            Group::Connection => Some("connection"),
            Group::Server | Group::Cluster => None,
        }
    }
}

/// Works on keys: under the lock of their partition, never awaits.
pub type KeysHandler = fn(&mut KeyContext<'_>, Args<'_>, &mut Reply<'_>) -> Result<(), CommandError>;

/// Works on the connection or the node. It may run inside EXEC, where partitions are locked: it may not touch keys, unless its
/// row says [`flag::NO_MULTI`].
pub type SessionHandler = fn(&mut SessionContext<'_>, Args<'_>, &mut Reply<'_>) -> Result<(), CommandError>;

/// What a command does.
#[derive(Clone, Copy)]
pub enum Handler {
    /// See [`KeysHandler`].
    Keys(KeysHandler),
    /// See [`SessionHandler`].
    Session(SessionHandler),
}

/// One row of the command table.
pub struct CommandSpec {
    /// Lower case.
    pub name: &'static str,
    /// Words with the name; negative: at least so many.
    pub arity: i16,
    /// Bits of [`flag`].
    pub flags: u32,
    /// Which words are keys.
    pub keys: KeySpec,
    /// Its family.
    pub group: Group,
    /// The Redis version that first had it.
    pub since: &'static str,
    /// One sentence.
    pub summary: &'static str,
    /// What it does.
    pub handler: Handler,
}

impl CommandSpec {
    /// Whether all bits of `flags` are set.
    #[inline]
    pub fn has(&self, flags: u32) -> bool {
        self.flags & flags == flags
    }

    /// Whether a request of this many words has the right number.
    #[inline]
    pub fn takes(&self, words: usize) -> bool {
        let arity = usize::from(self.arity.unsigned_abs());
        if self.arity >= 0 { words == arity } else { words >= arity }
    }

    /// Its ACL categories, without the `@`, as Redis derives them from flags and group.
    pub fn categories(&self) -> impl Iterator<Item = &'static str> + '_ {
        let derived = [
            (self.has(flag::WRITE), "write"),
            (self.has(flag::READ), "read"),
            (self.has(flag::ADMIN), "admin"),
            (self.has(flag::ADMIN), "dangerous"),
            (self.has(flag::BLOCKING), "blocking"),
            (self.has(flag::FAST), "fast"),
            (!self.has(flag::FAST), "slow"),
        ];
        self.group
            .category()
            .into_iter()
            .chain(derived.into_iter().filter_map(|(has, name)| has.then_some(name)))
    }
}
