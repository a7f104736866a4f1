//! What must hold for RESP whatever the bytes.

use proptest::collection::vec;
use proptest::prelude::*;
use shared::resp::{Protocol, write};
use shared::testing::laws;

/// Bytes that look like RESP often enough to get past its first line.
fn resp_like() -> impl Strategy<Value = Vec<u8>> {
    const TOKENS: &[&[u8]] = &[
        b"*",
        b"$",
        b"+",
        b"-",
        b":",
        b"%",
        b"~",
        b">",
        b"|",
        b"_",
        b",",
        b"#t",
        b"(",
        b"=",
        b"!",
        b"\r\n",
        b"\r",
        b"\n",
        b"0",
        b"1",
        b"2",
        b"3",
        b"-1",
        b"99999999999999999999",
        b"*1\r\n",
        b"*2\r\n",
        b"$1\r\n",
        b"$0\r\n\r\n",
        b"$3\r\nabc\r\n",
        b"%1\r\n",
        b"txt:",
        b"a",
        b" ",
        b"\"",
        b"'",
        b"\\x41",
        b"\0",
        b"\xff",
    ];
    let token = proptest::sample::select(TOKENS);
    vec(token, 0..40).prop_map(|tokens| tokens.concat())
}

/// A pipeline of requests, with one byte of it changed now and then.
fn requests() -> impl Strategy<Value = Vec<u8>> {
    let arg = vec(any::<u8>(), 0..20);
    let request = vec(arg, 0..6);
    (vec(request, 1..5), proptest::option::of((any::<usize>(), any::<u8>()))).prop_map(
        |(requests, damage)| {
            let mut bytes = Vec::new();
            requests.iter().for_each(|args| write::request(&mut bytes, args));
            if let Some((place, byte)) = damage {
                let place = place % bytes.len();
                bytes[place] = byte;
            }
            bytes
        },
    )
}

/// A tree of replies, both versions mixed.
fn replies() -> impl Strategy<Value = Vec<u8>> {
    let scalar = prop_oneof![
        Just(b"+OK\r\n".to_vec()),
        Just(b"-ERR no\r\n".to_vec()),
        Just(b":-12\r\n".to_vec()),
        Just(b"$-1\r\n".to_vec()),
        Just(b"_\r\n".to_vec()),
        Just(b",1.5\r\n".to_vec()),
        Just(b"#t\r\n".to_vec()),
        Just(b"=6\r\ntxt:hi\r\n".to_vec()),
        Just(b"!6\r\nERR no\r\n".to_vec()),
        vec(any::<u8>(), 0..30).prop_map(|text| {
            let mut out = Vec::new();
            write::bulk(&mut out, &text);
            out
        }),
    ];
    let tree = scalar.prop_recursive(4, 40, 6, |inner| {
        (prop_oneof![Just(b'*'), Just(b'~'), Just(b'>'), Just(b'%'), Just(b'|')], vec(inner, 0..6)).prop_map(
            |(kind, inner)| {
                let pairs = matches!(kind, b'%' | b'|');
                let inner = if pairs { &inner[..inner.len() / 2 * 2] } else { &inner[..] };
                let count = if pairs { inner.len() / 2 } else { inner.len() };
                [format!("{}{count}\r\n", char::from(kind)).as_bytes(), &inner.concat()].concat()
            },
        )
    });
    vec(tree, 0..4).prop_map(|replies| replies.concat())
}

fn cuts() -> impl Strategy<Value = Vec<usize>> {
    vec(any::<usize>(), 0..12)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(3_000))]

    #[test]
    fn requests_do_not_depend_on_how_their_bytes_arrive(bytes in prop_oneof![resp_like(), requests()], cuts in cuts()) {
        laws::requests_are_the_same_in_pieces(&bytes, &cuts);
    }

    #[test]
    fn requests_are_read_as_redis_protocol_reads_them(bytes in prop_oneof![resp_like(), requests()]) {
        laws::requests_agree_with_redis_protocol(&bytes);
    }

    #[test]
    fn replies_do_not_depend_on_how_their_bytes_arrive(
        bytes in prop_oneof![resp_like(), replies()],
        cuts in cuts(),
        three: bool,
    ) {
        let protocol = if three { Protocol::Resp3 } else { Protocol::Resp2 };
        laws::replies_are_the_same_in_pieces(&bytes, &cuts, protocol);
    }

    #[test]
    fn random_bytes_are_requests_or_refused(bytes in vec(any::<u8>(), 0..200), cuts in cuts()) {
        laws::requests_are_the_same_in_pieces(&bytes, &cuts);
        laws::replies_are_the_same_in_pieces(&bytes, &cuts, Protocol::Resp3);
    }
}
