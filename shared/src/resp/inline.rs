//! The words of an inline request, as redis-server and redis-cli split them.
//!
//! Words stand between spaces. A word may be quoted: in `"…"` the escapes `\n \r \t \b \a \\ \"` and `\xHH` are known, in
//! `'…'` only `\'`. A closing quote ends the word: what follows must be a space.

use std::ops::Range;

use super::error::ProtocolError;

/// Splits a line into words. The words are appended to `scratch` (escapes resolved), where each stands to `args`; both are
/// cleared first. An empty line has no words.
pub fn split(line: &[u8], scratch: &mut Vec<u8>, args: &mut Vec<Range<usize>>) -> Result<(), ProtocolError> {
    scratch.clear();
    args.clear();
    let mut rest = line.trim_ascii_start();
    while !rest.is_empty() {
        let start = scratch.len();
        rest = word(rest, scratch)?.trim_ascii_start();
        args.push(start..scratch.len());
    }
    Ok(())
}

/// Appends the word at the front, returns what is behind it.
fn word<'a>(mut rest: &'a [u8], out: &mut Vec<u8>) -> Result<&'a [u8], ProtocolError> {
    loop {
        match rest {
            [] => return Ok(rest),
            [b'"', quoted @ ..] => return double_quoted(quoted, out),
            [b'\'', quoted @ ..] => return single_quoted(quoted, out),
            [byte, ..] if byte.is_ascii_whitespace() || *byte == 0 => return Ok(&rest[1..]),
            [byte, behind @ ..] => {
                out.push(*byte);
                rest = behind;
            }
        }
    }
}

fn double_quoted<'a>(mut rest: &'a [u8], out: &mut Vec<u8>) -> Result<&'a [u8], ProtocolError> {
    loop {
        rest = match rest {
            [] => return Err(ProtocolError::UnbalancedQuotes),
            [b'"', behind @ ..] => return after_quote(behind),
            [b'\\', b'x', high, low, behind @ ..] if high.is_ascii_hexdigit() && low.is_ascii_hexdigit() => {
                out.push(hex(*high) << 4 | hex(*low));
                behind
            }
            [b'\\', escaped, behind @ ..] => {
                out.push(match escaped {
                    b'n' => b'\n',
                    b'r' => b'\r',
                    b't' => b'\t',
                    b'b' => 0x08,
                    b'a' => 0x07,
                    other => *other,
                });
                behind
            }
            [byte, behind @ ..] => {
                out.push(*byte);
                behind
            }
        };
    }
}

fn single_quoted<'a>(mut rest: &'a [u8], out: &mut Vec<u8>) -> Result<&'a [u8], ProtocolError> {
    loop {
        rest = match rest {
            [] => return Err(ProtocolError::UnbalancedQuotes),
            [b'\'', behind @ ..] => return after_quote(behind),
            [b'\\', b'\'', behind @ ..] => {
                out.push(b'\'');
                behind
            }
            [byte, behind @ ..] => {
                out.push(*byte);
                behind
            }
        };
    }
}

fn after_quote(rest: &[u8]) -> Result<&[u8], ProtocolError> {
    match rest {
        [byte, ..] if !byte.is_ascii_whitespace() => Err(ProtocolError::UnbalancedQuotes),
        _ => Ok(rest),
    }
}

fn hex(digit: u8) -> u8 {
    char::from(digit).to_digit(16).unwrap_or_default() as u8
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(line: &[u8]) -> Result<Vec<Vec<u8>>, ProtocolError> {
        let (mut scratch, mut args) = (Vec::new(), Vec::new());
        split(line, &mut scratch, &mut args)?;
        Ok(args.into_iter().map(|range| scratch[range].to_vec()).collect())
    }

    #[test]
    fn words_are_split_as_redis_server_splits_them() {
        for (line, expected) in [
            (&b""[..], &[][..]),
            (b"   ", &[]),
            (b"SET k v", &[&b"SET"[..], b"k", b"v"]),
            (b"  SET\tk   'a b' ", &[b"SET", b"k", b"a b"]),
            (br#"SET k "a\n\x41\"\q""#, &[b"SET", b"k", b"a\nA\"q"]),
            (br"SET k 'it\'s \n'", &[b"SET", b"k", br"it's \n"]),
            (br#"SET k """#, &[b"SET", b"k", b""]),
            (br#"a"b""#, &[b"ab"]),
        ] {
            let expected: Vec<Vec<u8>> = expected.iter().map(|w| w.to_vec()).collect();
            assert_eq!(words(line), Ok(expected), "{}", line.escape_ascii());
        }
    }

    #[test]
    fn unbalanced_quotes_are_refused() {
        for line in [&b"SET k \"a"[..], b"SET k 'a", b"SET k \"a\"b", b"SET k 'a'b", b"\"\\"] {
            assert_eq!(words(line), Err(ProtocolError::UnbalancedQuotes), "{}", line.escape_ascii());
        }
    }
}
