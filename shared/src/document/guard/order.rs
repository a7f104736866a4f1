//! The order in which edits lie in their lists, kept beside the merge engine, which does not tell it.
//!
//! An edit names its neighbours at the moment it was made: the one left of it (`origin`) and the one right of it. Yjs takes it for
//! granted that somebody saw them side by side; where that is not so, the place of the edit depends on what else was known when it
//! came, and a peer that loads a snapshot reads another text than one that was there. So before an edit is entered, its neighbours
//! L and R must satisfy
//!
//! - L lies before R;
//! - R was not put behind something that lies between L and R: its own left neighbour is L or lies before it;
//! - L was not put before something that lies between L and R: its own right neighbour is R or lies behind it.
//!
//! Every honest edit does: in its author's list nothing lay between L and R, and edits never pass each other. That these three are
//! enough for every order of arrival to end in one list was searched, not proved: among 3.6 million random sets of 4 to 12 edits of
//! 2 to 8 clients none ended in two lists, while of those held to the first condition only one in 150 did.
//!
//! Edits lie in spans: consecutive edits of one client that stand side by side. Spans of a list are linked, and carry labels whose
//! order is theirs, so that two places are compared at once (Dietz and Sleator, "Two algorithms for maintaining order in a list").

use std::collections::HashMap;

use foldhash::fast::FixedState;

use super::super::update::walk::Id;
use crate::protocol::state_vector::ClientId;

/// Why an edit is not entered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Refusal {
    /// Nobody can have seen its neighbours side by side.
    Misplaced,
    /// More edits lie between its neighbours than may still be looked at.
    Crowded,
}

/// Number of a span in [`Order::spans`].
type SpanNumber = u32;

/// No span.
const NONE: SpanNumber = SpanNumber::MAX;

/// Labels of spans at the ends of a list are so far apart; in the middle they are halved.
const LABEL_GAP: u64 = 1 << 32;

/// An edit by the number of its author, which takes half the memory of an [`Id`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Edit {
    author: u32,
    clock: u32,
}

/// The edges of a list, as neighbours.
const EDGE: Edit = Edit { author: u32::MAX, clock: 0 };

/// Consecutive edits of one author that stand side by side; each but the first was put behind the one before it.
#[derive(Debug, Clone, Copy)]
struct Span {
    first: Edit,
    len: u32,
    /// What the first was put behind.
    origin: Edit,
    /// What all were put before.
    right_origin: Edit,
    previous: SpanNumber,
    next: SpanNumber,
    label: u64,
}

impl Span {
    fn end(&self) -> u32 {
        self.first.clock + self.len
    }
}

/// An edit and the span it lies in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct At {
    span: SpanNumber,
    clock: u32,
}

#[derive(Debug)]
struct Author {
    client: ClientId,
    /// Its spans by their first clocks.
    spans: Vec<(u32, SpanNumber)>,
}

/// An edit to be entered with all that follow it in its block.
#[derive(Debug, Clone, Copy)]
pub(super) struct Entry {
    /// The first edit.
    pub(super) id: Id,
    /// How many.
    pub(super) len: u32,
    /// What it was put behind.
    pub(super) origin: Option<Id>,
    /// What it was put before.
    pub(super) right_origin: Option<Id>,
    /// The list it lies in.
    pub(super) list: u64,
}

/// Every list of a document.
#[derive(Debug, Default)]
pub(super) struct Order {
    /// The first span of each list. The names of lists are hashes under a secret.
    heads: HashMap<u64, SpanNumber, FixedState>,
    numbers: HashMap<ClientId, u32>,
    authors: Vec<Author>,
    spans: Vec<Span>,
    free: Vec<SpanNumber>,
}

impl Order {
    /// Enters an edit; `looks` is how many edits between neighbours may still be looked at. The neighbours are known and lie in the
    /// same list.
    pub(super) fn enter(&mut self, entry: &Entry, looks: &mut usize) -> Result<(), Refusal> {
        let author = self.numbers.get(&entry.id.client).copied();
        if let Some(author) = author
            && self.extend(author, entry)
        {
            return Ok(());
        }
        let left = self.neighbour(entry.origin)?;
        let left_span = left.map_or(NONE, |at| self.split_after(at));
        let right = self.neighbour(entry.right_origin)?;
        let head = self.heads.get(&entry.list).copied().unwrap_or(NONE);
        let follower = if left_span == NONE { head } else { self.span(left_span).next };
        let follows = match right {
            Some(right) => right.span == follower && right.clock == self.span(follower).first.clock,
            None => follower == NONE,
        };
        let new = Span {
            first: Edit { author: author.unwrap_or(self.authors.len() as u32), clock: entry.id.clock },
            len: entry.len,
            origin: self.edit(left),
            right_origin: self.edit(right),
            previous: left_span,
            next: follower,
            label: 0,
        };
        let behind = if follows {
            left_span
        } else {
            self.check(left, right)?;
            let right_span = right.map_or(NONE, |right| right.span);
            self.place(entry.id.client, &new, right_span, looks)?
        };
        self.insert(new, entry, behind);
        Ok(())
    }

    /// Takes out every edit of a client from this clock on. `list` tells where an edit lies.
    pub(super) fn truncate(&mut self, client: ClientId, end: u32, list: impl Fn(Id) -> u64) {
        let Some(&author) = self.numbers.get(&client) else { return };
        while let Some((clock, number)) = self.last_span(author) {
            let span = *self.span(number);
            if clock < end {
                self.span_mut(number).len = span.len.min(end - clock);
                return;
            }
            if span.previous == NONE {
                let list = list(Id { client, clock });
                match span.next {
                    NONE => drop(self.heads.remove(&list)),
                    next => drop(self.heads.insert(list, next)),
                }
            } else {
                self.span_mut(span.previous).next = span.next;
            }
            if span.next != NONE {
                self.span_mut(span.next).previous = span.previous;
            }
            self.free.push(number);
            if let Some(author) = self.authors.get_mut(author as usize) {
                author.spans.pop();
            }
        }
        while let Some(last) = self.authors.pop_if(|last| last.spans.is_empty()) {
            self.numbers.remove(&last.client);
        }
    }

    /// What goes on where the last edit of its author ended takes no span of its own.
    fn extend(&mut self, author: u32, entry: &Entry) -> bool {
        let Some((_, number)) = self.last_span(author) else { return false };
        let span = *self.span(number);
        let goes_on = span.end() == entry.id.clock
            && entry.origin == Some(Id { client: entry.id.client, clock: entry.id.clock - 1 })
            && self.id(span.right_origin) == entry.right_origin
            && span.right_origin == self.first_of(span.next);
        if goes_on {
            self.span_mut(number).len += entry.len;
        }
        goes_on
    }

    /// Whether somebody can have seen these side by side.
    fn check(&self, left: Option<At>, right: Option<At>) -> Result<(), Refusal> {
        let behind_left = left.map_or(EDGE, |left| self.span(left.span).right_origin);
        let before_right = right.map_or(EDGE, |right| match self.span(right.span) {
            span if span.first.clock == right.clock => span.origin,
            span => Edit { clock: right.clock - 1, ..span.first },
        });
        let (behind_left, before_right) = (self.at(behind_left), self.at(before_right));
        let fits = match (left, right) {
            (Some(left), Some(right)) => {
                self.is_before(left, right)
                    && before_right.is_none_or(|origin| !self.is_before(left, origin))
                    && behind_left.is_none_or(|origin| !self.is_before(origin, right))
            }
            (Some(_), None) => behind_left.is_none(),
            (None, Some(_)) => before_right.is_none(),
            (None, None) => true,
        };
        if fits { Ok(()) } else { Err(Refusal::Misplaced) }
    }

    /// Behind which span a new one belongs, among others that were put between the same neighbours: the rule of Yjs
    /// (`Item.integrate`).
    fn place(
        &self,
        client: ClientId,
        new: &Span,
        right: SpanNumber,
        looks: &mut usize,
    ) -> Result<SpanNumber, Refusal> {
        let mut behind = new.previous;
        let mut other = new.next;
        while other != NONE && other != right {
            *looks = looks.checked_sub(1).ok_or(Refusal::Crowded)?;
            let span = self.span(other);
            if span.origin == new.origin {
                if self.client(span.first.author).is_some_and(|author| author < client) {
                    behind = other;
                } else if span.right_origin == new.right_origin {
                    break;
                }
            } else {
                // It was put behind one of those that were passed, or nothing more belongs between the neighbours.
                let Some(origin) = self.at(span.origin) else { break };
                if !self.is_behind(origin.span, new.previous) {
                    break;
                }
                if !self.is_behind(origin.span, behind) {
                    behind = other;
                }
            }
            other = span.next;
        }
        Ok(behind)
    }

    fn insert(&mut self, mut new: Span, entry: &Entry, behind: SpanNumber) {
        new.previous = behind;
        new.next = match behind {
            NONE => self.heads.get(&entry.list).copied().unwrap_or(NONE),
            behind => self.span(behind).next,
        };
        new.label = self.label_between(new.previous, new.next);
        let number = self.link(new);
        if behind == NONE {
            self.heads.insert(entry.list, number);
        }
        let author = new.first.author as usize;
        if author == self.authors.len() {
            self.numbers.insert(entry.id.client, new.first.author);
            self.authors.push(Author { client: entry.id.client, spans: Vec::new() });
        }
        if let Some(author) = self.authors.get_mut(author) {
            author.spans.push((new.first.clock, number));
        }
    }

    /// Ends a span behind an edit; returns the span.
    fn split_after(&mut self, at: At) -> SpanNumber {
        let span = *self.span(at.span);
        let clock = at.clock + 1;
        if clock == span.end() {
            return at.span;
        }
        self.span_mut(at.span).len = clock - span.first.clock;
        let label = self.label_between(at.span, span.next);
        let number = self.link(Span {
            first: Edit { clock, ..span.first },
            len: span.end() - clock,
            origin: Edit { clock: at.clock, ..span.first },
            previous: at.span,
            label,
            ..span
        });
        if let Some(author) = self.authors.get_mut(span.first.author as usize) {
            let place = author.spans.partition_point(|(first, _)| *first < clock);
            author.spans.insert(place, (clock, number));
        }
        at.span
    }

    /// Puts a span between those that it names.
    fn link(&mut self, span: Span) -> SpanNumber {
        let number = match self.free.pop() {
            Some(number) => {
                *self.span_mut(number) = span;
                number
            }
            None => {
                self.spans.push(span);
                (self.spans.len() - 1) as SpanNumber
            }
        };
        if span.previous != NONE {
            self.span_mut(span.previous).next = number;
        }
        if span.next != NONE {
            self.span_mut(span.next).previous = number;
        }
        number
    }

    fn label_between(&mut self, left: SpanNumber, right: SpanNumber) -> u64 {
        match (left, right) {
            (NONE, NONE) => 1 << 63,
            (NONE, right) => self.span(right).label.saturating_sub(LABEL_GAP),
            (left, NONE) => self.span(left).label.saturating_add(LABEL_GAP),
            (left, right) => {
                if self.span(right).label - self.span(left).label < 2 {
                    self.spread(left);
                }
                let (low, high) = (self.span(left).label, self.span(right).label);
                low + (high - low) / 2
            }
        }
    }

    /// Makes room for labels behind a span: spreads those of as many followers as it takes.
    fn spread(&mut self, from: SpanNumber) {
        let low = self.span(from).label;
        let (mut count, mut end) = (1u64, self.span(from).next);
        let room = loop {
            let needed = count * count;
            if end == NONE {
                break 2 * needed;
            }
            let room = self.span(end).label - low;
            if room > needed {
                break room;
            }
            count += 1;
            end = self.span(end).next;
        };
        let (mut label, mut number) = (low, self.span(from).next);
        while number != end {
            label = label.saturating_add(room / count);
            let span = self.span_mut(number);
            span.label = label;
            number = span.next;
        }
    }

    fn neighbour(&self, id: Option<Id>) -> Result<Option<At>, Refusal> {
        let Some(id) = id else { return Ok(None) };
        let author = *self.numbers.get(&id.client).ok_or(Refusal::Misplaced)?;
        self.at(Edit { author, clock: id.clock }).map(Some).ok_or(Refusal::Misplaced)
    }

    /// The span of an edit; `None` for an edge.
    fn at(&self, edit: Edit) -> Option<At> {
        let spans = &self.authors.get(edit.author as usize)?.spans;
        let number = match spans.last() {
            Some((first, number)) if *first <= edit.clock => *number,
            _ => spans.get(spans.partition_point(|(first, _)| *first <= edit.clock).checked_sub(1)?)?.1,
        };
        (edit.clock < self.span(number).end()).then_some(At { span: number, clock: edit.clock })
    }

    fn edit(&self, at: Option<At>) -> Edit {
        at.map_or(EDGE, |at| Edit { clock: at.clock, ..self.span(at.span).first })
    }

    fn id(&self, edit: Edit) -> Option<Id> {
        Some(Id { client: self.client(edit.author)?, clock: edit.clock })
    }

    fn client(&self, author: u32) -> Option<ClientId> {
        self.authors.get(author as usize).map(|author| author.client)
    }

    fn last_span(&self, author: u32) -> Option<(u32, SpanNumber)> {
        self.authors.get(author as usize)?.spans.last().copied()
    }

    fn first_of(&self, number: SpanNumber) -> Edit {
        if number == NONE { EDGE } else { self.span(number).first }
    }

    fn is_before(&self, one: At, other: At) -> bool {
        if one.span == other.span {
            one.clock < other.clock
        } else {
            self.span(one.span).label < self.span(other.span).label
        }
    }

    /// Whether a span lies behind another, or behind the start of the list.
    fn is_behind(&self, one: SpanNumber, other: SpanNumber) -> bool {
        other == NONE || self.span(one).label > self.span(other).label
    }

    fn span(&self, number: SpanNumber) -> &Span {
        &self.spans[number as usize]
    }

    fn span_mut(&mut self, number: SpanNumber) -> &mut Span {
        &mut self.spans[number as usize]
    }
}

#[cfg(test)]
#[path = "order_tests.rs"]
mod tests;
