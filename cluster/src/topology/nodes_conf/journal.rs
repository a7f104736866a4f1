//! `nodes.conf.journal`: what `nodes.conf` would say since it was replaced. One sector written in place and synced costs a fifth of
//! replacing a file.
//!
//! The file has a fixed length and is written from its beginning again after each replacement. A record is the whole text, so that
//! the last one is all that is needed. Each begins at a sector of its own, so that what is torn is never part of an older one:
//!
//! ```text
//! "nodeconf"  8 bytes
//! base        8 bytes, little-endian: the number in the last line of the nodes.conf that it follows
//! number      4 bytes, little-endian: 0 for the first record after that one, and so on
//! length      4 bytes, little-endian: bytes of the text
//! crc         4 bytes, little-endian: CRC-32 of all that is above and of the text
//! text
//! zeros up to the next sector
//! ```
//!
//! Records of another base are of before: they count for nothing. The end may be torn, as nobody was told of what was not synced. A
//! bad record in front of a good one is damage.

use std::ops::Range;

/// What is written whole or not at all, bytes.
const SECTOR_BYTES: usize = 512;

const MAGIC: &[u8; 8] = b"nodeconf";
const BASE: Range<usize> = 8..16;
const NUMBER: Range<usize> = 16..20;
const LENGTH: Range<usize> = 20..24;
const CRC: Range<usize> = 24..28;
const HEAD_BYTES: usize = CRC.end;

/// Where a record stands among those of one base.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Place {
    /// The `nodes.conf` that it follows.
    pub base: u64,
    /// How many records are in front of it.
    pub number: u32,
}

/// Damage at this offset: a record that is not whole, with later ones behind it.
#[derive(Debug, PartialEq, Eq)]
pub struct Damaged(pub usize);

/// One record as it stands in the file. `None`: the text is longer than a record can say.
pub fn encode(place: Place, text: &str) -> Option<Vec<u8>> {
    let length = u32::try_from(text.len()).ok()?;
    let mut record = Vec::with_capacity((HEAD_BYTES + text.len()).next_multiple_of(SECTOR_BYTES));
    record.extend_from_slice(MAGIC);
    record.extend_from_slice(&place.base.to_le_bytes());
    record.extend_from_slice(&place.number.to_le_bytes());
    record.extend_from_slice(&length.to_le_bytes());
    record.extend_from_slice(&crc(&record, text.as_bytes()).to_le_bytes());
    record.extend_from_slice(text.as_bytes());
    record.resize(record.len().next_multiple_of(SECTOR_BYTES), 0);
    Some(record)
}

/// The text of the last record that follows this base; `None` if there is none.
///
/// # Errors
/// Where a record is damaged that is not the last one.
pub fn last(journal: &[u8], base: u64) -> Result<Option<&str>, Damaged> {
    let (mut last, mut at, mut number) = (None, 0, 0);
    while let Some((text, bytes)) = decode(&journal[at..], |place| place == Place { base, number }) {
        (last, number) = (Some(text), number + 1);
        at = (at + bytes).min(journal.len());
    }
    let later = |place: Place| place.base == base && place.number >= number;
    let behind = (at..journal.len()).step_by(SECTOR_BYTES);
    if behind.into_iter().any(|sector| decode(&journal[sector..], later).is_some()) {
        return Err(Damaged(at));
    }
    Ok(last)
}

/// The whole record that begins here, if its place is a wanted one: its text, and how many bytes of the file it takes.
fn decode(bytes: &[u8], wanted: impl Fn(Place) -> bool) -> Option<(&str, usize)> {
    let (head, rest) = bytes.split_at_checked(HEAD_BYTES)?;
    let number = |at: Range<usize>| head[at].try_into().map(u32::from_le_bytes).ok();
    let base = head[BASE].try_into().map(u64::from_le_bytes).ok()?;
    if !head.starts_with(MAGIC) || !wanted(Place { base, number: number(NUMBER)? }) {
        return None;
    }
    let length = usize::try_from(number(LENGTH)?).ok()?;
    let text = rest.get(..length)?;
    if number(CRC)? != crc(&head[..CRC.start], text) {
        return None;
    }
    Some((std::str::from_utf8(text).ok()?, (HEAD_BYTES + length).next_multiple_of(SECTOR_BYTES)))
}

fn crc(head: &[u8], text: &[u8]) -> u32 {
    let mut crc = crc32fast::Hasher::new();
    crc.update(head);
    crc.update(text);
    crc.finalize()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const BASE_NUMBER: u64 = 7;

    fn record(number: u32, text: &str) -> Vec<u8> {
        encode(Place { base: BASE_NUMBER, number }, text).unwrap()
    }

    fn journal(texts: &[String]) -> Vec<u8> {
        let records = texts.iter().enumerate().flat_map(|(number, text)| record(number as u32, text));
        records.chain([0; 4 * SECTOR_BYTES]).collect()
    }

    fn texts() -> impl Strategy<Value = Vec<String>> {
        proptest::collection::vec("[a-z\n]{0,1500}", 1..6)
    }

    #[test]
    fn an_empty_journal_says_nothing() {
        assert_eq!(last(&[], BASE_NUMBER), Ok(None));
        assert_eq!(last(&[0; 3 * SECTOR_BYTES], BASE_NUMBER), Ok(None));
    }

    #[test]
    fn records_of_another_base_count_for_nothing() {
        let mut bytes = journal(&["old".into(), "older".into(), "oldest".into()]);
        assert_eq!(last(&bytes, BASE_NUMBER + 1), Ok(None));
        let new = encode(Place { base: BASE_NUMBER + 1, number: 0 }, "new").unwrap();
        bytes[..new.len()].copy_from_slice(&new);
        assert_eq!(last(&bytes, BASE_NUMBER + 1), Ok(Some("new")));
    }

    #[test]
    fn a_lost_record_in_front_of_a_whole_one_is_damage() {
        let mut bytes = journal(&["one".into(), "two".into(), "three".into()]);
        bytes[SECTOR_BYTES..2 * SECTOR_BYTES].fill(0);
        assert_eq!(last(&bytes, BASE_NUMBER), Err(Damaged(SECTOR_BYTES)));
    }

    proptest! {
        #[test]
        fn the_last_record_is_what_counts(texts in texts()) {
            let bytes = journal(&texts);
            prop_assert_eq!(last(&bytes, BASE_NUMBER), Ok(texts.last().map(String::as_str)));
        }

        #[test]
        fn a_torn_last_record_is_dropped(texts in texts(), torn in any::<prop::sample::Index>()) {
            let whole = journal(&texts[..texts.len() - 1]).len() - 4 * SECTOR_BYTES;
            let mut bytes = journal(&texts);
            // What is not there yet is zero, or what an older record has left.
            let end = whole + HEAD_BYTES + texts[texts.len() - 1].len();
            let cut = whole + torn.index(end - whole);
            bytes[cut..end].iter_mut().for_each(|byte| *byte = !*byte);
            let before = texts.len().checked_sub(2).map(|last| texts[last].as_str());
            prop_assert_eq!(last(&bytes, BASE_NUMBER), Ok(before));
        }

        #[test]
        fn a_flipped_bit_before_the_last_record_is_damage(
            texts in proptest::collection::vec("[a-z\n]{0,1500}", 2..6),
            place in any::<prop::sample::Index>(),
            bit in 0..8_u8,
        ) {
            let mut bytes = journal(&texts);
            let ends: Vec<usize> = texts.iter().scan(0, |at, text| {
                let begin = *at;
                *at += (HEAD_BYTES + text.len()).next_multiple_of(SECTOR_BYTES);
                Some(begin)
            }).collect();
            let hit = place.index(texts.len() - 1);
            let at = ends[hit] + place.index(HEAD_BYTES + texts[hit].len());
            bytes[at] ^= 1_u8 << bit;
            prop_assert_eq!(last(&bytes, BASE_NUMBER), Err(Damaged(ends[hit])));
        }

        #[test]
        fn garbage_is_read_without_panic(
            mut bytes in proptest::collection::vec(any::<u8>(), 0..4096),
            heads in proptest::collection::vec((0..8_usize, any::<u32>(), any::<u32>()), 0..8),
        ) {
            for (sector, number, length) in heads {
                if let Some(head) = bytes.get_mut(sector * SECTOR_BYTES..sector * SECTOR_BYTES + HEAD_BYTES) {
                    head[..8].copy_from_slice(MAGIC);
                    head[BASE].copy_from_slice(&BASE_NUMBER.to_le_bytes());
                    head[NUMBER].copy_from_slice(&(number % 4).to_le_bytes());
                    head[LENGTH].copy_from_slice(&length.to_le_bytes());
                }
            }
            let _read = last(&bytes, BASE_NUMBER);
        }
    }
}
