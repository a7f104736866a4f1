//! Rooms that talk to each other and to a server that keeps what it is told.

use proptest::prelude::*;
use shared::document::TextDocument;
use shared::document::text::plain;

use super::*;

const PAGE: ClientId = 5;

/// Some time after every edit: the person pauses, and an answer is not late yet.
const NOW_MS: u64 = 1_000;

fn room() -> Room {
    Room::new(Kind::Text, PAGE, 1_005, &Person::new("Ana", None))
}

/// A page that types into a room.
struct Typist(TextDocument);

impl Typist {
    fn new(client: ClientId) -> Typist {
        Typist(TextDocument::new(client).unwrap())
    }

    fn types(&mut self, at: usize, text: &str) -> Bytes {
        self.0.splice(at, 0, text, 0).unwrap().unwrap().into()
    }

    fn deletes(&mut self, at: usize, chars: usize) -> Bytes {
        self.0.splice(at, chars, "", 0).unwrap().unwrap().into()
    }
}

/// Everything the room has to say now.
fn said(room: &mut Room, now_ms: u64) -> Vec<Said> {
    std::iter::from_fn(|| room.say_at_ms().filter(|at| *at <= now_ms).and_then(|_| room.say(now_ms)))
        .collect()
}

fn numbers(said: &[Said]) -> Vec<u64> {
    said.iter()
        .filter_map(|said| if let Said::Update { number, .. } = said { Some(*number) } else { None })
        .collect()
}

#[test]
fn a_fresh_link_asks_greets_and_says_everything_that_is_not_saved() {
    let (mut room, mut ana) = (room(), Typist::new(PAGE));
    room.edited(ana.types(0, "ab"), 0).unwrap();
    room.edited(ana.deletes(0, 1), 0).unwrap();
    assert_eq!(said(&mut room, 0), [], "without a link nothing is said");
    room.link_up();
    let first = said(&mut room, 0);
    assert!(matches!(first[0], Said::Ask(_)) && matches!(first[1], Said::Presence(_)));
    assert_eq!(numbers(&first), [2], "merged into one");
    assert_eq!(room.status(NOW_MS).label(), "2 changes not saved");
    room.heard(Heard::Synced, 0);
    assert_eq!(room.status(NOW_MS).label(), "Saving…");
    let late = room.status_at_ms(NOW_MS).unwrap();
    assert_eq!(room.status(late).label(), "2 changes not saved");
    assert_eq!(room.heard(Heard::Saved(1), 0), None, "half of it is nothing");
    assert_eq!(room.status(late).label(), "2 changes not saved");
    assert_eq!(room.heard(Heard::Saved(2), 0), Some(2));
    assert_eq!(room.status(0).label(), "Saving…", "the next letter may follow");
    assert_eq!(room.status(room.status_at_ms(0).unwrap()).label(), "All changes saved");
    assert_eq!(room.status(NOW_MS).label(), "All changes saved");
}

#[test]
fn what_was_said_on_a_dead_link_is_said_again_on_the_next() {
    let (mut room, mut ana) = (room(), Typist::new(PAGE));
    room.link_up();
    room.heard(Heard::Synced, 0);
    room.edited(ana.types(0, "a"), 0).unwrap();
    assert_eq!(numbers(&said(&mut room, 0)), [1]);
    assert_eq!(numbers(&said(&mut room, 0)), [] as [u64; 0]);
    room.link_down(1);
    assert_eq!(room.status(NOW_MS).connection, Connection::Offline);
    room.edited(ana.types(1, "b"), 0).unwrap();
    room.link_up();
    assert_eq!(numbers(&said(&mut room, 2)), [2]);
}

#[test]
fn a_server_that_lost_edits_gets_them_again_and_one_that_waits_for_pending_does_not() {
    let (mut room, mut ana) = (room(), Typist::new(PAGE));
    room.link_up();
    room.edited(ana.types(0, "saved"), 0).unwrap();
    said(&mut room, 0);
    room.heard(Heard::Saved(1), 0);
    room.edited(ana.types(5, "!"), 0).unwrap();
    let knows_all_but_pending: StateVector = [(PAGE, 5)].into_iter().collect();
    room.heard(Heard::Asked(knows_all_but_pending), 0);
    let is_answer = |said: &Said| matches!(said, Said::Answer(_));
    assert!(!said(&mut room, 0).iter().any(is_answer));
    room.heard(Heard::Asked(StateVector::new()), 0);
    assert!(said(&mut room, 0).iter().any(is_answer));
}

#[test]
fn a_server_that_asks_again_for_what_was_said_gets_it_as_it_did_not_take_it() {
    let (mut room, mut ana) = (room(), Typist::new(PAGE));
    room.link_up();
    room.edited(ana.types(0, "builds on what the server lacks"), 0).unwrap();
    let is_answer = |said: &Said| matches!(said, Said::Answer(_));
    said(&mut room, 0);
    room.heard(Heard::Asked(StateVector::new()), 0);
    assert!(!said(&mut room, 0).iter().any(is_answer), "it is on its way");
    room.heard(Heard::Asked(StateVector::new()), 0);
    assert!(said(&mut room, 0).iter().any(is_answer), "it was not taken");
    let mut ben = Typist::new(9);
    let _missed = ben.types(0, "a");
    room.heard(Heard::Update(ben.types(1, "b")), 0);
    room.heard(Heard::Asked(StateVector::new()), 0);
    assert!(!said(&mut room, 0).iter().any(is_answer), "an answer would not be all that it was told");
}

#[test]
fn a_gap_makes_the_room_ask_again_and_hostile_bytes_do_nothing() {
    let (mut room, mut ben) = (room(), Typist::new(9));
    room.link_up();
    said(&mut room, 0);
    let _missed = ben.types(0, "a");
    room.heard(Heard::Update(ben.types(1, "b")), 0);
    assert!(matches!(said(&mut room, 0)[..], [Said::Ask(_)]));
    room.heard(Heard::Update(Bytes::from_static(b"\x01\xff\xff\xff\xff")), 0);
    assert_eq!(room.take_foreign().len(), 1);
}

#[test]
fn what_this_computer_kept_is_shown_before_any_connection() {
    let mut ben = Typist::new(9);
    ben.types(0, "copy");
    let copy = ben.0.document().snapshot().unwrap();
    let mut room = room();
    let edit = room.pending_mut().push(ben.types(4, " and left")).clone();
    room.restore(Some(&copy), &[edit]);
    assert!(room.is_ready());
    let mut page = Typist::new(PAGE);
    for update in room.take_foreign() {
        page.0.apply(&[&update]);
    }
    assert_eq!(page.0.visible().to_string(), "copy and left");
    assert_eq!(room.status(NOW_MS).unsaved, 1);
}

/// What happens next to one of two rooms.
#[derive(Debug, Clone)]
enum Step {
    Type(usize),
    Delete(usize),
    Connect,
    Cut,
    /// So many messages go through.
    Talk(usize),
}

fn step() -> impl Strategy<Value = (usize, Step)> {
    let step = prop_oneof![
        5 => (0usize..40).prop_map(Step::Type),
        2 => (0usize..40).prop_map(Step::Delete),
        1 => Just(Step::Connect),
        1 => Just(Step::Cut),
        4 => (1usize..6).prop_map(Step::Talk),
    ];
    (0usize..2, step)
}

/// A window: its page, its room, and which numbers went out on its link, in order.
struct Seat {
    page: Typist,
    room: Room,
    connected: bool,
    unsaved: Vec<u64>,
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    /// Two windows and a server, links that break at any message: in the end all show the same, and *saved* was never said of
    /// an edit that the server does not have.
    #[test]
    fn whatever_breaks_all_merge_and_saved_is_true(steps in prop::collection::vec(step(), 1..120)) {
        let mut server = Typist::new(77);
        let mut seats: Vec<Seat> = [5, 6].map(|client| Seat {
            page: Typist::new(client),
            room: Room::new(Kind::Text, client, 1_000 + client, &Person::new("Ana", None)),
            connected: false,
            unsaved: Vec::new(),
        }).into();
        for (me, step) in steps {
            match step {
                Step::Type(at) => {
                    let seat = &mut seats[me];
                    let at = at % (seat.page.0.visible().len() + 1);
                    let update = seat.page.types(at, "x😀");
                    prop_assert!(seat.room.edited(update, 0).is_ok());
                }
                Step::Delete(at) if !seats[me].page.0.visible().is_empty() => {
                    let seat = &mut seats[me];
                    let update = seat.page.deletes(at % seat.page.0.visible().len(), 1);
                    prop_assert!(seat.room.edited(update, 0).is_ok());
                }
                Step::Delete(_) => {}
                Step::Connect if !seats[me].connected => connect(&mut seats[me]),
                Step::Connect => {}
                Step::Cut if seats[me].connected => {
                    seats[me].connected = false;
                    seats[me].room.link_down(0);
                }
                Step::Cut => {}
                Step::Talk(messages) => talk(&mut seats, &mut server, me, messages),
            }
            for seat in &seats {
                if seat.room.pending().is_empty() {
                    let known = server.0.document().state_vector();
                    let own = seat.page.0.document().client();
                    prop_assert!(known.clock(own) >= seat.page.0.document().clock(own));
                }
            }
        }
        for _ in 0..4 {
            for me in 0..2 {
                if !seats[me].connected {
                    connect(&mut seats[me]);
                }
                talk(&mut seats, &mut server, me, usize::MAX);
            }
        }
        let text = plain(server.0.document()).unwrap();
        for seat in &seats {
            prop_assert_eq!(seat.page.0.visible().to_string(), text.clone());
            prop_assert!(seat.room.pending().is_empty());
            prop_assert_eq!(seat.room.status(NOW_MS).label(), "All changes saved");
        }
    }
}

fn connect(seat: &mut Seat) {
    seat.connected = true;
    seat.unsaved.clear();
    seat.room.link_up();
}

/// The server answers as the document service does: state for those who ask, edits to the others, *saved* a message later.
fn talk(seats: &mut [Seat], server: &mut Typist, me: usize, messages: usize) {
    for _ in 0..messages {
        if !seats[me].connected {
            break;
        }
        let Some(said) = seats[me].room.say(0) else { break };
        match said {
            Said::Ask(known) => {
                let state = server.0.document().encode_since(&known).unwrap();
                hear(&mut seats[me], Heard::Update(state.into()));
                hear(&mut seats[me], Heard::Synced);
                let known = server.0.document().state_vector();
                hear(&mut seats[me], Heard::Asked(known));
            }
            Said::Update { number, update } => {
                server.0.apply(&[&update]);
                if let Some(saved) = seats[me].unsaved.pop() {
                    hear(&mut seats[me], Heard::Saved(saved));
                }
                seats[me].unsaved.push(number);
                for other in (0..seats.len()).filter(|&other| other != me) {
                    if seats[other].connected {
                        hear(&mut seats[other], Heard::Update(update.clone()));
                    }
                }
            }
            Said::Answer(update) => {
                server.0.apply(&[&update]);
            }
            Said::Presence(_) => {}
        }
    }
    if messages == usize::MAX
        && let Some(saved) = seats[me].unsaved.pop()
    {
        hear(&mut seats[me], Heard::Saved(saved));
    }
}

fn hear(seat: &mut Seat, heard: Heard) {
    seat.room.heard(heard, 0);
    let updates = seat.room.take_foreign();
    let updates: Vec<&[u8]> = updates.iter().map(|update| &update[..]).collect();
    seat.page.0.apply(&updates);
}
