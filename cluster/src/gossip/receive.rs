//! Hearing what a peer says.

use std::net::IpAddr;

use shared::node_id::NodeId;
use shared::rt::rng::Rng;

use super::effect::Effect;
use super::engine::Engine;
use super::event::LinkId;
use super::message::{Heartbeat, Message};
use crate::topology::{Address, Member, Moment, Stage};

/// Where a message came from.
#[derive(Debug, Clone, Copy)]
pub(super) struct Packet {
    pub(super) link: LinkId,
    pub(super) local: IpAddr,
    pub(super) remote: IpAddr,
    pub(super) sender: NodeId,
}

impl Packet {
    /// The sender's address: what it announces, completed by where the packet came from.
    pub(super) fn address(&self, told: Address) -> Address {
        Address { ip: Some(told.ip.unwrap_or(self.remote)), ..told }
    }
}

impl Engine {
    pub(super) fn receive(&mut self, packet: Packet, message: Message, now: Moment, rng: &mut Rng) {
        if let (LinkId::In(_), Message::Meet(said) | Message::Ping(said)) = (packet.link, &message)
            && self.refuses(packet, said, now)
        {
            return;
        }
        self.heard(packet.sender, now);
        match message {
            Message::Meet(heartbeat) => {
                self.learn_my_ip(packet.local, true);
                self.meet_stranger(packet, heartbeat.address, now, rng);
                self.answer(packet, &heartbeat, now, rng);
                self.hear(packet, &heartbeat, now);
            }
            Message::Ping(heartbeat) => {
                self.learn_my_ip(packet.local, false);
                // What it says of itself first: the answer may be a promise.
                self.hear(packet, &heartbeat, now);
                self.answer(packet, &heartbeat, now, rng);
            }
            Message::Pong(heartbeat) => {
                if self.identify(packet, &heartbeat, now) {
                    self.ponged(packet, now);
                    self.hear(packet, &heartbeat, now);
                    self.lease_granted(packet.sender, &heartbeat, now);
                }
            }
            Message::Fail(failed) if self.is_member(packet.sender) => self.told_of_failure(failed, now),
            Message::Update(claim) if self.is_member(packet.sender) => {
                self.told_of_claim(packet.sender, &claim)
            }
            Message::Note(shard, set) if self.is_member(packet.sender) => {
                self.told_in_sync(packet.sender, shard, &set);
            }
            Message::Noted(shard, noted) if self.is_member(packet.sender) => {
                self.heard_noted(packet.sender, shard, noted);
            }
            Message::VoteRequest(request) if self.is_member(packet.sender) => {
                self.asked_to_vote(packet.sender, &request, now);
            }
            Message::Vote(vote) if self.is_member(packet.sender) => {
                self.heard_vote(packet.sender, vote, now, rng);
            }
            Message::Handover if self.is_member(packet.sender) => self.asked_to_hand_over(packet.sender, now),
            Message::Resigned(term) if self.is_member(packet.sender) => {
                self.told_of_resignation(packet.sender, term, now, rng);
            }
            Message::TransferAsk(ask) if self.is_member(packet.sender) => {
                self.asked_about_transfer(packet.sender, &ask, now);
            }
            Message::TransferNever(id) if self.is_member(packet.sender) => self.told_never(packet.sender, id),
            Message::ClaimAsk(ask) if self.is_member(packet.sender) => {
                self.asked_to_claim(packet.sender, ask)
            }
            Message::ClaimAnswer(id, may) if self.is_member(packet.sender) => {
                self.told_whether_to_claim(packet.sender, id, may);
            }
            // Strangers decide nothing here.
            Message::Fail(_)
            | Message::Update(_)
            | Message::Note(..)
            | Message::Noted(..)
            | Message::VoteRequest(_)
            | Message::Vote(_)
            | Message::Handover
            | Message::Resigned(_)
            | Message::TransferAsk(_)
            | Message::TransferNever(_)
            | Message::ClaimAsk(_)
            | Message::ClaimAnswer(..) => {}
        }
    }

    /// Whether a node of this name belongs to the cluster, and is not this one.
    pub(super) fn is_member(&self, id: NodeId) -> bool {
        id != self.topology.my_id() && self.topology.member(id).is_some_and(Member::joined)
    }

    /// A node learns its own IP from where others reach it. A meet is an administrator's word; a ping only fills the gap.
    fn learn_my_ip(&mut self, local: IpAddr, meet: bool) {
        if self.settings.announce_ip.is_some() {
            return;
        }
        let Some(address) = &mut self.topology.me_mut().address else { return };
        if address.ip.is_none() || (meet && address.ip != Some(local)) {
            tracing::info!(ip = %local, "learned my own IP");
            address.ip = Some(local);
            self.changed();
        }
    }

    /// Pings are answered to anyone: a stranger learns this node's name, and nothing is learned from it.
    fn answer(&mut self, packet: Packet, asked: &Heartbeat, now: Moment, rng: &mut Rng) {
        let mut heartbeat = self.heartbeat(Some(packet.sender), now, rng);
        heartbeat.stamp = asked.stamp;
        heartbeat.lease_ms = 0;
        if self.is_member(packet.sender) {
            heartbeat.lease_ms = self.promise(packet.sender, asked, now);
            heartbeat.overruled = self.has_overruled(asked);
        }
        self.send(packet.link, Message::Pong(heartbeat));
    }

    /// What a member says of itself and of others.
    fn hear(&mut self, packet: Packet, heartbeat: &Heartbeat, now: Moment) {
        if !self.is_member(packet.sender) {
            return;
        }
        self.hear_epochs(packet.sender, heartbeat);
        if let Some(member) = self.topology.member_mut(packet.sender) {
            member.contact.run = Some(heartbeat.run);
        }
        if matches!(packet.link, LinkId::In(_)) {
            // Over its own link it was reached at the known address; over another it may come from a new one.
            self.moved(packet.sender, packet.address(heartbeat.address), now);
        }
        self.hear_copy(packet.sender, heartbeat, now);
        self.hear_role(packet.sender, heartbeat.primary);
        if heartbeat.primary.is_none() {
            self.heard_primary(packet.sender, heartbeat.shard, heartbeat.term);
        }
        if heartbeat.primary.is_none() {
            self.hear_claims(packet, heartbeat);
        }
        self.hear_rumors(packet.sender, &heartbeat.rumors, now);
    }

    /// Which shard a member has a copy of, and how that copy does.
    fn hear_copy(&mut self, sender: NodeId, heartbeat: &Heartbeat, now: Moment) {
        let Some(member) = self.topology.member_mut(sender) else { return };
        (member.offset, member.priority, member.term) =
            (heartbeat.offset, heartbeat.priority, heartbeat.term);
        member.serving = heartbeat.serving;
        member.idle_since = if heartbeat.serving { None } else { member.idle_since.or(Some(now)) };
        if member.shard != heartbeat.shard {
            member.shard = heartbeat.shard;
            self.heard_change();
        }
    }

    /// A member is a primary, or follows one. A replica owns nothing, whatever was known of it.
    fn hear_role(&mut self, sender: NodeId, primary: Option<NodeId>) {
        let Some(member) = self.topology.member_mut(sender).filter(|m| m.primary != primary) else { return };
        member.primary = primary;
        if primary.is_some() {
            let owned = member.slots().clone();
            for slot in owned.iter() {
                self.topology.unassign(slot);
            }
        }
        // Who follows one that follows another one itself goes where that one went.
        let me = self.topology.me();
        if let (Some(next), true) = (primary, me.primary == Some(sender))
            && next != me.id
            && self.topology.member(next).is_some_and(Member::is_primary)
        {
            self.become_replica(next);
            self.effect(Effect::Follow);
        }
        self.heard_change();
    }

    fn hear_epochs(&mut self, sender: NodeId, heartbeat: &Heartbeat) {
        if heartbeat.current_epoch > self.topology.current_epoch {
            self.topology.current_epoch = heartbeat.current_epoch;
            self.heard_change();
        }
        if let Some(member) = self.topology.member_mut(sender)
            && heartbeat.config_epoch > member.config_epoch
        {
            member.config_epoch = heartbeat.config_epoch;
            self.heard_change();
        }
    }

    /// A member is reached at another address now.
    pub(super) fn moved(&mut self, id: NodeId, address: Address, now: Moment) {
        let Some(member) = self.topology.member_mut(id) else { return };
        if member.address != Some(address) {
            tracing::info!(%id, %address, "a node has another address");
            member.address = Some(address);
            self.close_link(id, now);
            self.changed();
        }
    }

    fn ponged(&mut self, packet: Packet, now: Moment) {
        let LinkId::Out(link) = packet.link else { return };
        let Some(&id) = self.links.get(&link) else { return };
        if let Some(member) = self.topology.member_mut(id) {
            member.contact.pong_received = Some(now);
            member.contact.ping_sent = None;
            debug_assert!(member.stage == Stage::Joined, "identify ends the handshake");
        }
        self.reachable_again(id, now);
    }
}
