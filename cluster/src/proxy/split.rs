//! MGET, MSET, DEL, UNLINK, EXISTS and TOUCH over several slots: one request for each slot, their replies joined.

use std::ops::Range;

use shared::resp::boundary::{Boundary, Found};
use shared::resp::{Protocol, write};
use shared::slot::Slot;

use crate::command::{Args, CommandSpec, Request};

/// How the replies of the parts become one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Each value to the place of its key.
    Values,
    /// The sum of all.
    Sum,
    /// OK if all are.
    Ok,
}

/// A command that is split, and how.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Split {
    /// How the replies of its parts become one.
    pub kind: Kind,
    /// Words of each key: itself, and perhaps its value.
    words: usize,
}

/// What goes to one slot.
pub struct Share {
    /// The slot.
    pub slot: Slot,
    /// The request.
    pub request: Request,
    /// Places of its keys among all of the command.
    pub places: Vec<usize>,
}

impl Split {
    /// How this command is split; `None` if it is not.
    pub fn of(spec: &CommandSpec) -> Option<Split> {
        let (kind, words) = match spec.name {
            "mget" => (Kind::Values, 1),
            "mset" => (Kind::Ok, 2),
            "del" | "unlink" | "exists" | "touch" => (Kind::Sum, 1),
            _ => return None,
        };
        Some(Split { kind, words })
    }

    /// What goes to each slot, in the order of the slots; keys of a slot keep theirs. `None` if a key lacks its value.
    pub fn shares(self, args: &Args<'_>) -> Option<Vec<Share>> {
        if !(args.len() - 1).is_multiple_of(self.words) {
            return None;
        }
        let keys = (args.len() - 1) / self.words;
        let mut order: Vec<(Slot, usize)> =
            (0..keys).map(|place| (Slot::of_key(args.at(1 + place * self.words)), place)).collect();
        order.sort_by_key(|(slot, _)| slot.number());
        let shares = order.chunk_by(|one, other| one.0 == other.0).map(|same| {
            let places: Vec<usize> = same.iter().map(|(_, place)| *place).collect();
            let words = places.iter().flat_map(|place| {
                let first = 1 + place * self.words;
                (first..first + self.words).map(|index| args.at(index))
            });
            let words: Vec<&[u8]> = std::iter::once(args.at(0)).chain(words).collect();
            Share { slot: same[0].0, request: Request::of(words.into_iter()), places }
        });
        Some(shares.collect())
    }
}

/// Joins the replies of all parts, each with the places of its keys, to that of the command. One that is an error is the reply.
pub(super) fn join(kind: Kind, parts: &[(&[u8], &[usize])], protocol: Protocol, out: &mut Vec<u8>) {
    let is_error = |reply: &[u8]| matches!(reply.first(), Some(b'-' | b'!'));
    if let Some((error, _)) = parts.iter().find(|(reply, _)| is_error(reply)) {
        return out.extend_from_slice(error);
    }
    let joined = match kind {
        Kind::Ok => {
            write::simple(out, "OK");
            Some(())
        }
        Kind::Sum => parts
            .iter()
            .map(|(reply, _)| number(reply))
            .sum::<Option<i64>>()
            .map(|sum| write::integer(out, sum)),
        Kind::Values => values(parts, protocol).map(|values| {
            write::array(out, values.len());
            values.iter().for_each(|value| out.extend_from_slice(value));
        }),
    };
    if joined.is_none() {
        write::error(out, "ERR cluster-proxy: an owner's reply has not the shape that was expected");
    }
}

fn number(reply: &[u8]) -> Option<i64> {
    let digits = reply.strip_prefix(b":")?.strip_suffix(b"\r\n")?;
    std::str::from_utf8(digits).ok()?.parse().ok()
}

/// Each value where its key stood.
fn values<'r>(parts: &[(&'r [u8], &[usize])], protocol: Protocol) -> Option<Vec<&'r [u8]>> {
    let keys = parts.iter().map(|(_, places)| places.len()).sum();
    let mut values: Vec<&[u8]> = vec![&[]; keys];
    for (reply, places) in parts {
        let mut elements = elements(reply, protocol)?;
        for place in *places {
            *values.get_mut(*place)? = elements.next()?;
        }
    }
    Some(values)
}

/// The elements of an array.
fn elements(reply: &[u8], protocol: Protocol) -> Option<impl Iterator<Item = &[u8]>> {
    let head = reply.strip_prefix(b"*")?.windows(2).position(|end| end == b"\r\n")? + 3;
    let mut rest: Range<usize> = head..reply.len();
    let mut boundary = Boundary::new();
    Some(std::iter::from_fn(move || match boundary.find(&reply[rest.clone()], protocol) {
        Ok(Found::End(length)) => {
            let element = &reply[rest.start..rest.start + length];
            rest.start += length;
            Some(element)
        }
        _ => None,
    }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::command::table;

    fn shares(line: &str) -> Option<Vec<(Vec<String>, Vec<usize>)>> {
        let request = Request::of(line.split(' ').map(str::as_bytes).collect::<Vec<_>>().into_iter());
        let args = request.args();
        let split = Split::of(table::find(args.at(0))?.spec)?;
        let text = |word: &[u8]| String::from_utf8_lossy(word).into_owned();
        let words = |share: &Share| share.request.args().from(0).map(text).collect();
        Some(split.shares(&args)?.into_iter().map(|share| (words(&share), share.places)).collect())
    }

    fn joined(kind: Kind, parts: &[(&str, &[usize])]) -> String {
        let parts: Vec<_> = parts.iter().map(|(reply, places)| (reply.as_bytes(), *places)).collect();
        let mut out = Vec::new();
        join(kind, &parts, Protocol::Resp2, &mut out);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn keys_of_a_slot_go_together_and_keep_their_order() {
        let words = |line: &str| line.split(' ').map(str::to_owned).collect::<Vec<_>>();
        // bar is in slot 5061, foo in 12182.
        let expected = vec![(words("MGET bar x{bar}"), vec![1, 3]), (words("MGET foo foo"), vec![0, 2])];
        assert_eq!(shares("MGET foo bar foo x{bar}"), Some(expected));
        let expected = vec![(words("MSET bar 2 bar 4"), vec![1, 3]), (words("MSET foo 1 foo 3"), vec![0, 2])];
        assert_eq!(shares("MSET foo 1 bar 2 foo 3 bar 4"), Some(expected));
        assert_eq!(shares("MSET foo 1 bar"), None);
        assert_eq!(shares("SINTER foo bar"), None);
    }

    #[test]
    fn replies_become_one() {
        let values = [("*2\r\n$1\r\nb\r\n$-1\r\n", &[1, 2][..]), ("*1\r\n$4\r\n\r\n$1\r\n", &[0])];
        assert_eq!(joined(Kind::Values, &values), "*3\r\n$4\r\n\r\n$1\r\n$1\r\nb\r\n$-1\r\n");
        assert_eq!(joined(Kind::Sum, &[(":2\r\n", &[0, 1]), (":0\r\n", &[2])]), ":2\r\n");
        assert_eq!(joined(Kind::Ok, &[("+OK\r\n", &[0]), ("+OK\r\n", &[1])]), "+OK\r\n");
        assert_eq!(joined(Kind::Ok, &[("+OK\r\n", &[0]), ("-OOM no\r\n", &[1])]), "-OOM no\r\n");
        assert!(joined(Kind::Values, &[("*1\r\n:1\r\n", &[0, 1])]).starts_with("-ERR"));
        assert!(joined(Kind::Sum, &[("+OK\r\n", &[0])]).starts_with("-ERR"));
    }
}
