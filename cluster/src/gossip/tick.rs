//! What time brings: links are opened, silent peers are asked, those who do not answer are suspected.

use shared::node_id::NodeId;
use shared::rt::rng::Rng;

use super::engine::Engine;
use super::event::LinkId;
use super::message::Message;
use crate::topology::{Health, Link, Member, Moment, Stage};

/// Every so often the longest unheard of a few random peers is asked, milliseconds.
const RANDOM_PING_MS: u64 = 1_000;
/// How many are looked at.
const RANDOM_PING_CANDIDATES: usize = 5;
/// First wait after a link broke or did not come to stand, milliseconds; it doubles up to [`BACKOFF_MS_MAX`].
const BACKOFF_MS_MIN: u64 = 100;
/// Longest wait, milliseconds: a node that comes back is found this late at most.
const BACKOFF_MS_MAX: u64 = 1_000;
/// Least time a handshake is given, milliseconds (Redis: the node timeout, at least this).
const HANDSHAKE_MS_MIN: u64 = 1_000;

impl Engine {
    pub(super) fn tick(&mut self, now: Moment, rng: &mut Rng) {
        self.forgotten.retain(|_, until| *until > now);
        self.give_up_handshakes(now);
        self.open_links(now);
        if now >= self.next_random_ping {
            self.next_random_ping = now.after(RANDOM_PING_MS);
            self.ping_longest_unheard(now, rng);
        }
        self.reset_stale_links(now);
        self.ping_the_silent(now, rng);
        self.suspect_the_silent(now, rng);
    }

    pub(super) fn connected(&mut self, link: u64, now: Moment, rng: &mut Rng) {
        let Some(member) = self.links.get(&link).and_then(|&id| self.topology.member_mut(id)) else { return };
        member.contact.link = Link::Open { link, since: now };
        let id = member.id;
        let waiting_since = member.contact.ping_sent;
        self.ping(id, now, rng);
        // A new link does not make an old silence shorter.
        if let (Some(since), Some(member)) = (waiting_since, self.topology.member_mut(id)) {
            member.contact.ping_sent = Some(since);
        }
    }

    pub(super) fn closed(&mut self, link: u64, now: Moment) {
        let Some(id) = self.links.remove(&link) else { return };
        let Some(member) = self.topology.member_mut(id) else { return };
        let backoff_ms = match member.contact.link {
            Link::Opening { backoff_ms, .. } => (backoff_ms * 2).clamp(BACKOFF_MS_MIN, BACKOFF_MS_MAX),
            Link::Open { .. } | Link::Down { .. } => BACKOFF_MS_MIN,
        };
        member.contact.link = Link::Down { retry_at: now.after(backoff_ms), backoff_ms };
        // Whoever cannot be reached is waited for, whether or not a ping could be sent.
        member.contact.ping_sent.get_or_insert(now);
    }

    pub(super) fn heard(&mut self, sender: NodeId, now: Moment) {
        if let Some(member) = self.topology.member_mut(sender) {
            member.contact.heard = Some(now);
        }
    }

    /// Sends a ping, or the meet of a handshake, over the open link.
    pub(super) fn ping(&mut self, id: NodeId, now: Moment, rng: &mut Rng) {
        let heartbeat = self.heartbeat(Some(id), now, rng);
        let Some(member) = self.topology.member_mut(id) else { return };
        let Some(link) = member.contact.open_link() else { return };
        member.contact.ping_sent = Some(now);
        let message = match member.stage {
            Stage::Handshake { meet: true, .. } => Message::Meet(heartbeat),
            Stage::Handshake { meet: false, .. } | Stage::Joined => Message::Ping(heartbeat),
        };
        self.send(LinkId::Out(link), message);
    }

    fn give_up_handshakes(&mut self, now: Moment) {
        let patience = self.settings.node_timeout_ms.max(HANDSHAKE_MS_MIN);
        for id in self
            .peers_where(|p| matches!(p.stage, Stage::Handshake { since, .. } if now.since(since) > patience))
        {
            tracing::info!(%id, "handshake given up");
            self.drop_member(id, now);
        }
    }

    /// Whether there is a peer to be connected to now.
    pub fn wants_links(&self, now: Moment) -> bool {
        self.topology.peers().any(|peer| waits_for_link(peer, now))
    }

    fn open_links(&mut self, now: Moment) {
        for id in self.peers_where(|peer| waits_for_link(peer, now)) {
            if let Some(Link::Down { backoff_ms, .. }) = self.topology.member(id).map(|m| m.contact.link) {
                self.open_link(id, backoff_ms);
            }
        }
    }

    fn ping_longest_unheard(&mut self, now: Moment, rng: &mut Rng) {
        let mut candidates = self.peers_where(|p| p.joined() && p.contact.open_link().is_some());
        let looked_at = candidates.len().min(RANDOM_PING_CANDIDATES);
        shuffle_front(&mut candidates, looked_at, rng);
        let longest = candidates[..looked_at]
            .iter()
            .filter_map(|&id| self.topology.member(id))
            .filter(|m| m.contact.ping_sent.is_none())
            .min_by_key(|m| m.contact.pong_received)
            .map(|m| m.id);
        if let Some(id) = longest {
            self.ping(id, now, rng);
        }
    }

    /// A link that carried nothing back for half the node timeout may be broken without knowing it: another one is tried while
    /// there is still time. So is one that owes a pong for twice the node timeout, although the peer is heard on its own link: no
    /// lease comes back on it either.
    fn reset_stale_links(&mut self, now: Moment) {
        let timeout = self.settings.node_timeout_ms;
        let stale = |p: &Member| {
            let Link::Open { since, .. } = p.contact.link else { return false };
            let owes = p.contact.ping_sent.is_some_and(|at| now.since(at) > 2 * timeout);
            let silent = p.contact.silent_ms(now).is_some_and(|ms| ms > timeout / 2);
            now.since(since) > timeout && (silent || owes)
        };
        for id in self.peers_where(stale) {
            self.close_link(id, now);
        }
    }

    fn ping_the_silent(&mut self, now: Moment, rng: &mut Rng) {
        let patience = self.settings.node_timeout_ms / 2;
        let silent = |p: &Member| {
            p.joined()
                && p.contact.open_link().is_some()
                && p.contact.ping_sent.is_none()
                && p.contact.pong_received.is_none_or(|at| now.since(at) > patience)
        };
        for id in self.peers_where(silent) {
            self.ping(id, now, rng);
        }
    }

    fn suspect_the_silent(&mut self, now: Moment, rng: &mut Rng) {
        let timeout = self.settings.node_timeout_ms;
        let gone = |p: &Member| {
            p.joined() && p.reachable() && p.contact.silent_ms(now).is_some_and(|ms| ms > timeout)
        };
        let suspects = self.peers_where(gone);
        for &id in &suspects {
            if let Some(member) = self.topology.member_mut(id) {
                member.health = Health::Suspected;
            }
            // A suspicion is this node's alone and forgotten by a restart: not worth an fsync.
            tracing::warn!(%id, "PFAIL: no answer for the node timeout");
            self.fail_by_majority(id, now);
        }
        if !suspects.is_empty() {
            // The others may wait for this very report to make a majority.
            for id in self.peers_where(|p| p.votes() && p.reachable()) {
                self.tell(id, now, rng);
            }
        }
    }

    /// Tells a peer at once what this node is and suspects, without starting to wait for its pong.
    pub(crate) fn tell(&mut self, id: NodeId, now: Moment, rng: &mut Rng) {
        let Some(link) = self.topology.member(id).and_then(|m| m.contact.open_link()) else { return };
        let heartbeat = self.heartbeat(Some(id), now, rng);
        self.send(LinkId::Out(link), Message::Ping(heartbeat));
    }

    /// Names of the peers that a question is true of, in order.
    pub(crate) fn peers_where(&self, question: impl Fn(&Member) -> bool) -> Vec<NodeId> {
        self.topology.peers().filter(|p| question(p)).map(|p| p.id).collect()
    }
}

fn waits_for_link(peer: &Member, now: Moment) -> bool {
    matches!(peer.contact.link, Link::Down { retry_at, .. } if retry_at <= now)
}

/// Puts `count` random ones of the items in front.
pub(super) fn shuffle_front<T>(items: &mut [T], count: usize, rng: &mut Rng) {
    for place in 0..count.min(items.len()) {
        let other = place + rng.below((items.len() - place) as u64) as usize;
        items.swap(place, other);
    }
}
