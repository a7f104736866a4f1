//! `cargo bench -p shared --bench resp`: what decoding costs, beside redis-protocol's `decode_range` on the same bytes.
// A measurement stops at the first thing that is wrong.
#![allow(clippy::unwrap_used, clippy::panic)]

use std::hint::black_box;
use std::time::Instant;

use bytes::BytesMut;
use redis_protocol::resp2;
use shared::resp::request::{Decoded, decode};
use shared::resp::{Protocol, ReplyDecoder, write};

const ROUNDS: usize = 2_000;
const PIPELINE: usize = 64;

fn main() {
    let get = pipeline(&[b"GET", b"key:000000012345"]);
    let set = pipeline(&[b"SET", b"key:000000012345", &[b'x'; 100]]);
    let update = pipeline(&[b"XADD", b"doc:{notes}:log", b"*", b"u", &[b'x'; 20]]);
    for (name, bytes) in [("GET", get), ("SET of 100 bytes", set), ("XADD of 20 bytes", update)] {
        let direct = nanoseconds(|| requests(&bytes));
        let range = nanoseconds(|| ranges(&bytes));
        println!("request {name}: {direct:.0} ns, decode_range {range:.0} ns, {:.1} times", range / direct);
    }
    let mut transaction = Vec::new();
    for _ in 0..PIPELINE / 4 {
        transaction.extend_from_slice(b"+OK\r\n+QUEUED\r\n+QUEUED\r\n*2\r\n$15\r\n1700000000000-0\r\n:1\r\n");
    }
    println!("reply of a published edit, of four: {:.0} ns each", nanoseconds(|| replies(&transaction)));
    let bulk =
        b"$100\r\n".iter().chain(&[b'x'; 100]).chain(b"\r\n").copied().collect::<Vec<u8>>().repeat(PIPELINE);
    println!("reply of 100 bytes: {:.0} ns", nanoseconds(|| replies(&bulk)));
}

fn pipeline(args: &[&[u8]]) -> Vec<u8> {
    let mut out = Vec::new();
    for _ in 0..PIPELINE {
        write::request(&mut out, args);
    }
    out
}

/// The best of five runs, for one of the pipeline.
fn nanoseconds(mut run: impl FnMut()) -> f64 {
    let once = |run: &mut dyn FnMut()| {
        let started = Instant::now();
        for _ in 0..ROUNDS {
            run();
        }
        started.elapsed().as_nanos() as f64 / (ROUNDS * PIPELINE) as f64
    };
    (0..5).map(|_| once(&mut run)).fold(f64::INFINITY, f64::min)
}

fn requests(bytes: &[u8]) {
    let mut args = Vec::new();
    let mut rest = bytes;
    while !rest.is_empty() {
        let Decoded::Request { consumed } = decode(rest, &mut args).unwrap() else { panic!("a request") };
        black_box(&args);
        rest = &rest[consumed..];
    }
}

fn ranges(bytes: &[u8]) {
    let mut rest = bytes;
    while !rest.is_empty() {
        let (frame, consumed) = resp2::decode::decode_range(rest).unwrap().unwrap();
        black_box(&frame);
        rest = &rest[consumed..];
    }
}

fn replies(bytes: &[u8]) {
    let mut decoder = ReplyDecoder::new(Protocol::Resp3);
    let mut buf = BytesMut::from(bytes);
    while let Some(value) = decoder.next(&mut buf).unwrap() {
        black_box(&value);
    }
}
