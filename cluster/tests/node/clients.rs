//! CLIENT and its kin: who is connected, and what one client may do to another.

use shared::testing::wait;
use std::time::{Duration, Instant};

use crate::raw::Raw;
use crate::scripts::alike;
use crate::server::Server;

/// A field of the line of CLIENT LIST that has this name.
fn field(client: &mut Raw, name: &str, field: &str) -> Option<String> {
    let list = client.call(&["CLIENT", "LIST"]);
    let text = String::from_utf8_lossy(&list.text).into_owned();
    let line = text.lines().find(|line| line.contains(&format!(" name={name} ")))?;
    line.split(' ').find_map(|word| word.strip_prefix(field)?.strip_prefix('=').map(str::to_owned))
}

#[test]
fn names_ids_and_errors_are_those_of_redis() {
    alike(
        &[],
        "a CLIENT GETNAME
         a CLIENT SETNAME ana
         a CLIENT GETNAME
         a CLIENT SETNAME ''
         a CLIENT GETNAME
         a CLIENT SETNAME a\u{e9}
         a CLIENT SETNAME
         a ? CLIENT ID
         a CLIENT NOSUCH
         a CLIENT
         a ? CLIENT INFO
         a ? CLIENT LIST
         a CLIENT LIST TYPE nosuch
         a ? CLIENT LIST TYPE normal
         a CLIENT LIST TYPE pubsub
         a CLIENT LIST ID abc
         a CLIENT LIST foo
         a CLIENT KILL 1.2.3.4:5
         a CLIENT KILL ID 0
         a CLIENT KILL ID 999999
         a CLIENT KILL TYPE nosuch
         a CLIENT KILL ID
         a CLIENT KILL USER nobody
         a CLIENT UNBLOCK 999999
         a CLIENT UNBLOCK abc
         a CLIENT UNBLOCK 1 NOSUCH
         a CLIENT PAUSE abc
         a CLIENT PAUSE 10 NOSUCH
         a CLIENT PAUSE -1
         a CLIENT UNPAUSE
         a CLIENT NO-EVICT on
         a CLIENT NO-EVICT off
         a CLIENT NO-EVICT maybe
         a CLIENT TRACKINGINFO
         a CLIENT GETREDIR
         a CLIENT REPLY nosuch
         a ? HELLO 3
         a CLIENT GETNAME
         a CLIENT TRACKINGINFO",
    );
}

#[test]
fn replies_are_kept_back_as_asked() {
    alike(
        &[],
        "a + CLIENT REPLY OFF
         a + SET k 1
         a + NOSUCH
         a + CLIENT REPLY SKIP
         a + GET k
         a CLIENT REPLY ON
         a GET k
         a + CLIENT REPLY SKIP
         a + SET k 2
         a GET k",
    );
}

#[test]
fn list_tells_what_a_client_does() {
    let server = Server::start(&[]);
    let (mut one, mut other) = (server.connect(), server.connect());
    one.say("CLIENT SETNAME one");
    other.say("CLIENT SETNAME other");
    let mut told = |name: &str| field(&mut other, "one", name).unwrap();
    assert_eq!(
        [told("flags"), told("multi"), told("sub"), told("resp"), told("db")],
        ["N", "-1", "0", "2", "0"]
    );
    assert_eq!(told("addr"), one.address());
    let id = one.say("CLIENT ID");
    assert_eq!(format!(":{}", told("id")), id);
    one.say("MULTI");
    one.say("SET k v");
    assert_eq!([told("flags"), told("multi")], ["x", "1"]);
    one.say("DISCARD");
    one.call(&["HELLO", "3"]);
    one.say("CLIENT NO-EVICT on");
    assert_eq!([told("flags"), told("resp")], ["e", "3"]);
    one.send_line("SUBSCRIBE a b");
    (0..2).for_each(|_| drop(one.read()));
    one.say("PSUBSCRIBE p*");
    assert_eq!([told("flags"), told("sub"), told("psub")], ["Pe", "2", "1"]);
    one.say("RESET");
    one.say("CLIENT SETNAME one");
    one.send_line("BLPOP nothing 0");
    wait::until("it waits", || field(&mut other, "one", "flags").as_deref() == Some("b"));
    drop(one);
    wait::until("it is gone", || field(&mut other, "one", "id").is_none());
}

#[test]
fn a_killed_client_ends_and_the_others_do_not() {
    let server = Server::start(&[]);
    let mut killer = server.connect();
    let mut client = server.connect();
    let id = client.say("CLIENT ID");
    assert_eq!(killer.say(&format!("CLIENT KILL ID {}", &id[1..])), ":1");
    assert!(client.try_read().is_none());
    let mut client = server.connect();
    client.say("PING");
    assert_eq!(killer.say(&format!("CLIENT KILL {}", client.address())), "+OK");
    assert!(client.try_read().is_none());
    let mut waiting = server.connect();
    waiting.send_line("BLPOP nothing 0");
    let mut listening = server.connect();
    listening.say("SUBSCRIBE c");
    wait::until("one waits", || server.number("clients", "blocked_clients") == 1);
    assert_eq!(killer.say("CLIENT KILL TYPE pubsub"), ":1");
    assert!(listening.try_read().is_none());
    assert_eq!(killer.say("CLIENT KILL ADDR 1.2.3.4:5 SKIPME no"), ":0");
    assert_eq!(killer.say(&format!("CLIENT KILL ADDR {} TYPE normal", waiting.address())), ":1");
    assert!(waiting.try_read().is_none());
    wait::until("none waits", || server.number("clients", "blocked_clients") == 0);
    assert_eq!(killer.say("PING"), "+PONG");
    assert_eq!(killer.say(&format!("CLIENT KILL {}", killer.address())), "+OK");
    assert!(killer.try_read().is_none(), "who kills itself is answered first");
    wait::until("only who asks is there", || server.number("clients", "connected_clients") == 1);
}

#[test]
fn a_pause_holds_writes_or_everything_back_until_it_ends() {
    let server = Server::start(&[]);
    let (mut operator, mut client) = (server.connect(), server.connect());
    operator.say("SET k 1");
    assert_eq!(operator.say("CLIENT PAUSE 100000 WRITE"), "+OK");
    assert_eq!(client.say("GET k"), "$1", "reads go on");
    client.send_line("SET k 2");
    assert!(client.is_silent_for(Duration::from_millis(100)));
    assert_eq!(operator.say("GET k"), "$1");
    assert_eq!(operator.say("CLIENT UNPAUSE"), "+OK");
    assert_eq!(format!("{:?}", client.read()), "+OK");

    assert_eq!(operator.say("CLIENT PAUSE 100000"), "+OK");
    client.send_line("GET k");
    assert!(client.is_silent_for(Duration::from_millis(100)));
    assert_eq!(operator.say("CLIENT UNPAUSE"), "+OK");
    assert_eq!(format!("{:?}", client.read()), "$2");

    let begin = Instant::now();
    assert_eq!(operator.say("CLIENT PAUSE 150 ALL"), "+OK");
    assert_eq!(client.say("GET k"), "$2", "it ends by itself");
    assert!(begin.elapsed() >= Duration::from_millis(149), "{:?}", begin.elapsed());

    client.say("MULTI");
    client.say("SET k 3");
    assert_eq!(operator.say("CLIENT PAUSE 100000 WRITE"), "+OK");
    client.send_line("EXEC");
    assert!(client.is_silent_for(Duration::from_millis(100)));
    assert_eq!(operator.say("CLIENT UNPAUSE"), "+OK");
    assert_eq!(format!("{:?}", client.read()), "*[+OK]");
}

#[test]
fn a_waiting_client_is_released_by_its_deadline_or_with_an_error() {
    let server = Server::start(&[]);
    let mut operator = server.connect();
    for (how, said) in [
        ("", "*null[]"),
        (" TIMEOUT", "*null[]"),
        (" ERROR", "-UNBLOCKED client unblocked via CLIENT UNBLOCK"),
    ] {
        let mut client = server.connect();
        let id = client.say("CLIENT ID")[1..].to_owned();
        assert_eq!(operator.say(&format!("CLIENT UNBLOCK {id}{how}")), ":0", "it does not wait yet");
        client.send_line("BLPOP nothing 0");
        wait::until("it waits", || server.number("clients", "blocked_clients") == 1);
        assert_eq!(operator.say(&format!("CLIENT UNBLOCK {id}{how}")), ":1");
        assert_eq!(format!("{:?}", client.read()), said);
        assert_eq!(client.say("PING"), "+PONG");
    }
}

#[test]
fn beyond_maxclients_who_comes_is_told_so_and_turned_away() {
    let server = Server::start(&["--maxclients", "5"]);
    wait::until("the test's own are gone", || server.number("clients", "connected_clients") == 1);
    let mut clients: Vec<_> = (0..5).map(|_| server.connect()).collect();
    clients.iter_mut().for_each(|client| assert_eq!(client.say("PING"), "+PONG"));
    let mut refused = server.connect();
    assert_eq!(format!("{:?}", refused.read()), "-ERR max number of clients reached");
    assert!(refused.try_read().is_none());
    assert!(clients[0].say("INFO stats").contains("rejected_connections:1"));
    clients.pop();
    wait::until("there is room for another", || {
        let mut client = server.connect();
        client.send_line("PING");
        client.try_read().is_some_and(|reply| format!("{reply:?}") == "+PONG")
    });
    clients.iter_mut().for_each(|client| assert_eq!(client.say("PING"), "+PONG"));
}

#[test]
fn an_idle_client_is_disconnected_after_its_time_and_who_listens_or_waits_is_not() {
    let server = Server::start(&["--timeout", "1"]);
    let [mut waiting, mut listener, mut idle] = [server.connect(), server.connect(), server.connect()];
    waiting.send_line("BLPOP l 0");
    listener.say("SUBSCRIBE c");
    idle.say("PING");
    let begin = Instant::now();
    assert!(idle.try_read().is_none());
    assert!(begin.elapsed() >= Duration::from_millis(900));
    assert_eq!(server.connect().say("PUBLISH c hello"), ":1");
    assert_eq!(format!("{:?}", listener.read()), "*[$message, $c, $hello]");
    assert_eq!(server.connect().say("RPUSH l v"), ":1");
    assert_eq!(format!("{:?}", waiting.read()), "*[$l, $v]");
}

#[test]
fn of_two_pauses_the_longer_holds() {
    let server = Server::start(&[]);
    let (mut client, mut writer) = (server.connect(), server.connect());
    assert_eq!(client.say("CLIENT PAUSE 60000 WRITE"), "+OK");
    assert_eq!(client.say("CLIENT PAUSE 1 WRITE"), "+OK");
    writer.send_line("SET k v");
    assert!(writer.is_silent_for(Duration::from_millis(200)), "the first pause goes on");
    assert_eq!(client.say("CLIENT UNPAUSE"), "+OK");
    assert_eq!(format!("{:?}", writer.read()), "+OK");
}

#[test]
fn a_client_that_takes_no_replies_is_disconnected_at_its_bound_and_the_others_are_served() {
    let limit = "normal 4mb 0 0";
    let server = Server::start(&["--client-output-buffer-limit", limit]);
    let mut other = server.connect();
    assert_eq!(other.call(&["SET", "k", &"x".repeat(1 << 20)]).kind, '+');
    let mut greedy = server.connect();
    greedy.say("CLIENT SETNAME greedy");
    // The system's buffers take some of the 64 MB, not all.
    greedy.send_bytes(&b"*2\r\n$3\r\nGET\r\n$1\r\nk\r\n".repeat(64));
    wait::until("it is disconnected", || !other.say("CLIENT LIST").contains("name=greedy"));
    assert_eq!(other.say("STRLEN k"), ":1048576");
}
