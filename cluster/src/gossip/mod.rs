//! How the nodes of a cluster find each other, agree on who owns which slot, and notice who is gone (Redis Cluster specification).
//!
//! Pure: [`Engine::handle`] takes an event, the time and a random source, and returns effects. No IO, no clock; `bus/` performs
//! the effects. The first effect is always [`Effect::Save`] when anything that must not be forgotten has changed, or [`Effect::Note`]
//! when a slot begins to move; what others will tell again is saved with the next tick.
//!
//! # Layout
//!
//! - [`engine`]: the engine and its settings; [`event`], [`effect`], [`message`]: what goes in, what comes out, what travels.
//! - [`tick`]: what time brings: links, pings, suspicion.
//! - [`heartbeat`]: making pings and pongs; [`receive`]: hearing them; [`rumors`]: what they tell of others.
//! - [`handshake`]: how a stranger becomes a member.
//! - [`failure`]: suspicion, reports, majority.
//! - [`claims`]: who owns a slot, and whose epoch is higher.
//! - [`state`]: whether the cluster is ok.
//! - [`admin`]: what people ask for: `CLUSTER MEET`, `FORGET`, `ADDSLOTS`….

pub mod admin;
mod claims;
pub mod effect;
pub mod engine;
pub mod event;
mod failure;
mod handshake;
mod heartbeat;
pub mod message;
mod receive;
mod rumors;
mod state;
mod tick;
mod twin;

#[cfg(test)]
pub(crate) mod tests;

pub use effect::Effect;
pub use engine::{Engine, Settings};
pub use event::{Event, LinkId};
pub use message::{
    Claim, ClaimAsk, Heartbeat, Message, Noted, Rumor, RumoredHealth, TransferAsk, Vote, VoteRequest,
};
