//! SCAN, as its specification promises: what is there from the first call to the last is answered.

use shared::rt::rng::{Rng, random_u64};
use std::collections::BTreeMap;

use crate::raw::Raw;
use crate::server::Server;

/// Walks over all keys; `between` runs after every call. How often each key was answered.
fn walk(client: &mut Raw, more: &[&str], mut between: impl FnMut()) -> BTreeMap<Vec<u8>, usize> {
    let mut found = BTreeMap::new();
    let mut cursor = "0".to_owned();
    loop {
        let reply = client.call(&[&["SCAN", &cursor], more].concat());
        assert_eq!(reply.items.len(), 2, "{reply:?}");
        for key in &reply.items[1].items {
            *found.entry(key.text.clone()).or_default() += 1;
        }
        cursor = String::from_utf8(reply.items[0].text.clone()).unwrap();
        if cursor == "0" {
            return found;
        }
        between();
    }
}

#[test]
fn every_key_that_stays_is_answered_while_others_come_and_go() {
    let server = Server::start(&[]);
    let (mut client, mut other) = (server.connect(), server.connect());
    let seed = random_u64();
    println!("seed {seed}");
    let mut rng = Rng::from_seed(seed);
    // Some slots hold many keys, so that their tables grow and shrink meanwhile.
    let stays: Vec<String> = (0..3_000)
        .map(|number| format!("{{{}}}stays{number}", if number % 3 == 0 { number } else { number % 5 }))
        .collect();
    stays.iter().for_each(|key| drop(client.say(&format!("SET {key} v"))));
    for count in ["7", "100", "1000"] {
        let mut number = 0;
        let found = walk(&mut client, &["COUNT", count], || {
            // Few calls: much happens between two of them.
            for _ in 0..count.len() * 20 {
                let slot = rng.below(12);
                match rng.below(5) {
                    0 | 1 => other.send_line(&format!("DEL {{{slot}}}goes{}", rng.below(2_000))),
                    2 => other.send_line(&format!("SET {{{slot}}}goes{} v PX 1", rng.below(2_000))),
                    _ => other.send_line(&format!("SET {{{slot}}}goes{} v", rng.below(2_000))),
                }
                number += 1;
            }
            (0..number).for_each(|_| drop(other.read()));
            number = 0;
        });
        for key in &stays {
            assert_eq!(found.get(key.as_bytes()), Some(&1), "COUNT {count}: {key}");
        }
    }
}

#[test]
fn options_choose_what_is_answered() {
    let server = Server::start(&[]);
    let mut client = server.connect();
    for number in 0..500 {
        client.say(&format!("SET string{number} v"));
        client.say(&format!("RPUSH list{number} v"));
        client.say(&format!("SET dead{number} v PX 1"));
    }
    let mut count = |more: &[&str]| {
        let found = walk(&mut client, more, || {});
        found.keys().filter(|key| !key.starts_with(b"dead")).count()
    };
    assert_eq!(count(&[]), 1_000);
    assert_eq!(count(&["COUNT", "7"]), 1_000);
    assert_eq!(count(&["MATCH", "list*"]), 500);
    assert_eq!(count(&["TYPE", "string", "COUNT", "33"]), 500);
    assert_eq!(count(&["TYPE", "LIST", "MATCH", "*1"]), 50);
    assert_eq!(count(&["TYPE", "stream"]), 0);
    let dead = walk(&mut client, &["MATCH", "dead*"], || {});
    assert!(dead.is_empty(), "keys past their deadline: {dead:?}");
}

#[test]
fn a_cursor_of_any_number_is_taken() {
    let server = Server::start(&[]);
    let mut client = server.connect();
    client.say("SET k v");
    for cursor in ["18446744073709551615", "9223372036854775807", "281474976710656", "1"] {
        let reply = client.say(&format!("SCAN {cursor}"));
        assert!(reply.starts_with("*[$"), "{reply}");
    }
    for wrong in ["-1", "x", "1.5", "18446744073709551616"] {
        assert_eq!(client.say(&format!("SCAN {wrong}")), "-ERR invalid cursor");
    }
}
