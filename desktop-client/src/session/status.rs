//! What the window says about the connection and about what is *saved*.

use super::saving::Progress;

/// Whether the document's link stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Connection {
    /// The first attempt has not been decided yet.
    #[default]
    Connecting,
    /// Connected, and everything that others wrote meanwhile has arrived.
    Online,
    /// There is no connection; it is tried again.
    Offline,
}

/// The state of a document as a person wants to know it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Status {
    /// Whether the link stands.
    pub connection: Connection,
    /// Own changes that are not *saved* (on disk and on a replica) yet.
    pub unsaved: u64,
    /// How far saving them is.
    pub progress: Progress,
    /// Whether unsaved changes are in a file of this computer too. False only when its disk refuses.
    pub kept: bool,
}

/// How a label is meant, for its icon and colour.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mood {
    /// Nothing to do.
    Calm,
    /// Something is under way.
    Busy,
    /// The person should know.
    Concern,
}

impl Status {
    /// The words of the status bar.
    pub fn label(&self) -> String {
        match (self.connection, self.unsaved) {
            (Connection::Connecting, 0) => "Connecting…".to_owned(),
            (Connection::Online, 0) if self.progress == Progress::Settled => "All changes saved".to_owned(),
            (Connection::Online, _) if self.progress != Progress::Late => "Saving…".to_owned(),
            (Connection::Offline, 0) => "Offline".to_owned(),
            (_, 1) => "1 change not saved".to_owned(),
            (_, n) => format!("{n} changes not saved"),
        }
    }

    /// How the label is meant.
    pub fn mood(&self) -> Mood {
        match (self.connection, self.unsaved) {
            (Connection::Online, 0) if self.progress == Progress::Settled => Mood::Calm,
            (Connection::Offline, _) => Mood::Concern,
            _ => Mood::Busy,
        }
    }

    /// The words of the banner; `None` while there is nothing to say.
    pub fn banner(&self) -> Option<&'static str> {
        match (self.connection, self.kept || self.unsaved == 0) {
            (Connection::Offline, true) => {
                Some("You are offline. Your edits are kept and will merge when the connection is back.")
            }
            (Connection::Offline, false) => Some(
                "You are offline and this computer’s disk refuses to keep your edits. Leave the window open until the connection is back.",
            ),
            (_, false) => Some("This computer’s disk refuses to keep your edits until they are saved."),
            (_, true) => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn status(connection: Connection, unsaved: u64) -> Status {
        Status { connection, unsaved, progress: Progress::Settled, kept: true }
    }

    #[test]
    fn all_changes_saved_is_said_only_online_and_with_nothing_pending() {
        for connection in [Connection::Connecting, Connection::Online, Connection::Offline] {
            for unsaved in [0, 1, 2, 1_000] {
                for progress in [Progress::Settled, Progress::UnderWay, Progress::Late] {
                    let status = Status { progress, ..status(connection, unsaved) };
                    let said = status.label() == "All changes saved";
                    let is =
                        connection == Connection::Online && unsaved == 0 && progress == Progress::Settled;
                    assert_eq!(said, is, "{status:?}");
                }
            }
        }
    }

    #[test]
    fn the_label_counts_in_plain_words() {
        assert_eq!(status(Connection::Offline, 1).label(), "1 change not saved");
        assert_eq!(status(Connection::Offline, 7).label(), "7 changes not saved");
        let under_way = Status { progress: Progress::UnderWay, ..status(Connection::Online, 7) };
        assert_eq!(under_way.label(), "Saving…");
        let late = Status { progress: Progress::Late, ..under_way };
        assert_eq!(late.label(), "7 changes not saved");
    }

    #[test]
    fn the_banner_promises_to_keep_edits_only_when_they_are_kept() {
        assert_eq!(status(Connection::Online, 9).banner(), None);
        assert!(status(Connection::Offline, 0).banner().is_some_and(|text| text.contains("are kept")));
        let lost = Status { kept: false, ..status(Connection::Offline, 3) };
        assert!(lost.banner().is_some_and(|text| text.contains("refuses")));
    }
}
