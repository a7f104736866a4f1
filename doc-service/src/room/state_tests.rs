//! The machine of a room, without a socket or a cluster.

use shared::document::{Kind, text};
use shared::limits::PENDING_UPDATES_MAX;
use shared::rt::time::{Duration, timeout};
use yrs::{Doc, Text, Transact, WriteTxn};

use super::*;
use crate::gateway::outbox::{Frame, Waiting};
use crate::save::basis::Basis;
use crate::save::load::NOBODY;

fn room() -> (Room, Instant) {
    let now = Instant::now();
    (Room::new(Document::new(Kind::Text, NOBODY), 0, Arc::default(), now), now)
}

/// What waits for a client; `Err` if it is hung up on.
async fn messages(outbox: &Outbox) -> Result<Vec<Bytes>, CloseReason> {
    match timeout(Duration::from_secs(5), outbox.wait()).await.expect("something to say") {
        Waiting::Close(reason) => Err(reason),
        Waiting::Frames(frames) => Ok(frames
            .into_iter()
            .filter_map(|frame| match frame {
                Frame::Message(message) => Some(message),
                Frame::Ping => None,
            })
            .collect()),
    }
}

fn typed(doc: &Doc, letters: &str) -> Edit {
    let mut transaction = doc.transact_mut();
    let content = transaction.get_or_insert_text("content");
    content.push(&mut transaction, letters);
    let update = transaction.encode_update_v1();
    let saves = shared::document::validate(&update).unwrap().state_vector();
    Edit { update: update.into(), saves }
}

fn on_channel(update: &[u8]) -> Bytes {
    encoded(&Message::Update(update))
}

#[tokio::test]
async fn an_edit_is_applied_and_published_at_once_and_relayed_when_it_comes_back() {
    let (mut room, now) = room();
    let (ana, ben) = (Outbox::new(), Outbox::new());
    let author = room.join(ana.clone(), false).unwrap();
    room.join(ben.clone(), false).unwrap();
    assert_eq!(messages(&ben).await.unwrap(), [encoded(&Message::SyncStep1(&[0]))]);
    messages(&ana).await.unwrap();
    let edit = typed(&Doc::with_client_id(1), "hello");
    let mut out = Effects::default();
    room.request(author, Request::Edit(edit.clone()), now, &mut out);
    assert_eq!(out, Effects { publish: vec![edit.update.clone()], ..Effects::default() });
    assert_eq!(text::plain(room.document()).unwrap(), "hello");
    assert!(room.take_changed() && !room.take_changed());
    let heard = on_channel(&edit.update);
    room.heard(std::slice::from_ref(&heard), now, &mut Effects::default());
    assert_eq!(messages(&ana).await.unwrap(), std::slice::from_ref(&heard), "seen by its author too");
    assert_eq!(messages(&ben).await.unwrap(), [heard]);
    assert!(!room.take_changed(), "it came back: nothing is new");
}

#[tokio::test]
async fn what_was_offline_is_published_without_what_everybody_knows() {
    let (mut room, now) = room();
    let outbox = Outbox::new();
    let author = room.join(outbox, true).unwrap();
    let doc = Doc::with_client_id(1);
    let (first, second) = (typed(&doc, "known "), typed(&doc, "new"));
    room.request(author, Request::Edit(first.clone()), now, &mut Effects::default());
    let both = yrs::merge_updates_v1([&first.update[..], &second.update[..]]).unwrap();
    let everything = Edit { update: both.into(), saves: second.saves.clone() };
    let mut out = Effects::default();
    room.request(author, Request::Offline(everything.clone()), now, &mut out);
    assert_eq!(out.publish.len(), 1);
    assert!(out.publish[0].len() < everything.update.len(), "only what is news");
    let mut again = Effects::default();
    room.request(author, Request::Offline(everything), now, &mut again);
    assert_eq!(
        again.publish,
        [Bytes::from_static(NOTHING)],
        "nothing new, but its author wants to hear that it is saved"
    );
}

#[tokio::test]
async fn saved_is_told_to_the_author_alone_with_clocks_and_count() {
    let (mut room, now) = room();
    let (ana, ben) = (Outbox::new(), Outbox::new());
    let author = room.join(ana.clone(), true).unwrap();
    room.join(ben.clone(), true).unwrap();
    for outbox in [&ana, &ben] {
        messages(outbox).await.unwrap();
    }
    let doc = Doc::with_client_id(1);
    room.request(author, Request::Edit(typed(&doc, "one")), now, &mut Effects::default());
    let place = room.own().published();
    room.request(author, Request::Edit(typed(&doc, "two")), now, &mut Effects::default());
    room.saved(place, now);
    let vector: StateVector = [(1, 3)].into_iter().collect();
    assert_eq!(messages(&ana).await.unwrap(), [encoded(&Message::Saved { vector, edits: 1 })]);
    room.saved(place, now);
    ben.push(&[Bytes::from_static(b"end")]);
    assert_eq!(messages(&ben).await.unwrap(), ["end"], "not told what another sent");
}

#[tokio::test]
async fn a_hostile_edit_is_refused_before_anybody_else_meets_it() {
    let (mut room, now) = room();
    let (mallory, ana) = (Outbox::new(), Outbox::new());
    let author = room.join(mallory.clone(), false).unwrap();
    room.join(ana.clone(), false).unwrap();
    messages(&ana).await.unwrap();
    // Its neighbour on the left lies in another type.
    let map = [1, 2, 7, 0, 40, 1, 1, b'm', 1, b'k', 1, 119, 1, b'v', 0x84, 7, 0, 1, b'x', 0];
    let first = Edit { update: Bytes::copy_from_slice(&map), saves: StateVector::new() };
    let mut out = Effects::default();
    room.request(author, Request::Edit(first), now, &mut out);
    let bad = Edit { update: Bytes::from_static(&[255; 9]), saves: StateVector::new() };
    room.request(author, Request::Edit(bad), now, &mut out);
    assert!(matches!(messages(&mallory).await, Err(CloseReason::Refused(_))));
    assert!(out.publish.len() <= 1 && !out.broken, "{out:?}");
    ana.push(&[Bytes::from_static(b"end")]);
    assert_eq!(messages(&ana).await.unwrap(), ["end"]);
}

#[tokio::test]
async fn who_leaves_takes_their_presence_along_and_newcomers_are_told_who_is_here() {
    let (mut room, now) = room();
    let author = room.join(Outbox::new(), false).unwrap();
    let update = Bytes::from_static(&[1, 5, 0, 2, b'{', b'}']);
    let mut out = Effects::default();
    room.request(author, Request::Presence(update.clone()), now, &mut out);
    assert_eq!(out.presence, std::slice::from_ref(&update));
    room.heard(&[encoded(&Message::Awareness(&update))], now, &mut out);
    let newcomer = Outbox::new();
    room.join(newcomer.clone(), false).unwrap();
    assert_eq!(messages(&newcomer).await.unwrap()[1], encoded(&Message::Awareness(&update)));
    let mut out = Effects::default();
    room.leave(author, now + Duration::from_secs(1), &mut out);
    assert_eq!(out.presence, [Bytes::from_static(&[1, 5, 1, 4, b'n', b'u', b'l', b'l'])]);
}

#[tokio::test]
async fn of_many_caret_moves_in_a_batch_the_last_of_each_person_travels_on() {
    let (mut room, now) = room();
    let outbox = Outbox::new();
    room.join(outbox.clone(), false).unwrap();
    messages(&outbox).await.unwrap();
    let moves: Vec<Bytes> =
        (0..9).map(|clock| encoded(&Message::Awareness(&[1, 5, clock, 1, b'0' + clock]))).collect();
    room.heard(&moves, now, &mut Effects::default());
    assert_eq!(messages(&outbox).await.unwrap(), [moves[8].clone()]);
}

#[tokio::test]
async fn what_was_missed_on_the_channel_is_relayed_when_it_is_read_and_only_once() {
    let (mut room, now) = room();
    let outbox = Outbox::new();
    room.join(outbox.clone(), false).unwrap();
    messages(&outbox).await.unwrap();
    let doc = Doc::with_client_id(1);
    let (heard, missed) = (typed(&doc, "heard "), typed(&doc, "missed"));
    room.heard(&[on_channel(&heard.update)], now, &mut Effects::default());
    messages(&outbox).await.unwrap();
    for _ in 0..2 {
        room.read(&[heard.update.clone(), missed.update.clone()], now, &mut Effects::default());
    }
    assert_eq!(messages(&outbox).await.unwrap(), [on_channel(&missed.update)]);
}

#[tokio::test]
async fn an_own_edit_that_the_channel_lost_is_relayed_when_the_log_is_read_or_after_a_while() {
    let (mut room, now) = room();
    let (ana, ben) = (Outbox::new(), Outbox::new());
    let author = room.join(ana, false).unwrap();
    room.join(ben.clone(), false).unwrap();
    messages(&ben).await.unwrap();
    let doc = Doc::with_client_id(1);
    let (first, second) = (typed(&doc, "first "), typed(&doc, "second"));
    for edit in [&first, &second] {
        room.request(author, Request::Edit(edit.clone()), now, &mut Effects::default());
    }
    room.read(std::slice::from_ref(&first.update), now, &mut Effects::default());
    assert_eq!(messages(&ben).await.unwrap(), [on_channel(&first.update)]);
    room.tick(now + Duration::from_secs(29));
    room.tick(now + Duration::from_secs(30));
    assert_eq!(messages(&ben).await.unwrap(), [on_channel(&second.update)]);
    // However late they come after that, nobody hears them twice.
    let late = [on_channel(&first.update), on_channel(&second.update), on_channel(&typed(&doc, "!").update)];
    room.heard(&late, now, &mut Effects::default());
    assert_eq!(messages(&ben).await.unwrap(), late[2..]);
}

#[tokio::test]
async fn of_two_edits_that_claim_to_be_the_same_one_everybody_has_that_which_the_document_has() {
    let (mut room, now) = room();
    let (ana, ben) = (Outbox::new(), Outbox::new());
    let author = room.join(ana, false).unwrap();
    room.join(ben.clone(), false).unwrap();
    messages(&ben).await.unwrap();
    let mut peer = Document::new(Kind::Text, NOBODY);
    let (doc, liar) = (Doc::with_client_id(1), Doc::with_client_id(1));
    let honest = typed(&doc, "true");
    room.request(author, Request::Edit(honest.clone()), now, &mut Effects::default());
    // It goes on where the first one ends, which is news.
    let mut twin = typed(&liar, "lies").update.to_vec();
    let more = typed(&liar, " and more").update;
    twin = yrs::merge_updates_v1([&twin[..], &more[..]]).unwrap();
    room.heard(&[on_channel(&twin), on_channel(&honest.update)], now, &mut Effects::default());
    for message in messages(&ben).await.unwrap() {
        let Ok(Message::Update(update)) = Message::decode(&message) else { panic!("{message:?}") };
        peer.apply(update).unwrap();
    }
    assert_eq!(text::plain(&peer).unwrap(), "true and more");
    assert_eq!(text::plain(room.document()).unwrap(), "true and more");
}

#[tokio::test]
async fn who_has_not_heard_an_edit_yet_gets_it_when_the_document_is_loaded_anew() {
    let (mut room, now) = room();
    let (ana, ben) = (Outbox::new(), Outbox::new());
    let author = room.join(ana, false).unwrap();
    room.join(ben.clone(), false).unwrap();
    let doc = Doc::with_client_id(1);
    let (heard, on_its_way) = (typed(&doc, "heard "), typed(&doc, "on its way"));
    for edit in [&heard, &on_its_way] {
        room.request(author, Request::Edit(edit.clone()), now, &mut Effects::default());
    }
    room.heard(&[on_channel(&heard.update)], now, &mut Effects::default());
    messages(&ben).await.unwrap();
    let mut anew = Document::new(Kind::Text, NOBODY);
    anew.apply_all(&[&heard.update, &on_its_way.update]);
    room.replace(anew, 0, &mut Effects::default());
    let news = messages(&ben).await.unwrap();
    let Ok(Message::Update(update)) = Message::decode(&news[0]) else { panic!("{news:?}") };
    assert_eq!(update, &on_its_way.update[..], "and not what it heard");
    room.heard(
        &[on_channel(&on_its_way.update), on_channel(&typed(&doc, "!").update)],
        now,
        &mut Effects::default(),
    );
    assert_eq!(messages(&ben).await.unwrap().len(), 1, "it comes back, and is old");
}

#[tokio::test]
async fn an_edit_that_builds_on_an_unknown_one_makes_the_room_read_the_log() {
    let (mut room, now) = room();
    let doc = Doc::with_client_id(1);
    typed(&doc, "lost ");
    let second = typed(&doc, "second");
    let mut out = Effects::default();
    room.heard(&[on_channel(&second.update)], now, &mut out);
    assert!(out.read_log);
}

#[tokio::test]
async fn what_is_handed_over_is_the_document_and_what_comes_meanwhile_is_handed_over_next() {
    let (mut room, now) = room();
    let author = room.join(Outbox::new(), false).unwrap();
    let (ana, ben, cleo) = (Doc::with_client_id(1), Doc::with_client_id(2), Doc::with_client_id(3));
    let mut out = Effects::default();
    room.request(author, Request::Edit(typed(&ana, "own ")), now, &mut out);
    room.heard(&[on_channel(&typed(&ben, "heard ").update)], now, &mut out);
    typed(&ben, "lost ");
    room.heard(&[on_channel(&typed(&ben, "waits ").update)], now, &mut out);
    let mut basis = Basis::default();
    let Recent { updates, knows } = room.hand_over();
    basis.extend(updates);
    // While the snapshot is made of it:
    room.request(author, Request::Offline(typed(&cleo, "offline ")), now, &mut out);
    room.read(&[typed(&ana, "read ").update], now, &mut out);
    let basis = basis.encode(Kind::Text, &knows).unwrap();
    let letters = |basis: &Basis| text::plain(&basis.load(Kind::Text).unwrap()).unwrap();
    assert!(letters(&basis).contains("own ") && letters(&basis).contains("heard "), "{}", letters(&basis));
    assert!(!letters(&basis).contains("offline ") && !letters(&basis).contains("read "));
    assert_eq!(basis.since().len(), 1, "what waits");
    let mut next = basis;
    let Recent { updates, knows } = room.hand_over();
    next.extend(updates);
    let next = next.encode(Kind::Text, &knows).unwrap();
    assert_eq!(letters(&next), text::plain(room.document()).unwrap());
    assert!(room.hand_over().updates.is_empty());
}

#[tokio::test]
async fn what_is_read_from_the_log_and_waits_is_handed_over_once_and_is_no_change() {
    let (mut room, now) = room();
    let doc = Doc::with_client_id(1);
    typed(&doc, "lost ");
    let waits = typed(&doc, "waits").update;
    room.read(std::slice::from_ref(&waits), now, &mut Effects::default());
    assert!(!room.take_changed(), "or it would be saved again and again");
    assert_eq!(room.hand_over().updates, [waits]);
}

#[tokio::test]
async fn of_an_edit_that_fits_nowhere_nobody_gets_the_bytes_and_its_author_is_closed() {
    let (mut room, now) = room();
    let (mallory, ana) = (Outbox::new(), Outbox::new());
    let author = room.join(mallory.clone(), false).unwrap();
    room.join(ana.clone(), false).unwrap();
    let doc = Doc::with_client_id(1);
    room.heard(&[on_channel(&typed(&doc, "abc").update)], now, &mut Effects::default());
    messages(&ana).await.unwrap();
    // A number among the letters, by clients 3 and 4.
    let number = |client: u8| {
        let bytes = [1, 1, client, 0, 8, 1, 7, b'c', b'o', b'n', b't', b'e', b'n', b't', 1, 126, 0];
        Bytes::copy_from_slice(&bytes)
    };
    let mut out = Effects::default();
    let edit = Edit { update: number(3), saves: [(3, 1)].into_iter().collect() };
    room.request(author, Request::Edit(edit), now, &mut out);
    assert!(matches!(messages(&mallory).await, Err(CloseReason::Refused(_))));
    assert_eq!(out, Effects::default(), "nothing is published");
    room.heard(&[on_channel(&number(4))], now, &mut Effects::default());
    let relayed = messages(&ana).await.unwrap();
    assert!(relayed.len() == 1 && relayed[0] != on_channel(&number(4)), "{relayed:?}");
    // What is handed on instead tells of its clock, so that peers agree.
    let mut peer = Document::new(Kind::Text, 9);
    let Ok(Message::Update(sound)) = Message::decode(&relayed[0]) else { panic!("{relayed:?}") };
    assert_eq!(peer.apply(sound), Ok(Applied::New));
    assert_eq!((peer.clock(4), room.document().clock(3), room.document().clock(4)), (1, 0, 1));
    let Recent { updates, knows } = room.hand_over();
    assert!(Basis::new(Bytes::new(), updates).encode(Kind::Text, &knows).is_ok(), "it goes into snapshots");
}

#[tokio::test]
async fn a_full_room_takes_nobody_more_and_a_full_document_no_edit() {
    let now = Instant::now();
    let document = Document::new(Kind::Text, NOBODY);
    let mut room = Room::new(document, DOCUMENT_BYTES_MAX, Arc::default(), now);
    let ana = Outbox::new();
    let author = room.join(ana.clone(), false).unwrap();
    for _ in 1..ROOM_CLIENTS_MAX {
        room.join(Outbox::new(), false).unwrap();
    }
    assert!(matches!(room.join(Outbox::new(), false), Err(CloseReason::Full(_))));
    let doc = Doc::with_client_id(1);
    for request in [Request::Edit(typed(&doc, "a")), Request::Offline(typed(&doc, "b"))] {
        let mut out = Effects::default();
        room.request(author, request, now, &mut out);
        assert_eq!(out, Effects::default());
    }
    assert!(matches!(messages(&ana).await, Err(CloseReason::TooBig(_))));
    // A snapshot has shown that it takes less, and somebody has left.
    room.note_bytes(DOCUMENT_BYTES_MAX / 2);
    room.leave(author, now, &mut Effects::default());
    let ben = room.join(Outbox::new(), false).unwrap();
    let mut out = Effects::default();
    room.request(ben, Request::Edit(typed(&Doc::with_client_id(2), "c")), now, &mut out);
    assert_eq!(out.publish.len(), 1);
}

#[tokio::test]
async fn who_was_silent_for_long_is_not_among_those_that_a_newcomer_is_told_of() {
    let (mut room, now) = room();
    let presence = |client: u8| encoded(&Message::Awareness(&[1, client, 0, 2, b'{', b'}']));
    room.heard(&[presence(5)], now, &mut Effects::default());
    let later = now + Duration::from_secs(29);
    room.heard(&[presence(6)], later, &mut Effects::default());
    room.tick(later + Duration::from_secs(2));
    let newcomer = Outbox::new();
    room.join(newcomer.clone(), false).unwrap();
    assert_eq!(messages(&newcomer).await.unwrap()[1], presence(6));
}

#[tokio::test]
async fn an_author_whose_edit_builds_on_an_unknown_one_is_asked_until_all_has_come() {
    let (mut room, now) = room();
    let (outbox, ben) = (Outbox::new(), Outbox::new());
    let author = room.join(outbox.clone(), false).unwrap();
    room.join(ben.clone(), false).unwrap();
    for outbox in [&outbox, &ben] {
        messages(outbox).await.unwrap();
    }
    let doc = Doc::with_client_id(1);
    let (unsent, second) = (typed(&doc, "never sent "), typed(&doc, "second"));
    let mut out = Effects::default();
    let step_1 = encoded(&Message::SyncStep1(&[0]));
    for _ in 0..2 {
        room.request(author, Request::Edit(second.clone()), now, &mut out);
    }
    assert_eq!(messages(&outbox).await.unwrap(), std::slice::from_ref(&step_1), "asked once");
    assert_eq!(out, Effects { read_log: true, ..Effects::default() }, "nobody is handed what may not fit");
    room.tick(now + Duration::from_millis(900));
    outbox.push(&["end".into()]);
    assert_eq!(messages(&outbox).await.unwrap(), ["end"]);
    room.tick(now + Duration::from_secs(1));
    assert_eq!(messages(&outbox).await.unwrap(), [step_1], "asked again");
    let both = yrs::merge_updates_v1([&unsent.update[..], &second.update[..]]).unwrap();
    let answer = Edit { update: both.into(), saves: second.saves };
    room.request(author, Request::Offline(answer), now, &mut out);
    assert_eq!(text::plain(room.document()).unwrap(), "never sent second");
    let [published] = &out.publish[..] else { panic!("{out:?}") };
    room.heard(&[on_channel(published)], now, &mut Effects::default());
    assert_eq!(messages(&ben).await.unwrap(), [on_channel(published)]);
    room.tick(now + Duration::from_secs(9));
    messages(&outbox).await.unwrap();
    outbox.push(&["end".into()]);
    assert_eq!(messages(&outbox).await.unwrap(), ["end"], "nothing is missing");
}

#[tokio::test]
async fn while_an_edit_is_not_taken_no_later_one_is_counted_as_saved() {
    let (mut room, now) = room();
    let outbox = Outbox::new();
    let author = room.join(outbox.clone(), true).unwrap();
    let doc = Doc::with_client_id(1);
    let mut ask = |request| {
        room.request(author, request, now, &mut Effects::default());
        let place = room.own().published();
        room.saved(place, now);
    };
    ask(Request::Edit(typed(&doc, "one ")));
    let (unsent, waits) = (typed(&doc, "unsent "), typed(&doc, "waits "));
    ask(Request::Edit(waits.clone()));
    ask(Request::Edit(Edit::default()));
    // What it knows for sure, and not what waits: that is not saved by it.
    ask(Request::Offline(Edit::default()));
    let both = yrs::merge_updates_v1([&unsent.update[..], &waits.update[..]]).unwrap();
    ask(Request::Offline(Edit { update: both.into(), saves: waits.saves }));
    let mut told = Vec::new();
    for message in messages(&outbox).await.unwrap() {
        if let Ok(Message::Saved { vector, edits }) = Message::decode(&message) {
            told.push((vector.clock(1), edits));
        }
    }
    assert_eq!(told, [(4, 1), (4, 1), (4, 1), (17, 3)]);
}

#[tokio::test]
async fn what_was_heard_and_waits_is_relayed_when_it_fits_and_not_before() {
    let (mut room, now) = room();
    let outbox = Outbox::new();
    let author = room.join(outbox.clone(), false).unwrap();
    messages(&outbox).await.unwrap();
    let (ben, cleo) = (Doc::with_client_id(1), Doc::with_client_id(2));
    let mut peer = Document::new(Kind::Text, 9);
    let late = [typed(&ben, "late "), typed(&cleo, "late ")];
    for early in [typed(&ben, "early "), typed(&cleo, "early ")] {
        room.heard(&[on_channel(&early.update)], now, &mut Effects::default());
    }
    outbox.push(&["end".into()]);
    assert_eq!(messages(&outbox).await.unwrap(), ["end"]);
    // What was missing is heard; or a client hands it in.
    let mut out = Effects::default();
    room.heard(&[on_channel(&late[0].update)], now, &mut out);
    room.request(author, Request::Edit(late[1].clone()), now, &mut out);
    let [published] = &out.publish[..] else { panic!("{out:?}") };
    room.heard(&[on_channel(published)], now, &mut out);
    for message in messages(&outbox).await.unwrap() {
        let Ok(Message::Update(update)) = Message::decode(&message) else { panic!("{message:?}") };
        assert_eq!(peer.apply(update), Ok(Applied::New));
    }
    let letters = text::plain(&peer).unwrap();
    assert_eq!(letters, text::plain(room.document()).unwrap());
    assert_eq!((letters.len(), letters.matches("late early ").count()), (22, 2), "{letters}");
}

#[tokio::test]
async fn what_finds_no_room_to_wait_is_handed_over_and_the_room_is_to_be_loaded_anew() {
    let (mut room, now) = room();
    let doc = Doc::with_client_id(1);
    typed(&doc, "lost ");
    let mut waits: Vec<Bytes> = (0..PENDING_UPDATES_MAX).map(|_| typed(&doc, "x").update).collect();
    room.read(&waits, now, &mut Effects::default());
    assert!(!room.take_overflowed());
    let (heard, read) = (typed(&doc, "heard ").update, typed(&doc, "read ").update);
    room.heard(&[on_channel(&heard)], now, &mut Effects::default());
    assert!(room.take_overflowed() && !room.take_overflowed());
    room.read(std::slice::from_ref(&read), now, &mut Effects::default());
    assert!(room.take_overflowed());
    waits.extend([heard, read]);
    assert_eq!(room.hand_over().updates, waits, "or the log would be trimmed and they be gone");
}
