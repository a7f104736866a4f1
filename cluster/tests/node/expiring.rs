//! Keys whose deadline has passed are given back although nobody asks for them.

use std::time::{Duration, Instant};

use shared::testing::wait;

use crate::raw::Raw;
use crate::scripts::alike;
use crate::server::Server;

/// Waits until so many keys are left; DBSIZE counts what was not given back yet, and looks at no key.
fn wait_for_size(client: &mut Raw, size: usize) {
    wait::until("the keys are given back", || client.say("DBSIZE") == format!(":{size}"));
}

#[test]
fn a_key_is_given_back_whichever_way_it_got_its_deadline() {
    let server = Server::start(&[]);
    let mut client = server.connect();
    let made_with_it = ["SET a v PX 50", "PSETEX b 50 v", "SET c v PX 50", "SET d v EX 1", "SETEX e 1 v"];
    made_with_it.iter().for_each(|line| assert_eq!(client.say(line), "+OK", "{line}"));
    for key in ["f", "g", "h", "i", "j", "k"] {
        client.say(&format!("SET {key} v"));
    }
    client.say("RPUSH list v");
    client.say("SET far v EX 1000");
    client.say("SET over v EX 1000");
    let now_ms = shared::rt::time::now_ms();
    let given_later = [
        "PEXPIRE f 50".to_owned(),
        "EXPIRE g 1".to_owned(),
        format!("PEXPIREAT h {}", now_ms + 50),
        format!("EXPIREAT i {}", now_ms / 1_000 + 1),
        "PEXPIRE list 50".to_owned(),
        "PEXPIRE far 50".to_owned(),
    ];
    given_later.iter().for_each(|line| assert_eq!(client.say(line), ":1", "{line}"));
    assert_eq!(client.say("GETEX j PX 50"), "$v");
    assert_eq!(client.say("SET over w PX 50"), "+OK");
    assert_eq!(client.say("SET k w PX 50"), "+OK");
    wait_for_size(&mut client, 0);
    assert_eq!(server.number("stats", "expired_keys"), 14);
}

#[test]
fn a_key_whose_deadline_was_taken_away_or_moved_stays() {
    let server = Server::start(&[]);
    let mut client = server.connect();
    let keys = ["persisted", "moved", "set", "getex", "renamed", "copied", "returned"];
    keys.iter().for_each(|key| assert_eq!(client.say(&format!("SET {key} v PX 1000")), "+OK"));
    assert_eq!(client.say("SET last v PX 1300"), "+OK");
    assert_eq!(client.say("PERSIST persisted"), ":1");
    assert_eq!(client.say("EXPIRE moved 1000"), ":1");
    assert_eq!(client.say("SET set w"), "+OK");
    assert_eq!(client.say("GETEX getex PERSIST"), "$v");
    assert_eq!(client.say("SET plain w"), "+OK");
    assert_eq!(client.say("RENAME plain renamed"), "+OK");
    assert_eq!(client.say("SET source w"), "+OK");
    assert_eq!(client.say("COPY source copied REPLACE"), ":1");
    assert_eq!(client.say("DEL returned"), ":1");
    assert_eq!(client.say("HSET returned f v"), ":1");
    // The last of them is gone: what was due before it has been looked at.
    wait_for_size(&mut client, keys.len() + 1);
    for key in keys {
        assert_eq!(client.say(&format!("EXISTS {key}")), ":1", "{key}");
    }
}

#[test]
fn a_key_past_its_deadline_is_never_told_even_before_it_is_given_back() {
    let server = Server::start(&[]);
    let mut client = server.connect();
    // Between the deadline and the next look for keys to give back lie some milliseconds: nearly every try falls into them.
    for _ in 0..100 {
        assert_eq!(client.say("SET k v PX 1"), "+OK");
        let set = Instant::now();
        while set.elapsed() < Duration::from_millis(3) {
            std::hint::spin_loop();
        }
        assert_eq!(client.say("GET k"), "$null");
        assert_eq!(client.say("EXISTS k"), ":0");
    }
}

#[test]
fn a_deadline_is_neither_later_nor_earlier_than_itself() {
    alike(
        &[],
        "a SET k v
         a PEXPIREAT k 33177117420000
         a PEXPIREAT k 33177117420000 GT
         a PEXPIREAT k 33177117420000 LT
         a PEXPIREAT k 33177117420001 GT
         a PEXPIREAT k 33177117420000 LT
         a PEXPIRETIME k
         a EXPIREAT k 33177117420 GT
         a PERSIST k
         a PEXPIREAT k 33177117420000 GT
         a PEXPIREAT k 33177117420000 LT
         a PEXPIRETIME k",
    );
}
