//! Bytes of a journal: FORMAT.md, "Journal".

use std::ops::Range;

use shared::limits::{JOURNAL_BYTES_MAX, RANGES};

use crate::header::{BadHeader, Header, Kind};
use crate::record::{ITEM_HEADER_BYTES, Items, RECORD_HEADER_BYTES, RecordHeader, crc_of, seal};

/// Headers and records begin at a multiple of this, bytes: what is torn is never part of an older one.
pub(super) const PAGE_BYTES: usize = 4096;

/// Where the first record begins: behind two headers.
pub(super) const FIRST_RECORD: u64 = 2 * PAGE_BYTES as u64;

/// What stands before the bytes of a piece: the number of its increment, and where in it they belong.
const PIECE_HEADER_BYTES: usize = 16;

/// Bytes of an increment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Piece<'a> {
    pub(super) range: usize,
    /// The number in the file's name.
    pub(super) number: u64,
    /// Where in the file they begin, bytes.
    pub(super) at: u64,
    pub(super) bytes: &'a [u8],
}

/// Why bytes are no journal.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum BadJournal {
    /// At this byte.
    Damaged(u64, &'static str),
    /// Whole, but of this version.
    Version(u16),
}

impl<'a> Piece<'a> {
    /// What a piece of so many bytes takes of a record, bytes.
    pub(super) fn encoded_len(bytes: u64) -> u64 {
        (ITEM_HEADER_BYTES + PIECE_HEADER_BYTES) as u64 + bytes
    }

    /// Adds a piece whose bytes are still zero; where those begin in the record. It must fit into a journal.
    pub(super) fn begin(record: &mut Vec<u8>, range: usize, number: u64, stretch: &Range<u64>) -> usize {
        let bytes = (stretch.end - stretch.start) as usize;
        record.extend_from_slice(&(range as u16).to_le_bytes());
        record.extend_from_slice(&((PIECE_HEADER_BYTES + bytes) as u32).to_le_bytes());
        record.extend_from_slice(&number.to_le_bytes());
        record.extend_from_slice(&stretch.start.to_le_bytes());
        let room = record.len();
        record.resize(room + bytes, 0);
        room
    }

    fn decode(slot: u16, item: &'a [u8]) -> Option<Piece<'a>> {
        let range = Some(usize::from(slot)).filter(|range| *range < RANGES)?;
        let (number, rest) = item.split_first_chunk()?;
        let (at, bytes) = rest.split_first_chunk()?;
        let (number, at) = (u64::from_le_bytes(*number), u64::from_le_bytes(*at));
        at.checked_add(bytes.len() as u64)?;
        Some(Piece { range, number, at, bytes })
    }
}

/// Where the header of a pass stands in the file.
pub(super) fn header_at(pass: u64) -> u64 {
    pass % 2 * PAGE_BYTES as u64
}

/// The offset of a record that begins at this byte of the file in this pass: no two ever have the same.
pub(super) fn offset_at(pass: u64, at: u64) -> u64 {
    (pass * JOURNAL_BYTES_MAX as u64).wrapping_add(at)
}

/// What a record takes of the file whose pieces take so many bytes; none, if no journal is that long.
pub(super) fn record_len(pieces: u64) -> Option<u64> {
    let length = (RECORD_HEADER_BYTES as u64 + pieces).next_multiple_of(PAGE_BYTES as u64);
    (length <= JOURNAL_BYTES_MAX as u64).then_some(length)
}

/// The header of a record; its CRC is set when it ends.
pub(super) fn begin_record(record: &mut Vec<u8>, offset: u64, pieces: u64) {
    record.extend_from_slice(&[0; 4]);
    record.extend_from_slice(&(pieces as u32).to_le_bytes());
    record.extend_from_slice(&offset.to_le_bytes());
}

pub(super) fn end_record(record: &mut Vec<u8>, length: u64) {
    seal(record);
    record.resize(length as usize, 0);
}

/// The pieces of the last pass, in the order in which they were made durable. What is torn at its end was told to nobody.
pub(super) fn pieces(journal: &[u8]) -> Result<Vec<Piece<'_>>, BadJournal> {
    let pass = last_pass(journal)?;
    let (mut pieces, mut at) = (Vec::new(), FIRST_RECORD as usize);
    while let Some((offset, payload)) = record(journal, at)
        && offset == offset_at(pass, at as u64)
    {
        for item in Items::new(payload) {
            let piece = item.ok().and_then(|item| Piece::decode(item.slot, item.bytes));
            pieces.push(piece.ok_or(BadJournal::Damaged(at as u64, "no bytes of an increment"))?);
        }
        at += (RECORD_HEADER_BYTES + payload.len()).next_multiple_of(PAGE_BYTES);
    }
    let later =
        |page: usize| record(journal, page).is_some_and(|(offset, _)| offset >= offset_at(pass, page as u64));
    if (at..journal.len()).step_by(PAGE_BYTES).any(later) {
        return Err(BadJournal::Damaged(at as u64, "a whole record follows one that is not"));
    }
    Ok(pieces)
}

/// The pass that counts: the later one of those whose header is whole.
fn last_pass(journal: &[u8]) -> Result<u64, BadJournal> {
    let headers = [0, 1].map(|pass| {
        let header =
            Header::decode(Kind::Journal, journal.get(header_at(pass) as usize..).unwrap_or_default());
        // Far from where numbers end, so that no offset does.
        header.map(|header| {
            Some(header.number).filter(|number| number % 2 == pass && *number < u64::from(u32::MAX))
        })
    });
    let version = headers.iter().find_map(|header| match header {
        Err(BadHeader::Version(found)) => Some(*found),
        _ => None,
    });
    match (headers.iter().flatten().copied().flatten().max(), version) {
        (_, Some(found)) => Err(BadJournal::Version(found)),
        (Some(pass), None) => Ok(pass),
        (None, None) => Err(BadJournal::Damaged(0, "neither of its headers is whole")),
    }
}

/// The whole record of some pass that begins here: its offset and its payload.
fn record(journal: &[u8], at: usize) -> Option<(u64, &[u8])> {
    let (raw, rest) = journal.get(at..)?.split_first_chunk::<RECORD_HEADER_BYTES>()?;
    let header = RecordHeader::decode(raw);
    let of_a_pass = header.offset % JOURNAL_BYTES_MAX as u64 == at as u64 % JOURNAL_BYTES_MAX as u64;
    if !of_a_pass || header.refuse(header.offset, rest.len() as u64).is_some() {
        return None;
    }
    let payload = rest.get(..header.length as usize)?;
    (crc_of(raw, payload) == header.crc).then_some((header.offset, payload))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use proptest::sample::Index;

    use super::*;

    fn write(journal: &mut [u8], at: u64, bytes: &[u8]) {
        journal[at as usize..][..bytes.len()].copy_from_slice(bytes);
    }

    fn header(pass: u64) -> [u8; 32] {
        Header { kind: Kind::Journal, range: 0, number: pass, start: offset_at(pass, FIRST_RECORD) }.encode()
    }

    /// A record of one piece of these bytes.
    fn record_of(pass: u64, at: u64, bytes: &[u8]) -> Vec<u8> {
        let pieces = Piece::encoded_len(bytes.len() as u64);
        let mut record = Vec::new();
        begin_record(&mut record, offset_at(pass, at), pieces);
        let room = Piece::begin(&mut record, 3, 7, &(at..at + bytes.len() as u64));
        record[room..].copy_from_slice(bytes);
        end_record(&mut record, record_len(pieces).unwrap());
        record
    }

    /// A journal after these passes, each of these texts; where its last pass's records begin.
    fn journal(passes: &[Vec<Vec<u8>>]) -> (Vec<u8>, Vec<u64>) {
        let (mut journal, mut places) = (vec![0; 64 * PAGE_BYTES], Vec::new());
        for (pass, texts) in passes.iter().enumerate() {
            let (pass, mut at) = (pass as u64, FIRST_RECORD);
            write(&mut journal, header_at(pass), &header(pass));
            places.clear();
            for text in texts {
                let record = record_of(pass, at, text);
                write(&mut journal, at, &record);
                places.push(at);
                at += record.len() as u64;
            }
        }
        (journal, places)
    }

    fn texts(journal: &[u8]) -> Result<Vec<Vec<u8>>, BadJournal> {
        pieces(journal).map(|pieces| pieces.iter().map(|piece| piece.bytes.to_vec()).collect())
    }

    fn passes() -> impl Strategy<Value = Vec<Vec<Vec<u8>>>> {
        let text = prop::collection::vec(any::<u8>(), 1..9_000);
        prop::collection::vec(prop::collection::vec(text, 0..6), 1..4)
    }

    #[test]
    fn a_new_one_holds_nothing_and_garbage_is_none() {
        assert_eq!(texts(&journal(&[Vec::new()]).0), Ok(Vec::new()));
        assert!(matches!(texts(&[]), Err(BadJournal::Damaged(0, _))));
        assert!(matches!(texts(&[0; 64 * 1024]), Err(BadJournal::Damaged(0, _))));
    }

    proptest! {
        #[test]
        fn only_the_last_pass_counts(passes in passes()) {
            let (journal, _) = journal(&passes);
            prop_assert_eq!(&texts(&journal).unwrap(), passes.last().unwrap());
        }

        #[test]
        fn a_torn_last_record_or_header_costs_what_nobody_was_told_of(
            passes in passes(), torn: Index, last_header: bool,
        ) {
            let (mut bytes, places) = journal(&passes);
            let last = passes.last().unwrap();
            if last_header {
                // A pass that is about to begin: only its header was written, and not whole.
                let pass = passes.len() as u64;
                let whole = header(pass);
                write(&mut bytes, header_at(pass), &whole[..torn.index(32)]);
                let is_whole = bytes[header_at(pass) as usize..].starts_with(&whole);
                let expected = if is_whole { &[][..] } else { last };
                prop_assert_eq!(&texts(&bytes).unwrap()[..], expected);
            } else if let Some(at) = places.last() {
                let before = journal(&[&passes[..passes.len() - 1], &[last[..last.len() - 1].to_vec()]].concat()).0;
                let record = record_of(passes.len() as u64 - 1, *at, last.last().unwrap());
                let cut = torn.index(RECORD_HEADER_BYTES + 22 + last.last().unwrap().len());
                bytes[*at as usize + cut..].copy_from_slice(&before[*at as usize + cut..]);
                let whole = bytes[*at as usize..][..record.len()] == record[..];
                let expected = &last[..last.len() - usize::from(!whole)];
                prop_assert_eq!(&texts(&bytes).unwrap()[..], expected);
            }
        }

        #[test]
        fn a_flipped_bit_before_the_last_record_is_damage(passes in passes(), place: Index, bit in 0..8_u8) {
            let (mut bytes, places) = journal(&passes);
            let last = passes.last().unwrap();
            prop_assume!(places.len() > 1);
            let hit = place.index(places.len() - 1);
            let at = places[hit] as usize;
            bytes[at + place.index(RECORD_HEADER_BYTES + 22 + last[hit].len())] ^= 1 << bit;
            prop_assert!(matches!(texts(&bytes), Err(BadJournal::Damaged(found, _)) if found == at as u64));
        }

        #[test]
        fn a_lost_header_is_damage_if_its_pass_holds_anything(passes in passes()) {
            let (mut bytes, places) = journal(&passes);
            let pass = passes.len() as u64 - 1;
            bytes[header_at(pass) as usize..][..32].fill(0);
            if pass == 0 || !places.is_empty() {
                prop_assert!(matches!(texts(&bytes), Err(BadJournal::Damaged(..))));
            }
        }

        #[test]
        fn garbage_is_read_without_panic(
            passes in passes(), holes in prop::collection::vec((any::<Index>(), any::<u8>()), 0..40),
        ) {
            let (mut bytes, _) = journal(&passes);
            for (at, byte) in holes {
                let at = at.index(bytes.len());
                bytes[at] = byte;
            }
            let _read = texts(&bytes);
        }
    }
}
