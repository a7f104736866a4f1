//! Edits whose neighbours never stood side by side, crafted on purpose: a peer that saw them come one by one, a peer that saw them in
//! another order and a peer that loaded a snapshot read the same.

use proptest::prelude::*;
use proptest::sample::Index;

use super::super::{Kind, text};
use super::*;
use crate::protocol::lib0::{write_byte_string, write_number};

/// A letter, and which letters it says stand left and right of it: by their place among those made before.
#[derive(Debug, Clone)]
struct Letter {
    client: u64,
    left: Option<Index>,
    right: Option<Index>,
}

type Name = (u64, u64);

fn letters() -> impl Strategy<Value = Vec<Letter>> {
    let side = || proptest::option::weighted(0.7, any::<Index>());
    let letter = (1..5u64, side(), side()).prop_map(|(client, left, right)| Letter { client, left, right });
    proptest::collection::vec(letter, 1..12)
}

/// For each letter its name, what it builds on, and its update.
fn updates(letters: &[Letter]) -> Vec<(Name, Vec<Name>, Vec<u8>)> {
    let mut made: Vec<(Name, Vec<Name>, Vec<u8>)> = Vec::new();
    for letter in letters {
        let clock = made.iter().filter(|((client, _), ..)| *client == letter.client).count() as u64;
        let pick = |index: &Option<Index>| match index {
            Some(index) if !made.is_empty() => Some(made[index.index(made.len())].0),
            _ => None,
        };
        let (left, right) = (pick(&letter.left), pick(&letter.right));
        let mut bytes = Vec::new();
        [1, 1, letter.client, clock].into_iter().for_each(|n| write_number(&mut bytes, n));
        bytes.push(4 | u8::from(left.is_some()) << 7 | u8::from(right.is_some()) << 6);
        for (client, clock) in [left, right].into_iter().flatten() {
            write_number(&mut bytes, client);
            write_number(&mut bytes, clock);
        }
        if (left, right) == (None, None) {
            bytes.push(1);
            write_byte_string(&mut bytes, b"content");
        }
        let shown = char::from(b'A' + made.len() as u8);
        write_byte_string(&mut bytes, shown.to_string().as_bytes());
        bytes.push(0);
        let own = clock.checked_sub(1).map(|clock| (letter.client, clock));
        made.push(((letter.client, clock), [left, right, own].into_iter().flatten().collect(), bytes));
    }
    made
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn peers_read_the_same_whatever_neighbours_an_edit_names(
        letters in letters(),
        turns in proptest::collection::vec(any::<Index>(), 12),
    ) {
        let mut rest = updates(&letters);
        let mut live = Document::new(Kind::Text, 100);
        for (_, _, update) in &rest {
            prop_assert!(live.apply(update).is_ok());
        }
        let read = text::plain(&live).unwrap();
        let loaded = Document::load(Kind::Text, 101, &live.snapshot().unwrap()).unwrap();
        prop_assert_eq!(text::plain(&loaded).unwrap(), read.clone(), "after a snapshot was loaded");

        let mut other = Document::new(Kind::Text, 102);
        for turn in turns {
            let known = |(client, clock): &Name| u64::from(other.clock(*client)) > *clock;
            let ready: Vec<usize> = (0..rest.len()).filter(|at| rest[*at].1.iter().all(known)).collect();
            if let Some(last) = ready.len().checked_sub(1) {
                let (.., update) = rest.remove(ready[turn.index(last + 1)]);
                prop_assert!(other.apply(&update).is_ok());
            }
        }
        prop_assert!(rest.is_empty());
        prop_assert_eq!(text::plain(&other).unwrap(), read, "in another order");
        prop_assert_eq!(other.state_vector(), live.state_vector());
    }
}
