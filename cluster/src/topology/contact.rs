//! When this node and a peer last spoke, and over which link.

use super::address::Address;
use super::moment::Moment;

/// Which process speaks under a node's name: drawn at random when it starts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RunId(pub u64);

/// Pings, pongs and the outgoing link to a peer.
#[derive(Debug, Clone, Copy, Default)]
pub struct Contact {
    /// Since when this node waits for a pong, if it does.
    pub ping_sent: Option<Moment>,
    /// When the last pong came.
    pub pong_received: Option<Moment>,
    /// When anything came from it: a busy link delays pongs, but shows that the peer lives.
    pub heard: Option<Moment>,
    /// Which process it was when it said that last.
    pub run: Option<RunId>,
    /// Where another process was refused last that says to be this node.
    pub twin: Option<Address>,
    /// The link on which this node asks.
    pub link: Link,
}

/// The outgoing link to a peer; its number is never used again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Link {
    /// There is none.
    Down {
        /// When to try again.
        retry_at: Moment,
        /// How long the next failure makes it wait, milliseconds.
        backoff_ms: u64,
    },
    /// Being connected.
    Opening {
        /// Its number.
        link: u64,
        /// What the wait was before this attempt, milliseconds.
        backoff_ms: u64,
    },
    /// Connected.
    Open {
        /// Its number.
        link: u64,
        /// Since when.
        since: Moment,
    },
}

impl Default for Link {
    fn default() -> Link {
        Link::Down { retry_at: Moment::default(), backoff_ms: 0 }
    }
}

impl Contact {
    /// The number of the link if it is open.
    pub fn open_link(&self) -> Option<u64> {
        match self.link {
            Link::Open { link, .. } => Some(link),
            Link::Down { .. } | Link::Opening { .. } => None,
        }
    }

    /// The number of the link if there is one, open or being connected.
    pub fn any_link(&self) -> Option<u64> {
        match self.link {
            Link::Open { link, .. } | Link::Opening { link, .. } => Some(link),
            Link::Down { .. } => None,
        }
    }

    /// How long this node has waited for an answer while hearing nothing at all, milliseconds; `None` if it waits for none.
    pub fn silent_ms(&self, now: Moment) -> Option<u64> {
        let waiting = now.since(self.ping_sent?);
        Some(self.heard.map_or(waiting, |at| waiting.min(now.since(at))))
    }
}
