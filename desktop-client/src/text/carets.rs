//! The carets and selections of others in a text view.
//!
//! Each is held as two marks, so that it moves with the letters around it, and is drawn in the view's layers: selections below
//! the text, carets and names above it.

use std::collections::BTreeMap;
use std::time::Instant;

use gtk::prelude::*;
use gtk::{gdk, graphene, gsk, pango};
use relm4::gtk;

use crate::session::person::Peer;
use crate::ui::NAME_SHOWN;
use crate::ui::contrast::letters_on;

const CARET_WIDTH: f32 = 2.0;
const DOT: f32 = 6.0;
const NAME_PADDING: (f32, f32) = (6.0, 2.0);
const NAME_RADIUS: f32 = 4.0;
const SELECTION_OPACITY: f32 = 0.22;

/// The carets in one buffer.
#[derive(Debug, Default)]
pub(super) struct Carets {
    carets: BTreeMap<u64, RemoteCaret>,
}

#[derive(Debug)]
struct RemoteCaret {
    anchor: gtk::TextMark,
    head: gtk::TextMark,
    name: String,
    color: gdk::RGBA,
    moved: Instant,
    layout: Option<pango::Layout>,
}

impl Carets {
    /// Places the carets of these people; `resolve` says where they are. Those it does not know are not shown.
    /// Returns whether anybody's place could not be told yet.
    pub(super) fn place(
        &mut self,
        buffer: &gtk::TextBuffer,
        peers: &[Peer],
        resolve: impl Fn(&Peer) -> Option<(i32, i32)>,
    ) -> bool {
        let mut unknown = false;
        let mut kept = BTreeMap::new();
        for peer in peers.iter().filter(|peer| peer.caret.is_some()) {
            let known = self.carets.remove(&peer.client);
            match resolve(peer) {
                Some(place) => {
                    kept.insert(peer.client, placed(known, buffer, peer, place));
                }
                None => {
                    unknown = true;
                    if let Some(caret) = known {
                        kept.insert(peer.client, caret);
                    }
                }
            }
        }
        for caret in std::mem::replace(&mut self.carets, kept).into_values() {
            buffer.delete_mark(&caret.anchor);
            buffer.delete_mark(&caret.head);
        }
        unknown
    }

    /// Whether a name is shown that will go by itself.
    pub(super) fn shows_names(&self) -> bool {
        self.carets.values().any(|caret| caret.moved.elapsed() < NAME_SHOWN)
    }

    /// Draws the selections.
    pub(super) fn draw_selections(&self, view: &gtk::TextView, snapshot: &gtk::Snapshot) {
        let buffer = view.buffer();
        let visible = view.visible_rect();
        for caret in self.carets.values() {
            let (anchor, head) = (buffer.iter_at_mark(&caret.anchor), buffer.iter_at_mark(&caret.head));
            if anchor == head {
                continue;
            }
            let (start, end) = if anchor < head { (anchor, head) } else { (head, anchor) };
            let mut color = caret.color;
            color.set_alpha(SELECTION_OPACITY);
            for line in lines(view, &visible, start, end) {
                snapshot.append_color(&color, &line);
            }
        }
    }

    /// Draws the carets and names.
    pub(super) fn draw_carets(&mut self, view: &gtk::TextView, snapshot: &gtk::Snapshot) {
        let buffer = view.buffer();
        let visible = view.visible_rect();
        for caret in self.carets.values_mut() {
            let place = view.iter_location(&buffer.iter_at_mark(&caret.head));
            let above = visible.y() - place.height() * 2;
            if place.y() < above || place.y() > visible.y() + visible.height() + place.height() {
                continue;
            }
            let (x, y) = (place.x() as f32 - CARET_WIDTH / 2.0, place.y() as f32);
            let line = graphene::Rect::new(x, y, CARET_WIDTH, place.height() as f32);
            snapshot.append_color(&caret.color, &line);
            if caret.moved.elapsed() < NAME_SHOWN {
                caret.draw_name(view, snapshot, (x, y), &visible);
            } else {
                let dot = graphene::Rect::new(x + (CARET_WIDTH - DOT) / 2.0, y - DOT / 2.0, DOT, DOT);
                fill_rounded(snapshot, &dot, DOT / 2.0, &caret.color);
            }
        }
    }
}

impl RemoteCaret {
    fn draw_name(
        &mut self,
        view: &gtk::TextView,
        snapshot: &gtk::Snapshot,
        (x, y): (f32, f32),
        visible: &gdk::Rectangle,
    ) {
        let line_height = self.line_height(view);
        let layout = self.layout.get_or_insert_with(|| name_layout(view, &self.name));
        let (width, height) = layout.pixel_size();
        let (width, height) = (width as f32 + 2.0 * NAME_PADDING.0, height as f32 + 2.0 * NAME_PADDING.1);
        let right = (visible.x() + visible.width()) as f32;
        let left = x.min(right - width).max(visible.x() as f32);
        // Above the line, or below the caret where there is no room above.
        let top = if y - height >= visible.y() as f32 { y - height } else { y + line_height };
        let flag = graphene::Rect::new(left, top, width, height);
        fill_rounded(snapshot, &flag, NAME_RADIUS, &self.color);
        snapshot.save();
        snapshot.translate(&graphene::Point::new(left + NAME_PADDING.0, top + NAME_PADDING.1));
        snapshot.append_layout(layout, &letters_on(&self.color));
        snapshot.restore();
    }

    fn line_height(&self, view: &gtk::TextView) -> f32 {
        view.iter_location(&view.buffer().iter_at_mark(&self.head)).height() as f32
    }
}

fn placed(
    known: Option<RemoteCaret>,
    buffer: &gtk::TextBuffer,
    peer: &Peer,
    (anchor, head): (i32, i32),
) -> RemoteCaret {
    let (anchor, head) = (buffer.iter_at_offset(anchor), buffer.iter_at_offset(head));
    let color = gdk::RGBA::parse(&peer.person.color).unwrap_or(gdk::RGBA::BLACK);
    match known {
        Some(mut caret) => {
            let stands =
                buffer.iter_at_mark(&caret.head) == head && buffer.iter_at_mark(&caret.anchor) == anchor;
            if !stands {
                caret.moved = Instant::now();
                buffer.move_mark(&caret.anchor, &anchor);
                buffer.move_mark(&caret.head, &head);
            }
            if caret.name != peer.person.name {
                caret.name.clone_from(&peer.person.name);
                caret.layout = None;
            }
            RemoteCaret { color, ..caret }
        }
        None => RemoteCaret {
            anchor: buffer.create_mark(None, &anchor, true),
            head: buffer.create_mark(None, &head, true),
            name: peer.person.name.clone(),
            color,
            moved: Instant::now(),
            layout: None,
        },
    }
}

/// The rectangles of a selection, one a shown line, in buffer coordinates.
fn lines(
    view: &gtk::TextView,
    visible: &gdk::Rectangle,
    start: gtk::TextIter,
    end: gtk::TextIter,
) -> Vec<graphene::Rect> {
    let top = view.line_at_y(visible.y()).0;
    let bottom = view.line_at_y(visible.y() + visible.height()).0;
    let mut bottom_end = bottom;
    bottom_end.forward_to_line_end();
    let mut at = if start < top { top } else { start };
    let end = if end > bottom_end { bottom_end } else { end };
    let mut rectangles = Vec::new();
    while at < end {
        let mut line_end = at;
        if !view.forward_display_line_end(&mut line_end) && line_end == at {
            line_end.forward_to_line_end();
        }
        let stop = if line_end < end { line_end } else { end };
        let (from, to) = (view.iter_location(&at), view.iter_location(&stop));
        let width = if stop == at { CARET_WIDTH * 2.0 } else { (to.x() - from.x()).max(2) as f32 };
        rectangles.push(graphene::Rect::new(from.x() as f32, from.y() as f32, width, from.height() as f32));
        let before = at;
        at = stop;
        if stop == end || (!at.forward_char() && at == before) {
            break;
        }
        if at <= before {
            break;
        }
    }
    rectangles
}

fn name_layout(view: &gtk::TextView, name: &str) -> pango::Layout {
    let layout = view.create_pango_layout(Some(name));
    let mut font = view.pango_context().font_description().unwrap_or_default();
    font.set_weight(pango::Weight::Bold);
    font.set_size(8 * pango::SCALE);
    layout.set_font_description(Some(&font));
    layout
}

fn fill_rounded(snapshot: &gtk::Snapshot, area: &graphene::Rect, radius: f32, color: &gdk::RGBA) {
    snapshot.push_rounded_clip(&gsk::RoundedRect::from_rect(*area, radius));
    snapshot.append_color(color, area);
    snapshot.pop();
}

#[cfg(test)]
#[path = "carets_test.rs"]
mod tests;
