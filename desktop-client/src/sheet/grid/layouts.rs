//! Laid out text, kept between frames: laying out is most of the cost of drawing a cell.

use std::collections::HashMap;
use std::rc::Rc;

use relm4::gtk::pango;

use super::model::{Align, Shown};

/// How many layouts are kept: some screens full of cells. All are dropped when it is reached.
const LAYOUTS_MAX: usize = 16_384;

/// No bound of the width.
pub(super) const NATURAL: i32 = -1;

#[derive(PartialEq, Eq, Hash)]
struct Key {
    text: Rc<str>,
    width: i32,
    align: Align,
    /// Bold, italic, underline, strike.
    looks: [bool; 4],
}

/// Layouts by what they show.
#[derive(Default)]
pub(super) struct Layouts {
    kept: HashMap<Key, (pango::Layout, i32)>,
}

impl Layouts {
    /// Forgets all, as the font or the scale changed.
    pub(super) fn clear(&mut self) {
        self.kept.clear();
    }

    /// The layout of a cell's text in so many pixels, ended by an ellipsis where it does not fit, and its height in pixels.
    /// [`NATURAL`] pixels: as wide as it is.
    pub(super) fn layout(
        &mut self,
        context: &pango::Context,
        shown: &Shown,
        width: i32,
    ) -> (pango::Layout, i32) {
        if self.kept.len() >= LAYOUTS_MAX {
            self.kept.clear();
        }
        let key = Key {
            text: shown.text.clone(),
            width,
            align: shown.align,
            looks: [shown.bold, shown.italic, shown.underline, shown.strike],
        };
        let entry = self.kept.entry(key).or_insert_with(|| {
            let layout = lay_out(context, shown, width);
            let height = layout.pixel_size().1;
            (layout, height)
        });
        entry.clone()
    }
}

fn lay_out(context: &pango::Context, shown: &Shown, width: i32) -> pango::Layout {
    let layout = pango::Layout::new(context);
    layout.set_single_paragraph_mode(true);
    layout.set_text(&shown.text);
    if width != NATURAL {
        layout.set_width(width * pango::SCALE);
        layout.set_ellipsize(pango::EllipsizeMode::End);
    }
    layout.set_alignment(match shown.align {
        Align::Left => pango::Alignment::Left,
        Align::Center => pango::Alignment::Center,
        Align::Right => pango::Alignment::Right,
    });
    let attributes = pango::AttrList::new();
    if shown.bold {
        attributes.insert(pango::AttrInt::new_weight(pango::Weight::Bold));
    }
    if shown.italic {
        attributes.insert(pango::AttrInt::new_style(pango::Style::Italic));
    }
    if shown.underline {
        attributes.insert(pango::AttrInt::new_underline(pango::Underline::Single));
    }
    if shown.strike {
        attributes.insert(pango::AttrInt::new_strikethrough(true));
    }
    layout.set_attributes(Some(&attributes));
    layout
}

/// A header's text, centred.
pub(super) fn header(text: &str, bold: bool) -> Shown {
    Shown { text: text.into(), align: Align::Center, bold, ..Shown::default() }
}
