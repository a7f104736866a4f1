//! Who is here: initials on coloured discs in the header, everybody's names in a popover.

use std::cell::RefCell;
use std::collections::BTreeSet;

use gtk::gdk;
use gtk::prelude::*;
use relm4::{RelmWidgetExt, gtk};

use super::contrast::letters_on;
use super::named::named;
use crate::session::Person;
use crate::session::person::Peer;

/// Discs in the header; the rest is a number.
const DISCS_MAX: usize = 4;

/// The strip of people.
#[derive(Debug)]
pub struct People {
    button: gtk::MenuButton,
    discs: gtk::Box,
    list: gtk::ListBox,
    shown: RefCell<Vec<Person>>,
}

impl People {
    /// A strip without anybody.
    #[expect(clippy::new_without_default, reason = "making widgets is no default")]
    pub fn new() -> People {
        let discs = gtk::Box::builder().valign(gtk::Align::Center).build();
        let list: gtk::ListBox = named("People in this document");
        list.set_selection_mode(gtk::SelectionMode::None);
        list.add_css_class("people");
        let popover = gtk::Popover::builder().child(&list).build();
        let button = gtk::MenuButton::builder()
            .child(&discs)
            .popover(&popover)
            .css_classes(["flat", "people-button"])
            .visible(false)
            .build();
        People { button, discs, list, shown: RefCell::default() }
    }

    /// The widget for the header.
    pub fn widget(&self) -> &gtk::MenuButton {
        &self.button
    }

    /// Hides the strip: no document is open.
    pub fn hide(&self) {
        self.button.set_visible(false);
        self.shown.borrow_mut().clear();
    }

    /// Shows these people, and oneself. One with several windows is shown once.
    pub fn show(&self, own: &Person, peers: &[Peer]) {
        let mut seen = BTreeSet::new();
        let people: Vec<&Person> =
            peers.iter().map(|peer| &peer.person).filter(|person| seen.insert(*person)).collect();
        let everybody: Vec<Person> = people.iter().copied().chain([own]).cloned().collect();
        self.button.set_visible(true);
        if *self.shown.borrow() == everybody {
            return;
        }
        while let Some(disc) = self.discs.first_child() {
            self.discs.remove(&disc);
        }
        while let Some(row) = self.list.first_child() {
            self.list.remove(&row);
        }
        self.list.append(&row(own, &format!("{} (you)", own.name)));
        for person in &people {
            self.list.append(&row(person, &person.name));
        }
        for person in everybody.iter().take(DISCS_MAX) {
            self.discs.append(&disc(person));
        }
        if everybody.len() > DISCS_MAX {
            let rest = gtk::Label::new(Some(&format!("+{}", everybody.len() - DISCS_MAX)));
            rest.set_margin_start(4);
            self.discs.append(&rest);
        }
        self.button.set_tooltip_text(Some(&said(&people)));
        *self.shown.borrow_mut() = everybody;
    }
}

/// `Ben and Carla are here`.
fn said(people: &[&Person]) -> String {
    let names: Vec<&str> = people.iter().map(|person| person.name.as_str()).collect();
    match names.as_slice() {
        [] => "Only you are here".to_owned(),
        [one] => format!("{one} is here"),
        [first @ .., last] => format!("{} and {last} are here", first.join(", ")),
    }
}

fn disc(person: &Person) -> gtk::Label {
    let disc = gtk::Label::builder().label(person.initials()).css_classes(["person"]).build();
    let color = gdk::RGBA::parse(&person.color).unwrap_or(gdk::RGBA::BLACK);
    disc.inline_css(&format!("background-color: {color}; color: {};", letters_on(&color)));
    disc.set_tooltip_text(Some(&person.name));
    disc
}

fn row(person: &Person, words: &str) -> gtk::ListBoxRow {
    let content = gtk::Box::builder().spacing(10).build();
    content.append(&disc(person));
    content.append(&gtk::Label::builder().label(words).xalign(0.0).build());
    let row: gtk::ListBoxRow = named(words);
    row.set_child(Some(&content));
    row.set_activatable(false);
    row
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_said_as_a_sentence() {
        let people = ["Ana", "Ben", "Carla"].map(|name| Person::new(name, None));
        let people: Vec<&Person> = people.iter().collect();
        assert_eq!(said(&people[..0]), "Only you are here");
        assert_eq!(said(&people[..1]), "Ana is here");
        assert_eq!(said(&people), "Ana, Ben and Carla are here");
    }
}
