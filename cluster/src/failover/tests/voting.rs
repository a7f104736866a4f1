//! What a voter refuses, and what it keeps: one wrong thing at a time.

use persistence::StoreId;
use shared::epoch::Epoch;
use shared::node_id::NodeId;
use shared::slot_set::SlotSet;

use super::shards::Shards;
use crate::gossip::tests::network::TIMEOUT_MS;
use crate::gossip::{Effect, Event, LinkId, Message, VoteRequest};
use crate::topology::{CopyId, InSync, Moment};

const VOTER: usize = 1;
const PRIMARY: usize = 0;
const CANDIDATE: usize = 3;

/// A cluster whose first primary has failed, in the eyes of the voter, and been silent until its lease ended.
fn failed() -> Shards {
    let mut shards = Shards::new(1, 1);
    // Nobody but the test stands.
    for node in [CANDIDATE, 4, 5] {
        shards.network.configure(node, |settings| settings.replica_priority = 0);
    }
    shards.network.silent[PRIMARY] = true;
    assert!(shards.run_until(5 * TIMEOUT_MS, |shards| shards.network.failed(VOTER, PRIMARY)));
    shards
}

fn request(shards: &Shards) -> VoteRequest {
    let topology = shards.network.engines[CANDIDATE].topology();
    let primary = topology.my_primary().unwrap();
    VoteRequest {
        epoch: topology.highest_epoch().next(),
        shard: topology.me().shard,
        store: shards.store(CANDIDATE),
        slots: primary.slots().clone(),
        config_epoch: primary.config_epoch,
        noted: None,
        ordered: false,
        resigned: None,
    }
}

fn say(shards: &mut Shards, sender: usize, message: Message) -> Vec<Effect> {
    let event = Event::Received {
        link: LinkId::In(1),
        local: [127, 0, 0, 2].into(),
        remote: [127, 0, 0, sender as u8 + 1].into(),
        sender: shards.network.id(sender),
        message,
    };
    let (now, mut rng) = (shards.now(), shared::rt::rng::Rng::from_seed(1));
    shards.network.engines[VOTER].handle(event, now, &mut rng)
}

/// Whether the voter votes; then that it does is on disk first.
fn votes(shards: &mut Shards, sender: usize, request: &VoteRequest) -> bool {
    let last = |shards: &Shards| shards.network.engines[VOTER].topology().last_vote_epoch;
    let before = last(shards);
    let effects = say(shards, sender, Message::VoteRequest(Box::new(request.clone())));
    let voted = last(shards) != before;
    if voted {
        assert_eq!((effects.first(), last(shards)), (Some(&Effect::Save), request.epoch));
    }
    let is_vote = |effect: &Effect| matches!(effect, Effect::Send { message: Message::Vote(_), .. });
    assert!(voted || !effects.iter().any(is_vote));
    voted
}

#[test]
fn who_fits_gets_a_vote_and_nobody_a_second_one_in_that_epoch() {
    let mut shards = failed();
    let request = request(&shards);
    assert!(votes(&mut shards, CANDIDATE, &request));
    assert!(!votes(&mut shards, CANDIDATE, &request), "the epoch is over");
    // Nor does a copy of another shard, whose primary has resigned for it.
    let primary = shards.network.engines[5].topology().my_primary().unwrap();
    let other = VoteRequest {
        shard: shards.shard(5),
        store: shards.store(5),
        slots: primary.slots().clone(),
        config_epoch: primary.config_epoch,
        ordered: true,
        resigned: Some(Epoch(0)),
        ..request.clone()
    };
    assert!(!votes(&mut shards, 5, &other));
    let next = VoteRequest { epoch: request.epoch.next(), ..request };
    assert!(votes(&mut shards, CANDIDATE, &next));
    assert!(votes(&mut shards, 5, &VoteRequest { epoch: next.epoch.next(), ..other }));
}

#[test]
fn each_thing_that_is_wrong_is_reason_enough() {
    let right = request(&failed());
    let wrong = [
        ("another store", VoteRequest { store: StoreId::from_bytes([99; NodeId::BYTES]), ..right.clone() }),
        ("an old epoch", VoteRequest { epoch: Epoch(0), ..right.clone() }),
        ("another shard", VoteRequest { shard: failed().shard(2), ..right.clone() }),
        ("the voter's own shard", VoteRequest { shard: failed().shard(VOTER), ..right.clone() }),
        ("slots of others", VoteRequest { slots: SlotSet::full(), ..right.clone() }),
    ];
    for (what, request) in wrong {
        assert!(!votes(&mut failed(), CANDIDATE, &request), "{what}");
    }
    assert!(!votes(&mut failed(), 5, &right), "a replica of another shard");
    assert!(!votes(&mut failed(), 2, &right), "a primary of another shard");
    assert!(votes(&mut failed(), CANDIDATE, &right));
}

#[test]
fn a_primary_that_has_not_failed_keeps_its_office_unless_somebody_orders_otherwise_and_its_lease_is_over() {
    let mut shards = Shards::new(1, 1);
    let request = request(&shards);
    assert!(!votes(&mut shards, CANDIDATE, &request));
    let ordered = VoteRequest { ordered: true, ..request };
    assert!(!votes(&mut shards, CANDIDATE, &ordered), "it was promised something");
    let resigned = VoteRequest { resigned: Some(Epoch(7)), ..ordered.clone() };
    assert!(!votes(&mut shards, CANDIDATE, &resigned), "who resigned was another one");
    shards.run(TIMEOUT_MS + 100);
    assert!(votes(&mut shards, CANDIDATE, &ordered), "nothing more was promised meanwhile");
    let mut shards = Shards::new(1, 1);
    let resigned = VoteRequest { resigned: Some(Epoch(0)), ..ordered };
    assert!(votes(&mut shards, CANDIDATE, &resigned));
}

#[test]
fn a_voter_that_started_a_moment_ago_waits_for_what_it_may_have_promised() {
    let mut shards = failed();
    let request = request(&shards);
    shards.crash(VOTER);
    assert!(!votes(&mut shards, CANDIDATE, &request));
    shards.run(3 * TIMEOUT_MS);
    let request = VoteRequest { epoch: request.epoch.next().next(), ..request };
    assert!(votes(&mut shards, CANDIDATE, &request), "{}", shards.picture());
}

#[test]
fn after_its_vote_a_voter_notes_and_promises_nothing_older() {
    let mut shards = failed();
    let (shard, request) = (shards.shard(CANDIDATE), request(&shards));
    let copy = CopyId { node: shards.network.id(PRIMARY), store: shards.store(PRIMARY) };
    let alone = |version| InSync { term: Epoch(0), version, copies: [copy].into() };
    let noted = |shards: &mut Shards, set: InSync| {
        let effects = say(shards, PRIMARY, Message::Note(shard, set.clone()));
        let kept =
            shards.network.engines[VOTER].topology().shard(shard).and_then(|shard| shard.noted.as_ref());
        let noted = kept == Some(&set);
        assert!(!noted || effects.is_empty() || effects.first() == Some(&Effect::Save));
        noted
    };
    assert!(noted(&mut shards, alone(2)));
    assert!(!noted(&mut shards, alone(1)), "the newer one stays");
    let both = shards.network.engines[PRIMARY].topology().office.as_ref().unwrap().in_force.clone();
    assert!(noted(&mut shards, InSync { version: 3, ..both }));
    assert!(votes(&mut shards, CANDIDATE, &request));
    assert!(!noted(&mut shards, alone(4)), "it said who was in sync when it voted");
    shards.network.silent[PRIMARY] = false;
    shards.network.blocked.extend((2..6).flat_map(|node| [(PRIMARY, node), (node, PRIMARY)]));
    shards.run(2 * TIMEOUT_MS);
    let leased = shards.network.engines[PRIMARY].leased_until();
    assert!(leased.is_some_and(|until: Moment| until <= shards.now()), "one promise would have been enough");
}
