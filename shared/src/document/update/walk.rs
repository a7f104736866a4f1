//! An update as a list of blocks and deletions that borrow its bytes.
//!
//! Layout of a v1 update (Yjs `encoding.js`): the number of clients; for each the number of its blocks, its id, its first clock,
//! its blocks; then the deletions: the number of clients; for each its id, the number of ranges, the ranges as clock and length.

use std::collections::HashSet;
use std::ops::Range;

use super::content::{self, Content};
use super::{BadUpdate, Bounds, ClockRange, UpdateFacts};
use crate::limits::CLOCK_MAX;
use crate::protocol::lib0::{Reader, write_number};
use crate::protocol::state_vector::ClientId;

/// One edit of one client at one clock (Yjs: item id).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Id {
    /// Who made it.
    pub client: ClientId,
    /// Its number among that client's edits.
    pub clock: u32,
}

/// What a block lies in, if it says so itself; otherwise it lies where its neighbours lie.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Parent<'a> {
    /// Where its neighbours lie.
    Neighbours,
    /// A root type of the document.
    Root(&'a str),
    /// A shared type that was made by this edit.
    Type(Id),
}

/// What a block is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BlockKind<'a> {
    /// Deleted and forgotten.
    Gc,
    /// Not in this update: the clocks are left out.
    Skip,
    /// An item.
    Item {
        /// The edit it was put after.
        origin: Option<Id>,
        /// The edit it was put before.
        right_origin: Option<Id>,
        /// What it lies in.
        parent: Parent<'a>,
        /// The key, in a map.
        key: Option<&'a str>,
        /// What it holds.
        content: Content,
    },
}

/// Consecutive edits of one client.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Block<'a> {
    /// The first edit.
    pub id: Id,
    /// How many.
    pub len: u32,
    /// What they are.
    pub kind: BlockKind<'a>,
    /// Where it stands in the update.
    bytes: Range<usize>,
}

impl Block<'_> {
    /// The clock after the last edit.
    pub fn end(&self) -> u32 {
        self.id.clock + self.len
    }
}

/// Deleted edits of one client.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Delete {
    /// The first.
    pub id: Id,
    /// How many.
    pub len: u32,
}

impl Delete {
    /// The clock after the last deleted edit.
    pub fn end(&self) -> u32 {
        self.id.clock + self.len
    }
}

/// An update whose bytes were walked and found sound.
#[derive(Debug, Clone, Default)]
pub struct Update<'a> {
    /// Blocks, client after client, in the order of their clocks and without holes.
    pub blocks: Vec<Block<'a>>,
    /// Deletions, client after client, in the order of their clocks and without overlap.
    pub deletes: Vec<Delete>,
    /// Where the deletions start in the update.
    deletes_at: usize,
}

impl<'a> Update<'a> {
    /// Walks the bytes; every count is checked against the bytes that are left before anything is kept for it.
    pub fn walk(bytes: &'a [u8], bounds: Bounds) -> Result<Update<'a>, BadUpdate> {
        if bytes.len() > bounds.bytes {
            return Err(BadUpdate::TooLong(bounds.bytes));
        }
        let mut walk = Walk { reader: Reader::new(bytes), bounds, values: 0, update: Update::default() };
        walk.clients()?;
        walk.deletions()?;
        match walk.reader.remaining() {
            0 => Ok(walk.update),
            trailing => Err(BadUpdate::Trailing(trailing)),
        }
    }

    /// Its blocks by client.
    pub fn clients(&self) -> impl Iterator<Item = &[Block<'a>]> {
        self.blocks.chunk_by(|a, b| a.id.client == b.id.client)
    }

    /// The same update with these blocks (by their first edits) as if they had been deleted and forgotten. `bytes` are those that
    /// were walked.
    pub(in crate::document) fn without(&self, bytes: &[u8], forgotten: &HashSet<Id>) -> Vec<u8> {
        let mut out = Vec::with_capacity(bytes.len());
        write_number(&mut out, self.clients().count() as u64);
        for blocks in self.clients() {
            let first = blocks[0].id;
            write_number(&mut out, blocks.len() as u64);
            write_number(&mut out, first.client);
            write_number(&mut out, u64::from(first.clock));
            for block in blocks {
                if forgotten.contains(&block.id) {
                    out.push(content::GC);
                    write_number(&mut out, u64::from(block.len));
                } else {
                    out.extend_from_slice(&bytes[block.bytes.clone()]);
                }
            }
        }
        out.extend_from_slice(&bytes[self.deletes_at..]);
        out
    }

    /// What it is about.
    pub fn facts(&self) -> UpdateFacts {
        let range = |blocks: &[Block<'_>]| {
            let (first, last) = (blocks.first()?, blocks.last()?);
            Some(ClockRange { client: first.id.client, start: first.id.clock, end: last.end() })
        };
        let deletes = self
            .deletes
            .chunk_by(|a, b| a.id.client == b.id.client)
            .filter_map(|ranges| ranges.last().map(|last| (last.id.client, last.end())));
        UpdateFacts { clocks: self.clients().filter_map(range).collect(), deletes: deletes.collect() }
    }
}

struct Walk<'a> {
    reader: Reader<'a>,
    bounds: Bounds,
    /// Values counted so far, blocks among them.
    values: usize,
    update: Update<'a>,
}

impl<'a> Walk<'a> {
    fn clients(&mut self) -> Result<(), BadUpdate> {
        let count = self.reader.count(3)?;
        if count > self.bounds.clients {
            return Err(BadUpdate::TooManyClients(self.bounds.clients));
        }
        let mut named = Named::default();
        for _ in 0..count {
            let blocks = self.reader.count(2)?;
            let client = self.reader.number()?;
            let mut clock = self.clock()?;
            if blocks == 0 {
                return Err(BadUpdate::EmptyBlock);
            }
            named.once(client)?;
            for _ in 0..blocks {
                let block = self.block(Id { client, clock })?;
                clock = block.end();
                self.update.blocks.push(block);
            }
        }
        Ok(())
    }

    fn block(&mut self, id: Id) -> Result<Block<'a>, BadUpdate> {
        self.count_values(1)?;
        let start = self.reader.position();
        let info = self.reader.byte()?;
        let (kind, len) = match info {
            content::GC => (BlockKind::Gc, self.clock()?),
            content::SKIP => (BlockKind::Skip, self.clock()?),
            _ => self.item(info)?,
        };
        if len == 0 {
            return Err(BadUpdate::EmptyBlock);
        }
        if id.clock.checked_add(len).is_none_or(|end| end > CLOCK_MAX) {
            return Err(BadUpdate::Clock);
        }
        let block = Block { id, len, kind, bytes: start..self.reader.position() };
        if let BlockKind::Item { origin, right_origin, parent, .. } = block.kind {
            let own_future = |id: Id| id.client == block.id.client && id.clock >= block.id.clock;
            let parent = if let Parent::Type(id) = parent { Some(id) } else { None };
            if [origin, right_origin, parent].into_iter().flatten().any(own_future) {
                return Err(BadUpdate::OwnFuture);
            }
        }
        Ok(block)
    }

    fn item(&mut self, info: u8) -> Result<(BlockKind<'a>, u32), BadUpdate> {
        let origin = if info & content::HAS_ORIGIN != 0 { Some(self.id()?) } else { None };
        let right_origin = if info & content::HAS_RIGHT_ORIGIN != 0 { Some(self.id()?) } else { None };
        let (mut parent, mut key) = (Parent::Neighbours, None);
        if origin.is_none() && right_origin.is_none() {
            parent = match self.reader.number()? {
                1 => Parent::Root(self.reader.text()?),
                0 => Parent::Type(self.id()?),
                _ => return Err(BadUpdate::Parent),
            };
            if info & content::HAS_KEY != 0 {
                key = Some(self.reader.text()?);
            }
        }
        let (content, len, values) = Content::read(&mut self.reader, info)?;
        self.count_values(values)?;
        Ok((BlockKind::Item { origin, right_origin, parent, key, content }, len))
    }

    fn deletions(&mut self) -> Result<(), BadUpdate> {
        self.update.deletes_at = self.reader.position();
        let count = self.reader.count(2)?;
        if count > self.bounds.clients {
            return Err(BadUpdate::TooManyClients(self.bounds.clients));
        }
        let mut named = Named::default();
        for _ in 0..count {
            let client = self.reader.number()?;
            named.once(client)?;
            let ranges = self.reader.count(2)?;
            self.count_values(ranges)?;
            let mut end = 0;
            for _ in 0..ranges {
                let (clock, len) = (self.clock()?, self.clock()?);
                if len == 0 || clock < end {
                    return Err(BadUpdate::DeleteOrder);
                }
                end = clock.checked_add(len).filter(|end| *end <= CLOCK_MAX).ok_or(BadUpdate::Clock)?;
                self.update.deletes.push(Delete { id: Id { client, clock }, len });
            }
        }
        Ok(())
    }

    fn id(&mut self) -> Result<Id, BadUpdate> {
        Ok(Id { client: self.reader.number()?, clock: self.clock()? })
    }

    fn clock(&mut self) -> Result<u32, BadUpdate> {
        match self.reader.number_u32()? {
            clock if clock <= CLOCK_MAX => Ok(clock),
            _ => Err(BadUpdate::Clock),
        }
    }

    fn count_values(&mut self, values: usize) -> Result<(), BadUpdate> {
        self.values += values;
        if self.values > self.bounds.blocks {
            return Err(BadUpdate::TooManyBlocks(self.bounds.blocks));
        }
        Ok(())
    }
}

/// Which clients were named: the first few without an allocation, as an edit names one.
#[derive(Default)]
struct Named {
    first: [Option<ClientId>; 4],
    more: HashSet<ClientId>,
}

impl Named {
    fn once(&mut self, client: ClientId) -> Result<(), BadUpdate> {
        for place in &mut self.first {
            match place {
                Some(named) if *named == client => return Err(BadUpdate::ClientTwice(client)),
                Some(_) => {}
                None => {
                    *place = Some(client);
                    return Ok(());
                }
            }
        }
        if self.more.insert(client) { Ok(()) } else { Err(BadUpdate::ClientTwice(client)) }
    }
}
