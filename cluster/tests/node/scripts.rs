//! Scripts of several clients that our node and redis-server must answer alike.
//!
//! A line is a client's letter and what it sends; the reply is compared. Between the letter and the request may stand
//! `?` (compare only the kind of the reply), `~` (its pairs may have any order), `+` (send, and read nothing yet) or `!` (send again until the reply is the last word of the
//! line). `a <` reads a reply without sending; `a gone` waits for the end of the connection. `''` is an empty word.

use shared::testing::node::Program;
use shared::testing::{Node, TempFolder, wait};
use std::collections::BTreeMap;

use crate::raw::Raw;

/// Runs a script on both servers, started with these options, and compares every reply.
#[track_caller]
pub(crate) fn alike(options: &[&str], script: &str) {
    alike_each(options, &[script.to_owned()]);
}

/// As [`alike`] for several scripts: each begins without keys and with clients of its own.
#[track_caller]
pub(crate) fn alike_each(options: &[&str], scripts: &[String]) {
    let folder = TempFolder::new("script");
    let [ours, redis] = [Program::Ours, Program::Redis].map(|program| {
        let node = Node::start_in(program, folder.path(), options);
        scripts.iter().flat_map(|script| replies(&node, script)).collect::<Vec<_>>()
    });
    assert!(ours.len() == redis.len() && !ours.is_empty());
    let differences = ours.iter().zip(&redis).filter(|(ours, redis)| ours != redis);
    let told: Vec<_> = differences.map(|(ours, redis)| format!("ours:  {ours}\nredis: {redis}")).collect();
    assert!(told.is_empty(), "{}", told.join("\n"));
}

/// Every line with its reply.
fn replies(node: &Node, script: &str) -> Vec<String> {
    node.wire().call(&["FLUSHALL"]);
    let mut clients = BTreeMap::new();
    let lines = script.lines().map(str::trim).filter(|line| !line.is_empty());
    lines
        .map(|line| {
            let mut words: Vec<_> =
                line.split_whitespace().map(|word| if word == "''" { "" } else { word }).collect();
            let client = clients.entry(words.remove(0)).or_insert_with(|| Raw::connect(node.port(), false));
            format!("{line} → {}", step(client, &words))
        })
        .collect()
}

fn step(client: &mut Raw, words: &[&str]) -> String {
    let told = |client: &mut Raw| client.try_read().map_or("closed".to_owned(), |frame| format!("{frame:?}"));
    match words {
        ["<"] => told(client),
        ["gone"] => {
            while client.try_read().is_some() {}
            "closed".to_owned()
        }
        ["+", words @ ..] => {
            client.send(words);
            "sent".to_owned()
        }
        ["?", words @ ..] => client.call(words).kind.to_string(),
        ["~", words @ ..] => {
            let reply = client.call(words);
            let mut pairs: Vec<_> = reply.items.chunks(2).map(|pair| format!("{pair:?}")).collect();
            pairs.sort();
            format!("{}{pairs:?}", reply.kind)
        }
        ["!", words @ .., wanted] => {
            wait::until(wanted, || format!("{:?}", client.call(words)) == *wanted);
            (*wanted).to_owned()
        }
        words => {
            client.send(words);
            told(client)
        }
    }
}
