//! Clients that wait for keys: who is served, in which order, and with what.

use crate::raw::Raw;
use crate::server::Server;
use shared::testing::wait;
use std::time::{Duration, Instant};

/// A client that waits with this command, after the server has it in its queues.
fn waiting(server: &Server, words: &[&str]) -> Raw {
    let blocked = blocked(server);
    let mut client = server.connect();
    client.send(words);
    wait::until("the client waits", || self::blocked(server) == blocked + 1);
    client
}

fn blocked(server: &Server) -> u64 {
    server.number("clients", "blocked_clients")
}

fn texts(raw: &mut Raw) -> Vec<String> {
    let frame = raw.read();
    frame.items.iter().map(|item| String::from_utf8_lossy(&item.text).into_owned()).collect()
}

#[test]
fn the_first_who_waits_is_the_first_served() {
    let server = Server::start(&[]);
    let mut clients: Vec<Raw> =
        (0..3).map(|_| waiting(&server, &["BLPOP", "{t}other", "{t}list", "0"])).collect();
    let mut pusher = server.connect();
    assert_eq!(pusher.call(&["RPUSH", "{t}list", "a", "b"]).text, b"2");
    assert_eq!(texts(&mut clients[0]), ["{t}list", "a"]);
    assert_eq!(texts(&mut clients[1]), ["{t}list", "b"]);
    assert_eq!(blocked(&server), 1);
    assert_eq!(pusher.call(&["EXISTS", "{t}list"]).text, b"0");
    pusher.call(&["LPUSH", "{t}other", "c"]);
    assert_eq!(texts(&mut clients[2]), ["{t}other", "c"]);
}

#[test]
fn a_chain_of_moves_is_served_through() {
    let server = Server::start(&[]);
    let mut end = waiting(&server, &["BLPOP", "{t}b", "0"]);
    let mut middle = waiting(&server, &["BLMOVE", "{t}a", "{t}b", "LEFT", "RIGHT", "0"]);
    server.connect().call(&["RPUSH", "{t}a", "x"]);
    assert_eq!(middle.read().text, b"x");
    assert_eq!(texts(&mut end), ["{t}b", "x"]);
}

#[test]
fn xread_waits_for_what_comes_after_it_was_asked() {
    let server = Server::start(&[]);
    let mut writer = server.connect();
    writer.call(&["XADD", "s", "1-1", "u", "old"]);
    let mut reader = waiting(&server, &["XREAD", "BLOCK", "0", "STREAMS", "s", "$"]);
    let mut second = waiting(&server, &["XREAD", "COUNT", "1", "BLOCK", "0", "STREAMS", "s", "1-1"]);
    writer.call(&["XADD", "s", "2-1", "u", "new"]);
    for client in [&mut reader, &mut second] {
        let reply = client.read();
        assert_eq!(format!("{reply:?}"), "*[*[$s, *[*[$2-1, *[$u, $new]]]]]");
    }
    assert_eq!(blocked(&server), 0);
}

#[test]
fn a_member_wakes_who_waits_for_the_lowest() {
    let server = Server::start(&[]);
    let mut waiting = waiting(&server, &["BZPOPMIN", "z", "0"]);
    let mut writer = server.connect();
    writer.call(&["ZADD", "z", "2", "b", "1", "a"]);
    assert_eq!(texts(&mut waiting), ["z", "a", "1"]);
    assert_eq!(writer.call(&["ZCARD", "z"]).text, b"1");
}

#[test]
fn another_type_at_the_key_serves_nobody() {
    let server = Server::start(&[]);
    let mut waiting = waiting(&server, &["BLPOP", "k", "0"]);
    let mut writer = server.connect();
    writer.call(&["SET", "k", "string"]);
    writer.call(&["DEL", "k"]);
    writer.call(&["ZADD", "k", "1", "m"]);
    assert_eq!(blocked(&server), 1);
    writer.call(&["DEL", "k"]);
    writer.call(&["RPUSH", "k", "v"]);
    assert_eq!(texts(&mut waiting), ["k", "v"]);
}

#[test]
fn an_earlier_key_of_another_type_does_not_keep_a_later_one_from_serving() {
    let server = Server::start(&[]);
    let mut waiting = waiting(&server, &["BLPOP", "{t}a", "{t}b", "0"]);
    let mut writer = server.connect();
    writer.call(&["SET", "{t}a", "string"]);
    writer.call(&["RPUSH", "{t}b", "v"]);
    assert_eq!(texts(&mut waiting), ["{t}b", "v"]);
}

#[test]
fn a_deadline_is_answered_with_null() {
    let server = Server::start(&[]);
    let mut client = server.connect();
    let begin = Instant::now();
    assert_eq!(client.call(&["BLPOP", "none", "0.05"]).text, b"null");
    assert!(begin.elapsed() >= Duration::from_millis(50));
    assert_eq!(client.call(&["XREAD", "BLOCK", "20", "STREAMS", "none", "$"]).text, b"null");
    assert_eq!(blocked(&server), 0);
}

#[test]
fn who_has_gone_is_not_served() {
    let server = Server::start(&[]);
    drop(waiting(&server, &["BLPOP", "k", "0"]));
    wait::until("the client that went is forgotten", || blocked(&server) == 0);
    let mut writer = server.connect();
    writer.call(&["RPUSH", "k", "v"]);
    assert_eq!(writer.call(&["LLEN", "k"]).text, b"1");
}

#[test]
fn inside_exec_nothing_waits_and_all_is_served_after() {
    let server = Server::start(&[]);
    let mut client = server.connect();
    client.call(&["MULTI"]);
    client.call(&["BLPOP", "k", "0"]);
    client.call(&["XREAD", "BLOCK", "0", "STREAMS", "s", "$"]);
    let reply = client.call(&["EXEC"]);
    assert_eq!(format!("{reply:?}"), "*[*null[], *null[]]");
    let mut waiting = waiting(&server, &["BLPOP", "k", "0"]);
    for words in [&["MULTI"][..], &["RPUSH", "k", "a"], &["RPUSH", "k", "b"], &["LPUSH", "k", "c"]] {
        client.call(words);
    }
    assert_eq!(client.call(&["EXEC"]).items.len(), 3);
    assert_eq!(texts(&mut waiting), ["k", "c"]);
}
