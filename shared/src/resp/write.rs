//! Replies and requests, appended to a buffer (`Vec<u8>` or `BytesMut`).
//!
//! What RESP2 has no type for is written in RESP2 as redis-server does: a map as an array of keys and values, a set and a
//! push as an array, a double and a big number as a bulk string, a boolean as 1 or 0.

use bytes::BufMut;

use super::{Protocol, double as numbers};

/// `+text`. The text has no line end.
pub fn simple<B: BufMut>(out: &mut B, text: &str) {
    debug_assert!(!text.contains(['\r', '\n']));
    out.put_u8(b'+');
    out.put_slice(text.as_bytes());
    out.put_slice(b"\r\n");
}

/// `-text`: the text starts with its code, as `ERR` or `WRONGTYPE`. Line ends in it become spaces: one error is one line.
pub fn error<B: BufMut>(out: &mut B, text: &str) {
    out.put_u8(b'-');
    if text.contains(['\r', '\n']) {
        out.put_slice(text.replace(['\r', '\n'], " ").as_bytes());
    } else {
        out.put_slice(text.as_bytes());
    }
    out.put_slice(b"\r\n");
}

/// `:number`.
#[inline]
pub fn integer<B: BufMut>(out: &mut B, number: i64) {
    out.put_u8(b':');
    decimal(out, number);
    out.put_slice(b"\r\n");
}

/// `$length`, the bytes.
#[inline]
pub fn bulk<B: BufMut>(out: &mut B, bytes: &[u8]) {
    header(out, b'$', bytes.len());
    out.put_slice(bytes);
    out.put_slice(b"\r\n");
}

/// A number as a bulk string: `$2`, `42`.
pub fn bulk_integer<B: BufMut>(out: &mut B, number: i64) {
    let (digits, start) = digits_of(number);
    bulk(out, &digits[start..]);
}

/// Nothing: `_` in RESP3, `$-1` in RESP2.
#[inline]
pub fn null<B: BufMut>(out: &mut B, protocol: Protocol) {
    out.put_slice(match protocol {
        Protocol::Resp2 => b"$-1\r\n",
        Protocol::Resp3 => b"_\r\n",
    });
}

/// Nothing, where RESP2 expects an array (a transaction that was refused, a blocking read that found nothing): `*-1` there.
pub fn null_array<B: BufMut>(out: &mut B, protocol: Protocol) {
    out.put_slice(match protocol {
        Protocol::Resp2 => b"*-1\r\n",
        Protocol::Resp3 => b"_\r\n",
    });
}

/// The head of an array: so many values follow.
#[inline]
pub fn array<B: BufMut>(out: &mut B, count: usize) {
    header(out, b'*', count);
}

/// The head of a map: so many pairs of key and value follow.
pub fn map<B: BufMut>(out: &mut B, protocol: Protocol, pairs: usize) {
    match protocol {
        Protocol::Resp2 => header(out, b'*', pairs * 2),
        Protocol::Resp3 => header(out, b'%', pairs),
    }
}

/// The head of a set: so many values follow.
pub fn set<B: BufMut>(out: &mut B, protocol: Protocol, count: usize) {
    header(out, if protocol == Protocol::Resp3 { b'~' } else { b'*' }, count);
}

/// The head of what nobody asked for (messages of a subscription): so many values follow.
pub fn push<B: BufMut>(out: &mut B, protocol: Protocol, count: usize) {
    header(out, if protocol == Protocol::Resp3 { b'>' } else { b'*' }, count);
}

/// A floating-point number, in the form of [`numbers::text`].
pub fn double<B: BufMut>(out: &mut B, protocol: Protocol, number: f64) {
    let text = numbers::text(number);
    match protocol {
        Protocol::Resp2 => bulk(out, text.as_bytes()),
        Protocol::Resp3 => line(out, b',', text.as_bytes()),
    }
}

/// A truth value.
pub fn boolean<B: BufMut>(out: &mut B, protocol: Protocol, value: bool) {
    out.put_slice(match (protocol, value) {
        (Protocol::Resp2, true) => b":1\r\n",
        (Protocol::Resp2, false) => b":0\r\n",
        (Protocol::Resp3, true) => b"#t\r\n",
        (Protocol::Resp3, false) => b"#f\r\n",
    });
}

/// Text for people, with its format of three letters (`txt`, `mkd`).
pub fn verbatim<B: BufMut>(out: &mut B, protocol: Protocol, format: [u8; 3], text: &[u8]) {
    match protocol {
        Protocol::Resp2 => bulk(out, text),
        Protocol::Resp3 => {
            header(out, b'=', text.len() + 4);
            out.put_slice(&format);
            out.put_u8(b':');
            out.put_slice(text);
            out.put_slice(b"\r\n");
        }
    }
}

/// An integer of any size, as its digits.
pub fn big_number<B: BufMut>(out: &mut B, protocol: Protocol, digits: &str) {
    match protocol {
        Protocol::Resp2 => bulk(out, digits.as_bytes()),
        Protocol::Resp3 => line(out, b'(', digits.as_bytes()),
    }
}

/// A request: an array of bulk strings.
pub fn request<B: BufMut, A: AsRef<[u8]>>(out: &mut B, args: &[A]) {
    array(out, args.len());
    args.iter().for_each(|arg| bulk(out, arg.as_ref()));
}

/// Bytes that [`bulk`] takes for a string of this length.
pub fn bulk_bytes(length: usize) -> usize {
    let digits = length.checked_ilog10().unwrap_or(0) as usize + 1;
    1 + digits + 2 + length + 2
}

fn line<B: BufMut>(out: &mut B, kind: u8, text: &[u8]) {
    out.put_u8(kind);
    out.put_slice(text);
    out.put_slice(b"\r\n");
}

#[inline]
fn header<B: BufMut>(out: &mut B, kind: u8, count: usize) {
    if count < 10 {
        out.put_slice(&[kind, b'0' + count as u8, b'\r', b'\n']);
        return;
    }
    out.put_u8(kind);
    decimal(out, i64::try_from(count).unwrap_or(i64::MAX));
    out.put_slice(b"\r\n");
}

fn decimal<B: BufMut>(out: &mut B, number: i64) {
    let (digits, start) = digits_of(number);
    out.put_slice(&digits[start..]);
}

/// The digits of a number, right-aligned, and where they start.
fn digits_of(number: i64) -> ([u8; 20], usize) {
    let mut digits = [0; 20];
    let mut start = digits.len();
    let mut rest = number.unsigned_abs();
    loop {
        start -= 1;
        digits[start] = b'0' + (rest % 10) as u8;
        rest /= 10;
        if rest == 0 {
            break;
        }
    }
    if number < 0 {
        start -= 1;
        digits[start] = b'-';
    }
    (digits, start)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(write: impl Fn(&mut Vec<u8>, Protocol)) -> [String; 2] {
        [Protocol::Resp2, Protocol::Resp3].map(|protocol| {
            let mut out = Vec::new();
            write(&mut out, protocol);
            String::from_utf8(out).unwrap()
        })
    }

    #[test]
    fn both_versions_are_written_as_redis_server_writes_them() {
        let cases: [([String; 2], [&str; 2]); 12] = [
            (written(|out, _| simple(out, "OK")), ["+OK\r\n"; 2]),
            (written(|out, _| error(out, "ERR a\r\nb")), ["-ERR a  b\r\n"; 2]),
            (written(|out, _| integer(out, i64::MIN)), [":-9223372036854775808\r\n"; 2]),
            (written(|out, _| bulk_integer(out, -42)), ["$3\r\n-42\r\n"; 2]),
            (written(null), ["$-1\r\n", "_\r\n"]),
            (written(null_array), ["*-1\r\n", "_\r\n"]),
            (written(|out, p| map(out, p, 10)), ["*20\r\n", "%10\r\n"]),
            (written(|out, p| set(out, p, 2)), ["*2\r\n", "~2\r\n"]),
            (written(|out, p| push(out, p, 3)), ["*3\r\n", ">3\r\n"]),
            (written(|out, p| double(out, p, 1.5)), ["$3\r\n1.5\r\n", ",1.5\r\n"]),
            (written(|out, p| boolean(out, p, true)), [":1\r\n", "#t\r\n"]),
            (written(|out, p| verbatim(out, p, *b"txt", b"hi")), ["$2\r\nhi\r\n", "=6\r\ntxt:hi\r\n"]),
        ];
        for (is, expected) in cases {
            assert_eq!(is, expected);
        }
    }

    #[test]
    fn the_size_of_a_bulk_is_known_before_it_is_written() {
        for length in [0, 1, 9, 10, 99, 100, 12_345] {
            let mut out = Vec::new();
            bulk(&mut out, &vec![b'x'; length]);
            assert_eq!(out.len(), bulk_bytes(length));
        }
    }
}
