//! The GObject behind the grid: scrolling, sizes, viewport.

use std::cell::{Cell, RefCell};
use std::ops::Range;

use relm4::gtk;
use relm4::gtk::glib;
use relm4::gtk::prelude::*;
use relm4::gtk::subclass::prelude::*;

use super::draw::Frame;
use super::layouts::Layouts;
use super::model::{HEADER_HEIGHT, Model};
use super::{GridEvent, input};
use crate::sheet::selection::{Position, Selection};

type Act = Box<dyn Fn(&super::Grid, GridEvent)>;

/// State of the widget.
#[derive(glib::Properties)]
#[properties(wrapper_type = super::Grid)]
pub struct Grid {
    pub(super) model: RefCell<Model>,
    pub(super) layouts: RefCell<Layouts>,
    pub(super) act: RefCell<Option<Act>>,
    pub(super) drag: RefCell<input::Drag>,
    seen: RefCell<(Range<usize>, Range<usize>)>,
    #[property(name = "hadjustment", get, set = Self::set_horizontal, override_interface = gtk::Scrollable)]
    horizontal: RefCell<Option<gtk::Adjustment>>,
    #[property(name = "vadjustment", get, set = Self::set_vertical, override_interface = gtk::Scrollable)]
    vertical: RefCell<Option<gtk::Adjustment>>,
    #[property(name = "hscroll-policy", get, set, override_interface = gtk::Scrollable)]
    horizontal_policy: Cell<gtk::ScrollablePolicy>,
    #[property(name = "vscroll-policy", get, set, override_interface = gtk::Scrollable)]
    vertical_policy: Cell<gtk::ScrollablePolicy>,
}

impl Default for Grid {
    fn default() -> Grid {
        Grid {
            model: RefCell::default(),
            layouts: RefCell::default(),
            act: RefCell::default(),
            drag: RefCell::default(),
            seen: RefCell::new((0..0, 0..0)),
            horizontal: RefCell::default(),
            vertical: RefCell::default(),
            horizontal_policy: Cell::new(gtk::ScrollablePolicy::Minimum),
            vertical_policy: Cell::new(gtk::ScrollablePolicy::Minimum),
        }
    }
}

#[glib::object_subclass]
impl ObjectSubclass for Grid {
    const NAME: &'static str = "RustiDocsGrid";
    type Type = super::Grid;
    type ParentType = gtk::Widget;
    type Interfaces = (gtk::Scrollable,);

    fn class_init(class: &mut Self::Class) {
        class.set_css_name("sheet-grid");
        class.set_accessible_role(gtk::AccessibleRole::Grid);
    }
}

#[glib::derived_properties]
impl ObjectImpl for Grid {
    fn constructed(&self) {
        self.parent_constructed();
        let grid = self.obj();
        grid.set_focusable(true);
        grid.set_hexpand(true);
        grid.set_vexpand(true);
        grid.set_overflow(gtk::Overflow::Hidden);
        input::attach(&grid);
    }
}

impl ScrollableImpl for Grid {}

impl WidgetImpl for Grid {
    fn measure(&self, orientation: gtk::Orientation, _for_size: i32) -> (i32, i32, i32, i32) {
        let natural = if orientation == gtk::Orientation::Horizontal { 640 } else { 400 };
        (64, natural, -1, -1)
    }

    fn size_allocate(&self, _width: i32, _height: i32, _baseline: i32) {
        self.adjust();
        // Who hears of it gives the grid cells, which a widget must not get while it is allocated.
        let grid = self.obj().downgrade();
        glib::idle_add_local_full(glib::Priority::HIGH_IDLE, move || {
            if let Some(grid) = grid.upgrade() {
                grid.imp().tell_viewport();
            }
            glib::ControlFlow::Break
        });
    }

    fn snapshot(&self, snapshot: &gtk::Snapshot) {
        let grid = self.obj();
        let frame = Frame {
            model: &self.model.borrow(),
            layouts: &mut self.layouts.borrow_mut(),
            scroll: self.scroll(),
            width: f64::from(grid.width()),
            height: f64::from(grid.height()),
        };
        frame.draw(grid.upcast_ref(), snapshot);
    }

    fn system_setting_changed(&self, settings: &gtk::SystemSetting) {
        self.parent_system_setting_changed(settings);
        self.layouts.borrow_mut().clear();
    }
}

impl Grid {
    fn set_horizontal(&self, adjustment: Option<gtk::Adjustment>) {
        self.watch(&adjustment);
        self.horizontal.replace(adjustment);
        self.adjust();
    }

    fn set_vertical(&self, adjustment: Option<gtk::Adjustment>) {
        self.watch(&adjustment);
        self.vertical.replace(adjustment);
        self.adjust();
    }

    fn watch(&self, adjustment: &Option<gtk::Adjustment>) {
        let Some(adjustment) = adjustment else { return };
        let grid = self.obj().downgrade();
        adjustment.connect_value_changed(move |_| {
            if let Some(grid) = grid.upgrade() {
                grid.queue_draw();
                grid.imp().tell_viewport();
            }
        });
    }

    pub(super) fn scroll(&self) -> (f64, f64) {
        let value = |adjustment: &RefCell<Option<gtk::Adjustment>>| {
            adjustment.borrow().as_ref().map_or(0.0, |adjustment| adjustment.value().round())
        };
        (value(&self.horizontal), value(&self.vertical))
    }

    /// Sets what the scroll bars span: the sheet, in a page of what the headers leave.
    fn adjust(&self) {
        let grid = self.obj();
        let (header, width, height) = {
            let model = self.model.borrow();
            (model.header_width(), model.cols.length(), model.rows.length())
        };
        let spans = [
            (&self.horizontal, width, f64::from(grid.width()) - header),
            (&self.vertical, height, f64::from(grid.height()) - HEADER_HEIGHT),
        ];
        for (adjustment, length, page) in spans {
            let Some(adjustment) = adjustment.borrow().clone() else { continue };
            let page = page.max(1.0);
            let value = adjustment.value().clamp(0.0, (length - page).max(0.0));
            adjustment.configure(value, 0.0, length.max(page), page * 0.1, page * 0.9, page);
        }
    }

    pub(super) fn model_changed(&self) {
        {
            let mut model = self.model.borrow_mut();
            let size = model.size();
            model.selection = model.selection.clamped(size);
        }
        self.adjust();
        self.obj().queue_draw();
        self.tell_viewport();
    }

    pub(super) fn viewport(&self) -> (Range<usize>, Range<usize>) {
        let model = self.model.borrow();
        let (x, y) = self.scroll();
        let grid = self.obj();
        let width = f64::from(grid.width()) - model.header_width();
        let height = f64::from(grid.height()) - HEADER_HEIGHT;
        (model.rows.visible(y, height.max(0.0)), model.cols.visible(x, width.max(0.0)))
    }

    fn tell_viewport(&self) {
        let now = self.viewport();
        if *self.seen.borrow() != now {
            self.seen.replace(now);
            self.tell(GridEvent::Viewport);
        }
    }

    pub(super) fn tell(&self, event: GridEvent) {
        if let Some(act) = self.act.borrow().as_ref() {
            act(&self.obj(), event);
        }
    }

    pub(super) fn select(&self, selection: Selection) {
        let changed = {
            let mut model = self.model.borrow_mut();
            let selection = selection.clamped(model.size());
            std::mem::replace(&mut model.selection, selection) != selection
        };
        let moving = self.model.borrow().selection.extent;
        self.show(moving);
        if changed {
            self.obj().queue_draw();
            let selection = self.model.borrow().selection;
            self.tell(GridEvent::Selected(selection));
        }
    }

    /// Scrolls just as far as it takes to see a cell whole.
    fn show(&self, at: Position) {
        let (x, y) = {
            let model = self.model.borrow();
            (
                (model.cols.offset(at.col), model.cols.offset(at.col + 1)),
                (model.rows.offset(at.row), model.rows.offset(at.row + 1)),
            )
        };
        for (adjustment, (start, end)) in [(&self.horizontal, x), (&self.vertical, y)] {
            let Some(adjustment) = adjustment.borrow().clone() else { continue };
            let (value, page) = (adjustment.value(), adjustment.page_size());
            if end > value + page {
                adjustment.set_value(end - page);
            }
            if start < adjustment.value() {
                adjustment.set_value(start);
            }
        }
    }

    pub(super) fn cell_area(&self, at: Position) -> (f64, f64, f64, f64) {
        let model = self.model.borrow();
        let (x, y) = self.scroll();
        (
            model.header_width() + model.cols.offset(at.col) - x,
            HEADER_HEIGHT + model.rows.offset(at.row) - y,
            model.cols.size(at.col),
            model.rows.size(at.row),
        )
    }
}
