//! Why a command was refused, in Redis's exact words.

use std::borrow::Cow;

use shared::slot::Slot;

use crate::topology::Address;

/// An error reply; `Display` is what is sent after the `-`.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CommandError {
    /// The key holds another type than the command works on.
    #[error("WRONGTYPE Operation against a key holding the wrong kind of value")]
    WrongType,
    /// An argument or a stored value is no 64-bit integer.
    #[error("ERR value is not an integer or out of range")]
    NotAnInteger,
    /// An argument or a stored value is no float.
    #[error("ERR value is not a valid float")]
    NotAFloat,
    /// Options that do not fit together or are unknown.
    #[error("ERR syntax error")]
    Syntax,
    /// The key must exist.
    #[error("ERR no such key")]
    NoSuchKey,
    /// An index beyond the end.
    #[error("ERR index out of range")]
    IndexOutOfRange,
    /// Fewer or more arguments than the command takes; holds its name (`config|get` for a subcommand).
    #[error("ERR wrong number of arguments for '{0}' command")]
    Arity(String),
    /// No command has this name; holds what was sent, shortened.
    #[error("{0}")]
    Unknown(String),
    /// The bound on a string's length would be passed.
    #[error("ERR string exceeds maximum allowed size (proto-max-bulk-len)")]
    StringTooLong,
    /// A deadline in the past of all time or beyond its end; holds the command's name.
    #[error("ERR invalid expire time in '{0}' command")]
    InvalidExpire(&'static str),
    /// Memory is at `maxmemory` and nothing may be evicted.
    #[error("OOM command not allowed when used memory > 'maxmemory'.")]
    OutOfMemory,
    /// The client has not said the password.
    #[error("NOAUTH Authentication required.")]
    NoAuth,
    /// A RESP2 client that has subscribed may not run this command.
    #[error(
        "ERR Can't execute '{0}': only (P|S)SUBSCRIBE / (P|S)UNSUBSCRIBE / PING / QUIT / RESET are allowed in this context"
    )]
    WhileSubscribed(&'static str),
    /// Keys of one command lie in several slots.
    #[error("CROSSSLOT Keys in request don't hash to the same slot")]
    CrossSlot,
    /// Writes are refused after a failed write or fsync of the log.
    #[error("MISCONF Errors writing to the AOF file: {0}")]
    Misconfigured(String),
    /// The node is receiving what it is to serve.
    #[error("LOADING Redis is loading the dataset in memory")]
    Loading,
    /// Fewer replicas are there than `min-replicas-to-write`.
    #[error("NOREPLICAS Not enough good replicas to write.")]
    NoReplicas,
    /// The node follows another one.
    #[error("READONLY You can't write against a read only replica.")]
    ReadOnly,
    /// The slot changes hands, or a key of it is on its way: the request waits until that is settled, and is refused only if it takes too
    /// long.
    #[error("TRYAGAIN Slot {0} is changing hands")]
    InTransfer(Slot),
    /// Another node serves the slot.
    #[error("MOVED {0} {host}:{port}", host = .1.host(), port = .1.port)]
    Moved(Slot, Address),
    /// The key is asked for at the node that the slot goes to.
    #[error("ASK {0} {host}:{port}", host = .1.host(), port = .1.port)]
    Ask(Slot, Address),
    /// Any other text, code first: `ERR …`.
    #[error("{0}")]
    Text(Cow<'static, str>),
}

impl CommandError {
    /// An error with this fixed text, code first.
    pub const fn text(text: &'static str) -> CommandError {
        CommandError::Text(Cow::Borrowed(text))
    }

    /// An error with this composed text, code first.
    pub fn owned(text: String) -> CommandError {
        CommandError::Text(Cow::Owned(text))
    }

    /// The subcommand is not known to its container (`CLIENT FOO`).
    pub fn unknown_subcommand(container: &str, sub: &[u8]) -> CommandError {
        let sub = String::from_utf8_lossy(&sub[..sub.len().min(128)]).into_owned();
        CommandError::owned(format!(
            "ERR unknown subcommand '{sub}'. Try {} HELP.",
            container.to_ascii_uppercase()
        ))
    }

    /// Whether the command was not run because its slot, or the role of the node, is changing or is not what the client thought: it may
    /// be asked again, there or here.
    pub fn is_redirection(&self) -> bool {
        match self {
            CommandError::Moved(..) | CommandError::Ask(..) => true,
            CommandError::ReadOnly | CommandError::Loading | CommandError::InTransfer(_) => true,
            CommandError::Text(text) => text.starts_with("TRYAGAIN") || text.starts_with("CLUSTERDOWN"),
            _ => false,
        }
    }

    /// The first word: what clients switch on and INFO counts.
    pub fn code(&self) -> String {
        self.to_string().split(' ').next().unwrap_or_default().to_owned()
    }
}
