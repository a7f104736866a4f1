//! Random commands on our node and on redis-server 7.0 must be answered alike, and leave the same values.
//!
//! The seed is printed; `DIFFERENTIAL_SEED` runs it again, `DIFFERENTIAL_COMMANDS` runs longer, `DIFFERENTIAL_KEY` prints what is sent
//! about a key.

use crate::raw::{Frame, Raw};
use crate::templates::{Generator, collections, strings};
use shared::rt::rng::random_u64;
use shared::testing::node::Program;
use shared::testing::{Node, TempFolder};
use std::collections::BTreeMap;
use std::thread;
use std::time::Duration;

/// Commands of one run.
const COMMANDS: usize = 12_000;

/// The values are compared after so many commands.
const COMPARE_EVERY: usize = 500;

/// Replies without an order.
const UNORDERED: &[&str] = &["smembers", "sinter", "sunion", "sdiff", "hkeys", "hvals", "keys"];

/// Replies of pairs without an order.
const UNORDERED_PAIRS: &[&str] = &["hgetall"];

/// Replies that are a matter of chance: only their shape is compared.
const RANDOM: &[&str] = &["srandmember", "hrandfield", "zrandmember"];

/// Replies that are times, and by how much those of two servers may differ: the machine may be busy between them.
const TIMES: &[(&str, i64)] = &[("ttl", 9), ("pttl", 9_000), ("expiretime", 9), ("pexpiretime", 9_000)];

/// A family of commands and the keys they work on.
struct Suite {
    templates: &'static str,
    keys: fn() -> Vec<String>,
}

const COLLECTIONS: Suite = Suite {
    templates: collections::TEMPLATES,
    keys: || {
        let kinds = ["h", "l", "s", "z", "y", "x", "a", "p", "none"].into_iter();
        kinds.flat_map(|kind| (0..4).map(move |number| format!("{{tag}}{kind}{number}"))).collect()
    },
};

const STRINGS: Suite = Suite {
    templates: strings::TEMPLATES,
    keys: || {
        let kinds = ["k", "o", "q", "g", "{tag}k"].into_iter();
        kinds.flat_map(|kind| (0..4).map(move |number| format!("{kind}{number}"))).collect()
    },
};

struct Pair {
    ours: Raw,
    redis: Raw,
}

impl Pair {
    fn call<A: AsRef<[u8]>>(&mut self, words: &[A]) -> (Frame, Frame) {
        (self.ours.call(words), self.redis.call(words))
    }

    /// Runs a command on both and compares what they say.
    fn compare(&mut self, words: &[Vec<u8>]) -> Result<(), String> {
        let name = String::from_utf8_lossy(&words[0]).to_ascii_lowercase();
        match &*name {
            "spop" => return self.compare_spop(words),
            "randomkey" if words.len() == 1 => return self.compare_randomkey(),
            "dbsize" if words.len() == 1 => return self.compare_dbsize(),
            _ => {}
        }
        let (ours, redis) = self.call(words);
        let (ours, redis) = match () {
            () if RANDOM.contains(&name.as_str()) => (shape(&ours), shape(&redis)),
            () => (normal(&name, ours), normal(&name, redis)),
        };
        if name == "scan"
            && !words.contains(&b"10000".to_vec())
            && ours.kind == redis.kind
            && ours.kind == '*'
        {
            // Cursors and batches are each server's own.
            return Ok(());
        }
        let slack = TIMES.iter().find(|(time, _)| *time == name).map_or(0, |(_, slack)| *slack);
        if alike(&ours, &redis) || near(&ours, &redis, slack) {
            return Ok(());
        }
        let words: Vec<_> = words.iter().take(20).map(|word| word.escape_ascii().to_string()).collect();
        Err(format!("{}\n  ours:  {ours:?}\n  redis: {redis:?}", words.join(" ")))
    }

    /// What our node takes out at random is taken out of the other by name.
    fn compare_spop(&mut self, words: &[Vec<u8>]) -> Result<(), String> {
        let ours = self.ours.call(words);
        let mut srem = vec![b"SREM".to_vec(), words.get(1).cloned().unwrap_or_default()];
        match ours.kind {
            '-' => {
                let redis = self.redis.call(words);
                return if ours == redis { Ok(()) } else { Err(format!("spop: {ours:?} {redis:?}")) };
            }
            '$' if ours.text != b"null" => srem.push(ours.text),
            _ => srem.extend(ours.items.into_iter().map(|item| item.text)),
        }
        if srem.len() > 2 {
            let removed = self.redis.call(&srem);
            if removed.text != (srem.len() - 2).to_string().as_bytes() {
                return Err(format!("spop took what was not there: {removed:?}"));
            }
        }
        Ok(())
    }

    /// What our node names at random must be a key of the other.
    fn compare_randomkey(&mut self) -> Result<(), String> {
        let (ours, redis) = self.call(&["RANDOMKEY"]);
        let there = self.redis.call(&["EXISTS".as_bytes(), &ours.text]).text == b"1";
        let known = if redis.text == b"null" || redis.kind == '_' { ours == redis } else { there };
        if known { Ok(()) } else { Err(format!("randomkey\n  ours:  {ours:?}\n  redis: {redis:?}")) }
    }

    /// Redis counts a key that was made past its deadline until it comes across it.
    fn compare_dbsize(&mut self) -> Result<(), String> {
        let equal = (0..500).any(|_| {
            let (ours, redis) = self.call(&["DBSIZE"]);
            ours == redis || {
                thread::sleep(Duration::from_millis(10));
                false
            }
        });
        if equal { Ok(()) } else { Err(format!("dbsize {:?}", self.call(&["DBSIZE"]))) }
    }

    /// Compares every key: its type, its representation, its deadline, all it holds.
    fn compare_all(&mut self, keys: &[String]) -> Result<(), String> {
        for key in keys {
            let (ours, redis) = self.call(&["TYPE", key]);
            if ours != redis {
                return Err(format!("type of {key}: {ours:?} {redis:?}"));
            }
            let all: &[&str] = match &*String::from_utf8_lossy(&ours.text) {
                "string" => &["get K", "pttl K"],
                "hash" => &["hgetall K", "hlen K", "object encoding K", "pttl K"],
                "list" => &["lrange K 0 -1", "llen K", "object encoding K", "pttl K"],
                "set" => &["smembers K", "scard K", "object encoding K", "pttl K"],
                "zset" => &["zrange K 0 -1 withscores", "zcard K", "object encoding K", "pttl K"],
                "stream" => &["xrange K - +", "xrevrange K + -", "xinfo stream K", "object encoding K"],
                _ => &[],
            };
            for command in all {
                let words =
                    command.split(' ').map(|word| if word == "K" { key.as_bytes() } else { word.as_bytes() });
                self.compare(&words.map(<[u8]>::to_vec).collect::<Vec<_>>())?;
            }
        }
        self.compare(&[b"DBSIZE".to_vec()])
    }
}

/// Brings a reply into an order, and blanks what depends on the inside.
fn normal(name: &str, mut frame: Frame) -> Frame {
    let sort = |items: &mut Vec<Frame>| items.sort_by(|a, b| a.text.cmp(&b.text));
    let sort_pairs = |items: &mut Vec<Frame>| {
        let mut pairs: Vec<Vec<Frame>> = items.chunks(2).map(<[Frame]>::to_vec).collect();
        pairs.sort_by(|a, b| a[0].text.cmp(&b[0].text));
        *items = pairs.concat();
    };
    match name {
        _ if UNORDERED.contains(&name) => sort(&mut frame.items),
        _ if UNORDERED_PAIRS.contains(&name) => sort_pairs(&mut frame.items),
        "sscan" | "scan" => frame.items.iter_mut().skip(1).for_each(|found| sort(&mut found.items)),
        "hscan" | "zscan" => frame.items.iter_mut().skip(1).for_each(|found| sort_pairs(&mut found.items)),
        "xinfo" => {
            for at in 1..frame.items.len() {
                if frame.items[at - 1].text.starts_with(b"radix-tree") {
                    frame.items[at].text.clear();
                }
            }
        }
        _ => {}
    }
    frame
}

/// Kind and number only.
fn shape(frame: &Frame) -> Frame {
    let text = if frame.kind == '-' || frame.text == b"null" { frame.text.clone() } else { vec![] };
    Frame { kind: frame.kind, text, items: frame.items.iter().map(shape).collect() }
}

/// Equal, but for the digits of floats (7.0 prints 17 of them, and adds long doubles).
fn alike(a: &Frame, b: &Frame) -> bool {
    let text = a.text == b.text || (matches!(a.kind, '$' | ',') && same_number(&a.text, &b.text));
    a.kind == b.kind
        && text
        && a.items.len() == b.items.len()
        && a.items.iter().zip(&b.items).all(|(a, b)| alike(a, b))
}

/// Both are moments or durations, and at most so far from each other.
fn near(a: &Frame, b: &Frame, slack: i64) -> bool {
    let number = |frame: &Frame| std::str::from_utf8(&frame.text).ok()?.parse::<i64>().ok();
    let Some((first, second)) = number(a).zip(number(b)) else { return false };
    a.kind == ':' && b.kind == ':' && first.min(second) > 0 && first.abs_diff(second) <= slack.unsigned_abs()
}

fn same_number(a: &[u8], b: &[u8]) -> bool {
    let number = |text| std::str::from_utf8(text).ok()?.parse::<f64>().ok();
    let Some((a, b)) = number(a).zip(number(b)) else { return false };
    a == b || (a - b).abs() <= 1e-12 * a.abs().max(b.abs())
}

fn variable(name: &str) -> Option<u64> {
    std::env::var(name).ok().map(|text| text.parse().expect("a number"))
}

#[test]
fn a_difference_is_stored_as_what_remains_asks_for() {
    let folder = TempFolder::new("differential");
    let (_ours, _redis, mut pair) = pair(&folder, false);
    let long = "m".repeat(65);
    for line in [
        &format!("ZADD a 1 short 2 {long}"),
        &format!("ZADD b 1 {long}"),
        "OBJECT ENCODING a",
        "ZDIFFSTORE a 2 a b",
        "OBJECT ENCODING a",
    ] {
        let words: Vec<Vec<u8>> = line.split(' ').map(|word| word.as_bytes().to_vec()).collect();
        pair.compare(&words).unwrap();
    }
}

fn pair(folder: &TempFolder, resp3: bool) -> (Node, Node, Pair) {
    let ours = Node::start_in(Program::Ours, folder.path(), &["--appendonly", "no"]);
    let redis = Node::redis(folder.path(), &[]);
    let pair = Pair { ours: Raw::connect(ours.port(), resp3), redis: Raw::connect(redis.port(), resp3) };
    (ours, redis, pair)
}

fn run(suite: &Suite, resp3: bool) {
    let folder = TempFolder::new("differential");
    let (_ours, _redis, mut pair) = pair(&folder, resp3);
    let seed = variable("DIFFERENTIAL_SEED").unwrap_or_else(random_u64);
    let commands = variable("DIFFERENTIAL_COMMANDS").map_or(COMMANDS, |count| count as usize);
    println!("DIFFERENTIAL_SEED={seed}");
    let traced = std::env::var("DIFFERENTIAL_KEY").unwrap_or_default();
    let mut generator = Generator::new(seed, suite.templates);
    let keys = (suite.keys)();
    let mut differences = BTreeMap::new();
    for number in 1..=commands {
        let words = generator.command();
        if words.iter().any(|word| !traced.is_empty() && word == traced.as_bytes()) {
            let shown: Vec<_> = words.iter().map(|word| word.escape_ascii().to_string()).collect();
            println!("{number}: {:.200}", shown.join(" "));
        }
        let outcome = pair.compare(&words);
        let outcome =
            outcome.and_then(|()| if number % COMPARE_EVERY == 0 { pair.compare_all(&keys) } else { Ok(()) });
        if let Err(difference) = outcome {
            // From equal states on, so that one difference is told once.
            pair.call(&["FLUSHALL"]);
            differences
                .entry(words[0].to_ascii_lowercase())
                .or_insert(format!("command {number}: {difference}"));
        }
    }
    let told: Vec<String> = differences.into_values().collect();
    assert!(told.is_empty(), "DIFFERENTIAL_SEED={seed}\n{}", told.join("\n"));
}

#[test]
fn random_commands_on_collections_are_answered_as_by_redis_in_resp2() {
    run(&COLLECTIONS, false);
}

#[test]
fn random_commands_on_collections_are_answered_as_by_redis_in_resp3() {
    run(&COLLECTIONS, true);
}

#[test]
fn random_commands_on_strings_and_keys_are_answered_as_by_redis_in_resp2() {
    run(&STRINGS, false);
}

#[test]
fn random_commands_on_strings_and_keys_are_answered_as_by_redis_in_resp3() {
    run(&STRINGS, true);
}
