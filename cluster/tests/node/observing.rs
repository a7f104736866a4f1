//! What a node tells of its commands: INFO commandstats and errorstats, SLOWLOG, CLIENT LIST.

use shared::testing::node::Program;
use shared::testing::{Node, TempFolder};
use std::collections::BTreeMap;

use crate::raw::Raw;
use crate::server::Server;

/// Calls, rejected calls and failed calls of each command.
fn counted(client: &mut Raw) -> BTreeMap<String, Vec<String>> {
    let info = client.call(&["INFO", "commandstats"]);
    let text = String::from_utf8_lossy(&info.text).into_owned();
    let line = |line: &str| {
        let (name, fields) = line.strip_prefix("cmdstat_")?.split_once(':')?;
        let fields = fields.split(',').filter(|field| !field.starts_with("usec"));
        Some((name.to_owned(), fields.map(str::to_owned).collect()))
    };
    text.lines().filter_map(line).collect()
}

#[test]
fn calls_refusals_and_failures_are_counted_as_by_redis() {
    let folder = TempFolder::new("counted");
    let [ours, redis] = [Program::Ours, Program::Redis].map(|program| {
        let node = Node::start_in(program, folder.path(), &["--maxmemory-policy", "noeviction"]);
        let mut client = Raw::connect(node.port(), false);
        for line in [
            "SET s v",
            "GET s",
            "GET",
            "INCR s",
            "INCR s",
            "LPUSH s x",
            "NOSUCH",
            "MULTI",
            "GET",
            "EXEC",
            "MULTI",
            "LPUSH s x",
            "STRLEN s",
            "WATCH s",
            "EXEC",
        ] {
            client.say(line);
        }
        let mut counted = counted(&mut client);
        // What the start-up of the test asked.
        counted.remove("ping");
        counted.remove("info");
        let errors = client.call(&["INFO", "errorstats"]);
        (counted, String::from_utf8_lossy(&errors.text).into_owned())
    });
    assert_eq!(ours, redis);
    assert_eq!(ours.0["get"], ["calls=1", "rejected_calls=2", "failed_calls=0"]);
    assert_eq!(ours.0["lpush"], ["calls=2", "rejected_calls=0", "failed_calls=2"]);
}

#[test]
fn resetstat_begins_to_count_anew() {
    let server = Server::start(&[]);
    let mut client = server.connect();
    client.say("GET nothing");
    client.say("GET");
    client.say("GET nothing");
    assert_eq!(server.info("stats", "keyspace_misses"), "2");
    assert_eq!(client.say("CONFIG RESETSTAT"), "+OK");
    for field in ["keyspace_misses", "keyspace_hits", "total_error_replies", "expired_keys"] {
        assert_eq!(server.info("stats", field), "0", "{field}");
    }
    let counted = counted(&mut client);
    assert!(!counted.contains_key("get"), "{counted:?}");
}

/// The requests in the slow log, the oldest first.
fn slow(client: &mut Raw) -> Vec<String> {
    let entries = client.call(&["SLOWLOG", "GET", "-1"]).items;
    let words = |entry: &crate::raw::Frame| {
        let words = entry.items[3].items.iter().map(|word| String::from_utf8_lossy(&word.text).into_owned());
        words.collect::<Vec<_>>().join(" ")
    };
    entries.iter().rev().map(words).collect()
}

#[test]
fn with_a_threshold_of_zero_every_command_is_in_the_slow_log() {
    let server = Server::start(&["--slowlog-log-slower-than", "0", "--requirepass", "secret"]);
    let mut client = server.connect();
    client.say("AUTH secret");
    client.send_bytes(b"SET a 1\r\nSET b 2\r\nGET a\r\nGET b\r\nGET\r\n");
    (0..5).for_each(|_| drop(client.read()));
    for line in ["MULTI", "INCR a", "INCR b", "EXEC", "CONFIG SET requirepass other"] {
        client.say(line);
    }
    let slow = slow(&mut client);
    let expected = ["SET a 1", "SET b 2", "GET a", "GET b", "MULTI", "INCR a", "INCR b"];
    assert_eq!(slow[..expected.len()], expected);
    assert!(!slow.iter().any(|words| words.contains("secret") || words.contains("other")), "{slow:?}");
}

#[test]
fn a_command_of_a_fast_kind_that_was_slow_is_in_the_slow_log() {
    let server = Server::start(&["--slowlog-log-slower-than", "1000"]);
    let mut client = server.connect();
    let mut many = vec!["EXISTS".to_owned()];
    many.extend((0..200_000).map(|number| format!("key{number}")));
    assert_eq!(format!("{:?}", client.call(&many)), ":0");
    assert!(slow(&mut client)[0].starts_with("EXISTS key0 key1 "), "a long request");
    many[0] = "SADD".to_owned();
    client.call(&many);
    assert_eq!(client.say("SLOWLOG RESET"), "+OK");
    assert_eq!(client.say("UNLINK key0"), ":1");
    assert_eq!(slow(&mut client), ["UNLINK key0"], "one that came alone");
    assert_eq!(client.say("SLOWLOG LEN"), ":1");
}

#[test]
fn the_slow_log_keeps_the_newest() {
    let server = Server::start(&["--slowlog-log-slower-than", "0", "--slowlog-max-len", "3"]);
    let mut client = server.connect();
    (0..9).for_each(|number| drop(client.say(&format!("ECHO {number}"))));
    assert_eq!(slow(&mut client), ["ECHO 6", "ECHO 7", "ECHO 8"]);
    assert_eq!(client.say("CONFIG SET slowlog-log-slower-than -1"), "+OK");
    client.say("SLOWLOG RESET");
    client.say("ECHO a");
    assert_eq!(slow(&mut client), [""; 0]);
}

#[test]
fn client_list_tells_the_last_command() {
    let server = Server::start(&[]);
    let (mut one, mut other) = (server.connect(), server.connect());
    one.say("CLIENT SETNAME one");
    one.say("HSET h f v");
    let command = |client: &mut Raw| {
        let list = client.call(&["CLIENT", "LIST"]);
        let text = String::from_utf8_lossy(&list.text).into_owned();
        let field =
            |line: &str| line.split(' ').find_map(|word| word.strip_prefix("cmd=").map(str::to_owned));
        text.lines().filter(|line| line.contains("name=one ")).find_map(field)
    };
    assert_eq!(command(&mut other).as_deref(), Some("hset"));
    one.send_bytes(b"GET a\r\nGET b\r\nSTRLEN c\r\n");
    (0..3).for_each(|_| drop(one.read()));
    assert_eq!(command(&mut other).as_deref(), Some("strlen"));
    assert_eq!(command(&mut one).as_deref(), Some("client"), "also while it runs");
}
