//! Why the service hangs up on a client: the WebSocket close code and the words that go with it.

use std::fmt;

/// A reason to close one client's connection (RFC 6455, section 7.4).
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CloseReason {
    /// 1001: the service stops in order.
    GoingAway,
    /// 1003: a text frame; the protocol has binary ones only.
    NotBinary,
    /// 1008: the message is no y-protocols message, or its update is malformed or hostile. The words say what.
    Refused(String),
    /// 1008: the address names no document. The words say why.
    BadId(String),
    /// 1008: the client may read, not write.
    ReadOnly,
    /// 1008: the client neither sent nor answered a ping in time.
    Idle,
    /// 1009: the message, or the document with it, is longer than its bound.
    TooBig(&'static str),
    /// 1013: the client reads more slowly than others write.
    TooSlow,
    /// 1013: edits cannot be logged now; the client keeps them and comes back. The words say what is missing.
    ClusterAway(String),
    /// 1013: a bound of the service is reached.
    Full(&'static str),
    /// 4410: the document was deleted.
    Deleted,
}

/// Most bytes of words that a close frame carries (RFC 6455: 125 with the code).
const WORDS_BYTES_MAX: usize = 123;

impl CloseReason {
    /// The number in the close frame.
    pub fn code(&self) -> u16 {
        match self {
            CloseReason::GoingAway => 1001,
            CloseReason::NotBinary => 1003,
            CloseReason::Refused(_) | CloseReason::BadId(_) | CloseReason::ReadOnly | CloseReason::Idle => {
                1008
            }
            CloseReason::TooBig(_) => 1009,
            CloseReason::TooSlow | CloseReason::ClusterAway(_) | CloseReason::Full(_) => 1013,
            CloseReason::Deleted => 4410,
        }
    }

    /// The words in the close frame, cut to what fits there.
    pub fn words(&self) -> String {
        let mut words = self.to_string();
        let mut end = words.len().min(WORDS_BYTES_MAX);
        while !words.is_char_boundary(end) {
            end -= 1;
        }
        words.truncate(end);
        words
    }
}

impl fmt::Display for CloseReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            CloseReason::GoingAway => f.write_str("the service is stopping"),
            CloseReason::NotBinary => f.write_str("messages are binary frames of the y-websocket protocol"),
            CloseReason::Refused(why) => write!(f, "message refused: {why}"),
            CloseReason::BadId(why) => f.write_str(why),
            CloseReason::ReadOnly => f.write_str("this document is read-only for you"),
            CloseReason::Idle => f.write_str("no answer to a ping"),
            CloseReason::TooBig(what) => write!(f, "{what} is too big"),
            CloseReason::TooSlow => f.write_str("too slow: messages are read later than they are written"),
            CloseReason::ClusterAway(what) => {
                write!(f, "edits cannot be logged now, try again later: {what}")
            }
            CloseReason::Full(what) => write!(f, "too many {what}, try again later"),
            CloseReason::Deleted => f.write_str("the document was deleted"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_fit_into_a_close_frame_and_stay_utf8() {
        let words = CloseReason::Refused("é".repeat(100)).words();
        assert!(words.len() <= WORDS_BYTES_MAX && words.ends_with('é'));
    }
}
