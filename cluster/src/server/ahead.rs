//! Looks at the requests that stand behind the one that runs, and has the processor fetch what they will touch.
//!
//! With a million keys a look-up waits for memory twice: for the line of its table, and for its entry. A client that pipelines
//! has told what it will ask for, so these waits can go on at the same time: first the lines of a group of requests are fetched,
//! then the entries that the lines point to, then the requests run. Figures: `docs/BENCHMARKS.md`, pipeline 16 and 64.

use std::ops::Range;

use shared::resp::request::{Bounds, Decoded, decode_within};
use shared::slot::Slot;

use crate::command::Args;
use crate::command::spec::KeySpec;
use crate::command::table;
use crate::keyspace::Keyspace;

/// Requests of a group. What is fetched for one (three cache lines) must still be there when its turn comes.
const GROUP: usize = 16;

/// Requests longer than this are not looked at: they cost more than the waiting.
const BOUNDS: Bounds = Bounds { args_max: 8, bulk_bytes_max: 16 * 1024, unauthenticated: false };

/// How far it has looked.
#[derive(Default)]
pub(super) struct Ahead {
    /// Requests behind the one that ran last whose keys are being fetched.
    left: usize,
}

impl Ahead {
    /// Called before each request; `behind` is what stands behind it.
    #[inline]
    pub(super) fn look(&mut self, keyspace: &Keyspace, behind: &[u8], words: &mut Vec<Range<usize>>) {
        if self.left > 1 {
            self.left -= 1;
        } else {
            self.left = if behind.is_empty() { 0 } else { fetch(keyspace, behind, words) };
        }
    }
}

/// Fetches what the requests at the front of `input` will touch; how many those are.
fn fetch(keyspace: &Keyspace, input: &[u8], words: &mut Vec<Range<usize>>) -> usize {
    let mut coming: [Option<(Slot, u64)>; GROUP] = [None; GROUP];
    let (mut count, mut rest) = (0, input);
    for place in &mut coming {
        let Ok(Decoded::Request { consumed }) = decode_within(&BOUNDS, rest, words) else { break };
        *place = first_key(&Args::new(rest, words, &[])).map(|key| keyspace.fetch_line(key));
        (count, rest) = (count + 1, &rest[consumed..]);
    }
    for (slot, hash) in coming.into_iter().flatten() {
        keyspace.fetch_entry(slot, hash);
    }
    count
}

/// The first key of a request, if its command has keys at a fixed place.
#[inline]
fn first_key<'r>(args: &Args<'r>) -> Option<&'r [u8]> {
    if args.len() < 2 {
        return None;
    }
    match table::find(args.at(0))?.spec.keys {
        KeySpec::Span { first, .. } if first < args.len() => Some(args.at(first)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Runs all of `input`, which holds `GET k` only, as a turn does; how many requests were looked at, each time some were.
    fn looked(input: &[u8]) -> Vec<usize> {
        let (keyspace, mut ahead, mut words) = (Keyspace::new(1, 0), Ahead::default(), Vec::new());
        let one = b"*2\r\n$3\r\nGET\r\n$1\r\nk\r\n".len();
        let mut looked = Vec::new();
        for end in (one..=input.len()).step_by(one) {
            let before = ahead.left;
            ahead.look(&keyspace, &input[end..], &mut words);
            if ahead.left + 1 != before {
                looked.push(ahead.left);
            }
        }
        looked
    }

    #[test]
    fn every_request_behind_the_first_is_looked_at_once() {
        let get = b"*2\r\n$3\r\nGET\r\n$1\r\nk\r\n";
        assert_eq!(looked(get), [0], "nothing stands behind it");
        assert_eq!(looked(&get.repeat(2)), [1]);
        assert_eq!(looked(&get.repeat(1 + GROUP)), [GROUP]);
        assert_eq!(looked(&get.repeat(1 + 2 * GROUP + 3)), [GROUP, GROUP, 3]);
    }

    #[test]
    fn it_stops_at_what_it_does_not_read() {
        let (keyspace, mut words) = (Keyspace::new(1, 0), Vec::new());
        let mut looked = |behind: &[u8]| fetch(&keyspace, behind, &mut words);
        assert_eq!(looked(b"*2\r\n$3\r\nGET\r\n$1\r\nk\r\n*2\r\n$3\r\nGE"), 1);
        assert_eq!(looked(b"*1\r\n$4\r\nPING\r\n*1\r\n$5\r\nNOSUC\r\n*0\r\nGET k\r\n"), 3);
        assert_eq!(looked(b"*9\r\n$4\r\nMGET\r\n"), 0);
        assert_eq!(looked(b"*!\r\n"), 0);
    }
}
