//! What a voter has noted about shards, and a primary about its office.
//!
//! ```text
//! shard ID term N lastVoteEpoch N [inSync TERM VERSION COPIES]
//! log term N
//! giving|taking|claiming|taken ID shard ID epoch N slots SLOTS
//! moves [SLOT->-ID]|[SLOT->>-ID]...
//! office term N store ID|- inForce VERSION COPIES [proposed VERSION COPIES] [inherited COPIES] [resigned]
//! ```
//!
//! `moves` is what the primary of this replica has told of its slots; `->>-` are those that it has let go of. COPIES is `node:store` of each, with commas between, or `-` for nobody; SLOTS is `first-last`, with commas between.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::str::FromStr;

use shared::epoch::Epoch;
use shared::limits::IN_SYNC_COPIES_MAX;

use super::parse::parse_epoch;
use crate::topology::transfer::{describe_slots, parse_slots};
use crate::topology::{
    CopyId, InSync, Moves, Office, Shard, ShardId, Side, Topology, Transfer, TransferId, Transfers,
};

pub(super) fn render(topology: &Topology) -> String {
    let mut text = String::new();
    // Writing to a String does not fail.
    for (id, shard) in topology.shards() {
        let _ = write!(text, "shard {id} term {} lastVoteEpoch {}", shard.term, shard.last_vote);
        if let Some(InSync { term, version, copies }) = &shard.noted {
            let _ = write!(text, " inSync {term} {version} {}", list(copies));
        }
        text.push('\n');
    }
    if let Some(term) = topology.log_term {
        let _ = writeln!(text, "log term {term}");
    }
    text.push_str(&transfers(&topology.transfers, &topology.primary_moves));
    if let Some(office) = &topology.office {
        let store = office.store.map_or_else(|| "-".to_owned(), |store| store.to_string());
        let InSync { version, copies, .. } = &office.in_force;
        let _ = write!(text, "office term {} store {store} inForce {version} {}", office.term, list(copies));
        if let Some(InSync { version, copies, .. }) = &office.proposed {
            let _ = write!(text, " proposed {version} {}", list(copies));
        }
        if !office.inherited.is_empty() {
            let _ = write!(text, " inherited {}", list(&office.inherited));
        }
        if office.resigned {
            text.push_str(" resigned");
        }
        text.push('\n');
    }
    text
}

fn list(copies: &BTreeSet<CopyId>) -> String {
    if copies.is_empty() {
        return "-".to_owned();
    }
    copies.iter().map(CopyId::to_string).collect::<Vec<_>>().join(",")
}

/// One line for each transfer and one for the slots that are migrating, as `nodes.conf` of a replica has it.
pub fn transfers(transfers: &Transfers, moves: &Moves) -> String {
    let mut text = String::new();
    for (id, Transfer { side, shard, epoch, slots }) in transfers {
        let (side, slots) = (side.word(), describe_slots(slots, ","));
        // Writing to a String does not fail.
        let _ = writeln!(text, "{side} {id} shard {shard} epoch {epoch} slots {slots}");
    }
    if *moves != Moves::default() {
        let _ = writeln!(text, "moves{}", moves.note());
    }
    text
}

/// Reads the words behind `moves`.
///
/// # Errors
/// They are not as [`transfers`] writes them.
pub fn moves(words: &[&str]) -> Result<Moves, &'static str> {
    let mut moves = Moves::default();
    words.iter().try_for_each(|word| moves.read(word))?;
    if moves.importing.is_empty() { Ok(moves) } else { Err("replicas hear of slots that are migrating only") }
}

/// Reads the words of a line of [`transfers`].
///
/// # Errors
/// It is none.
pub fn transfer(words: &[&str]) -> Result<(TransferId, Transfer), &'static str> {
    let [side, id, "shard", shard, "epoch", epoch, "slots", slots] = words else {
        return Err("a transfer has a side, a name, a shard, an epoch and slots");
    };
    let sides = [Side::Giving, Side::Taking, Side::Claiming, Side::Taken];
    let side = sides.into_iter().find(|known| known.word() == *side);
    let transfer = Transfer {
        side: side.ok_or("a transfer is giving, taking, claiming or taken")?,
        epoch: parse_epoch(epoch)?,
        shard: shard.parse().map_err(|_| "a shard's name is 40 hexadecimal digits")?,
        slots: parse_slots(slots)?,
    };
    Ok((id.parse().map_err(|_| "a transfer's name is 40 hexadecimal digits")?, transfer))
}

/// Reads the words behind `shard`.
pub(super) fn shard(words: &[&str]) -> Result<(ShardId, Shard), &'static str> {
    let [id, "term", term, "lastVoteEpoch", vote, rest @ ..] = words else {
        return Err("a shard has a name, its term and an epoch of the last vote");
    };
    let noted = match rest {
        [] => None,
        ["inSync", term, version, copies] => Some(set(parse_epoch(term)?, version, copies)?),
        _ => return Err("not what is noted about a shard"),
    };
    let id = id.parse().map_err(|_| "a shard's name is 40 hexadecimal digits")?;
    Ok((id, Shard { term: parse_epoch(term)?, last_vote: parse_epoch(vote)?, noted }))
}

/// Reads the words behind `office`.
pub(super) fn office(words: &[&str]) -> Result<Office, &'static str> {
    let ["term", term, "store", store, "inForce", version, copies, rest @ ..] = words else {
        return Err("an office has its term, a store and an in-sync set");
    };
    let term = parse_epoch(term)?;
    let store = match *store {
        "-" => None,
        store => Some(store.parse().map_err(|_| "a store's name is 40 hexadecimal digits")?),
    };
    let in_force = set(term, version, copies)?;
    let mut office =
        Office { term, store, in_force, proposed: None, inherited: BTreeSet::new(), resigned: false };
    let mut rest = rest;
    loop {
        rest = match rest {
            [] => return Ok(office),
            ["proposed", version, copies, rest @ ..] => {
                office.proposed = Some(set(term, version, copies)?);
                rest
            }
            ["inherited", copies, rest @ ..] => {
                office.inherited = parse_list(copies)?;
                rest
            }
            ["resigned", rest @ ..] => {
                office.resigned = true;
                rest
            }
            _ => return Err("not what is noted about an office"),
        };
    }
}

fn set(term: Epoch, version: &str, copies: &str) -> Result<InSync, &'static str> {
    let version = version.parse().map_err(|_| "not a version of an in-sync set")?;
    Ok(InSync { term, version, copies: parse_list(copies)? })
}

fn parse_list(words: &str) -> Result<BTreeSet<CopyId>, &'static str> {
    if words == "-" {
        return Ok(BTreeSet::new());
    }
    let copies: Result<BTreeSet<CopyId>, _> = words.split(',').map(CopyId::from_str).collect();
    let copies = copies.map_err(|_| "a copy is node:store")?;
    if copies.len() > COPIES_NOTED_MAX { Err("more copies than a shard can have") } else { Ok(copies) }
}

/// What votes name together may be more than one set holds.
const COPIES_NOTED_MAX: usize = 4 * IN_SYNC_COPIES_MAX;
