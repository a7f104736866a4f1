//! Awareness against the rules of y-protocols.

use super::*;
use proptest::prelude::*;

const ANA: ClientId = 1;
const BEN: ClientId = 2;

fn here(client: ClientId, clock: u64, state: &str) -> Vec<u8> {
    let entry = Entry { clock, state: Some(state.to_owned()), last_seen_ms: 0 };
    encode_entries(&[(client, &entry)])
}

fn left(client: ClientId, clock: u64) -> Vec<u8> {
    encode_entries(&[(client, &Entry { clock, state: None, last_seen_ms: 0 })])
}

#[test]
fn bytes_equal_those_of_y_protocols() {
    let mut awareness = Awareness::new();
    assert_eq!(awareness.set(5, Some("{}".into()), 0), [1, 5, 1, 2, b'{', b'}']);
    assert_eq!(awareness.set(5, None, 0), [1, 5, 2, 4, b'n', b'u', b'l', b'l']);
}

#[test]
fn the_higher_clock_wins_and_null_removes_at_the_same_clock() {
    let mut awareness = Awareness::new();
    let added = awareness.apply(&here(BEN, 5, "1"), Some(ANA), 0).unwrap();
    assert_eq!(added.added, [BEN]);
    assert!(awareness.apply(&here(BEN, 4, "2"), Some(ANA), 0).unwrap().is_empty());
    assert!(awareness.apply(&here(BEN, 5, "2"), Some(ANA), 0).unwrap().is_empty());
    assert_eq!(awareness.state(BEN), Some("1"));
    assert_eq!(awareness.apply(&left(BEN, 5), Some(ANA), 0).unwrap().removed, [BEN]);
    assert!(
        awareness.apply(&here(BEN, 5, "1"), Some(ANA), 0).unwrap().is_empty(),
        "an old word brings nobody back"
    );
    assert_eq!(awareness.apply(&here(BEN, 6, "3"), Some(ANA), 0).unwrap().added, [BEN]);
}

#[test]
fn nobody_else_removes_the_client_that_lives_here() {
    let mut awareness = Awareness::new();
    awareness.set(ANA, Some("1".into()), 0);
    let changes = awareness.apply(&left(ANA, 7), Some(ANA), 0).unwrap();
    assert_eq!(changes.updated, [ANA], "it must say its state again");
    assert_eq!(awareness.state(ANA), Some("1"));
    let mut other = Awareness::new();
    other.apply(&left(ANA, 7), None, 0).unwrap();
    assert_eq!(other.apply(&awareness.encode(&[ANA]), None, 0).unwrap().added, [ANA]);
}

#[test]
fn nobody_else_says_what_the_client_that_lives_here_says() {
    let mut awareness = Awareness::new();
    awareness.set(ANA, Some("1".into()), 0);
    let changes = awareness.apply(&here(ANA, 7, "forged"), Some(ANA), 0).unwrap();
    assert_eq!(changes.updated, [ANA], "it must say its state again");
    assert_eq!(awareness.state(ANA), Some("1"));
    let mut other = Awareness::new();
    other.apply(&here(ANA, 7, "forged"), None, 0).unwrap();
    assert_eq!(other.apply(&awareness.encode(&[ANA]), None, 0).unwrap().updated, [ANA]);
    assert_eq!(other.state(ANA), Some("1"));
}

#[test]
fn a_clock_at_its_end_makes_no_update_that_cannot_be_read() {
    let mut awareness = Awareness::new();
    awareness.apply(&here(BEN, NUMBER_MAX, "1"), None, 0).unwrap();
    awareness.remove(&[BEN], 0);
    assert!(decode(&awareness.encode(&[BEN])).is_ok());
    assert!(decode(&awareness.set(BEN, Some("1".into()), 0)).is_ok());
}

#[test]
fn who_is_silent_for_30_s_is_gone_and_forgotten_later() {
    let mut awareness = Awareness::new();
    awareness.set(ANA, Some("1".into()), 0);
    awareness.apply(&here(BEN, 1, "1"), Some(ANA), 0).unwrap();
    assert!(awareness.expire(Some(ANA), OUTDATED_MS - 1).is_empty());
    assert!(awareness.needs_renewal(ANA, RENEW_MS) && !awareness.needs_renewal(ANA, RENEW_MS - 1));
    assert_eq!(awareness.expire(Some(ANA), OUTDATED_MS).removed, [BEN]);
    assert_eq!(awareness.states().collect::<Vec<_>>(), [(ANA, "1")]);
    awareness.expire(Some(ANA), 3 * OUTDATED_MS);
    assert_eq!(awareness.clients.len(), 1);
}

#[test]
fn a_lost_connection_takes_its_clients_along() {
    let mut awareness = Awareness::new();
    awareness.apply(&here(BEN, 1, "1"), None, 0).unwrap();
    assert_eq!(awareness.remove(&[BEN, 77], 5), [BEN]);
    let mut other = Awareness::new();
    other.apply(&here(BEN, 1, "1"), None, 0).unwrap();
    assert_eq!(other.apply(&awareness.encode(&[BEN]), None, 0).unwrap().removed, [BEN]);
}

#[test]
fn too_many_clients_and_too_long_states_are_refused() {
    let mut awareness = Awareness::new();
    let long = "x".repeat(AWARENESS_STATE_BYTES_MAX + 1);
    assert_eq!(awareness.apply(&here(BEN, 1, &long), None, 0), Err(BadAwareness::StateTooLong));
    let entry = Entry { clock: 0, state: Some("1".into()), last_seen_ms: 0 };
    let crowd = |range: std::ops::Range<u64>| {
        encode_entries(&range.map(|client| (client, &entry)).collect::<Vec<_>>())
    };
    let all = AWARENESS_CLIENTS_MAX as u64;
    assert_eq!(awareness.apply(&crowd(0..all + 1), None, 0), Err(BadAwareness::TooManyClients));
    assert_eq!(awareness.apply(&crowd(0..all), None, 0).unwrap().added.len(), AWARENESS_CLIENTS_MAX);
    assert!(awareness.apply(&here(all + 9, 1, "1"), None, 0).unwrap().is_empty(), "the map is full");
}

proptest! {
    #[test]
    fn peers_that_heard_the_same_words_in_any_order_agree(
        words in proptest::collection::vec((0..4u64, 0..6u64, any::<bool>()), 1..20),
        seed in any::<u64>(),
    ) {
        // One client says one thing at a clock.
        let updates: Vec<_> = words.iter().map(|&(client, clock, _)| here(client, clock, &format!("{clock}"))).collect();
        let mut shuffled = updates.clone();
        shuffled.sort_by_key(|update| update.iter().fold(seed, |hash, byte| hash.wrapping_mul(31) ^ u64::from(*byte)));
        let (mut one, mut other) = (Awareness::new(), Awareness::new());
        for update in &updates { one.apply(update, None, 0).unwrap(); }
        for update in &shuffled { other.apply(update, None, 0).unwrap(); }
        prop_assert_eq!(one.encode_all(), other.encode_all());
    }

    #[test]
    fn no_bytes_make_it_panic(bytes in proptest::collection::vec(any::<u8>(), 0..60)) {
        let _ = Awareness::new().apply(&bytes, None, 0);
    }
}
