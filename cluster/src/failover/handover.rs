//! `CLUSTER FAILOVER`: a primary hands its office over to a replica that has everything, without losing a write; or a replica takes
//! it because somebody orders so.

use std::collections::BTreeSet;

use shared::epoch::Epoch;
use shared::limits::EPOCH_MAX;
use shared::node_id::NodeId;
use shared::rt::rng::Rng;

use crate::gossip::message::Message;
use crate::gossip::{Effect, Engine};
use crate::topology::{CopyId, Moment, Office};

/// How long a handover may take, milliseconds (Redis, `CLUSTER_MF_TIMEOUT`).
pub const HANDOVER_MS: u64 = 5_000;

/// What was ordered of this replica.
#[derive(Debug)]
pub(super) struct Order {
    until: Moment,
    way: Way,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Way {
    /// The primary is asked to hand over.
    Asks(NodeId),
    /// It has resigned from this term.
    Resigned(Epoch),
    /// Without asking the primary.
    Forced,
}

impl Order {
    /// Whether the replica may stand by now.
    pub(super) fn may_stand(&self) -> bool {
        !matches!(self.way, Way::Asks(_))
    }

    /// The term that the primary has resigned from.
    pub(super) fn resigned(&self) -> Option<Epoch> {
        if let Way::Resigned(term) = self.way { Some(term) } else { None }
    }
}

/// How `CLUSTER FAILOVER` is meant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Manner {
    /// The primary hands over: no write is lost.
    HandOver,
    /// Whether or not the primary is there, a majority votes: nothing that was saved is lost.
    Force,
    /// Without asking anybody: what was saved may be lost.
    TakeOver,
}

/// Why a failover is refused, in Redis's words where it has some.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NotNow {
    /// Said to a primary that serves.
    #[error("You should send CLUSTER FAILOVER to a replica")]
    NotAReplica,
    /// A replica whose primary nobody knows.
    #[error("I'm a replica but my master is unknown to me")]
    NoPrimary,
    /// HANDOVER from a primary that does not answer.
    #[error("Master is down or failed, please use CLUSTER FAILOVER FORCE")]
    PrimaryDown,
    /// A replica that lacks something saved, or may.
    #[error(
        "this replica is not in sync: it may lack what was saved, and nobody would vote for it. CLUSTER FAILOVER TAKEOVER has \
         it take over without what it lacks"
    )]
    NotInSync,
}

impl Engine {
    /// `CLUSTER FAILOVER`.
    ///
    /// # Errors
    /// This node is no replica that could take over in this manner.
    pub fn fail_over(&mut self, manner: Manner, now: Moment, rng: &mut Rng) -> Result<(), NotNow> {
        if self.topology.me().primary.is_none() {
            // A primary that came back without its log serves again if somebody takes what is lost for lost.
            if manner == Manner::TakeOver && self.failover.opened && !self.in_office() {
                self.take_over(now, rng);
                return Ok(());
            }
            return Err(NotNow::NotAReplica);
        }
        let primary = self.topology.my_primary().ok_or(NotNow::NoPrimary)?;
        if manner == Manner::HandOver && (!primary.reachable() || primary.contact.open_link().is_none()) {
            return Err(NotNow::PrimaryDown);
        }
        if manner == Manner::TakeOver {
            self.take_over(now, rng);
            return Ok(());
        }
        if !self.may_be_elected() {
            return Err(NotNow::NotInSync);
        }
        let way = if manner == Manner::HandOver { Way::Asks(primary.id) } else { Way::Forced };
        self.failover.candidacy = None;
        self.failover.stands_at = None;
        self.failover.order =
            Some(Order { until: now.after(HANDOVER_MS.max(4 * self.settings.node_timeout_ms)), way });
        self.keep_order(now);
        self.keep_standing(now, rng);
        Ok(())
    }

    /// The primary of this replica's own term has less than the replica holds: it has lost something, and this copy has not. It
    /// stands although nobody has failed.
    pub fn primary_has_less(&mut self, now: Moment, rng: &mut Rng) {
        if self.failover.order.is_none() && self.may_be_elected() && self.settings.replica_priority > 0 {
            tracing::warn!("the primary has lost what this replica holds: stands in its place");
            let until = now.after(HANDOVER_MS.max(4 * self.settings.node_timeout_ms));
            self.failover.order = Some(Order { until, way: Way::Forced });
            self.keep_standing(now, rng);
        }
    }

    /// A replica that was in sync with this primary in its own term has more than this node: the log here has lost something. The
    /// office goes to that one.
    pub fn replica_has_more(&mut self, copy: CopyId, log_term: Epoch, now: Moment) {
        let me = self.topology.my_id();
        let counts = |office: &Office| {
            office.term == log_term
                && (office.in_force.copies.contains(&copy) || office.waits_for(me).contains(&copy))
        };
        if self.in_office() && self.topology.office.as_ref().is_some_and(counts) {
            tracing::warn!(replica = %copy.node, "this log has lost what a replica has: resigns");
            self.resign(now);
        }
    }

    /// Gives the office up: it is taken back only by an election.
    pub(super) fn resign(&mut self, now: Moment) {
        let Some(office) = &mut self.topology.office else { return };
        office.resigned = true;
        self.failover.resigned_at = now;
        self.drop_lease();
        self.wait_for(None);
        self.changed();
    }

    /// Takes office in a new epoch without a vote.
    fn take_over(&mut self, now: Moment, rng: &mut Rng) {
        let epoch = Epoch(self.topology.highest_epoch().next().0.min(EPOCH_MAX));
        tracing::warn!(%epoch, "CLUSTER FAILOVER TAKEOVER: takes over without a vote");
        self.take_office(epoch, BTreeSet::new());
        self.announce(now, rng);
    }

    /// Asks the primary again, and forgets an order that could not be carried out in time.
    pub(super) fn keep_order(&mut self, now: Moment) {
        let Some(order) = &self.failover.order else { return };
        if now >= order.until {
            tracing::warn!("CLUSTER FAILOVER did not come about in time");
            return self.end_candidacy();
        }
        if let Way::Asks(primary) = order.way {
            self.say(primary, Message::Handover);
        }
    }

    /// A replica asks this primary to hand over. Writes wait from here on.
    pub(crate) fn asked_to_hand_over(&mut self, sender: NodeId, now: Moment) {
        if let Some(term) =
            self.topology.office.as_ref().filter(|office| office.resigned).map(|office| office.term)
        {
            // Said once already, and perhaps not heard.
            if self.failover.handing.is_some_and(|(to, _)| to == sender) && self.holds_everything(sender) {
                self.say(sender, Message::Resigned(term));
            }
            return;
        }
        let in_sync = |office: &Office| {
            office.proposed.is_none() && office.in_force.copies.iter().any(|copy| copy.node == sender)
        };
        if self.in_office()
            && self.failover.handing.is_none()
            && self.topology.office.as_ref().is_some_and(in_sync)
        {
            tracing::info!(to = %sender, "hands its office over: writes wait");
            self.failover.handing = Some((sender, now.after(HANDOVER_MS)));
            self.effect(Effect::Pause(true));
        }
    }

    fn holds_everything(&self, node: NodeId) -> bool {
        self.failover.log.followers.iter().any(|follower| follower.copy.node == node && follower.caught_up)
    }

    /// Resigns when the replica has everything; then tells it, once it has what came in between as well. No write is taken between
    /// the two: the view of the request path says so before the offsets are compared again.
    pub(super) fn keep_handing_over(&mut self, now: Moment) {
        let Some((to, until)) = self.failover.handing else { return };
        let resigned = self.topology.office.as_ref().is_some_and(|office| office.resigned);
        if now >= until {
            tracing::warn!(%to, resigned, "the office was not handed over in time");
            self.failover.handing = None;
            self.effect(Effect::Pause(false));
        } else if resigned {
            self.asked_to_hand_over(to, now);
        } else if self.holds_everything(to) {
            self.resign(now);
        }
    }

    /// The primary has resigned in this replica's favour.
    pub(crate) fn told_of_resignation(&mut self, sender: NodeId, term: Epoch, now: Moment, rng: &mut Rng) {
        let Some(order) = &mut self.failover.order else { return };
        if order.way == Way::Asks(sender) {
            order.way = Way::Resigned(term);
            self.keep_standing(now, rng);
        }
    }
}
