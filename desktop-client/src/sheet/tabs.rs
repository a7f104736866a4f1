//! The tabs of a document's sheets, below the grid.

use std::cell::RefCell;
use std::rc::Rc;

use relm4::gtk;
use relm4::gtk::glib;
use relm4::gtk::prelude::*;

use crate::ui::named::icon_button;

/// What the person wants with the sheets, which are named by their place among the tabs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TabEvent {
    /// To see this one.
    Show(usize),
    /// One more.
    Add,
    /// This one under another name.
    Rename(usize),
    /// This one gone.
    Delete(usize),
}

type Act = Rc<RefCell<Option<Box<dyn Fn(TabEvent)>>>>;

/// The row of tabs with a button for one more sheet.
#[derive(Clone)]
pub struct Tabs {
    root: gtk::Box,
    buttons: gtk::Box,
    act: Act,
    names: Rc<RefCell<(Vec<String>, usize)>>,
}

impl Tabs {
    /// No tab yet.
    pub fn new() -> Tabs {
        let root = gtk::Box::new(gtk::Orientation::Horizontal, 6);
        root.add_css_class("sheet-tabs");
        let buttons = gtk::Box::new(gtk::Orientation::Horizontal, 0);
        buttons.add_css_class("linked");
        let add = icon_button("list-add-symbolic", "Add a sheet");
        add.add_css_class("flat");
        let scroll = gtk::ScrolledWindow::builder()
            .vscrollbar_policy(gtk::PolicyType::Never)
            .propagate_natural_width(true)
            .child(&buttons)
            .build();
        root.append(&add);
        root.append(&scroll);
        let act: Act = Rc::default();
        add.connect_clicked(glib::clone!(
            #[strong]
            act,
            move |_| tell(&act, TabEvent::Add)
        ));
        Tabs { root, buttons, act, names: Rc::default() }
    }

    /// The row itself.
    pub fn widget(&self) -> &gtk::Box {
        &self.root
    }

    /// Calls `act` for everything the person wants.
    pub fn connect_event(&self, act: impl Fn(TabEvent) + 'static) {
        self.act.replace(Some(Box::new(act)));
    }

    /// Shows these names, and which of them is seen.
    pub fn set(&self, names: Vec<String>, shown: usize) {
        if *self.names.borrow() == (names.clone(), shown) {
            return;
        }
        while let Some(button) = self.buttons.first_child() {
            self.buttons.remove(&button);
        }
        for (place, name) in names.iter().enumerate() {
            self.buttons.append(&self.tab(place, name, place == shown));
        }
        self.names.replace((names, shown));
    }

    fn tab(&self, place: usize, name: &str, shown: bool) -> gtk::ToggleButton {
        let tab = gtk::ToggleButton::builder()
            .label(name)
            .active(shown)
            .tooltip_text("Double click renames, right click offers more")
            .build();
        let act = self.act.clone();
        // A tab is a picture of what is shown, so a click asks, and the answer sets it.
        tab.connect_clicked(move |tab| {
            tab.set_active(shown);
            tell(&act, TabEvent::Show(place));
        });
        let clicks = gtk::GestureClick::new();
        clicks.set_button(0);
        clicks.set_propagation_phase(gtk::PropagationPhase::Capture);
        let act = self.act.clone();
        clicks.connect_pressed(move |gesture, count, _, _| {
            if gesture.current_button() == gtk::gdk::BUTTON_SECONDARY {
                if let Some(tab) = gesture.widget() {
                    menu(&tab, place, &act);
                }
            } else if count == 2 {
                tell(&act, TabEvent::Rename(place));
            }
        });
        tab.add_controller(clicks);
        tab
    }
}

impl Default for Tabs {
    fn default() -> Tabs {
        Tabs::new()
    }
}

fn tell(act: &Act, event: TabEvent) {
    if let Some(act) = act.borrow().as_ref() {
        act(event);
    }
}

fn menu(tab: &gtk::Widget, place: usize, act: &Act) {
    let popover = gtk::Popover::builder().has_arrow(false).build();
    let items = gtk::Box::new(gtk::Orientation::Vertical, 0);
    for (label, event) in [("Rename…", TabEvent::Rename(place)), ("Delete", TabEvent::Delete(place))] {
        let item = gtk::Button::builder().label(label).css_classes(["flat"]).build();
        let (act, popover) = (act.clone(), popover.downgrade());
        item.connect_clicked(move |_| {
            if let Some(popover) = popover.upgrade() {
                popover.popdown();
            }
            tell(&act, event.clone());
        });
        items.append(&item);
    }
    popover.set_child(Some(&items));
    popover.set_parent(tab);
    popover.connect_closed(|popover| {
        let popover = popover.clone();
        // Its parent may only go after the signal.
        glib::idle_add_local_once(move || popover.unparent());
    });
    popover.popup();
}
