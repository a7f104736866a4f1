//! People who write one text.

use crate::desk::Desk;

#[test]
fn two_people_see_each_others_letters_names_and_that_all_is_saved() {
    let desk = Desk::new("together");
    let (ana, ben) = (desk.window("Ana", "notes"), desk.window("Ben", "notes"));
    ana.wait_for("Ben is here", |sight| sight.describes("Ben is here"));
    ben.wait_for("Ana is here", |sight| sight.describes("Ana is here"));
    ana.types("The garden");
    ben.wait_text("The garden");
    ben.presses(&["ctrl+End"]);
    ben.types(" is green.");
    ana.wait_text("The garden is green.");
    for window in [&ana, &ben] {
        window.wait_says("All changes saved");
        window.wait_says("4 words · 1 line");
    }

    // Undo takes back one's own edits only.
    ana.presses(&["ctrl+z"]);
    ben.wait_text(" is green.");
    ana.presses(&["ctrl+shift+z"]);
    ben.wait_text("The garden is green.");
    ana.wait_text("The garden is green.");
    ana.wait_says("All changes saved");
}

#[test]
fn both_type_at_once_and_no_letter_is_lost() {
    let desk = Desk::new("at-once");
    let (ana, ben) = (desk.window("Ana", "race"), desk.window("Ben", "race"));
    ana.wait_says("All changes saved");
    ben.wait_says("All changes saved");
    for round in 0..5 {
        ana.types(&format!("a{round} "));
        ben.types(&format!("b{round} "));
    }
    let expected = |text: &str| {
        let mut words: Vec<&str> = text.split_whitespace().collect();
        words.sort_unstable();
        words == ["a0", "a1", "a2", "a3", "a4", "b0", "b1", "b2", "b3", "b4"]
    };
    let seen = ana.wait_for("all ten words", |sight| sight.text().is_some_and(|text| expected(&text)));
    ben.wait_text(&seen.text().unwrap_or_default());
}

#[test]
fn windows_on_the_cluster_itself_go_on_while_the_service_is_down() {
    let mut desk = Desk::new("redis");
    desk.service.kill();
    let server = desk.cluster.url();
    let (ana, ben) = (desk.window_on(&server, "Ana", "plan"), desk.window_on(&server, "Ben", "plan"));
    ana.wait_for("Ben is here", |sight| sight.describes("Ben is here"));
    ana.types("without a service");
    ben.wait_text("without a service");
    ana.wait_says("All changes saved");
    // The service comes back and serves what was written without it.
    desk.service.start();
    let carla = desk.window("Carla", "plan");
    carla.wait_text("without a service");
    carla.presses(&["ctrl+End"]);
    carla.types("!");
    ana.wait_text("without a service!");
}

#[test]
fn words_are_found_in_a_text_and_counted() {
    let desk = Desk::new("text-find");
    let ana = desk.window("Ana", "list");
    ana.wait_says("All changes saved");
    ana.types("pine nuts and walnuts");
    ana.wait_text("pine nuts and walnuts");
    ana.presses(&["ctrl+Home", "ctrl+f"]);
    ana.types("nuts");
    ana.wait_says("1 of 2");
    ana.presses(&["Return"]);
    ana.wait_says("2 of 2");
    ana.presses(&["Return"]);
    ana.wait_says("1 of 2");
    ana.presses(&["shift+Return"]);
    ana.wait_says("2 of 2");
    ana.types("x");
    ana.wait_says("No matches");
    // What was found last is selected when the bar is closed: it is typed over.
    ana.presses(&["BackSpace"]);
    ana.wait_says("2 of 2");
    ana.presses(&["Escape"]);
    ana.types("chart");
    ana.wait_text("pine nuts and walchart");
}
