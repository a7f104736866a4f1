//! `requirepass`: who may do what before the password.

use crate::scripts::alike;
use crate::server::Server;

#[test]
fn before_the_password_nothing_is_told() {
    alike(
        &["--requirepass", "secret"],
        "a GET k
         a PING
         a NOSUCH
         a GET
         a ? HELLO
         a ? HELLO 3
         a MULTI
         a EXEC
         a SUBSCRIBE c
         a RESET
         a AUTH wrong
         a AUTH default wrong
         a AUTH nobody secret
         a AUTH
         a AUTH a b c
         a GET k
         a AUTH secret
         a GET k
         a RESET
         a GET k
         a AUTH default secret
         a SET k v
         b HELLO 3 AUTH default wrong
         b HELLO 3 AUTH default
         b ? HELLO 3 AUTH default secret SETNAME me
         b GET k
         b CLIENT GETNAME
         b AUTH wrong
         b GET k
         c QUIT
         c gone",
    );
}

#[test]
fn without_a_password_auth_says_so() {
    alike(&[], "a AUTH secret\na AUTH default anything\na GET k\na HELLO 4\na HELLO x\na HELLO 2 NOSUCH");
}

#[test]
fn a_new_password_is_asked_of_new_clients() {
    alike(
        &[],
        "a PING
         a CONFIG SET requirepass secret
         a PING
         b PING
         b AUTH secret
         b PING
         a CONFIG SET requirepass ''
         c PING",
    );
}

#[test]
fn before_the_password_requests_are_short() {
    let server = Server::start(&["--requirepass", "secret"]);
    for (bytes, said) in [
        (&b"*11\r\n"[..], "-ERR Protocol error: unauthenticated multibulk length"),
        (b"*2\r\n$4\r\nAUTH\r\n$16385\r\n", "-ERR Protocol error: unauthenticated bulk length"),
    ] {
        let mut client = server.connect();
        client.send_bytes(bytes);
        assert_eq!(format!("{:?}", client.read()), said);
        assert!(client.try_read().is_none());
    }
}
