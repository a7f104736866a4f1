//! Counts of a text for the status bar.

use shared::document::text::VisibleText;

/// `1 word · 1 line`, as people count: a word is what stands between white space.
pub(super) fn summary(text: &VisibleText) -> String {
    let (words, lines) = (words(text), text.lines());
    format!("{} · {}", counted(words, "word"), counted(lines, "line"))
}

fn words(text: &VisibleText) -> usize {
    let mut words = 0;
    let mut inside = false;
    for chunk in text.chunks() {
        for c in chunk.chars() {
            let white = c.is_whitespace();
            words += usize::from(!white && !inside);
            inside = !white;
        }
    }
    words
}

fn counted(count: usize, noun: &str) -> String {
    let digits = count.to_string();
    let mut grouped = String::new();
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            grouped.push('\u{202F}');
        }
        grouped.push(digit);
    }
    format!("{grouped} {noun}{}", if count == 1 { "" } else { "s" })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_and_lines_are_counted_as_people_count() {
        assert_eq!(summary(&VisibleText::new("")), "0 words · 1 line");
        assert_eq!(summary(&VisibleText::new("one")), "1 word · 1 line");
        assert_eq!(summary(&VisibleText::new("  one, two\n\n three😀 ")), "3 words · 3 lines");
        let long = "word ".repeat(12_345);
        assert_eq!(summary(&VisibleText::new(&long)), "12\u{202F}345 words · 1 line");
    }
}
