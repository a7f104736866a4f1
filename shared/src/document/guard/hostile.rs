//! 100,000 hostile updates: real ones with bits, bytes and lengths changed, and crafted ones that name what exists in ways that no
//! client would. After each, documents are whole: no honest edit is refused, peers that saw the same bytes are equal, snapshots load.
//!
//! Seeds are fixed, the work is split over several tests; a failure names its seed and step.

use yrs::updates::decoder::Decode;
use yrs::{Array, Doc, GetString, Map, ReadTxn, Text, Transact, WriteTxn, XmlFragment};

use super::super::sheet::genesis::FIRST_SHEET;
use super::super::sheet::{Area, Axis, EditError, Position};
use super::super::update::BadUpdate;
use super::super::{Kind, SheetDocument, TextDocument, text};
use super::*;
use crate::protocol::lib0::{write_byte_string, write_number};

/// Hostile updates of one test; eight tests make 100,000.
const UPDATES: usize = 12_500;
/// After so many the documents start anew, so that they stay small.
const UPDATES_A_LIFE: usize = 250;

struct Rng(u64);

impl Rng {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    fn below(&mut self, bound: usize) -> usize {
        (self.next() >> 11) as usize % bound.max(1)
    }

    fn chance(&mut self, one_in: usize) -> bool {
        self.below(one_in) == 0
    }

    fn pick<'a, T>(&mut self, from: &'a [T]) -> &'a T {
        &from[self.below(from.len())]
    }
}

/// Real updates of all kinds of content, in the order they were made.
fn real_updates(kind: Kind) -> Vec<Vec<u8>> {
    let mut updates = Vec::new();
    if kind == Kind::Sheet {
        let mut sheet = SheetDocument::new(31).unwrap();
        let at = |row, col| Position { row, col };
        for n in 0..12 {
            let typed = ["1", "text", "=A1+B2", "=SUM(A1:C9)", "50%", "TRUE"][n % 6];
            updates.extend(sheet.type_into(FIRST_SHEET, at(n, n % 5), typed).unwrap().updates);
        }
        updates.extend(sheet.insert_lines(FIRST_SHEET, Axis::Row, 2, 2).unwrap().updates);
        updates.extend(sheet.delete_lines(FIRST_SHEET, Axis::Col, 1, 1).unwrap().updates);
        updates.extend(sheet.move_lines(FIRST_SHEET, Axis::Row, 5, 2, 0).unwrap().updates);
        updates.extend(sheet.merge(FIRST_SHEET, Area::between(at(1, 1), at(3, 3))).unwrap().updates);
        updates.extend(sheet.add_sheet(None).unwrap().1.updates);
        updates.extend(sheet.undo().unwrap().updates);
    }
    let doc = Doc::with_options(yrs::Options {
        offset_kind: yrs::OffsetKind::Utf16,
        ..yrs::Options::with_client_id(yrs::ClientID::new(32))
    });
    for n in 0..24u32 {
        let mut txn = doc.transact_mut();
        let content = txn.get_or_insert_text("content");
        let len = content.len(&txn);
        match n % 8 {
            0 => content.insert(&mut txn, len / 2, "héllo 😀 world"),
            1 => content.remove_range(&mut txn, len / 3, 3),
            2 => content.format(&mut txn, 1, 4, [("bold".into(), true.into())].into()),
            3 => drop(content.insert_embed(&mut txn, 2, yrs::Any::from_json(r#"{"image":"x"}"#).unwrap())),
            4 => {
                let map = txn.get_or_insert_map("meta");
                map.insert(&mut txn, "title", format!("title {n}"));
                map.insert(&mut txn, "inner", yrs::MapPrelim::from([("k", n)]));
            }
            5 => {
                let list = txn.get_or_insert_array("list");
                list.insert_range(&mut txn, 0, [1.5, 2.0, f64::from(n)]);
                list.insert(&mut txn, 1, yrs::ArrayPrelim::from([1, 2, 3]));
            }
            6 => drop(txn.get_or_insert_xml_fragment("xml").insert(
                &mut txn,
                0,
                yrs::XmlElementPrelim::empty("p"),
            )),
            _ => {
                content.insert(&mut txn, 0, "a");
                content.remove_range(&mut txn, 0, 1);
            }
        }
        updates.push(txn.encode_update_v1());
    }
    updates.push(doc.transact().encode_state_as_update_v1(&yrs::StateVector::default()));
    updates
}

/// A real update with something changed.
fn mutated(rng: &mut Rng, real: &[Vec<u8>]) -> Vec<u8> {
    let mut bytes = rng.pick(real).clone();
    for _ in 0..1 + rng.below(4) {
        let at = rng.below(bytes.len());
        let end = (at + 1 + rng.below(6)).min(bytes.len());
        match rng.below(8) {
            _ if bytes.is_empty() => bytes.push(rng.next() as u8),
            0 | 1 => bytes[at] ^= 1 << rng.below(8),
            2 => bytes[at] = *rng.pick(&[0, 1, 2, 0x7f, 0x80, 0xff, 0x84, 0xC4, 0x07, 0x08, 10]),
            3 => drop(bytes.drain(at..end)),
            4 => {
                let other = rng.pick(real);
                let from = rng.below(other.len());
                let to = (from + 1 + rng.below(12)).min(other.len());
                let piece = other[from..to].to_vec();
                bytes.splice(at..at, piece);
            }
            5 => {
                let mut number = Vec::new();
                write_number(
                    &mut number,
                    *rng.pick(&[0, 1, 127, 128, 70_000, 1 << 31, (1 << 31) - 1, 1 << 32, 1 << 52]),
                );
                bytes.splice(at..end, number);
            }
            6 => bytes.truncate(at),
            _ => bytes[at] = bytes[at].wrapping_add(*rng.pick(&[1, 255])),
        }
    }
    bytes
}

/// An update that is well formed, about clients and clocks that exist, and makes no sense.
fn crafted(rng: &mut Rng, document: &Document) -> Vec<u8> {
    let known: Vec<(u64, u32)> = document.state_vector().iter().collect();
    let id = |rng: &mut Rng| -> (u64, u64) {
        let (client, clock) = if known.is_empty() { (5, 3) } else { *rng.pick(&known) };
        let spread = rng.below(3) as u64;
        let clock =
            if rng.chance(12) { u64::from(clock) + spread } else { rng.below(clock.max(1) as usize) as u64 };
        (client, clock)
    };
    let mut out = Vec::new();
    let clients = 1 + rng.below(2);
    let mut named = Vec::new();
    let mut body = Vec::new();
    for _ in 0..clients {
        let client = if rng.chance(3) { id(rng).0 } else { 1_000 + rng.below(50) as u64 };
        if named.contains(&client) {
            continue;
        }
        named.push(client);
        let blocks = 1 + rng.below(3);
        let start = match rng.below(8) {
            0 => document.clock(client).saturating_sub(2),
            1 => document.clock(client) + 1,
            _ => document.clock(client),
        };
        write_number(&mut body, blocks as u64);
        write_number(&mut body, client);
        write_number(&mut body, u64::from(start));
        (0..blocks).for_each(|_| crafted_block(rng, &mut body, &id));
    }
    write_number(&mut out, named.len() as u64);
    out.extend(body);
    if rng.chance(3) {
        write_number(&mut out, 1);
        let (client, clock) = id(rng);
        [client, 1, clock, 1 + rng.below(4) as u64].into_iter().for_each(|n| write_number(&mut out, n));
    } else {
        out.push(0);
    }
    out
}

fn crafted_block(rng: &mut Rng, out: &mut Vec<u8>, id: &impl Fn(&mut Rng) -> (u64, u64)) {
    let kind = *rng.pick(&[0, 1, 3, 4, 4, 4, 5, 6, 7, 7, 8, 8, 10]);
    if kind == 0 || kind == 10 {
        out.push(kind);
        return write_number(out, 1 + rng.below(5) as u64);
    }
    let (origin, right, key) = (rng.chance(2), rng.chance(3), rng.chance(3));
    out.push(kind | u8::from(origin) << 7 | u8::from(right) << 6 | u8::from(key) << 5);
    let put_id = |out: &mut Vec<u8>, rng: &mut Rng| {
        let (client, clock) = id(rng);
        write_number(out, client);
        write_number(out, clock);
    };
    if origin {
        put_id(out, rng);
    }
    if right {
        put_id(out, rng);
    }
    if !origin && !right {
        if rng.chance(2) {
            out.push(1);
            write_byte_string(
                out,
                rng.pick(&["content", "meta", "sheets", "names", "list", "xml"]).as_bytes(),
            );
        } else {
            out.push(0);
            put_id(out, rng);
        }
        if key {
            write_byte_string(out, rng.pick(&["s0", "title", "cells", "rows", "r0:c0", "name"]).as_bytes());
        }
    }
    match kind {
        1 => write_number(out, 1 + rng.below(5) as u64),
        3 => write_byte_string(out, &[1, 2, 3]),
        4 => write_byte_string(out, rng.pick(&["x", "abc", "😀", "é"]).as_bytes()),
        5 => write_byte_string(out, b"{\"e\":1}"),
        6 => {
            write_byte_string(out, b"bold");
            write_byte_string(out, rng.pick(&["true", "null"]).as_bytes());
        }
        7 => {
            let kind = *rng.pick(&[0, 1, 2, 3, 4, 6]);
            out.push(kind);
            if kind == 3 {
                write_byte_string(out, b"p");
            }
        }
        _ => out.extend_from_slice(&[2, 126, 119, 1, b'v']),
    }
}

/// A service and a peer that only listens, both of one document, and a program without a guard that hears what the service relays.
struct Listeners {
    service: Document,
    peer: Document,
    unguarded: Doc,
}

impl Listeners {
    fn new(kind: Kind, base: &[u8]) -> Listeners {
        Listeners {
            service: Document::load(kind, 100, base).unwrap(),
            peer: Document::load(kind, 101, base).unwrap(),
            unguarded: unguarded(104, base),
        }
    }

    /// The service takes an update and relays what of it is to be relayed, as a room does.
    fn relay(&mut self, update: &[u8], context: &str) -> Result<Applied, BadUpdate> {
        let relayed = if self.service.waiting().next().is_some() {
            let (applied, news) = self.service.apply_for_news(update)?;
            (applied, news)
        } else {
            (self.service.apply(update)?, None)
        };
        let heard = match &relayed {
            (Applied::Waits, _) => None,
            (Applied::Cleaned(cleaned), None) => Some(cleaned.as_slice()),
            (_, Some(news)) => Some(news.as_slice()),
            (_, None) => Some(update),
        };
        if let Some(heard) = heard {
            let heard = yrs::Update::decode_v1(heard).expect(context);
            self.unguarded.transact_mut().apply_update(heard).expect(context);
        }
        Ok(relayed.0)
    }

    fn hear(&mut self, hostile: &[u8], context: &str) {
        let (one, other) = (self.relay(hostile, context), self.peer.apply(hostile));
        assert_eq!(one, other, "{context}");
        assert!(!self.service.is_broken() && !self.peer.is_broken(), "{context}: {hostile:?}");
        assert_eq!(self.service.state_vector(), self.peer.state_vector(), "{context}");
    }

    fn hear_honest(&mut self, update: &[u8], context: &str) {
        let (one, other) = (self.relay(update, context), self.peer.apply(update));
        assert_eq!(one, other, "{context}");
        assert!(matches!(one, Ok(Applied::New | Applied::Known)), "{context}: an honest edit: {one:?}");
    }

    /// A window that edits meanwhile knows what the service knows.
    fn check_window(&self, window: &Document, context: &str, heard: &[u8]) {
        assert_eq!(window.state_vector(), self.service.state_vector(), "{context}: {heard:?}");
        assert!(window.waiting().eq(self.service.waiting()), "{context}: {heard:?}");
    }

    /// Takes a snapshot, loads it, and compares what is read.
    fn check<T: PartialEq + std::fmt::Debug>(&self, context: &str, read: impl Fn(Document) -> T) {
        let snapshot = self.service.snapshot().expect(context);
        let again = |client| Document::load(self.service.kind(), client, &snapshot).expect(context);
        let loaded = again(102);
        assert_eq!(loaded.state_vector(), self.service.state_vector(), "{context}");
        let of_peer = self.peer.snapshot().expect(context);
        let of_peer = Document::load(self.service.kind(), 103, &of_peer).expect(context);
        assert_eq!(read(loaded), read(of_peer), "{context}");
    }
}

fn unguarded(client: u64, base: &[u8]) -> Doc {
    let doc = Doc::with_options(yrs::Options {
        offset_kind: yrs::OffsetKind::Utf16,
        ..yrs::Options::with_client_id(yrs::ClientID::new(client))
    });
    doc.transact_mut().apply_update(yrs::Update::decode_v1(base).unwrap()).unwrap();
    doc
}

fn hostile_texts(seed: u64) {
    let mut rng = Rng(seed);
    let real = real_updates(Kind::Text);
    let mut clients = 200;
    let mut step = 0;
    while step < UPDATES {
        let mut ana = TextDocument::new(clients).unwrap();
        ana.splice(0, 0, "common ground 😀 to stand on", 0).unwrap();
        if rng.chance(2) {
            let whole = real.last().unwrap();
            assert!(ana.apply(&[whole]).1[0].is_ok());
        }
        let mut all = Listeners::new(Kind::Text, &ana.document().snapshot().unwrap());
        for _ in 0..UPDATES_A_LIFE {
            step += 1;
            let context = format!("seed {seed}, step {step}");
            let hostile =
                if rng.chance(2) { crafted(&mut rng, &all.service) } else { mutated(&mut rng, &real) };
            all.hear(&hostile, &context);
            ana.apply(&[&hostile]);
            assert!(!ana.document().is_broken(), "{context}: {hostile:?}");
            if ana.document().is_impersonated() {
                clients += 1;
                ana = TextDocument::load(clients, &all.service.snapshot().expect(&context)).expect(&context);
                ana.apply(&all.service.waiting().collect::<Vec<_>>());
            }
            all.check_window(ana.document(), &context, &hostile);
            let at = rng.below(ana.visible().len() + 1);
            let deleted = rng.below(2);
            let update = ana.splice(at, deleted, "ok", 0).expect(&context).unwrap();
            all.hear_honest(&update, &context);
            if step % 5 == 0 {
                let read = text::plain(&all.service).unwrap();
                assert_eq!(read, text::plain(&all.peer).unwrap(), "{context}");
                let content = all.unguarded.get_or_insert_text("content");
                assert_eq!(read, content.get_string(&all.unguarded.transact()), "{context}: unguarded");
            }
            if step % 25 == 0 {
                let undone = ana.undo().expect(&context);
                let undone = undone.map(|change| change.update);
                undone.iter().for_each(|update| all.hear(update, &context));
                all.check(&context, |document| text::plain(&document).unwrap());
                ana.document().snapshot().expect(&context);
            }
        }
        clients += 1;
    }
}

fn hostile_sheets(seed: u64) {
    let mut rng = Rng(seed);
    let real = real_updates(Kind::Sheet);
    let mut clients = 200;
    let mut step = 0;
    let seen = |document: Document| {
        let sheet = SheetDocument::of(document).unwrap();
        let workbook = sheet.workbook();
        let mut cells = Vec::new();
        for sheet in workbook.sheets() {
            let shown =
                sheet.cells().filter_map(|(key, _)| Some((sheet.position(key)?, workbook.typed(sheet, key))));
            let mut shown: Vec<_> = shown.collect();
            shown.sort();
            cells.push((sheet.name().to_owned(), sheet.rows().len(), sheet.cols().len(), shown));
        }
        cells
    };
    while step < UPDATES {
        let mut ana = SheetDocument::new(clients).unwrap();
        if rng.chance(2) {
            for update in &real {
                assert!(ana.apply(&[update]).1[0].is_ok());
            }
        }
        let mut all = Listeners::new(Kind::Sheet, &ana.document().snapshot().unwrap());
        for _ in 0..UPDATES_A_LIFE {
            step += 1;
            let context = format!("seed {seed}, step {step}");
            let hostile =
                if rng.chance(2) { crafted(&mut rng, &all.service) } else { mutated(&mut rng, &real) };
            all.hear(&hostile, &context);
            ana.apply(&[&hostile]);
            assert!(!ana.document().is_broken(), "{context}: {hostile:?}");
            if ana.document().is_impersonated() {
                clients += 1;
                ana = SheetDocument::load(clients, &all.service.snapshot().expect(&context)).expect(&context);
                ana.apply(&all.service.waiting().collect::<Vec<_>>());
            }
            all.check_window(ana.document(), &context, &hostile);
            let at = Position { row: rng.below(9), col: rng.below(9) };
            match ana.type_into(FIRST_SHEET, at, &format!("{step}")) {
                Ok(edit) => edit.updates.iter().for_each(|update| all.hear_honest(update, &context)),
                // Whoever may edit may also delete the sheet, or all of its rows.
                Err(EditError::NoSheet | EditError::Beyond) => break,
                Err(other) => panic!("{context}: {other}"),
            }
            if step % 50 == 0 {
                all.check(&context, seen);
                ana.document().snapshot().expect(&context);
            }
        }
        clients += 1;
    }
}

#[test]
fn hostile_updates_of_texts_1() {
    hostile_texts(0x9E37_79B9_7F4A_7C15);
}

#[test]
fn hostile_updates_of_texts_2() {
    hostile_texts(0xBF58_476D_1CE4_E5B9);
}

#[test]
fn hostile_updates_of_texts_3() {
    hostile_texts(0x94D0_49BB_1331_11EB);
}

#[test]
fn hostile_updates_of_texts_4() {
    hostile_texts(0x2545_F491_4F6C_DD1D);
}

#[test]
fn hostile_updates_of_sheets_1() {
    hostile_sheets(0x9E37_79B9_7F4A_7C16);
}

#[test]
fn hostile_updates_of_sheets_2() {
    hostile_sheets(0xBF58_476D_1CE4_E5BA);
}

#[test]
fn hostile_updates_of_sheets_3() {
    hostile_sheets(0x94D0_49BB_1331_11EC);
}

#[test]
fn hostile_updates_of_sheets_4() {
    hostile_sheets(0x2545_F491_4F6C_DD1E);
}

#[test]
fn the_corpus_is_real() {
    for kind in [Kind::Text, Kind::Sheet] {
        let real = real_updates(kind);
        assert!(real.len() > 20);
        assert!(real.iter().all(|update| yrs::Update::decode_v1(update).is_ok()));
    }
}
