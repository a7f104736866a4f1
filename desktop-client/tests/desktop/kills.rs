//! Every process is killed in the middle of typing, windows too, and started again.
//!
//! The oracle is what a person saw. What stood in a window whose status bar said *saved* is in the cluster, whoever reads it.
//! What stood there and was not saved comes back when that person opens the document again, by the journal of the dead window.

use std::collections::BTreeSet;

use shared::rt::rng::{Rng, random_u64};
use shared::rt::time::Instant;
use shared::testing::wait;

use crate::desk::{Desk, Window};
use crate::sight::Sight;

/// Words that are typed into each window in a round, unless the kill comes before; some minutes of typing.
const WORDS_MAX: usize = 300;
/// Words that each window must show before the kill, so that it hits typing.
const SEEN_MIN: usize = 3;

/// What one person has seen of their own words.
#[derive(Default)]
struct Seen {
    /// Words that stood there when all was saved.
    saved: BTreeSet<String>,
    /// Words that stood there when it was looked the last time but one: the session has heard of them since.
    kept: BTreeSet<String>,
    last: BTreeSet<String>,
}

impl Seen {
    fn look(&mut self, person: &str, window: &Window) {
        let sight = window.look();
        let Some(text) = sight.text() else { return };
        // What is said now is true of what stood there a look ago: the window hears of saving a frame later than of a key.
        if sight.says("All changes saved") {
            self.saved.extend(self.last.iter().cloned());
        }
        let words = text.split_inclusive('.').filter_map(|piece| whole_word(piece, person)).collect();
        self.kept = std::mem::replace(&mut self.last, words);
    }
}

/// `ana0-17.`, if the piece of text is a whole word of this person and not the beginnings of two.
fn whole_word(piece: &str, person: &str) -> Option<String> {
    let number = piece.trim().strip_prefix(person)?.strip_suffix('.')?;
    number.chars().all(|c| c.is_ascii_digit() || c == '-').then(|| piece.trim().to_owned())
}

/// Who types, in the order of their windows.
const PEOPLE: [&str; 2] = ["ana", "ben"];

#[test]
fn nothing_saved_is_gone_and_what_was_not_comes_back_with_its_window_when_everything_is_killed() {
    let seed = random_u64();
    println!("seed {seed}");
    let mut rng = Rng::from_seed(seed);
    let mut desk = Desk::new("kills");
    let mut seen = PEOPLE.map(|_| Seen::default());
    for servers_first in [false, true] {
        let windows = PEOPLE.map(|person| desk.window(person, "minutes"));
        for (window, seen) in windows.iter().zip(&seen) {
            window.wait_says("All changes saved");
            window.wait_for("what was there before", |sight| holds(sight, &seen.kept));
            window.presses(&["ctrl+End"]);
        }
        let before = seen.each_ref().map(|seen| seen.kept.len());
        let round = u8::from(servers_first);
        let word = |number: usize, person: usize| format!("{}{round}-{number}. ", PEOPLE[person]);
        let typing = desk.types_in_turn(&windows, word, WORDS_MAX);
        let goal = SEEN_MIN + rng.below(SEEN_MIN as u64) as usize;
        watch(&windows, &mut seen, |place, seen| seen.kept.len() >= before[place] + goal);
        let mut victims = [0, 1, 2, 3, 4, 5];
        shuffle(&mut victims, &mut rng);
        if servers_first {
            // Typing goes on without them, so the windows die with words that nobody else has.
            for victim in victims {
                kill_server(&mut desk, victim);
            }
            watch(&windows, &mut seen, |_, seen| !seen.kept.is_subset(&seen.saved));
        }
        let mut windows = windows.map(Some);
        for victim in victims {
            match windows.get_mut(victim) {
                Some(window) => window.take().into_iter().for_each(Window::kill),
                None => kill_server(&mut desk, victim),
            }
        }
        drop(typing);

        for node in 0..3 {
            desk.cluster.node_mut(node).start();
        }
        desk.cluster.wait_ok();
        desk.service.start();
        // Before any window is back: nobody can hand in again what the cluster lost.
        let text = wait::until_some("the document is read", || {
            let answer = desk.service.get("/documents/minutes?format=text")?;
            answer.starts_with("HTTP/1.1 200").then_some(answer)
        });
        for (seen, person) in seen.iter().zip(PEOPLE) {
            let lost: Vec<&String> = seen.saved.iter().filter(|word| !text.contains(word.as_str())).collect();
            assert!(lost.is_empty(), "seed {seed}: of {person}'s saved words are gone: {lost:?}");
        }
    }
    let windows = PEOPLE.map(|person| desk.window(person, "minutes"));
    for window in &windows {
        window.wait_for("everybody's words", |sight| seen.iter().all(|seen| holds(sight, &seen.kept)));
        window.wait_says("All changes saved");
    }
    let counts = seen.each_ref().map(|seen| (seen.saved.len(), seen.kept.len()));
    println!("words saved, and words seen, that are all there: {counts:?}");
    assert!(counts.iter().all(|(saved, _)| *saved > 0), "some words were saved before a kill");
}

/// Looks at the windows until each person has seen enough.
fn watch(windows: &[Window], seen: &mut [Seen], enough: impl Fn(usize, &Seen) -> bool) {
    let deadline = Instant::now() + 3 * wait::PATIENCE;
    while !seen.iter().enumerate().all(|(place, seen)| enough(place, seen)) {
        assert!(Instant::now() < deadline, "typing is seen");
        for ((window, seen), person) in windows.iter().zip(&mut *seen).zip(PEOPLE) {
            seen.look(person, window);
        }
    }
}

/// The victims behind the windows: three nodes and the service.
fn kill_server(desk: &mut Desk, victim: usize) {
    match victim.checked_sub(PEOPLE.len()) {
        None => {}
        Some(node @ 0..3) => desk.cluster.node_mut(node).kill(),
        Some(_) => desk.service.kill(),
    }
}

fn shuffle(victims: &mut [usize], rng: &mut Rng) {
    for last in (1..victims.len()).rev() {
        victims.swap(last, rng.below(last as u64 + 1) as usize);
    }
}

fn holds(sight: &Sight, words: &BTreeSet<String>) -> bool {
    sight.text().is_some_and(|text| words.iter().all(|word| text.contains(word.as_str())))
}
