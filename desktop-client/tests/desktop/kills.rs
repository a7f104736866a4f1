//! Every process is killed in the middle of typing, windows too, and started again.
//!
//! The oracle is what a person saw. What stood in a window that said *saved* is in the cluster, whoever reads it. What stood
//! in a window and was not saved comes back when that person opens the document again, by the journal of the dead window.

use std::collections::BTreeSet;

use shared::rt::rng::{Rng, random_u64};
use shared::testing::wait;

use crate::desk::{Desk, Window};
use crate::sight::Sight;

/// How often everything is killed.
const ROUNDS: usize = 10;
/// Words that each person types before they wait until all is saved.
const BURST: usize = 3;
/// Words that they then begin to type; the kill comes before the last.
const WORDS_MAX: usize = 300;

/// Who types into the text, in the order of their windows.
const PEOPLE: [&str; 2] = ["ana", "ben"];
/// Who fills a sheet meanwhile.
const CLERK: &str = "carl";
/// Down which column, in each round.
const COLUMNS: [&str; ROUNDS] = ["A", "B", "C", "D", "E", "F", "G", "H", "I", "J"];
const NODES: usize = 3;

/// What one person has seen of their own words.
#[derive(Default)]
struct Seen {
    /// Words that stood there when the window said that all was saved.
    saved: BTreeSet<String>,
    /// Words that stood there some looks before the kill, saved or not.
    kept: BTreeSet<String>,
}

#[test]
fn nothing_saved_is_gone_and_what_was_not_comes_back_with_its_window_when_everything_is_killed() {
    let seed = random_u64();
    println!("seed {seed}");
    let mut rng = Rng::from_seed(seed);
    let mut desk = Desk::new("kills");
    let mut seen = PEOPLE.map(|_| Seen::default());
    let (mut filled, mut by_journal) = (BTreeSet::new(), 0);
    for round in 0..ROUNDS {
        let windows = PEOPLE.map(|person| desk.window(person, "minutes"));
        let clerk = desk.sheet(CLERK, "ledger");
        for window in &windows {
            window.wait_for("everybody's words", |sight| seen.iter().all(|seen| holds(sight, &seen.kept)));
            window.wait_says("All changes saved");
        }
        type_a_burst(&windows, round, &mut seen);
        fill_some_cells(&clerk, round, &mut filled);

        let word = |number: usize, place: usize| match PEOPLE.get(place) {
            Some(person) => format!("{} ", word(person, round, BURST + number)),
            None => format!("{}\n", word(CLERK, round, BURST + number)),
        };
        let typing = desk.types_in_turn(&[&windows[0], &windows[1], &clerk], word, WORDS_MAX);
        see_typing(&windows, round, &mut seen);
        kill_everything(&mut desk, windows, clerk, round, &mut seen, &mut rng);
        drop(typing);

        start_servers(&mut desk, &mut rng);
        // Before any window is back: nobody can hand in again what the cluster lost.
        let text = read(&desk, "minutes?format=text");
        let cells = read(&desk, "ledger?format=csv");
        let lost = missing(&cells, &filled);
        assert!(lost.is_empty(), "seed {seed}, round {round}: saved, and gone: {lost:?}\n{cells}");
        for seen in &seen {
            let lost = missing(&text, &seen.saved);
            assert!(lost.is_empty(), "seed {seed}, round {round}: saved, and gone: {lost:?}\n{text}");
            by_journal += missing(&text, &seen.kept).len();
        }
    }
    let windows = PEOPLE.map(|person| desk.window(person, "minutes"));
    for window in &windows {
        window.wait_for("everybody's words", |sight| seen.iter().all(|seen| holds(sight, &seen.kept)));
        window.wait_says("All changes saved");
    }
    let counts = seen.each_ref().map(|seen| (seen.saved.len(), seen.kept.len()));
    println!("words saved and seen: {counts:?}; of these only in a journal after a kill: {by_journal}");
    assert!(by_journal > 0, "no kill came between a word and its way to the cluster");
}

/// Each person types some words, and hears that they are saved. One after the other: who goes to the end while letters of
/// somebody else come in there, goes into the middle of a word.
fn type_a_burst(windows: &[Window], round: usize, seen: &mut [Seen]) {
    for (place, (window, person)) in windows.iter().zip(PEOPLE).enumerate() {
        window.wait_for("everybody's words", |sight| seen.iter().all(|seen| holds(sight, &seen.kept)));
        window.presses(&["ctrl+End"]);
        let burst: BTreeSet<String> = (0..BURST).map(|number| word(person, round, number)).collect();
        window.types(&burst.iter().map(|word| format!("{word} ")).collect::<String>());
        window.wait_for("the words of the burst", |sight| holds(sight, &burst));
        // Said after they stood there: it is said of them.
        window.wait_says("All changes saved");
        seen[place].saved.extend(burst.iter().cloned());
        seen[place].kept.extend(burst);
    }
}

/// The clerk fills the first cells of the round's column, and hears that they are saved.
fn fill_some_cells(clerk: &Window, round: usize, filled: &mut BTreeSet<String>) {
    clerk.wait_says("All changes saved");
    let column = COLUMNS[round];
    clerk.goes_to(&format!("{column}1"));
    for number in 0..BURST {
        let word = word(CLERK, round, number);
        clerk.types(&word);
        clerk.wait_for("the cell's words", |sight| sight.entry("Cell content").as_deref() == Some(&word));
        clerk.presses(&["Return"]);
        filled.insert(word);
    }
    let next = format!("{column}{}: empty", BURST + 1);
    clerk.wait_for("the next cell", |sight| sight.sheet().as_deref() == Some(&next));
    clerk.wait_says("All changes saved");
}

fn read(desk: &Desk, document: &str) -> String {
    wait::until_some("the document is read", || {
        let answer = desk.service.get(&format!("/documents/{document}"))?;
        answer.starts_with("HTTP/1.1 200").then_some(answer)
    })
}

/// Waits until each window shows words that it did not show before, and has had the time of some looks to hand them on.
fn see_typing(windows: &[Window], round: usize, seen: &mut [Seen]) {
    for ((window, seen), person) in windows.iter().zip(seen).zip(PEOPLE) {
        let typed = |sight: &Sight| {
            let text = sight.text().unwrap_or_default();
            let words = (0..BURST + WORDS_MAX).map(|number| word(person, round, number));
            words.filter(|word| text.contains(word.as_str())).collect::<BTreeSet<_>>()
        };
        let words = typed(&window.wait_for("more words", |sight| !typed(sight).is_subset(&seen.kept)));
        seen.kept.extend(words);
    }
    for window in windows {
        window.look();
    }
}

/// SIGKILL in any order; in every other round the servers go first and typing goes on without them, so that the windows die
/// with words that nobody else has.
fn kill_everything(
    desk: &mut Desk,
    windows: [Window; 2],
    clerk: Window,
    round: usize,
    seen: &mut [Seen],
    rng: &mut Rng,
) {
    let mut servers: Vec<usize> = (0..=NODES).collect();
    if round % 2 == 1 {
        shuffle(&mut servers, rng);
        servers.drain(..).for_each(|server| kill_server(desk, server));
        see_typing(&windows, round, seen);
    }
    let mut victims: Vec<Victim> = servers.into_iter().map(Victim::Server).collect();
    victims.extend(windows.into_iter().chain([clerk]).map(Victim::Window));
    shuffle(&mut victims, rng);
    for victim in victims {
        match victim {
            Victim::Server(server) => kill_server(desk, server),
            Victim::Window(window) => window.kill(),
        }
    }
}

enum Victim {
    /// A node, or behind the last of them the document service.
    Server(usize),
    Window(Window),
}

fn kill_server(desk: &mut Desk, server: usize) {
    if server < NODES {
        desk.cluster.node_mut(server).kill();
    } else {
        desk.service.kill();
    }
}

fn start_servers(desk: &mut Desk, rng: &mut Rng) {
    let mut nodes: Vec<usize> = (0..NODES).collect();
    shuffle(&mut nodes, rng);
    for node in nodes {
        desk.cluster.node_mut(node).start();
    }
    desk.cluster.wait_ok();
    desk.service.start();
}

fn shuffle<T>(items: &mut [T], rng: &mut Rng) {
    for last in (1..items.len()).rev() {
        items.swap(last, rng.below(last as u64 + 1) as usize);
    }
}

/// A word of this person that nobody typed before and that is no part of another.
fn word(person: &str, round: usize, number: usize) -> String {
    format!("{person}{round}-{number}.")
}

fn missing<'a>(text: &str, words: &'a BTreeSet<String>) -> Vec<&'a String> {
    words.iter().filter(|word| !text.contains(word.as_str())).collect()
}

fn holds(sight: &Sight, words: &BTreeSet<String>) -> bool {
    sight.text().is_some_and(|text| missing(&text, words).is_empty())
}
