//! Letters that can be read on the colour of a person, who may have chosen any.

use relm4::gtk::gdk;

/// Black or white, whichever is read better on this colour (relative luminance of WCAG 2).
pub fn letters_on(color: &gdk::RGBA) -> gdk::RGBA {
    let part = |weight: f32, value: f32| weight * value.powf(2.2);
    let luminance = part(0.2126, color.red()) + part(0.7152, color.green()) + part(0.0722, color.blue());
    if luminance > 0.36 { gdk::RGBA::BLACK } else { gdk::RGBA::WHITE }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::session::person::PALETTE;

    #[test]
    fn letters_are_white_on_the_palette_and_black_on_bright_colours() {
        let letters = |color: &str| letters_on(&gdk::RGBA::parse(color).unwrap());
        assert!(PALETTE.iter().all(|color| letters(color) == gdk::RGBA::WHITE));
        assert!(["#ffff00", "#ffffff", "#8ff0a4"].iter().all(|color| letters(color) == gdk::RGBA::BLACK));
    }
}
