//! Glob patterns as KEYS, SCAN, CONFIG GET and PSUBSCRIBE take them: `*`, `?`, `[a-z]`, `[^x]`, `\` before a character.
//!
//! Only the last `*` is ever gone back to, so matching takes at most pattern times text steps, whatever the pattern.

/// Whether `text` matches `pattern`.
pub fn matches(pattern: &[u8], text: &[u8]) -> bool {
    walk(pattern, text, |a, b| a == b)
}

/// Whether `text` matches `pattern`, letters of either case alike.
pub fn matches_ignoring_case(pattern: &[u8], text: &[u8]) -> bool {
    walk(&pattern.to_ascii_lowercase(), &text.to_ascii_lowercase(), |a, b| a == b)
}

fn walk(pattern: &[u8], text: &[u8], same: impl Fn(u8, u8) -> bool) -> bool {
    let (mut p, mut t) = (0, 0);
    // Where to go on when what follows the last star does not match: behind the star, and one further in the text.
    let mut retry: Option<(usize, usize)> = None;
    while t < text.len() {
        if pattern.get(p) == Some(&b'*') {
            retry = Some((p + 1, t));
            p += 1;
            continue;
        }
        match one(&pattern[p..], text[t], &same) {
            Some(taken) => {
                p += taken;
                t += 1;
            }
            None => match retry {
                Some((star, from)) => {
                    retry = Some((star, from + 1));
                    (p, t) = (star, from + 1);
                }
                None => return false,
            },
        }
    }
    pattern[p..].iter().all(|&byte| byte == b'*')
}

/// Whether the front of `pattern` (not a star) matches one character; how many bytes of the pattern that took.
fn one(pattern: &[u8], character: u8, same: &impl Fn(u8, u8) -> bool) -> Option<usize> {
    match *pattern {
        [] => None,
        [b'?', ..] => Some(1),
        [b'[', ..] => class(pattern, character, same),
        [b'\\', escaped, ..] => same(escaped, character).then_some(2),
        [literal, ..] => same(literal, character).then_some(1),
    }
}

/// As [`one`], for a class; one that is not closed ends with the pattern.
fn class(pattern: &[u8], character: u8, same: &impl Fn(u8, u8) -> bool) -> Option<usize> {
    let negated = pattern.get(1) == Some(&b'^');
    let mut at = if negated { 2 } else { 1 };
    let mut found = false;
    loop {
        match pattern[at.min(pattern.len())..] {
            [] => break,
            [b']', ..] => {
                at += 1;
                break;
            }
            [b'\\', escaped, ..] => {
                found |= same(escaped, character);
                at += 2;
            }
            [low, b'-', high, ..] => {
                found |= (low.min(high)..=low.max(high)).contains(&character);
                at += 3;
            }
            [literal, ..] => {
                found |= same(literal, character);
                at += 1;
            }
        }
    }
    (found != negated).then_some(at.min(pattern.len()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_match_as_in_redis() {
        for (pattern, text, expected) in [
            ("", "", true),
            ("", "a", false),
            ("*", "", true),
            ("*", "anything", true),
            ("h?llo", "hello", true),
            ("h?llo", "hllo", false),
            ("h*llo", "heeeello", true),
            ("h[ae]llo", "hallo", true),
            ("h[ae]llo", "hillo", false),
            ("h[^e]llo", "hallo", true),
            ("h[^e]llo", "hello", false),
            ("h[a-b]llo", "hbllo", true),
            ("h[b-a]llo", "hallo", true),
            ("h\\*llo", "h*llo", true),
            ("h\\*llo", "hxllo", false),
            ("[\\]]", "]", true),
            ("[abc", "b", true),
            ("a*b*c", "aXXbYYc", true),
            ("a*b*c", "aXXbYY", false),
            ("*a*", "bab", true),
            ("**a", "a", true),
            ("foo*", "fo", false),
            ("\\", "\\", true),
        ] {
            assert_eq!(matches(pattern.as_bytes(), text.as_bytes()), expected, "{pattern} {text}");
        }
        assert!(matches_ignoring_case(b"MAX*", b"maxmemory"));
    }

    #[test]
    fn a_hostile_pattern_ends_soon() {
        let pattern = b"*a".repeat(500);
        assert!(!matches(&pattern, &b"a".repeat(499)));
        assert!(matches(&pattern, &b"a".repeat(20_000)));
    }
}
