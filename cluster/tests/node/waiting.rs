//! Clients that wait for keys: who is served, in which order, and with what.

use crate::raw::Raw;
use shared::testing::node::Program;
use shared::testing::{Node, TempFolder, wait};
use std::time::{Duration, Instant};

struct Server {
    node: Node,
    _folder: TempFolder,
}

impl Server {
    fn start() -> Server {
        let folder = TempFolder::new("waiting");
        let node = Node::start_in(Program::Ours, folder.path(), &["--appendonly", "no"]);
        Server { node, _folder: folder }
    }

    fn connect(&self) -> Raw {
        Raw::connect(self.node.port(), false)
    }

    /// A client that waits with this command, after the server has it in its queues.
    fn waiting(&self, words: &[&str]) -> Raw {
        let blocked = self.blocked();
        let mut client = self.connect();
        client.send(words);
        wait::until("the client waits", || self.blocked() == blocked + 1);
        client
    }

    fn blocked(&self) -> usize {
        let info = self.connect().call(&["INFO", "clients"]);
        let text = String::from_utf8_lossy(&info.text).into_owned();
        let line = text.lines().find_map(|line| line.strip_prefix("blocked_clients:").map(str::to_owned));
        line.expect("blocked_clients").trim().parse().expect("a number")
    }
}

fn texts(raw: &mut Raw) -> Vec<String> {
    let frame = raw.read();
    frame.items.iter().map(|item| String::from_utf8_lossy(&item.text).into_owned()).collect()
}

#[test]
fn the_first_who_waits_is_the_first_served() {
    let server = Server::start();
    let mut clients: Vec<Raw> =
        (0..3).map(|_| server.waiting(&["BLPOP", "{t}other", "{t}list", "0"])).collect();
    let mut pusher = server.connect();
    assert_eq!(pusher.call(&["RPUSH", "{t}list", "a", "b"]).text, b"2");
    assert_eq!(texts(&mut clients[0]), ["{t}list", "a"]);
    assert_eq!(texts(&mut clients[1]), ["{t}list", "b"]);
    assert_eq!(server.blocked(), 1);
    assert_eq!(pusher.call(&["EXISTS", "{t}list"]).text, b"0");
    pusher.call(&["LPUSH", "{t}other", "c"]);
    assert_eq!(texts(&mut clients[2]), ["{t}other", "c"]);
}

#[test]
fn a_chain_of_moves_is_served_through() {
    let server = Server::start();
    let mut end = server.waiting(&["BLPOP", "{t}b", "0"]);
    let mut middle = server.waiting(&["BLMOVE", "{t}a", "{t}b", "LEFT", "RIGHT", "0"]);
    server.connect().call(&["RPUSH", "{t}a", "x"]);
    assert_eq!(middle.read().text, b"x");
    assert_eq!(texts(&mut end), ["{t}b", "x"]);
}

#[test]
fn xread_waits_for_what_comes_after_it_was_asked() {
    let server = Server::start();
    let mut writer = server.connect();
    writer.call(&["XADD", "s", "1-1", "u", "old"]);
    let mut reader = server.waiting(&["XREAD", "BLOCK", "0", "STREAMS", "s", "$"]);
    let mut second = server.waiting(&["XREAD", "COUNT", "1", "BLOCK", "0", "STREAMS", "s", "1-1"]);
    writer.call(&["XADD", "s", "2-1", "u", "new"]);
    for client in [&mut reader, &mut second] {
        let reply = client.read();
        assert_eq!(format!("{reply:?}"), "*[*[$s, *[*[$2-1, *[$u, $new]]]]]");
    }
    assert_eq!(server.blocked(), 0);
}

#[test]
fn a_member_wakes_who_waits_for_the_lowest() {
    let server = Server::start();
    let mut waiting = server.waiting(&["BZPOPMIN", "z", "0"]);
    let mut writer = server.connect();
    writer.call(&["ZADD", "z", "2", "b", "1", "a"]);
    assert_eq!(texts(&mut waiting), ["z", "a", "1"]);
    assert_eq!(writer.call(&["ZCARD", "z"]).text, b"1");
}

#[test]
fn another_type_at_the_key_serves_nobody() {
    let server = Server::start();
    let mut waiting = server.waiting(&["BLPOP", "k", "0"]);
    let mut writer = server.connect();
    writer.call(&["SET", "k", "string"]);
    writer.call(&["DEL", "k"]);
    writer.call(&["ZADD", "k", "1", "m"]);
    assert_eq!(server.blocked(), 1);
    writer.call(&["DEL", "k"]);
    writer.call(&["RPUSH", "k", "v"]);
    assert_eq!(texts(&mut waiting), ["k", "v"]);
}

#[test]
fn an_earlier_key_of_another_type_does_not_keep_a_later_one_from_serving() {
    let server = Server::start();
    let mut waiting = server.waiting(&["BLPOP", "{t}a", "{t}b", "0"]);
    let mut writer = server.connect();
    writer.call(&["SET", "{t}a", "string"]);
    writer.call(&["RPUSH", "{t}b", "v"]);
    assert_eq!(texts(&mut waiting), ["{t}b", "v"]);
}

#[test]
fn a_deadline_is_answered_with_null() {
    let server = Server::start();
    let mut client = server.connect();
    let begin = Instant::now();
    assert_eq!(client.call(&["BLPOP", "none", "0.05"]).text, b"null");
    assert!(begin.elapsed() >= Duration::from_millis(50));
    assert_eq!(client.call(&["XREAD", "BLOCK", "20", "STREAMS", "none", "$"]).text, b"null");
    assert_eq!(server.blocked(), 0);
}

#[test]
fn who_has_gone_is_not_served() {
    let server = Server::start();
    drop(server.waiting(&["BLPOP", "k", "0"]));
    wait::until("the client that went is forgotten", || server.blocked() == 0);
    let mut writer = server.connect();
    writer.call(&["RPUSH", "k", "v"]);
    assert_eq!(writer.call(&["LLEN", "k"]).text, b"1");
}

#[test]
fn inside_exec_nothing_waits_and_all_is_served_after() {
    let server = Server::start();
    let mut client = server.connect();
    client.call(&["MULTI"]);
    client.call(&["BLPOP", "k", "0"]);
    client.call(&["XREAD", "BLOCK", "0", "STREAMS", "s", "$"]);
    let reply = client.call(&["EXEC"]);
    assert_eq!(format!("{reply:?}"), "*[*null[], *null[]]");
    let mut waiting = server.waiting(&["BLPOP", "k", "0"]);
    for words in [&["MULTI"][..], &["RPUSH", "k", "a"], &["RPUSH", "k", "b"], &["LPUSH", "k", "c"]] {
        client.call(words);
    }
    assert_eq!(client.call(&["EXEC"]).items.len(), 3);
    assert_eq!(texts(&mut waiting), ["k", "c"]);
}
