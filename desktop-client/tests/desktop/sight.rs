//! What assistive technology sees of a window, by AT-SPI.

use std::process::Command;

use serde::Deserialize;

/// The reader: prints every widget as JSON.
const READER: &str = include_str!("sight.py");

/// Asks for windows that are not there.
const ASKER: &str = include_str!("gone_windows.py");

/// Every widget of a window (GTK 4.8 does not tell which are hidden).
#[derive(Debug)]
pub(crate) struct Sight {
    things: Vec<Thing>,
}

/// One widget.
#[derive(Debug, Deserialize)]
struct Thing {
    role: String,
    name: String,
    description: String,
    text: Option<String>,
    pressed: bool,
}

impl Sight {
    /// Of the window of this process.
    pub(crate) fn of(pid: u32, display: &str, bus: &str) -> Sight {
        let mut python = Command::new("/usr/bin/python3");
        python.args(["-c", READER, &pid.to_string()]);
        python.env("DISPLAY", display).env("DBUS_SESSION_BUS_ADDRESS", bus);
        let output = python.output().expect("python3 is installed");
        // While a window is built or goes away its tree cannot be read.
        let things = serde_json::from_slice(&output.stdout).unwrap_or_default();
        Sight { things }
    }

    /// Asks a process for windows that it does not have, as a screen reader does that counted them before one closed.
    pub(crate) fn ask_for_gone_windows(pid: u32, bus: &str) {
        let mut python = Command::new("/usr/bin/python3");
        python.args(["-c", ASKER, &pid.to_string()]).env("DBUS_SESSION_BUS_ADDRESS", bus);
        let output = python.output().expect("python3 is installed");
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    }

    /// What the text view holds.
    pub(crate) fn text(&self) -> Option<String> {
        self.entry("Text")
    }

    /// What the entry of this name holds.
    pub(crate) fn entry(&self, name: &str) -> Option<String> {
        self.things
            .iter()
            .find(|thing| thing.role == "text" && thing.name == name)
            .and_then(|thing| thing.text.clone())
    }

    /// What is said of the sheet: the active cell and what it shows, what is selected, where others are.
    pub(crate) fn sheet(&self) -> Option<String> {
        self.things.iter().find(|thing| thing.name == "Sheet").map(|thing| thing.description.clone())
    }

    /// Whether the tab of this sheet is there.
    pub(crate) fn has_tab(&self, name: &str) -> bool {
        self.tab(name).is_some()
    }

    /// Whether the sheet of this name is the one that is seen.
    pub(crate) fn shows_tab(&self, name: &str) -> bool {
        self.tab(name).is_some_and(|tab| tab.pressed)
    }

    /// Whether something shows these words.
    pub(crate) fn says(&self, words: &str) -> bool {
        self.things.iter().any(|thing| thing.name == words || thing.text.as_deref() == Some(words))
    }

    /// Whether something is described by these words.
    pub(crate) fn describes(&self, words: &str) -> bool {
        self.things.iter().any(|thing| thing.description == words)
    }

    fn tab(&self, name: &str) -> Option<&Thing> {
        self.things.iter().find(|thing| thing.role == "push button" && thing.name == name)
    }

    /// Whether the sidebar has a row of this name.
    pub(crate) fn lists(&self, name: &str) -> bool {
        self.things.iter().any(|thing| thing.role == "list item" && thing.name == name)
    }
}
