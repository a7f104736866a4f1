//! The grid in words, for those who do not see it: the active cell and what it shows, what is selected, where others are.

use super::Binding;
use crate::sheet::grid::Peer;
use crate::sheet::grid::model::cell_name;
use crate::sheet::selection::Selection;

impl Binding {
    /// Tells assistive technologies what the grid shows now.
    pub(super) fn describe(&self) {
        let active = self.selection().active;
        let shown = self.with_sheet(|_, sheet| {
            let key = sheet.key_at(active.row, active.col)?;
            Some(self.values.borrow().shown(sheet, key))
        });
        let words = self
            .parts
            .grid
            .read(|model| description(&model.selection, &shown.flatten().unwrap_or_default(), &model.peers));
        self.parts.grid.describe(&words);
    }
}

/// `B3: 42; B3 to C5 selected; Ben at C4`.
fn description(selection: &Selection, shown: &str, peers: &[Peer]) -> String {
    let shown = if shown.is_empty() { "empty" } else { shown };
    let mut parts = vec![format!("{}: {shown}", cell_name(selection.active))];
    if !selection.is_single() {
        parts.push(format!("{} selected", span(selection)));
    }
    parts.extend(peers.iter().map(|peer| format!("{} at {}", peer.name, span(&peer.selection))));
    parts.join("; ")
}

fn span(selection: &Selection) -> String {
    let active = cell_name(selection.active);
    if selection.is_single() { active } else { format!("{active} to {}", cell_name(selection.extent)) }
}

#[cfg(test)]
mod tests {
    use relm4::gtk::gdk;

    use super::*;
    use crate::sheet::selection::Position;

    #[test]
    fn a_cell_a_selection_and_others_are_said_in_words() {
        let at = |row, col| Position { row, col };
        let selection = Selection { active: at(2, 1), extent: at(4, 2) };
        assert_eq!(description(&Selection::cell(at(2, 1)), "", &[]), "B3: empty");
        let peer = |name: &str, selection| Peer {
            client: 2,
            named: true,
            name: name.into(),
            color: gdk::RGBA::BLACK,
            selection,
        };
        let peers = [peer("Ben", Selection::cell(at(3, 2))), peer("Carla", selection)];
        assert_eq!(
            description(&selection, "#DIV/0!", &peers),
            "B3: #DIV/0!; B3 to C5 selected; Ben at C4; Carla at B3 to C5"
        );
    }
}
