//! Letters that are composed of several keys, as input methods do it.

use crate::desk::Desk;

#[test]
fn nobody_hears_of_letters_that_are_still_composed_and_others_do_not_disturb_them() {
    let desk = Desk::new("composing");
    let (ana, ben) = (desk.window("Ana", "notes"), desk.window("Ben", "notes"));
    ana.types("caf");
    ben.wait_text("caf");
    ana.wait_says("All changes saved");
    // A letter by its number: GTK shows "u00e9" underlined where it will stand.
    ana.presses(&["ctrl+shift+u"]);
    ana.types("00e9");
    // Ben writes in front of it meanwhile.
    ben.presses(&["ctrl+Home"]);
    ben.types("one ");
    ana.wait_text("one caf");
    ben.wait_text("one caf");
    ana.wait_says("All changes saved");
    ana.presses(&["space"]);
    ana.wait_text("one café");
    ben.wait_text("one café");
    ana.presses(&["ctrl+z"]);
    ben.wait_for("a composed letter is undone as one", |sight| {
        sight.text().is_some_and(|text| !text.contains('é') && text.starts_with("one "))
    });
}
