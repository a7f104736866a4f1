//! Widgets with a name for those who do not see them.
//!
//! gtk4-rs has `Accessible` from GTK 4.10 on. GTK 4.8 can set the name of a widget in an interface description, so widgets
//! that need one are made from a small one.

use gtk::glib;
use gtk::prelude::*;
use relm4::gtk;

/// A new widget of this type that assistive technologies call by this name.
pub fn named<T: IsA<gtk::Widget> + IsA<glib::Object> + Default>(name: &str) -> T {
    T::static_type(); // registers types of ours
    let description = format!(
        "<interface><object class=\"{}\" id=\"it\"><accessibility><property name=\"label\">{}</property>\
         </accessibility></object></interface>",
        T::static_type().name(),
        glib::markup_escape_text(name),
    );
    gtk::Builder::from_string(&description).object("it").unwrap_or_default()
}

/// An icon button; the name is its tooltip too.
pub fn icon_button(icon: &str, name: &str) -> gtk::Button {
    let button: gtk::Button = named(name);
    button.set_icon_name(icon);
    button.set_tooltip_text(Some(name));
    button
}

/// A menu button; the name is its tooltip too.
pub fn menu_button(name: &str) -> gtk::MenuButton {
    let button: gtk::MenuButton = named(name);
    button.set_tooltip_text(Some(name));
    button
}
