//! The sorted set against a sorted vector.

use super::range::{LexBound, LexRange, ScoreRange};
use super::*;
use proptest::prelude::*;

#[derive(Debug, Clone)]
enum Step {
    Insert(u16, f64),
    Remove(u16),
    RemoveRanks(usize, usize),
    Recode,
}

fn score() -> impl Strategy<Value = f64> {
    prop_oneof![
        6 => (-9i32..9).prop_map(f64::from),
        3 => -1.0f64..1.0,
        1 => prop_oneof![Just(f64::INFINITY), Just(f64::NEG_INFINITY), Just(-0.0), Just(1e300)],
    ]
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        60 => (0u16..400, score()).prop_map(|(n, score)| Step::Insert(n, score)),
        20 => (0u16..400).prop_map(Step::Remove),
        1 => (0usize..400, 0usize..9).prop_map(|(from, count)| Step::RemoveRanks(from, count)),
        1 => Just(Step::Recode),
    ]
}

fn member(number: u16) -> Vec<u8> {
    format!("member:{number}").into_bytes()
}

type Model = Vec<(Vec<u8>, f64)>;

fn sort(model: &mut Model) {
    model.sort_by(|a, b| a.1.partial_cmp(&b.1).unwrap().then_with(|| a.0.cmp(&b.0)));
}

fn compare(set: &SortedSet, model: &Model) {
    assert_eq!(set.len(), model.len());
    let entry = |(member, score): &(Vec<u8>, f64)| (member.clone(), *score);
    let own = |entry: Entry<'_>| (entry.member.to_vec(), entry.score);
    assert!(set.iter().map(own).eq(model.iter().map(entry)));
    assert!(set.ranks_back(0..set.len()).map(own).eq(model.iter().rev().map(entry)));
    for (rank, (member, score)) in model.iter().enumerate() {
        assert_eq!(set.rank(member), Some(rank));
        assert_eq!(set.score(member), Some(*score));
        assert_eq!(set.at(rank).map(own), Some((member.clone(), *score)));
    }
    let (third, half) = (model.len() / 3, model.len() / 2);
    assert!(set.ranks(third..half).map(own).eq(model[third..half].iter().map(entry)));
    assert!(set.ranks_back(third..half).map(own).eq(model[third..half].iter().rev().map(entry)));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]
    #[test]
    fn a_sorted_set_behaves_as_a_sorted_vector(steps in proptest::collection::vec(step(), 0..1_000)) {
        let (mut set, mut model): (SortedSet, Model) = (SortedSet::new(), vec![]);
        for step in steps {
            match step {
                Step::Insert(n, score) => {
                    let expected = match model.iter_mut().find(|(name, _)| *name == member(n)) {
                        Some((_, old)) if *old == score => Change::None,
                        Some((_, old)) => { *old = score; Change::Moved }
                        None => { model.push((member(n), score)); Change::Added }
                    };
                    sort(&mut model);
                    prop_assert_eq!(set.insert(&member(n), score), expected);
                }
                Step::Remove(n) => {
                    let at = model.iter().position(|(name, _)| *name == member(n));
                    prop_assert_eq!(set.remove(&member(n)), at.map(|at| model.remove(at).1));
                }
                Step::RemoveRanks(from, count) => {
                    let (from, to) = (from.min(model.len()), (from + count).min(model.len()));
                    prop_assert_eq!(set.remove_ranks(from..to), to - from);
                    model.drain(from..to);
                }
                Step::Recode => {
                    let mut bytes = vec![];
                    set.encode(&mut bytes);
                    set = SortedSet::decode(&bytes).unwrap();
                }
            }
            prop_assert_eq!(set.len(), model.len());
        }
        compare(&set, &model);
    }

    #[test]
    fn score_ranges_are_what_a_filter_finds(
        scores in proptest::collection::vec(score(), 0..300),
        (min, min_exclusive, max, max_exclusive) in (score(), any::<bool>(), score(), any::<bool>()),
    ) {
        let mut set = SortedSet::new();
        for (n, score) in scores.iter().enumerate() {
            set.insert(&member(n as u16), *score);
        }
        let range = ScoreRange { min, min_exclusive, max, max_exclusive };
        let found: Vec<_> = set.ranks(range.ranks(&set)).collect();
        let inside = |s: f64| {
            (s > min || (s == min && !min_exclusive)) && (s < max || (s == max && !max_exclusive))
        };
        let expected: Vec<_> = set.iter().filter(|entry| inside(entry.score)).collect();
        prop_assert_eq!(found, expected);
    }

    #[test]
    fn hostile_bytes_are_refused_without_panic(mut bytes in proptest::collection::vec(any::<u8>(), 0..80)) {
        let _ = SortedSet::decode(&bytes);
        bytes.insert(0, codec::VERSION);
        let _ = SortedSet::decode(&bytes);
    }
}

#[test]
fn lex_ranges_take_members_of_equal_score() {
    let mut set = SortedSet::new();
    for name in ["a", "b", "c", "d", "e"] {
        set.insert(name.as_bytes(), 0.0);
    }
    let names = |min, max| -> Vec<String> {
        let range = LexRange { min, max };
        set.ranks(range.ranks(&set)).map(|entry| String::from_utf8_lossy(entry.member).into_owned()).collect()
    };
    assert_eq!(names(LexBound::Lowest, LexBound::Highest).len(), 5);
    assert_eq!(names(LexBound::Included(b"b"), LexBound::Excluded(b"d")), ["b", "c"]);
    assert_eq!(names(LexBound::Excluded(b"b"), LexBound::Included(b"d")), ["c", "d"]);
    assert!(names(LexBound::Highest, LexBound::Lowest).is_empty());
    assert!(names(LexBound::Included(b"d"), LexBound::Included(b"b")).is_empty());
}

#[test]
fn the_encoding_changes_where_redis_changes_it() {
    let mut set = SortedSet::new();
    (0..128).for_each(|n| assert_eq!(set.insert(&member(n), 1.0), Change::Added));
    assert_eq!(set.encoding(), "listpack");
    set.insert(&member(128), 1.0);
    assert_eq!((set.encoding(), set.len()), ("skiplist", 129));
    let mut set = SortedSet::new();
    set.insert(&[b'x'; 65], 1.0);
    assert_eq!(set.encoding(), "skiplist");
}

#[test]
fn damage_is_refused() {
    let mut set = SortedSet::new();
    set.insert(b"a", 1.0);
    set.insert(b"b", 2.0);
    let mut bytes = vec![];
    set.encode(&mut bytes);
    for cut in 0..bytes.len() {
        assert!(SortedSet::decode(&bytes[..cut]).is_err(), "cut at {cut}");
    }
    let mut turned = bytes.clone();
    turned[3] = b'z';
    turned[4 + 7] = 0x7f;
    assert!(SortedSet::decode(&turned).is_err());
    let mut nan = bytes.clone();
    let end = nan.len();
    nan[end - 8..].copy_from_slice(&f64::NAN.to_le_bytes());
    assert_eq!(SortedSet::decode(&nan).unwrap_err(), DecodeError::Damaged("a sorted set is not in order"));
}
