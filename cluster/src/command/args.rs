//! The words of one request: ranges into the buffer they arrived in.

use std::ops::{Index, Range};

use super::CommandError;

/// The words of a request, the command's name first. Cheap to copy.
#[derive(Clone, Copy)]
pub struct Args<'a> {
    buffer: &'a [u8],
    words: &'a [Range<usize>],
    raw: &'a [u8],
}

impl<'a> Args<'a> {
    /// Words at these ranges of `buffer`. `raw` is the whole request if it came as a RESP array (it goes to the log as it is),
    /// empty if it came inline.
    pub fn new(buffer: &'a [u8], words: &'a [Range<usize>], raw: &'a [u8]) -> Args<'a> {
        Args { buffer, words, raw }
    }

    /// How many words, the name included.
    #[inline]
    #[allow(clippy::len_without_is_empty, reason = "a request has at least its name")]
    pub fn len(&self) -> usize {
        self.words.len()
    }

    /// The word at this place, with the life of the request.
    #[inline]
    pub fn at(&self, index: usize) -> &'a [u8] {
        &self.buffer[self.words[index].clone()]
    }

    /// The word at this place, if there is one.
    #[inline]
    pub fn get(&self, index: usize) -> Option<&'a [u8]> {
        self.words.get(index).map(|word| &self.buffer[word.clone()])
    }

    /// The words from this place on.
    pub fn from(&self, first: usize) -> impl ExactSizeIterator<Item = &'a [u8]> + Clone + 'a {
        let (buffer, words) = (self.buffer, self.words);
        words[first.min(words.len())..].iter().map(move |word| &buffer[word.clone()])
    }

    /// The request that begins with the word at this place.
    pub fn after(&self, first: usize) -> Args<'a> {
        Args { buffer: self.buffer, words: &self.words[first.min(self.words.len())..], raw: &[] }
    }

    /// Whether the word at this place is `word`, case-insensitively. False beyond the end.
    #[inline]
    pub fn is(&self, index: usize, word: &str) -> bool {
        self.get(index).is_some_and(|w| w.eq_ignore_ascii_case(word.as_bytes()))
    }

    /// The word at this place as an integer, as strictly as Redis reads one.
    pub fn int(&self, index: usize) -> Result<i64, CommandError> {
        self.get(index).and_then(parse_int).ok_or(CommandError::NotAnInteger)
    }

    /// The word at this place as a float; `inf` and `-inf` are floats, NaN is none, nor is what is too large for one.
    pub fn float(&self, index: usize) -> Result<f64, CommandError> {
        let too_large = |value: f64| value.is_infinite() && self.at(index).iter().any(u8::is_ascii_digit);
        let value = self.get(index).and_then(parse_float).filter(|value| !too_large(*value));
        value.ok_or(CommandError::NotAFloat)
    }

    /// The whole request as it came, if it came as a RESP array.
    pub(crate) fn raw(&self) -> &'a [u8] {
        self.raw
    }
}

impl Index<usize> for Args<'_> {
    type Output = [u8];

    #[inline]
    fn index(&self, index: usize) -> &[u8] {
        self.at(index)
    }
}

/// An integer in Redis's canonical form: no plus, no leading zeros, no spaces.
pub fn parse_int(text: &[u8]) -> Option<i64> {
    let (negative, digits) = match text {
        [b'-', rest @ ..] => (true, rest),
        _ => (false, text),
    };
    match digits {
        [b'0'] if !negative => return Some(0),
        [b'1'..=b'9', ..] if digits.len() <= 19 => {}
        _ => return None,
    }
    let mut value: u64 = 0;
    for digit in digits {
        if !digit.is_ascii_digit() {
            return None;
        }
        value = value.checked_mul(10)?.checked_add(u64::from(digit - b'0'))?;
    }
    if negative { 0i64.checked_sub_unsigned(value) } else { i64::try_from(value).ok() }
}

/// Longest text of a float, bytes: Redis's `MAX_LONG_DOUBLE_CHARS`; its own sums have hundreds of digits.
const FLOAT_BYTES_MAX: usize = 5 * 1_024;

/// A float as C's `strtod` reads one in Redis: no spaces around it, no NaN.
pub fn parse_float(text: &[u8]) -> Option<f64> {
    let text = std::str::from_utf8(text).ok()?;
    if text.is_empty() || text.len() > FLOAT_BYTES_MAX {
        return None;
    }
    let value: f64 = text.parse().ok()?;
    (!value.is_nan()).then_some(value)
}

/// A request that outlives the buffer it came in: queued by MULTI, waiting in a blocking command.
#[derive(Debug, Clone)]
pub struct Request {
    bytes: Box<[u8]>,
    words: Box<[Range<usize>]>,
}

impl Request {
    /// A copy of these words as one RESP array.
    pub fn copy(args: &Args<'_>) -> Request {
        Request::of(args.from(0))
    }

    /// A request of these words.
    pub fn of<'w>(words: impl ExactSizeIterator<Item = &'w [u8]>) -> Request {
        let mut bytes = Vec::new();
        let mut ranges = Vec::with_capacity(words.len());
        shared::resp::write::array(&mut bytes, words.len());
        for word in words {
            shared::resp::write::bulk(&mut bytes, word);
            let end = bytes.len() - 2;
            ranges.push(end - word.len()..end);
        }
        Request { bytes: bytes.into(), words: ranges.into() }
    }

    /// Its words.
    pub fn args(&self) -> Args<'_> {
        Args::new(&self.bytes, &self.words, &self.bytes)
    }

    /// Bytes it takes.
    pub fn memory(&self) -> usize {
        self.bytes.len() + size_of_val(&*self.words)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn integers_are_read_as_strictly_as_redis_does() {
        for (text, value) in [
            ("0", Some(0)),
            ("-1", Some(-1)),
            ("9223372036854775807", Some(i64::MAX)),
            ("-9223372036854775808", Some(i64::MIN)),
            ("9223372036854775808", None),
            ("-0", None),
            ("01", None),
            ("+1", None),
            (" 1", None),
            ("", None),
            ("-", None),
            ("1a", None),
        ] {
            assert_eq!(parse_int(text.as_bytes()), value, "{text}");
        }
    }

    #[test]
    fn a_kept_request_has_the_same_words() {
        let request = Request::of([&b"SET"[..], b"", b"v\r\n"].into_iter());
        let args = request.args();
        assert_eq!((args.len(), &args[0], &args[1], &args[2]), (3, &b"SET"[..], &b""[..], &b"v\r\n"[..]));
        assert_eq!(args.raw(), b"*3\r\n$3\r\nSET\r\n$0\r\n\r\n$3\r\nv\r\n\r\n");
    }
}
