//! A text view that shows the carets of others and keeps a readable width.

use std::cell::RefCell;

use gtk::glib;
use gtk::prelude::*;
use gtk::subclass::prelude::*;
use relm4::gtk;

use super::carets::Carets;
use crate::session::person::Peer;
use crate::ui::NAME_SHOWN;

/// Widest column of text, pixels: some 80 letters.
const COLUMN_WIDTH_MAX: i32 = 780;

/// Least white space beside the column, pixels.
const SIDE_MARGIN_MIN: i32 = 24;

glib::wrapper! {
    /// The view of a text page.
    pub struct DocumentView(ObjectSubclass<imp::DocumentView>)
        @extends sourceview5::View, gtk::TextView, gtk::Widget,
        @implements gtk::Buildable, gtk::ConstraintTarget, gtk::Scrollable;
}

impl Default for DocumentView {
    fn default() -> DocumentView {
        glib::Object::new()
    }
}

impl DocumentView {
    /// Shows where others are. Returns whether somebody's place could not be told yet.
    pub(super) fn place_carets(&self, peers: &[Peer], resolve: impl Fn(&Peer) -> Option<(i32, i32)>) -> bool {
        let unknown = self.imp().carets.borrow_mut().place(&self.buffer(), peers, resolve);
        self.queue_draw();
        self.redraw_when_names_go();
        unknown
    }

    /// Centres the column in a view of this width.
    pub(super) fn fit_column(&self, width: i32) {
        let margin = ((width - COLUMN_WIDTH_MAX) / 2).max(SIDE_MARGIN_MIN);
        if self.left_margin() != margin {
            self.set_left_margin(margin);
            self.set_right_margin(margin);
        }
    }

    fn redraw_when_names_go(&self) {
        let imp = self.imp();
        if imp.timer.borrow().is_some() || !imp.carets.borrow().shows_names() {
            return;
        }
        let source = glib::timeout_add_local_once(
            NAME_SHOWN,
            glib::clone!(
                #[weak(rename_to = view)]
                self,
                move || {
                    view.imp().timer.take();
                    view.queue_draw();
                    view.redraw_when_names_go();
                }
            ),
        );
        *imp.timer.borrow_mut() = Some(source);
    }
}

mod imp {
    use super::*;

    #[derive(Default)]
    pub struct DocumentView {
        pub(super) carets: RefCell<Carets>,
        pub(super) timer: RefCell<Option<glib::SourceId>>,
    }

    #[glib::object_subclass]
    impl ObjectSubclass for DocumentView {
        const NAME: &'static str = "RustidocsDocumentView";
        type Type = super::DocumentView;
        type ParentType = sourceview5::View;
    }

    impl ObjectImpl for DocumentView {
        fn dispose(&self) {
            if let Some(timer) = self.timer.take() {
                timer.remove();
            }
        }
    }

    impl WidgetImpl for DocumentView {}

    impl TextViewImpl for DocumentView {
        fn snapshot_layer(&self, layer: gtk::TextViewLayer, snapshot: gtk::Snapshot) {
            let view = self.obj();
            match layer {
                gtk::TextViewLayer::BelowText => {
                    self.parent_snapshot_layer(layer, snapshot.clone());
                    self.carets.borrow().draw_selections(view.upcast_ref(), &snapshot);
                }
                _ => {
                    self.parent_snapshot_layer(layer, snapshot.clone());
                    self.carets.borrow_mut().draw_carets(view.upcast_ref(), &snapshot);
                }
            }
        }
    }

    impl sourceview5::subclass::prelude::ViewImpl for DocumentView {}
}
