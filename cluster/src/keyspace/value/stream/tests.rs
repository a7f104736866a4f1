//! The stream against a sorted map.

use super::*;
use proptest::prelude::*;
use std::collections::BTreeMap;

type Pairs = Vec<(Vec<u8>, Vec<u8>)>;

#[derive(Debug, Clone)]
enum Step {
    Append { ms: u64, seq: u64, fields: Pairs },
    Delete(usize),
    TrimLen(u64),
    TrimId(usize),
    Recode,
}

fn fields() -> impl Strategy<Value = Pairs> {
    let string = |name: &'static str| Just(name.as_bytes().to_vec());
    let value = proptest::collection::vec(any::<u8>(), 0..40);
    prop_oneof![
        8 => (string("u"), value.clone()).prop_map(|pair| vec![pair]),
        2 => (string("a"), string("b"), value.clone(), value).prop_map(|(a, b, v, w)| vec![(a, v), (b, w)]),
        1 => (string("big"), Just(vec![7; 5_000])).prop_map(|pair| vec![pair]),
    ]
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        60 => (prop_oneof![Just(0u64), 1u64..3, 100u64..100_000], 1u64..4, fields())
            .prop_map(|(ms, seq, fields)| Step::Append { ms, seq, fields }),
        20 => (0usize..1_000).prop_map(Step::Delete),
        1 => (0u64..300).prop_map(Step::TrimLen),
        1 => (0usize..1_000).prop_map(Step::TrimId),
        1 => Just(Step::Recode),
    ]
}

fn borrowed(fields: &Pairs) -> impl ExactSizeIterator<Item = (&[u8], &[u8])> + Clone {
    fields.iter().map(|(name, value)| (name.as_slice(), value.as_slice()))
}

fn owned(entry: Entry<'_>) -> (StreamId, Pairs) {
    (entry.id, entry.fields.map(|(name, value)| (name.to_vec(), value.to_vec())).collect())
}

fn recode(stream: &Stream) -> Stream {
    let mut bytes = vec![];
    stream.encode(&mut bytes);
    Stream::decode(&bytes).unwrap()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn a_stream_behaves_as_a_sorted_map(steps in proptest::collection::vec(step(), 0..700), (from, to) in (0usize..900, 0usize..900)) {
        let mut stream = Stream::new();
        let mut model: BTreeMap<StreamId, Pairs> = BTreeMap::new();
        let (mut last, mut deleted, mut added) = (StreamId::MIN, StreamId::MIN, 0);
        let mut given = vec![];
        for step in steps {
            match step {
                Step::Append { ms, seq, fields } => {
                    let id = if ms == 0 { StreamId::new(last.ms, last.seq + seq) } else { StreamId::new(last.ms + ms, seq - 1) };
                    prop_assert!(stream.append(id, borrowed(&fields)));
                    prop_assert!(!stream.append(id, borrowed(&fields)), "an id is given once");
                    model.insert(id, fields);
                    given.push(id);
                    last = id;
                    added += 1;
                }
                Step::Delete(at) => {
                    let Some(id) = given.get(at % given.len().max(1)) else { continue };
                    let there = model.remove(id).is_some();
                    prop_assert_eq!(stream.delete(*id), there);
                    if there { deleted = deleted.max(*id); }
                }
                Step::TrimLen(keep) => {
                    let excess = model.len().saturating_sub(keep as usize);
                    prop_assert_eq!(stream.trim(Keep::Last(keep), false, 0), excess as u64);
                    for _ in 0..excess { model.pop_first(); }
                }
                Step::TrimId(at) => {
                    let Some(id) = given.get(at % given.len().max(1)) else { continue };
                    let rest = model.split_off(id);
                    prop_assert_eq!(stream.trim(Keep::From(*id), false, 0), model.len() as u64);
                    model = rest;
                }
                Step::Recode => stream = recode(&stream),
            }
            prop_assert_eq!(stream.len(), model.len() as u64);
            prop_assert_eq!(stream.first_id(), model.keys().next().copied().unwrap_or_default());
            prop_assert_eq!(stream.last().map(|entry| entry.id), model.keys().next_back().copied());
        }
        prop_assert_eq!((stream.last_id(), stream.max_deleted_id(), stream.entries_added()), (last, deleted, added));
        prop_assert_eq!(stream.block_bytes, stream.blocks.iter().map(Block::memory_bytes).sum::<usize>());
        prop_assert!(stream.blocks.iter().all(|block| block.len() > 0));
        let pair = |(id, fields): (&StreamId, &Pairs)| (*id, fields.clone());
        prop_assert!(stream.range(StreamId::MIN, StreamId::MAX).map(owned).eq(model.iter().map(pair)));
        prop_assert!(stream.range_back(StreamId::MIN, StreamId::MAX).map(owned).eq(model.iter().rev().map(pair)));
        if !given.is_empty() {
            let (a, b) = (given[from % given.len()], given[to % given.len()]);
            let (start, end) = (a.min(b), a.max(b));
            prop_assert!(stream.range(start, end).map(owned).eq(model.range(start..=end).map(pair)));
            prop_assert!(stream.range_back(start, end).map(owned).eq(model.range(start..=end).rev().map(pair)));
        }
        let back = recode(&stream);
        prop_assert!(back.range(StreamId::MIN, StreamId::MAX).map(owned).eq(model.iter().map(pair)));
        prop_assert_eq!(back.last_id(), stream.last_id());
    }

    #[test]
    fn hostile_bytes_are_refused_without_panic(mut bytes in proptest::collection::vec(any::<u8>(), 0..80)) {
        let _ = Stream::decode(&bytes);
        bytes.insert(0, codec::VERSION);
        let _ = Stream::decode(&bytes);
    }

    #[test]
    fn a_flipped_byte_never_panics(at in 0usize..400, to: u8) {
        let mut stream = Stream::new();
        for n in 1..40 {
            stream.append(StreamId::new(n, 0), [(&b"u"[..], &b"value"[..])].into_iter());
        }
        let mut bytes = vec![];
        stream.encode(&mut bytes);
        let at = at % bytes.len();
        bytes[at] = to;
        if let Ok(stream) = Stream::decode(&bytes) {
            stream.range(StreamId::MIN, StreamId::MAX).for_each(|entry| entry.fields.for_each(drop));
        }
    }
}

fn log(entries: u64) -> Stream {
    let mut stream = Stream::new();
    for n in 1..=entries {
        stream.append(
            StreamId::new(1_700_000_000_000 + n / 20, n % 20 + 1),
            [(&b"u"[..], &[n as u8; 60][..])].into_iter(),
        );
    }
    stream
}

#[test]
fn an_approximate_trim_drops_whole_blocks_within_its_limit() {
    let mut stream = log(1_000);
    let block = stream.blocks[0].len() as u64;
    assert_eq!(stream.trim(Keep::Last(1_000 - block + 1), true, 0), 0);
    assert_eq!(stream.trim(Keep::Last(1_000 - block), true, 0), block);
    assert_eq!(stream.trim(Keep::Last(0), true, block * 3), block * 3, "the limit stops it");
    let third = stream.range(StreamId::MIN, StreamId::MAX).nth(block as usize * 2 + 1).unwrap().id;
    assert_eq!(stream.trim(Keep::From(third), true, 0), block * 2);
}

#[test]
fn a_small_entry_takes_few_bytes_beyond_its_value() {
    let stream = log(100_000);
    let per_entry = stream.memory_bytes() as f64 / 100_000.0;
    assert!(per_entry < 60.0 + 9.0, "{per_entry}");
}

#[test]
fn trimming_a_steady_log_one_by_one_keeps_its_memory_flat() {
    let mut stream = log(1_000);
    let before = stream.memory_bytes();
    for n in 0..50_000u64 {
        stream.append(StreamId::new(1_800_000_000_000 + n, 0), [(&b"u"[..], &[0; 60][..])].into_iter());
        assert_eq!(stream.trim(Keep::Last(1_000), false, 0), 1);
    }
    assert_eq!(stream.len(), 1_000);
    assert!(stream.memory_bytes() < before * 5 / 4 + 8_192, "{} after {before}", stream.memory_bytes());
}

#[test]
fn the_next_id_never_goes_back_with_the_clock() {
    let mut stream = Stream::new();
    assert_eq!(stream.next_id(5), Some(StreamId::new(5, 0)));
    stream.append(StreamId::new(10, 3), [(&b"a"[..], &b"b"[..])].into_iter());
    assert_eq!(stream.next_id(5), Some(StreamId::new(10, 4)));
    assert_eq!(stream.next_id(10), Some(StreamId::new(10, 4)));
    assert_eq!(stream.next_id(11), Some(StreamId::new(11, 0)));
    stream.set_past(StreamId::MAX, None, None);
    assert_eq!(stream.next_id(11), None);
}

#[test]
fn a_last_id_below_deleted_entries_lets_lower_ids_follow() {
    let mut stream = Stream::new();
    let fields = || [(&b"a"[..], &b"b"[..])].into_iter();
    for ms in [1, 2, 9] {
        stream.append(StreamId::new(ms, 0), fields());
    }
    stream.delete(StreamId::new(9, 0));
    stream.set_past(StreamId::new(3, 0), None, Some(StreamId::new(1, 0)));
    assert!(stream.append(StreamId::new(4, 0), fields()));
    let ids: Vec<u64> = stream.range(StreamId::MIN, StreamId::MAX).map(|entry| entry.id.ms).collect();
    assert_eq!(ids, [1, 2, 4]);
    assert_eq!(recode(&stream).len(), 3);
}
