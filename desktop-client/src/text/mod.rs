//! The text page.
//!
//! # Layout
//!
//! - [`input`]: between the buffer and the replica.
//! - [`view`]: the view, with the [`carets`] of others.
//! - [`find`]: finding in it.
//! - [`statistics`]: counts for the status bar.

use std::cell::Cell;
use std::rc::Rc;
use std::time::Duration;

use gtk::glib;
use relm4::prelude::*;
use relm4::{adw, gtk};
use sourceview5::prelude::*;

use crate::page::{PageInput, PageOutput};
use crate::session::person::Peer;
use crate::session::presence::CURSOR;
use crate::session::replica::TextReplica;
use crate::session::{DocumentHandle, NotTaken};
use crate::ui::find_bar::FindBar;
use crate::ui::named::named;

mod carets;
mod find;
mod input;
mod statistics;
mod view;

use input::Input;
use view::DocumentView;

/// Counts are told at most this often.
const SUMMARY_WAIT: Duration = Duration::from_millis(250);

/// One's own caret is told at most this often; the session throttles it further.
const CARET_WAIT: Duration = Duration::from_millis(30);

/// What a text page is made of.
pub struct TextInit {
    /// The page's end of its document: edits go here.
    pub handle: DocumentHandle,
    /// The empty replica that it edits.
    pub replica: TextReplica,
}

/// A text that people write.
pub struct TextPage {
    input: Rc<Input>,
    handle: DocumentHandle,
    buffer: sourceview5::Buffer,
    view: DocumentView,
    find: FindBar,
    peers: Vec<Peer>,
    /// A summary is on its way.
    counting: Rc<Cell<bool>>,
    told_undo: Cell<(bool, bool)>,
}

/// What the page tells itself.
#[derive(Debug)]
pub enum TextNote {
    /// The person edited or moved the caret.
    Touched,
    /// It is time to count.
    Count,
    /// The counts.
    Counted(String),
}

impl Component for TextPage {
    type Init = TextInit;
    type Input = PageInput;
    type Output = PageOutput;
    type CommandOutput = TextNote;

    type Root = gtk::Box;
    type Widgets = ();

    fn init_root() -> gtk::Box {
        gtk::Box::new(gtk::Orientation::Vertical, 0)
    }

    fn init(init: TextInit, root: gtk::Box, sender: ComponentSender<Self>) -> ComponentParts<Self> {
        let buffer = sourceview5::Buffer::new(None);
        buffer.set_enable_undo(false);
        buffer.set_highlight_matching_brackets(false);
        buffer.set_highlight_syntax(false);
        let view = document_view(&buffer);
        let scroller = gtk::ScrolledWindow::builder()
            .hscrollbar_policy(gtk::PolicyType::Never)
            .vexpand(true)
            .child(&view)
            .build();
        scroller.hadjustment().connect_page_size_notify(glib::clone!(
            #[weak]
            view,
            move |adjustment| {
                // GTK says this while it validates the lines on the screen, and ends the program if that makes them invalid.
                let (view, width) = (view.downgrade(), adjustment.page_size() as i32);
                glib::idle_add_local_full(glib::Priority::HIGH_IDLE, move || {
                    if let Some(view) = view.upgrade() {
                        view.fit_column(width);
                    }
                    glib::ControlFlow::Break
                });
            }
        ));
        follow_color_scheme(&buffer);

        let touched = Rc::new(Cell::new(false));
        let notes = sender.command_sender().clone();
        let touch = move || {
            if !touched.replace(true) {
                let (touched, notes) = (Rc::clone(&touched), notes.clone());
                glib::timeout_add_local_once(CARET_WAIT, move || {
                    touched.set(false);
                    let _ = notes.send(TextNote::Touched);
                });
            }
        };
        let input = Input::bind(&buffer, init.replica, init.handle.clone(), touch.clone());
        buffer.connect_cursor_position_notify(move |_| touch());
        view.connect_preedit_changed(glib::clone!(
            #[weak]
            input,
            move |_, composed| input.set_composing(!composed.is_empty())
        ));
        let find = find::find_bar(&view, &buffer);
        let model = TextPage {
            input,
            handle: init.handle,
            buffer,
            view,
            find: find.clone(),
            peers: Vec::new(),
            counting: Rc::default(),
            told_undo: Cell::new((false, false)),
        };
        model.count_soon(&sender);
        root.append(find.widget());
        root.append(&scroller);
        ComponentParts { model, widgets: () }
    }

    fn update(&mut self, input: PageInput, sender: ComponentSender<Self>, _root: &gtk::Box) {
        match input {
            PageInput::Updates(updates) => {
                self.input.hear(&updates);
                self.place_carets();
                self.count_soon(&sender);
            }
            PageInput::Peers(peers) => {
                self.peers = peers;
                self.place_carets();
            }
            PageInput::Editable(editable) => self.view.set_editable(editable),
            PageInput::Retry => self.input.retry(),
            PageInput::Undo => {
                self.input.undo();
                self.reveal_caret();
            }
            PageInput::Redo => {
                self.input.redo();
                self.reveal_caret();
            }
            PageInput::Find => self.find.open(self.selected().as_deref()),
            PageInput::Focus => {
                self.view.grab_focus();
            }
        }
        self.tell_undo(&sender);
        if self.input.has_failed() {
            let words = "This text holds something that this version cannot show.";
            let _ = sender.output(PageOutput::Failed(words.into()));
        }
    }

    fn update_cmd(&mut self, note: TextNote, sender: ComponentSender<Self>, _root: &gtk::Box) {
        match note {
            TextNote::Touched if self.input.has_ended() => {
                let _ = sender.output(PageOutput::Failed(NotTaken::Ended.to_string()));
            }
            TextNote::Touched => {
                self.tell_caret();
                self.tell_undo(&sender);
                self.count_soon(&sender);
            }
            TextNote::Count => {
                let text = self.input.text();
                sender.spawn_oneshot_command(move || TextNote::Counted(statistics::summary(&text)));
            }
            TextNote::Counted(summary) => {
                let _ = sender.output(PageOutput::Summary(summary));
            }
        }
    }
}

impl TextPage {
    fn place_carets(&self) {
        self.view.place_carets(&self.peers, |peer| self.input.resolve(peer));
    }

    fn count_soon(&self, sender: &ComponentSender<Self>) {
        if !self.counting.replace(true) {
            let (counting, notes) = (Rc::clone(&self.counting), sender.command_sender().clone());
            glib::timeout_add_local_once(SUMMARY_WAIT, move || {
                counting.set(false);
                let _ = notes.send(TextNote::Count);
            });
        }
    }

    fn tell_caret(&self) {
        if let Some(caret) = self.input.caret().and_then(|caret| serde_json::to_value(caret).ok()) {
            // A busy session hears of the next place instead.
            let _ = self.handle.presence(CURSOR, caret);
        }
    }

    fn tell_undo(&self, sender: &ComponentSender<Self>) {
        let state = self.input.undo_state();
        if self.told_undo.replace(state) != state {
            let (can_undo, can_redo) = state;
            let _ = sender.output(PageOutput::UndoState { can_undo, can_redo });
        }
    }

    fn reveal_caret(&self) {
        self.input.close_undo_group();
        self.view.scroll_mark_onscreen(&self.buffer.get_insert());
    }

    fn selected(&self) -> Option<String> {
        let (start, end) = self.buffer.selection_bounds()?;
        Some(self.buffer.text(&start, &end, false).into())
    }
}

fn document_view(buffer: &sourceview5::Buffer) -> DocumentView {
    let view: DocumentView = named("Text");
    view.set_buffer(Some(buffer));
    view.set_wrap_mode(gtk::WrapMode::WordChar);
    view.set_editable(false);
    view.set_top_margin(28);
    view.set_bottom_margin(160);
    view.set_pixels_below_lines(4);
    view.set_pixels_inside_wrap(4);
    view.add_css_class("document-text");
    view
}

/// The buffer's colours follow light and dark.
fn follow_color_scheme(buffer: &sourceview5::Buffer) {
    let apply = |buffer: &sourceview5::Buffer, dark: bool| {
        let name = if dark { "Adwaita-dark" } else { "Adwaita" };
        buffer.set_style_scheme(sourceview5::StyleSchemeManager::default().scheme(name).as_ref());
    };
    let style = adw::StyleManager::default();
    apply(buffer, style.is_dark());
    style.connect_dark_notify(glib::clone!(
        #[weak]
        buffer,
        move |style| apply(&buffer, style.is_dark())
    ));
}
