//! The entries of a slot as they travel: each in the form of base files, with its length (four bytes, little-endian) before it.

use persistence::Store;
use shared::slot::Slot;

use crate::keyspace::Keyspace;
use crate::replay::write_base_entry;

/// What a slot holds now, and the offset up to which its log is in that.
pub(crate) fn of_slot(keyspace: &Keyspace, store: &Store, slot: Slot) -> (u64, Vec<u8>) {
    let mut entries = Vec::new();
    let partition = keyspace.lock(slot.partition());
    let cut = store.cut(slot);
    for entry in partition.table(slot).iter() {
        let at = entries.len();
        entries.extend_from_slice(&[0; 4]);
        write_base_entry(entry, &mut entries);
        let len = (entries.len() - at - 4) as u32;
        entries[at..at + 4].copy_from_slice(&len.to_le_bytes());
    }
    (cut, entries)
}

/// Cuts entries into pieces of about so many bytes, at least one piece: a frame has a greatest length, and so has what the other
/// side reads before it takes it in.
pub(crate) fn pieces(entries: &[u8], about: usize) -> impl Iterator<Item = &[u8]> {
    let mut rest = Some(entries);
    std::iter::from_fn(move || {
        let entries = rest?;
        let mut end = 0;
        while end < entries.len() && (end == 0 || end < about) {
            let len = entries[end..].first_chunk().map_or(0, |len| u32::from_le_bytes(*len)) as usize;
            end += 4 + len;
        }
        let (piece, behind) = entries.split_at(end);
        rest = (!behind.is_empty()).then_some(behind);
        Some(piece)
    })
}

/// Reads entries one by one; an error if one is cut short.
pub(crate) fn each(mut entries: &[u8]) -> impl Iterator<Item = Result<&[u8], CutShort>> {
    std::iter::from_fn(move || {
        let (len, rest) = match entries.split_first_chunk() {
            Some((len, rest)) => (u32::from_le_bytes(*len) as usize, rest),
            None if entries.is_empty() => return None,
            None => {
                entries = &[];
                return Some(Err(CutShort));
            }
        };
        let Some((entry, behind)) = rest.split_at_checked(len) else {
            entries = &[];
            return Some(Err(CutShort));
        };
        entries = behind;
        Some(Ok(entry))
    })
}

/// An entry ends too early.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct CutShort;

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(bytes: &[u8]) -> Vec<u8> {
        [&(bytes.len() as u32).to_le_bytes()[..], bytes].concat()
    }

    #[test]
    fn entries_are_cut_between_two_of_them_and_read_back() {
        let all = [entry(b"one"), entry(b""), entry(b"three")].concat();
        let cut: Vec<&[u8]> = pieces(&all, 7).collect();
        assert_eq!(cut, [&all[..7], &all[7..]]);
        assert_eq!(pieces(b"", 7).collect::<Vec<_>>(), [b""]);
        let read: Vec<_> = each(&all).map(Result::unwrap).collect();
        assert_eq!(read, [&b"one"[..], b"", b"three"]);
        let cut_short: Vec<_> = each(&all[..9]).collect();
        assert_eq!(cut_short, [Ok(&b"one"[..]), Err(CutShort)]);
    }
}
