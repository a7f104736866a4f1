//! MULTI, EXEC, DISCARD and WATCH, as redis-server does them.

use shared::testing::wait;
use std::time::{Duration, Instant};

use crate::scripts::{alike, alike_each};
use crate::server::Server;

#[test]
fn what_is_queued_runs_at_exec_and_an_error_stops_nothing() {
    alike(
        &[],
        "a MULTI
         a SET k 1
         a LPUSH k x
         a INCR k
         a GET k
         b GET k
         a EXEC
         a GET k
         a MULTI
         a EXEC
         a EXEC
         a DISCARD
         a MULTI
         a SET k 9
         a EXEC now
         a EXEC
         a MULTI
         a MULTI
         a WATCH k
         a SET k 2
         a DISCARD
         a GET k
         a ? HELLO 3
         a MULTI
         a HSET h f v
         a HGETALL h
         a PING
         a ECHO hello
         a EXEC",
    );
}

#[test]
fn a_refused_request_has_exec_refuse_all() {
    let refused = ["NOSUCH", "GET", "SET k", "SUBSCRIBE", "HSET h f", "NOSUCH very many words"];
    alike_each(
        &[],
        &refused.map(|refused| {
            format!(
                "a MULTI
                 a SET k 1
                 a {refused}
                 a SET k 2
                 a EXEC
                 a EXISTS k
                 a SET k 3
                 a GET k"
            )
        }),
    );
}

#[test]
fn a_watched_key_that_anybody_changed_has_exec_run_nothing() {
    let changes = [
        "b SET k 2",
        "a SET k 2",
        "b DEL k",
        "b APPEND k x",
        "b EXPIRE k 1000",
        "b RENAME k other",
        "b RENAME other k",
        "b COPY other k REPLACE",
        "b FLUSHALL",
        "b FLUSHDB",
        "b SET other 2",
        "b GET k",
        "b PERSIST k",
        "b SETNX k 5",
        "b SET k 2 XX GET",
        "b LPUSH k x",
        "b MSET other 1 k 3",
        "b GETDEL k",
        "b GETEX k EX 100",
        "b GETEX k",
        "b SETRANGE k 1 ''",
        "b DEL l",
        "b RPUSH l x",
        "b LREM l 0 nosuch",
        "b LTRIM l 0 -1",
        "b SADD s a",
        "b SADD s b",
        "b SREM s nosuch",
        "b HSET h f v",
        "b ZADD z 1 a",
        "b ZADD z 2 a",
        "b XADD x 2-0 f v",
        "b XTRIM x MAXLEN 100",
    ];
    alike_each(
        &[],
        &changes.map(|change| {
            format!(
                "a SET k 1
                 a SET other 1
                 a RPUSH l a
                 a SADD s a
                 a HSET h f v
                 a ZADD z 1 a
                 a XADD x 1-0 f v
                 a WATCH k l s h z x
                 {change}
                 a MULTI
                 a SET won 1
                 a EXEC
                 a EXISTS won
                 a MULTI
                 a PING
                 a EXEC"
            )
        }),
    );
}

#[test]
fn watching_ends_with_unwatch_discard_and_exec() {
    let ends = ["a UNWATCH", "a MULTI\na DISCARD", "a MULTI\na EXEC", "a RESET"];
    alike_each(
        &[],
        &ends.map(|end| {
            format!(
                "a WATCH k
                 {end}
                 b SET k 2
                 a MULTI
                 a GET k
                 a EXEC"
            )
        }),
    );
}

#[test]
fn a_watched_key_that_expires_is_a_change_even_if_nobody_asked_for_it() {
    alike(
        &[],
        "a SET k 1 PX 700
         a WATCH k
         b ! EXISTS k :0
         a MULTI
         a PING
         a EXEC",
    );
    let server = Server::start(&[]);
    let mut client = server.connect();
    assert_eq!(client.say("SET k 1 PX 700"), "+OK");
    assert_eq!(client.say("WATCH k"), "+OK");
    wait::until("the key is given back", || server.number("stats", "expired_keys") == 1);
    assert_eq!([client.say("MULTI"), client.say("PING"), client.say("EXEC")], ["+OK", "+QUEUED", "*null[]"]);
}

#[test]
fn a_key_that_was_dead_when_it_was_watched_is_no_change_but_its_return_is() {
    let server = Server::start(&[]);
    let mut client = server.connect();
    // The wheel takes it out soon: it is watched before that or after.
    for round in 0..40 {
        client.say("SET k 1 PX 5");
        let dead = Instant::now() + Duration::from_millis(7);
        while Instant::now() < dead {}
        assert_eq!(client.say("WATCH k"), "+OK");
        assert_eq!(client.say("MULTI"), "+OK");
        assert_eq!(client.say("PING"), "+QUEUED");
        assert_eq!(client.say("EXEC"), "*[+PONG]", "round {round}");
    }
    client.say("SET k 1 PX 5");
    let dead = Instant::now() + Duration::from_millis(7);
    while Instant::now() < dead {}
    client.say("WATCH k");
    server.connect().say("SET k 2");
    assert_eq!([client.say("MULTI"), client.say("PING"), client.say("EXEC")], ["+OK", "+QUEUED", "*null[]"]);
}

#[test]
fn a_transaction_of_a_cluster_stays_in_one_slot() {
    alike(
        &["--cluster-enabled", "yes"],
        "a CLUSTER ADDSLOTSRANGE 0 16383
         a ! SET {t}a 1 +OK
         a MULTI
         a SET {t}a 1
         a SET {t}b 2
         a EXEC
         a MULTI
         a MSET {t}a 1 {u}b 2
         a EXEC
         a MULTI
         a SET {t}a 3
         a SET {u}b 4
         a EXEC
         a GET {t}a
         a PING
         a WATCH {t}a {u}b
         a MSET {t}a 1 {u}b 2",
    );
}
