//! A display of its own for a test of widgets, wherever it runs.

use std::process::Command;

use gtk::glib;
use relm4::{adw, gtk};
use shared::testing::process::Process;
use shared::testing::{TempFolder, binary, wait};

/// Set in the process that has a display.
const INSIDE: &str = "RUSTIDOCS_TEST_HAS_DISPLAY";

/// Runs the body of the test that calls it on an empty display. A process cannot change its own environment safely, so the
/// test starts itself again with the display in it.
pub(crate) fn on_display(body: impl FnOnce()) {
    if std::env::var_os(INSIDE).is_some() {
        adw::init().expect("a display");
        body();
        return;
    }
    let test = std::thread::current().name().expect("tests have names").to_owned();
    let folder = TempFolder::new("display");
    let arguments = ["-displayfd", "1", "-screen", "0", "1000x700x24", "-nolisten", "tcp", "-noreset"];
    let screen = Process::spawn(&binary::installed("Xvfb"), &arguments, &folder.path().join("screen.log"));
    let number = wait::until_some("the screen has a number", || {
        screen.log().lines().find_map(|line| line.trim().parse::<u32>().ok())
    });
    let output = Command::new(std::env::current_exe().expect("the path of the test"))
        .args([&test[..], "--exact", "--nocapture"])
        .env(INSIDE, "1")
        .env("DISPLAY", format!(":{number}"))
        .env("GDK_BACKEND", "x11")
        .env("GSK_RENDERER", "cairo")
        .env("GSETTINGS_BACKEND", "memory")
        .env("GTK_A11Y", "none")
        .env("HOME", folder.path())
        .env_remove("DBUS_SESSION_BUS_ADDRESS")
        .output()
        .expect("the test starts itself");
    let words = String::from_utf8_lossy(&output.stdout);
    assert!(words.contains("1 passed"), "{words}\n{}", String::from_utf8_lossy(&output.stderr));
}

/// Lets GTK work until this is so.
#[track_caller]
pub(crate) fn wait_for(what: &str, mut done: impl FnMut() -> bool) {
    wait::until(what, || {
        while glib::MainContext::default().iteration(false) {}
        done()
    });
}

/// Lets GTK do what there is to do now.
pub(crate) fn settle() {
    while glib::MainContext::default().iteration(false) {}
}
