//! One frame of the grid.

use std::ops::Range;

use relm4::gtk;
use relm4::gtk::prelude::*;
use relm4::gtk::{gdk, graphene};

use super::layouts::{Layouts, NATURAL, header};
use super::model::{Align, HEADER_HEIGHT, Model, Shown, column_letters};
use crate::sheet::selection::{Position, Selection};
use crate::ui::contrast::letters_on;

/// Space between a cell's border and its text, pixels.
const PADDING: f64 = 5.0;
/// Largest height of the flag with a person's name, pixels.
const FLAG_HEIGHT: f64 = 16.0;

/// What one frame is drawn from.
pub(super) struct Frame<'a> {
    pub(super) model: &'a Model,
    pub(super) layouts: &'a mut Layouts,
    /// Pixels that are scrolled away, across and down.
    pub(super) scroll: (f64, f64),
    pub(super) width: f64,
    pub(super) height: f64,
}

/// Colours of the theme.
struct Colors {
    base: gdk::RGBA,
    text: gdk::RGBA,
    line: gdk::RGBA,
    header: gdk::RGBA,
    header_text: gdk::RGBA,
    accent: gdk::RGBA,
    error: gdk::RGBA,
}

impl Colors {
    fn of(widget: &gtk::Widget) -> Colors {
        let style = widget.style_context();
        let named = |name: &str, fallback: (f32, f32, f32)| {
            style
                .lookup_color(name)
                .unwrap_or_else(|| gdk::RGBA::new(fallback.0, fallback.1, fallback.2, 1.0))
        };
        let text = named("view_fg_color", (0.1, 0.1, 0.1));
        let base = named("view_bg_color", (1.0, 1.0, 1.0));
        Colors {
            base,
            text,
            line: mixed(&base, &text, 0.14),
            header: mixed(&base, &text, 0.055),
            header_text: mixed(&base, &text, 0.75),
            accent: named("accent_bg_color", (0.21, 0.52, 0.89)),
            error: named("error_color", (0.75, 0.11, 0.16)),
        }
    }
}

impl Frame<'_> {
    /// Draws cells, then selections, then the headers over what is scrolled beneath them.
    pub(super) fn draw(mut self, widget: &gtk::Widget, snapshot: &gtk::Snapshot) {
        let colors = Colors::of(widget);
        let left = self.model.header_width();
        fill(snapshot, &colors.base, 0.0, 0.0, self.width, self.height);
        let rows = self.model.rows.visible(self.scroll.1, (self.height - HEADER_HEIGHT).max(0.0));
        let cols = self.model.cols.visible(self.scroll.0, (self.width - left).max(0.0));

        let inside = (self.width - left).max(0.0);
        snapshot.push_clip(&rectangle(left, HEADER_HEIGHT, inside, (self.height - HEADER_HEIGHT).max(0.0)));
        self.fills(snapshot, &rows, &cols);
        self.lines(snapshot, &colors, &rows, &cols);
        self.texts(widget, snapshot, &colors, &rows, &cols);
        self.selection(snapshot, &colors);
        self.peers(widget, snapshot);
        snapshot.pop();

        self.headers(widget, snapshot, &colors, &rows, &cols);
    }

    fn x(&self, col: usize) -> f64 {
        self.model.header_width() + self.model.cols.offset(col) - self.scroll.0
    }

    fn y(&self, row: usize) -> f64 {
        HEADER_HEIGHT + self.model.rows.offset(row) - self.scroll.1
    }

    fn fills(&self, snapshot: &gtk::Snapshot, rows: &Range<usize>, cols: &Range<usize>) {
        for row in rows.clone() {
            for col in cols.clone() {
                let shown = self.model.cells.get(&Position { row, col });
                if let Some(color) = shown.and_then(|shown| shown.fill) {
                    let (width, height) = (self.model.cols.size(col), self.model.rows.size(row));
                    fill(snapshot, &color, self.x(col), self.y(row), width, height);
                }
            }
        }
    }

    fn texts(
        &mut self,
        widget: &gtk::Widget,
        snapshot: &gtk::Snapshot,
        colors: &Colors,
        rows: &Range<usize>,
        cols: &Range<usize>,
    ) {
        let context = widget.pango_context();
        let model = self.model;
        for row in rows.clone() {
            let (y, height) = (self.y(row), model.rows.size(row));
            for col in cols.clone() {
                let Some(shown) = model.cells.get(&Position { row, col }) else { continue };
                // Words run on over empty neighbours; numbers never do, as a cut number would be a wrong one.
                let mut end = col + 1;
                if shown.align == Align::Left {
                    while end < cols.end && !model.cells.contains_key(&Position { row, col: end }) {
                        end += 1;
                    }
                }
                let (x, width) = (self.x(col), model.cols.offset(end) - model.cols.offset(col));
                let usual = if shown.error { &colors.error } else { &colors.text };
                let color = shown.color.as_ref().unwrap_or(usual);
                self.text(&context, snapshot, shown, color, (x, y, width, height));
            }
        }
    }

    fn text(
        &mut self,
        context: &gtk::pango::Context,
        snapshot: &gtk::Snapshot,
        shown: &Shown,
        color: &gdk::RGBA,
        (x, y, width, height): (f64, f64, f64, f64),
    ) {
        let room = (width - 2.0 * PADDING) as i32;
        if room <= 0 || height < 4.0 || shown.text.is_empty() {
            return;
        }
        let (layout, text_height) = self.layouts.layout(context, shown, room);
        snapshot.save();
        let top = y + ((height - f64::from(text_height)) / 2.0).floor();
        snapshot.translate(&graphene::Point::new((x + PADDING) as f32, top as f32));
        snapshot.append_layout(&layout, color);
        snapshot.restore();
    }

    fn lines(&self, snapshot: &gtk::Snapshot, colors: &Colors, rows: &Range<usize>, cols: &Range<usize>) {
        let (right, bottom) = (self.x(cols.end).min(self.width), self.y(rows.end).min(self.height));
        for col in cols.clone() {
            fill(snapshot, &colors.line, self.x(col + 1) - 1.0, 0.0, 1.0, bottom);
        }
        for row in rows.clone() {
            fill(snapshot, &colors.line, 0.0, self.y(row + 1) - 1.0, right, 1.0);
        }
    }

    /// The rectangle of a selection in pixels: x, y, width, height.
    fn area(&self, selection: &Selection) -> (f64, f64, f64, f64) {
        let (x, y) = (self.x(*selection.cols().start()), self.y(*selection.rows().start()));
        (x, y, self.x(*selection.cols().end() + 1) - x, self.y(*selection.rows().end() + 1) - y)
    }

    fn selection(&self, snapshot: &gtk::Snapshot, colors: &Colors) {
        let selection = &self.model.selection;
        let (x, y, width, height) = self.area(selection);
        if !selection.is_single() {
            let (ax, ay, awidth, aheight) = self.area(&Selection::cell(selection.active));
            let veil = with_alpha(&colors.accent, 0.14);
            // All but the active cell: above, below, left, right of it.
            fill(snapshot, &veil, x, y, width, ay - y);
            fill(snapshot, &veil, x, ay + aheight, width, y + height - ay - aheight);
            fill(snapshot, &veil, x, ay, ax - x, aheight);
            fill(snapshot, &veil, ax + awidth, ay, x + width - ax - awidth, aheight);
        }
        outline(snapshot, &colors.accent, (x - 1.0, y - 1.0, width + 1.0, height + 1.0), 2.0);
    }

    fn peers(&mut self, widget: &gtk::Widget, snapshot: &gtk::Snapshot) {
        let context = widget.pango_context();
        let model = self.model;
        for peer in &model.peers {
            let (x, y, width, height) = self.area(&peer.selection.clamped(model.size()));
            if !peer.selection.is_single() {
                fill(snapshot, &with_alpha(&peer.color, 0.10), x, y, width, height);
            }
            outline(snapshot, &peer.color, (x - 1.0, y - 1.0, width + 1.0, height + 1.0), 2.0);
            if !peer.named {
                continue;
            }
            let name = header(&peer.name, true);
            let (layout, text_height) = self.layouts.layout(&context, &name, NATURAL);
            let flag_width = f64::from(layout.pixel_size().0) + 2.0 * PADDING;
            // Above the cells, or inside them where the header would hide it.
            let flag_height = FLAG_HEIGHT.max(f64::from(text_height));
            let top = if y - flag_height < HEADER_HEIGHT { y } else { y - flag_height };
            fill(snapshot, &peer.color, x - 1.0, top, flag_width, flag_height);
            snapshot.save();
            snapshot.translate(&graphene::Point::new((x - 1.0 + PADDING) as f32, top as f32));
            snapshot.append_layout(&layout, &letters_on(&peer.color));
            snapshot.restore();
        }
    }

    fn headers(
        &mut self,
        widget: &gtk::Widget,
        snapshot: &gtk::Snapshot,
        colors: &Colors,
        rows: &Range<usize>,
        cols: &Range<usize>,
    ) {
        let context = widget.pango_context();
        let left = self.model.header_width();
        let selection = self.model.selection;
        let chosen = mixed(&colors.header, &colors.accent, 0.25);

        snapshot.push_clip(&rectangle(left, 0.0, (self.width - left).max(0.0), HEADER_HEIGHT));
        fill(snapshot, &colors.header, left, 0.0, self.width - left, HEADER_HEIGHT);
        for col in cols.clone() {
            let (x, width) = (self.x(col), self.model.cols.size(col));
            let inside = selection.cols().contains(&col);
            if inside {
                fill(snapshot, &chosen, x, 0.0, width, HEADER_HEIGHT);
            }
            fill(snapshot, &colors.line, x + width - 1.0, 0.0, 1.0, HEADER_HEIGHT);
            let text = header(&column_letters(col), inside);
            self.text(&context, snapshot, &text, &colors.header_text, (x, 0.0, width, HEADER_HEIGHT));
        }
        snapshot.pop();

        snapshot.push_clip(&rectangle(0.0, HEADER_HEIGHT, left, (self.height - HEADER_HEIGHT).max(0.0)));
        fill(snapshot, &colors.header, 0.0, HEADER_HEIGHT, left, self.height - HEADER_HEIGHT);
        for row in rows.clone() {
            let (y, height) = (self.y(row), self.model.rows.size(row));
            let inside = selection.rows().contains(&row);
            if inside {
                fill(snapshot, &chosen, 0.0, y, left, height);
            }
            fill(snapshot, &colors.line, 0.0, y + height - 1.0, left, 1.0);
            let text = header(&(row + 1).to_string(), inside);
            self.text(&context, snapshot, &text, &colors.header_text, (0.0, y, left, height));
        }
        snapshot.pop();

        fill(snapshot, &colors.header, 0.0, 0.0, left, HEADER_HEIGHT);
        fill(snapshot, &colors.line, left - 1.0, 0.0, 1.0, self.height);
        fill(snapshot, &colors.line, 0.0, HEADER_HEIGHT - 1.0, self.width, 1.0);
    }
}

fn rectangle(x: f64, y: f64, width: f64, height: f64) -> graphene::Rect {
    graphene::Rect::new(x as f32, y as f32, width as f32, height as f32)
}

fn fill(snapshot: &gtk::Snapshot, color: &gdk::RGBA, x: f64, y: f64, width: f64, height: f64) {
    if width > 0.0 && height > 0.0 {
        snapshot.append_color(color, &rectangle(x, y, width, height));
    }
}

fn outline(
    snapshot: &gtk::Snapshot,
    color: &gdk::RGBA,
    (x, y, width, height): (f64, f64, f64, f64),
    line: f64,
) {
    fill(snapshot, color, x, y, width, line);
    fill(snapshot, color, x, y + height - line, width, line);
    fill(snapshot, color, x, y, line, height);
    fill(snapshot, color, x + width - line, y, line, height);
}

fn mixed(from: &gdk::RGBA, to: &gdk::RGBA, share: f32) -> gdk::RGBA {
    let mix = |a: f32, b: f32| a + (b - a) * share;
    gdk::RGBA::new(mix(from.red(), to.red()), mix(from.green(), to.green()), mix(from.blue(), to.blue()), 1.0)
}

fn with_alpha(color: &gdk::RGBA, alpha: f32) -> gdk::RGBA {
    gdk::RGBA::new(color.red(), color.green(), color.blue(), alpha)
}
