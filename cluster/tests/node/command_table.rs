//! What COMMAND tells, and how each command refuses a wrong number of words.

use shared::testing::{Node, TempFolder};
use std::collections::BTreeMap;

use crate::raw::{Frame, Raw};
use crate::server::Server;

/// Commands of which more is told here: Redis 7.2 says of WAIT that it blocks.
const NEWER: &[&str] = &["wait"];

/// Arity and places of keys of each command without subcommands, by name.
fn rows(client: &mut Raw) -> BTreeMap<String, Vec<String>> {
    let rows = client.call(&["COMMAND"]).items;
    let number = |frame: &Frame| format!("{frame:?}");
    rows.iter()
        .filter(|row| row.items[9].items.is_empty())
        .map(|row| {
            let name = String::from_utf8_lossy(&row.items[0].text).into_owned();
            // Name, arity, flags, first key, last key, step.
            (name, [1, 3, 4, 5].map(|at| number(&row.items[at])).to_vec())
        })
        .collect()
}

/// The names of flags of each command.
fn flags(client: &mut Raw, name: &str) -> Vec<String> {
    let row = client.call(&["COMMAND", "INFO", name]);
    let flags = row.items[0].items[2].items.iter();
    let mut flags: Vec<_> = flags.map(|flag| String::from_utf8_lossy(&flag.text).into_owned()).collect();
    flags.sort();
    flags
}

#[test]
fn arity_keys_and_the_flags_that_clients_go_by_are_those_of_redis() {
    let folder = TempFolder::new("table");
    let (server, redis) = (Server::start(&[]), Node::redis(folder.path(), &[]));
    let (mut ours, mut redis) = (server.connect(), Raw::connect(redis.port(), false));
    let (our_rows, redis_rows) = (rows(&mut ours), rows(&mut redis));
    let mut compared = 0;
    let mut differences = vec![];
    for (name, row) in &our_rows {
        let Some(expected) = redis_rows.get(name).filter(|_| !NEWER.contains(&name.as_str())) else {
            continue;
        };
        compared += 1;
        if row != expected {
            differences.push(format!("{name}: ours {row:?}, redis {expected:?}"));
        }
        let known = ["write", "readonly", "denyoom", "blocking", "pubsub", "no_auth", "movablekeys", "fast"];
        let told = |flags: Vec<String>| {
            flags.into_iter().filter(|flag| known.contains(&flag.as_str())).collect::<Vec<_>>()
        };
        let (here, there) = (told(flags(&mut ours, name)), told(flags(&mut redis, name)));
        if here != there {
            differences.push(format!("{name}: our flags {here:?}, of redis {there:?}"));
        }
    }
    assert!(compared > 130, "{compared}");
    assert!(differences.is_empty(), "{}", differences.join("\n"));
}

#[test]
fn a_wrong_number_of_words_is_refused_in_the_same_words() {
    let folder = TempFolder::new("arity");
    let (server, redis) = (Server::start(&[]), Node::redis(folder.path(), &[]));
    let (mut ours, mut redis) = (server.connect(), Raw::connect(redis.port(), false));
    let known = rows(&mut redis);
    for (name, row) in rows(&mut ours) {
        let arity: i64 = row[0][1..].parse().unwrap();
        if !known.contains_key(&name) || arity == -1 {
            continue;
        }
        let words = if arity == 1 { vec![name.as_str(), "extra"] } else { vec![name.as_str()] };
        let refused = format!("{:?}", ours.call(&words));
        assert!(refused.ends_with(&format!("wrong number of arguments for '{name}' command")), "{refused}");
        assert_eq!(format!("{:?}", redis.call(&words)), refused);
    }
}
