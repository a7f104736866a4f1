//! Bytes that are no request: a clear error, the one client refused, another on the same node undisturbed.

use shared::limits::UNSENT_BYTES_MAX;
use shared::testing::wait;

use crate::raw::Raw;
use crate::scripts::alike;
use crate::server::Server;

/// A node, and a client of it that must not notice anything.
struct Disturbed {
    server: Server,
    bystander: Raw,
    asked: usize,
}

impl Disturbed {
    fn start(options: &[&str]) -> Disturbed {
        // One worker: who disturbs and who is disturbed share a thread.
        let server = Server::start(&[&["--io-threads", "1"], options].concat());
        let bystander = server.connect();
        Disturbed { server, bystander, asked: 0 }
    }

    /// Sends bytes on a new connection: all that is answered until it ends.
    fn answers(&mut self, bytes: &[u8]) -> Vec<String> {
        let mut client = self.server.connect();
        client.send_bytes(bytes);
        self.undisturbed();
        let mut told = vec![];
        while let Some(reply) = client.try_read() {
            told.push(format!("{reply:?}"));
        }
        self.undisturbed();
        told
    }

    fn undisturbed(&mut self) {
        self.asked += 1;
        assert_eq!(self.bystander.say("INCR asked"), format!(":{}", self.asked));
    }
}

#[test]
fn a_browser_runs_no_commands_by_the_body_of_a_request() {
    let mut node = Disturbed::start(&[]);
    for request in
        ["POST / HTTP/1.1\r\nContent-Length: 9\r\n\r\nSET k v\r\n", "Host: localhost\r\nSET k v\r\n"]
    {
        assert!(node.answers(request.as_bytes()).is_empty());
    }
    assert_eq!(node.bystander.say("EXISTS k"), ":0");
    assert!(node.server.node.process().unwrap().log().contains("Possible SECURITY ATTACK"));
}

#[test]
fn who_asks_for_more_than_it_reads_takes_neither_the_memory_nor_the_turns_of_others() {
    let mut node = Disturbed::start(&[]);
    let value = vec![b'v'; 2 * 1024 * 1024];
    assert_eq!(node.bystander.call(&[&b"SET"[..], b"big", &value]).text, b"OK");
    let mut greedy = node.server.connect();
    greedy.send_bytes("GET big\r\n".repeat(400).as_bytes());
    // Until it is served no more: replies that it does not read yet, 800 MiB of them.
    let mut before = 0;
    wait::until("it waits", || {
        node.undisturbed();
        let resident = node.server.number("memory", "used_memory_rss");
        let grows = resident > before;
        before = resident;
        !grows
    });
    assert!(before < 3 * UNSENT_BYTES_MAX as u64, "{before}");
    for _ in 0..400 {
        assert_eq!(greedy.read().text.len(), value.len());
    }
    node.undisturbed();
}

#[test]
fn what_is_no_resp_is_refused_in_redis_words_and_the_connection_ends() {
    let mut node = Disturbed::start(&[]);
    for (bytes, said) in [
        (&b"*x\r\n"[..], "invalid multibulk length"),
        (b"*1048577\r\n", "invalid multibulk length"),
        (b"*99999999999999999999999\r\n", "invalid multibulk length"),
        (b"*1\r\n+GET\r\n", "expected '$', got '+'"),
        (b"*1\r\n*1\r\n", "expected '$', got '*'"),
        (b"*1\r\n$-1\r\n", "invalid bulk length"),
        (b"*1\r\n$abc\r\n", "invalid bulk length"),
        (b"*2\r\n$3\r\nGET\r\n$536870913\r\n", "invalid bulk length"),
        (b"*1\r\n$99999999999999999999\r\n", "invalid bulk length"),
        (b"GET \"unbalanced\r\n", "unbalanced quotes in request"),
        (b"GET 'a'b\r\n", "unbalanced quotes in request"),
    ] {
        assert_eq!(node.answers(bytes), [format!("-ERR Protocol error: {said}")], "{}", bytes.escape_ascii());
    }
    let long = "x".repeat(70_000);
    assert_eq!(node.answers(long.as_bytes()), ["-ERR Protocol error: too big inline request"]);
    let nested = "*1\r\n".repeat(100_000);
    assert_eq!(node.answers(nested.as_bytes()), ["-ERR Protocol error: expected '$', got '*'"]);
}

#[test]
fn what_came_before_the_error_is_answered() {
    let mut node = Disturbed::start(&[]);
    let answers =
        node.answers(b"PING\r\n*1\r\n$4\r\nPING\r\n\r\n*0\r\nSET k \"a b\"\r\nGET k\r\n*1\r\n+\r\nGET k\r\n");
    assert_eq!(answers, ["+PONG", "+PONG", "+OK", "$a b", "-ERR Protocol error: expected '$', got '+'"]);
}

#[test]
fn what_ends_in_the_middle_changes_nothing() {
    let mut node = Disturbed::start(&[]);
    let mut client = node.server.connect();
    client.send_bytes(b"*3\r\n$3\r\nSET\r\n$4\r\nhalf\r\n$1000000\r\nxxx");
    drop(client);
    node.undisturbed();
    assert_eq!(node.bystander.say("EXISTS half"), ":0");
    // One byte at a time is slow, not wrong.
    let mut client = node.server.connect();
    for byte in b"*2\r\n$4\r\nECHO\r\n$2\r\nhi\r\n" {
        client.send_bytes(&[*byte]);
        node.undisturbed();
    }
    assert_eq!(format!("{:?}", client.read()), "$hi");
}

#[test]
fn bounds_that_the_configuration_sets_are_kept() {
    let mut node = Disturbed::start(&["--proto-max-bulk-len", "1mb", "--client-query-buffer-limit", "1mb"]);
    let said = node.answers(b"*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$1048577\r\n");
    assert_eq!(said, ["-ERR Protocol error: invalid bulk length"]);
    // A pipeline of whole requests may be longer than the bound, one request may not.
    let mut client = node.server.connect();
    let pipeline = format!("ECHO {}\r\n", "x".repeat(1_000)).repeat(3_000);
    client.send_bytes(pipeline.as_bytes());
    (0..3_000).for_each(|_| assert_eq!(client.read().text.len(), 1_000));
    node.undisturbed();
    let mut words = vec!["RPUSH".to_owned(), "l".to_owned()];
    words.extend((0..3).map(|_| "x".repeat(700_000)));
    let mut client = node.server.connect();
    client.send(&words);
    assert!(client.try_read().is_none(), "a request beyond client-query-buffer-limit");
    node.undisturbed();
    assert_eq!(node.bystander.say("EXISTS l"), ":0");
    let mut client = node.server.connect();
    client.say("MULTI");
    for _ in 0..2_000 {
        if !client.send_bytes(format!("SET k {}\r\n", "x".repeat(1_000)).as_bytes()) {
            break;
        }
    }
    while client.try_read().is_some() {}
    node.undisturbed();
}

#[test]
fn a_score_that_is_too_large_for_a_float_is_none_but_a_bound_may_be() {
    alike(
        &[],
        "a ZADD z 1e400 m
         a ZADD z 1 m
         a ZINCRBY z -1e400 m
         a ZADD z inf n
         a ZRANGEBYSCORE z -1e400 1e400
         a ZRANGE z 0 -1 WITHSCORES",
    );
}

#[test]
fn too_many_words_or_none_are_errors_of_the_command_only() {
    alike(
        &[],
        "a GET
         a GET a b
         a SET
         a MSET a
         a LPUSH l
         a NOSUCH
         a NOSUCH a b c
         a nosuch-with-a-very-long-name-that-goes-on-and-on-and-on-and-on-and-on-and-on-and-on-and-on-and-on-and-on-and-on-and-on-and-on x
         a NOSUCH aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb c
         a OBJECT
         a OBJECT ENCODING
         a OBJECT ENCODING a b
         a OBJECT NOSUCH a
         a CLUSTER INFO
         a PUBSUB NOSUCH
         a COMMAND NOSUCH
         a EXPIRE k
         a PING a b
         a ECHO
         a WAIT 0 0
         a WAIT 0 -1
         a WAIT x 0
         a WAIT 1 20
         a READONLY
         a SELECT 0
         a SELECT x
         a FLUSHALL x
         a FLUSHALL SYNC",
    );
}

#[test]
fn keys_and_values_are_bytes() {
    let server = Server::start(&["--appendonly", "yes"]);
    let mut server = server;
    let all: Vec<u8> = (0..=255).collect();
    let keys: [&[u8]; 5] = [b"\xff\xfe", b"\0", b"a\r\nb", b"", &all];
    let mut client = server.connect();
    for key in keys {
        assert_eq!(format!("{:?}", client.call::<&[u8]>(&[b"SET", key, &all])), "+OK");
        assert_eq!(format!("{:?}", client.call::<&[u8]>(&[b"HSET", &[key, b"h"].concat(), key, &all])), ":1");
    }
    assert_eq!(client.say("WAITAOF 1 0 0"), "*[:1, :0]");
    server.node.kill();
    server.node.start();
    let mut client = server.connect();
    for key in keys {
        assert_eq!(client.call::<&[u8]>(&[b"GET", key]).text, all);
        assert_eq!(client.call::<&[u8]>(&[b"HGET", &[key, b"h"].concat(), key]).text, all);
        assert_eq!(client.call::<&[u8]>(&[b"OBJECT", b"ENCODING", key]).text, b"raw");
    }
    let mut found: Vec<_> = client.call(&["KEYS", "*"]).items.into_iter().map(|item| item.text).collect();
    found.sort();
    let mut expected: Vec<_> =
        keys.iter().flat_map(|key| [key.to_vec(), [key, &b"h"[..]].concat()]).collect();
    expected.sort();
    assert_eq!(found, expected);
}
