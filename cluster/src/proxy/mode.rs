//! What a session asks of the replies it gets: a connection to an owner is for one mode.

use shared::resp::Protocol;

use crate::server::session::{Consistency, Session};

/// What a session asks of the replies it gets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Mode {
    /// The protocol they are in.
    pub protocol: Protocol,
    /// CLIENT CONSISTENCY.
    pub consistency: Consistency,
    /// CLIENT NO-TOUCH.
    pub no_touch: bool,
}

impl Mode {
    /// A session's.
    pub fn of(session: &Session) -> Mode {
        Mode { protocol: session.protocol, consistency: session.consistency, no_touch: session.no_touch }
    }

    /// A number for each.
    pub(super) fn code(self) -> u8 {
        let consistency = match self.consistency {
            Consistency::One => 0,
            Consistency::Quorum => 1,
            Consistency::All => 2,
        };
        consistency << 2 | u8::from(self.protocol == Protocol::Resp3) << 1 | u8::from(self.no_touch)
    }
}
