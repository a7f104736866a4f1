//! Windows that cannot be opened.

use std::process::Command;

use shared::testing::{TempFolder, binary};

#[test]
fn without_a_display_it_is_said_that_there_is_none() {
    let folder = TempFolder::new("no-display");
    let mut window = Command::new(binary::ours(binary::DESKTOP));
    window.env_remove("DISPLAY").env_remove("WAYLAND_DISPLAY").env_remove("GDK_BACKEND");
    window.env("XDG_STATE_HOME", folder.path()).env("XDG_RUNTIME_DIR", folder.path());
    let output = window.arg("notes").output().expect("the window's program");
    let words = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{words}");
    assert!(words.contains("rustidocs: the window cannot be opened: there is no display"), "{words}");
    assert!(!words.contains("panicked"), "{words}");
}
