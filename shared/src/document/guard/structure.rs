//! For every known edit the place it lies in: a shared type, and a key in it. Runs of edits in one place are one entry, so a text
//! takes a few bytes for each of its authors.
//!
//! Honest clients put an edit between neighbours of one place, into a type that exists, after all they have seen. yrs and Yjs
//! believe that; an update that does otherwise links lists of different types together, and a later honest edit then walks
//! over memory that was given back, or a snapshot can no longer be written. Here such a block is *forgotten*: its clocks count, its
//! content is taken as deleted. (Refusing the update as a whole would let peers differ: one that loaded a snapshot knows less of what
//! was deleted than one that saw everything, and would not refuse it.)

use std::collections::hash_map::RandomState;
use std::collections::{HashMap, HashSet};
use std::hash::BuildHasher;

use super::super::Kind;
use super::super::update::BadUpdate;
use super::super::update::content::{ARRAY, Content, MAP, TEXT, UNSAID, XML_TEXT};
use super::super::update::walk::{Block, BlockKind, Id, Parent, Update};
use super::order::{Entry, Order, Refusal};
use crate::limits::UPDATE_NESTING_MAX;
use crate::protocol::state_vector::{ClientId, StateVector};

/// A shared type and a key in it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Place {
    /// Of the type and the key, under a secret of this process. Edits that were forgotten ([`BlockKind::Gc`]) lie nowhere: 0.
    hash: u64,
    /// How deep the type is nested; a root is at 0.
    depth: u16,
    /// It has a key: a value of a map.
    keyed: bool,
    /// The type, as on the wire.
    kind: u8,
    /// What it was is no longer known: it may have been a shared type.
    forgotten: bool,
}

const NOWHERE: Place = Place { hash: 0, depth: 0, keyed: false, kind: UNSAID, forgotten: true };

/// A block that no honest client would have made.
struct Misfit;

/// Consecutive edits of one client in one place, up to the next run.
#[derive(Debug, Clone, Copy)]
struct Run {
    start: u32,
    place: Place,
}

/// The edits of one client.
#[derive(Debug, Default)]
struct Edits {
    runs: Vec<Run>,
    /// The clock of its next edit.
    end: u32,
}

/// Every known edit.
#[derive(Debug)]
pub(super) struct Structure {
    clients: HashMap<ClientId, Edits>,
    /// Depth of what lies in each nested shared type, and the type.
    types: HashMap<Id, (u16, u8)>,
    order: Order,
    secret: RandomState,
    /// The place of letters in a text.
    text: Option<u64>,
    blocks: usize,
}

/// What an update is to this document.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Fit {
    /// It brings edits; they are entered.
    New,
    /// All its edits are known. It may still delete.
    Known,
    /// It builds on this edit, which is not known. Nothing was entered.
    Missing(Id),
}

/// What was there before an update, so that it can be taken out again.
#[derive(Debug, Default)]
pub(super) struct Before {
    /// For each client that it touched: number of runs, clock.
    clients: Vec<(ClientId, usize, u32)>,
    types: Vec<Id>,
    blocks: usize,
    /// How many edits between neighbours may still be looked at.
    looks: usize,
    /// Blocks of the update that fit nowhere.
    pub(super) forgotten: HashSet<Id>,
}

impl Structure {
    pub(super) fn new(kind: Kind) -> Structure {
        let mut structure = Structure {
            clients: HashMap::new(),
            types: HashMap::new(),
            order: Order::default(),
            secret: RandomState::new(),
            text: None,
            blocks: 0,
        };
        if kind == Kind::Text {
            structure.text = Some(structure.root(super::super::text::CONTENT, None).hash);
        }
        structure
    }

    /// The clock of a client's next edit.
    pub(super) fn clock(&self, client: ClientId) -> u32 {
        self.clients.get(&client).map_or(0, |edits| edits.end)
    }

    pub(super) fn state_vector(&self) -> StateVector {
        self.clients.iter().map(|(client, edits)| (*client, edits.end)).collect()
    }

    /// Blocks entered so far: a measure of the memory that the document takes.
    pub(super) fn blocks(&self) -> usize {
        self.blocks
    }

    /// Enters an update, whole or not at all. `looks`: see [`Bounds::looks`]. `before` is filled so that [`Structure::remove`] takes it
    /// out again.
    pub(super) fn enter(
        &mut self,
        update: &Update<'_>,
        looks: &mut usize,
        before: &mut Before,
    ) -> Result<Fit, BadUpdate> {
        *before = Before { blocks: self.blocks, looks: *looks, ..Before::default() };
        let entered = self.enter_blocks(update, before);
        *looks = before.looks;
        let fit = entered.map(|fit| match fit {
            Fit::Missing(_) => fit,
            fit => self.missing_delete(update).map_or(fit, Fit::Missing),
        });
        if !matches!(fit, Ok(Fit::New | Fit::Known)) {
            self.remove(before);
        }
        fit
    }

    /// Takes the last update out again.
    pub(super) fn remove(&mut self, before: &mut Before) {
        for (client, runs, end) in before.clients.drain(..).rev() {
            let clients = &self.clients;
            self.order.truncate(client, end, |id| place_of(clients, id).hash);
            if let Some(edits) = self.clients.get_mut(&client) {
                edits.runs.truncate(runs);
                edits.end = end;
                if end == 0 {
                    self.clients.remove(&client);
                }
            }
        }
        for id in before.types.drain(..) {
            self.types.remove(&id);
        }
        self.blocks = before.blocks;
    }

    fn missing_delete(&self, update: &Update<'_>) -> Option<Id> {
        let missing = |delete: &&super::super::update::Delete| delete.end() > self.clock(delete.id.client);
        update
            .deletes
            .iter()
            .find(missing)
            .map(|delete| Id { client: delete.id.client, clock: delete.end() - 1 })
    }

    /// Enters the blocks, each client's in order, and whatever a block builds on before it: a stack of clients, as in Yjs.
    fn enter_blocks(&mut self, update: &Update<'_>, before: &mut Before) -> Result<Fit, BadUpdate> {
        let mut clients: Vec<Client<'_, '_>> =
            update.clients().map(|blocks| Client { blocks, next: 0, waits: false }).collect();
        let place_of: HashMap<ClientId, usize> = match clients.len() {
            0 | 1 => HashMap::new(),
            _ => clients.iter().enumerate().map(|(at, client)| (client.blocks[0].id.client, at)).collect(),
        };
        let mut fit = Fit::Known;
        let mut stack = Vec::new();
        for first in 0..clients.len() {
            stack.push(first);
            while let Some(&at) = stack.last() {
                clients[at].waits = false;
                let Some(block) = clients[at].blocks.get(clients[at].next) else {
                    stack.pop();
                    continue;
                };
                match self.enter_block(block, before)? {
                    Fit::Missing(id) => {
                        let next = place_of.get(&id.client).copied().filter(|next| *next != at);
                        let comes = next.filter(|next| clients[*next].brings(id));
                        let Some(next) = comes else {
                            return Ok(Fit::Missing(id));
                        };
                        clients[at].waits = true;
                        if clients[next].waits {
                            return Err(BadUpdate::OwnFuture);
                        }
                        stack.push(next);
                    }
                    entered => {
                        clients[at].next += 1;
                        if entered == Fit::New {
                            fit = Fit::New;
                        }
                        // One block may be all that the client below waits for, and the next may wait for that client.
                        if stack.len() > 1 {
                            stack.pop();
                        }
                    }
                }
            }
        }
        Ok(fit)
    }

    fn enter_block(&mut self, block: &Block<'_>, before: &mut Before) -> Result<Fit, BadUpdate> {
        let known = self.clock(block.id.client);
        if block.kind == BlockKind::Skip {
            return Ok(Fit::Known);
        }
        if block.id.clock > known {
            return Ok(Fit::Missing(Id { client: block.id.client, clock: known }));
        }
        // Of known edits too: what an update waits for must not depend on whether another one came that gave its edits other
        // contents, or a peer would go on where another still waits.
        if let Some(missing) = self.missing(block) {
            return Ok(Fit::Missing(missing));
        }
        if block.end() <= known {
            return Ok(Fit::Known);
        }
        let entered = match self.place(block) {
            Ok(place) => match self.continued(block, known, place) {
                Ok(place) => self.order(block, known, place, before)?,
                misfit => misfit,
            },
            Err(misfit) => Err(misfit),
        };
        let place = entered.unwrap_or_else(|Misfit| {
            before.forgotten.insert(block.id);
            NOWHERE
        });
        self.enter_type(block, place, before);
        self.push(block, known, place, before);
        Ok(Fit::New)
    }

    /// The edit that must be known before a block is.
    fn missing(&self, block: &Block<'_>) -> Option<Id> {
        let BlockKind::Item { origin, right_origin, parent, .. } = block.kind else { return None };
        let parent = if let Parent::Type(id) = parent { Some(id) } else { None };
        let unknown = |id: &Id| id.clock >= self.clock(id.client);
        [origin, right_origin, parent].into_iter().flatten().find(unknown)
    }

    /// Where a block lies.
    fn place(&self, block: &Block<'_>) -> Result<Place, Misfit> {
        let BlockKind::Item { origin, right_origin, parent, key, content } = block.kind else {
            return Ok(NOWHERE);
        };
        let mut place = match parent {
            Parent::Neighbours => self.between(origin, right_origin)?,
            Parent::Root(name) => self.root(name, key),
            Parent::Type(id) => self.nested(id, key)?,
        };
        let is_text = self.text == Some(place.hash);
        let strange = is_strange(content, if is_text { TEXT } else { place.kind }, place.keyed);
        let too_deep = matches!(content, Content::Type(_)) && usize::from(place.depth) >= UPDATE_NESTING_MAX;
        if strange || too_deep {
            return Err(Misfit);
        }
        place.forgotten = place.hash == NOWHERE.hash || content == Content::Deleted;
        Ok(place)
    }

    fn between(&self, left: Option<Id>, right: Option<Id>) -> Result<Place, Misfit> {
        let place = |id: Id| self.place_of(id);
        match (left.map(place), right.map(place)) {
            (Some(left), Some(right)) if left.hash != right.hash => Err(Misfit),
            (Some(one), _) | (None, Some(one)) => Ok(one),
            (None, None) => Ok(NOWHERE),
        }
    }

    fn root(&self, name: &str, key: Option<&str>) -> Place {
        Place { hash: self.hash((name, key)), depth: 0, keyed: key.is_some(), kind: UNSAID, forgotten: false }
    }

    fn nested(&self, id: Id, key: Option<&str>) -> Result<Place, Misfit> {
        match self.types.get(&id) {
            Some((depth, kind)) => Ok(Place {
                hash: self.hash((id, key)),
                depth: *depth,
                keyed: key.is_some(),
                kind: *kind,
                forgotten: false,
            }),
            None if self.place_of(id).forgotten => Ok(NOWHERE),
            None => Err(Misfit),
        }
    }

    /// A block whose first edits are known goes on where they lie.
    fn continued(&self, block: &Block<'_>, known: u32, place: Place) -> Result<Place, Misfit> {
        if block.id.clock == known {
            return Ok(place);
        }
        let last = self.place_of(Id { client: block.id.client, clock: known - 1 });
        if last.hash == place.hash { Ok(place) } else { Err(Misfit) }
    }

    /// Enters what is new of a block into the order of its list.
    fn order(
        &mut self,
        block: &Block<'_>,
        known: u32,
        place: Place,
        before: &mut Before,
    ) -> Result<Result<Place, Misfit>, BadUpdate> {
        let BlockKind::Item { origin, right_origin, .. } = block.kind else { return Ok(Ok(place)) };
        if place.hash == NOWHERE.hash {
            return Ok(Ok(place));
        }
        let goes_on = block.id.clock < known;
        let origin = if goes_on { Some(Id { clock: known - 1, ..block.id }) } else { origin };
        let id = Id { clock: known, ..block.id };
        let entry = Entry { id, len: block.end() - known, origin, right_origin, list: place.hash };
        match self.order.enter(&entry, &mut before.looks) {
            Ok(()) => Ok(Ok(place)),
            Err(Refusal::Misplaced) => Ok(Err(Misfit)),
            Err(Refusal::Crowded) => Err(BadUpdate::Crowded),
        }
    }

    fn enter_type(&mut self, block: &Block<'_>, place: Place, before: &mut Before) {
        if let BlockKind::Item { content: Content::Type(kind), .. } = block.kind
            && place.hash != NOWHERE.hash
        {
            self.types.insert(block.id, (place.depth + 1, kind));
            before.types.push(block.id);
        }
    }

    fn push(&mut self, block: &Block<'_>, known: u32, place: Place, before: &mut Before) {
        let client = block.id.client;
        let edits = self.clients.entry(client).or_default();
        if before.clients.last().is_none_or(|(last, ..)| *last != client) {
            before.clients.push((client, edits.runs.len(), edits.end));
        }
        if edits.runs.last().is_none_or(|run| run.place != place) {
            edits.runs.push(Run { start: known, place });
        }
        edits.end = block.end();
        self.blocks += 1;
    }

    fn place_of(&self, id: Id) -> Place {
        place_of(&self.clients, id)
    }

    fn hash(&self, value: impl std::hash::Hash) -> u64 {
        self.secret.hash_one(value).max(1)
    }
}

/// Where a known edit lies.
fn place_of(clients: &HashMap<ClientId, Edits>, id: Id) -> Place {
    let Some(edits) = clients.get(&id.client) else { return NOWHERE };
    match edits.runs.last() {
        Some(run) if run.start <= id.clock => run.place,
        _ => {
            let at = edits.runs.partition_point(|run| run.start <= id.clock);
            at.checked_sub(1).and_then(|at| edits.runs.get(at)).map_or(NOWHERE, |run| run.place)
        }
    }
}

/// Whether no program puts such content into such a type. yrs walks an array for ever that holds letters outside the first plane,
/// and panics at a format where it expects a value.
fn is_strange(content: Content, kind: u8, keyed: bool) -> bool {
    match (content, kind) {
        (Content::Deleted, _) => false,
        (Content::Format | Content::Text, _) if keyed => true,
        _ if keyed => false,
        (_, MAP) => true,
        (Content::Format | Content::Text, ARRAY) => true,
        (Content::Binary | Content::Values, TEXT | XML_TEXT) => true,
        _ => false,
    }
}

/// The blocks of one client while an update is entered.
struct Client<'u, 'a> {
    blocks: &'u [Block<'a>],
    next: usize,
    /// It waits for a block of a client above it on the stack.
    waits: bool,
}

impl Client<'_, '_> {
    /// Whether this edit is among the blocks still to come.
    fn brings(&self, id: Id) -> bool {
        self.next < self.blocks.len() && self.blocks.last().is_some_and(|last| id.clock < last.end())
    }
}
