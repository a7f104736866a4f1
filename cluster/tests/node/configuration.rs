//! Settings: as they are given at the start, asked, changed and written back.

use shared::testing::{TempFolder, binary, ports};
use std::fs;
use std::process::{Command, Output};

use crate::raw::Raw;
use crate::scripts::alike;
use crate::server::Server;

/// Runs a node that does not start: how it ended.
fn ended(options: &[&str]) -> Output {
    let folder = TempFolder::new("refused");
    let mut command = Command::new(binary::ours(binary::NODE));
    command.args(["--port", "0", "--dir"]).arg(folder.path()).args(options);
    command.output().expect("a program that ends")
}

/// Names and values, as CONFIG GET answers them in RESP2.
fn get(client: &mut Raw, patterns: &[&str]) -> Vec<(String, String)> {
    let reply = client.call(&[&["CONFIG", "GET"], patterns].concat());
    let texts: Vec<_> =
        reply.items.iter().map(|item| String::from_utf8_lossy(&item.text).into_owned()).collect();
    texts.chunks(2).map(|pair| (pair[0].clone(), pair[1].clone())).collect()
}

#[test]
fn settings_are_asked_and_changed_as_in_redis() {
    alike(
        &["--maxmemory", "100mb", "--timeout", "7", "--slave-priority", "9", "--appendfsync", "no"],
        "a CONFIG GET maxmemory
         a CONFIG GET MAXMEMORY
         a ~ CONFIG GET timeout maxmemory-policy timeout
         a ~ CONFIG GET appendf*
         a ~ CONFIG GET replica-pri* slave-pri*
         a CONFIG GET nosuch*
         a CONFIG GET hz databas?s[x]
         a CONFIG SET maxmemory 1gb
         a CONFIG GET maxmemory
         a CONFIG SET maxmemory 5k timeout 9
         a ~ CONFIG GET maxmemory timeout
         a CONFIG SET maxmemory 7k timeout abc
         a CONFIG SET maxmemory 7k timeout -1
         a CONFIG GET maxmemory
         a CONFIG SET maxmemory 1x
         a CONFIG SET maxmemory-policy nosuch
         a CONFIG SET maxmemory-policy allkeys-lru
         a CONFIG SET appendfsync sometimes
         a CONFIG SET nosuch 1
         a CONFIG SET hz 20 nosuch 1
         a CONFIG SET timeout 1 timeout 2
         a CONFIG SET timeout
         a CONFIG SET cluster-enabled yes
         a CONFIG SET port
         a CONFIG SET
         a CONFIG GET
         a CONFIG NOSUCH
         a CONFIG
         a CONFIG REWRITE
         a CONFIG RESETSTAT
         a CONFIG RESETSTAT now
         a ? HELLO 3
         a CONFIG GET timeout
         a CONFIG SET client-output-buffer-limit pubsub
         a ~ CONFIG GET hash-max-*",
    );
}

#[test]
fn what_cannot_change_while_it_runs_is_refused_by_name() {
    let server = Server::start(&[]);
    let mut client = server.connect();
    for name in
        ["appendonly", "dir", "port", "bind", "io-threads", "cluster-enabled", "appenddirname", "logfile"]
    {
        let refused = format!(
            "-ERR CONFIG SET failed (possibly related to argument '{name}') - can't set immutable config"
        );
        assert_eq!(client.say(&format!("CONFIG SET {name} yes")), refused);
    }
    assert_eq!(get(&mut client, &["appendonly"]), [("appendonly".to_owned(), "no".to_owned())]);
}

#[test]
fn every_name_of_redis_is_taken_and_answered() {
    let folder = TempFolder::new("names");
    let redis = shared::testing::Node::redis(folder.path(), &[]);
    let mut names: Vec<_> =
        get(&mut Raw::connect(redis.port(), false), &["*"]).into_iter().map(|(name, _)| name).collect();
    names.sort();
    assert!(names.len() > 150);
    let server = Server::start(&[]);
    let all = get(&mut server.connect(), &["*"]);
    let missing: Vec<_> = names.iter().filter(|name| !all.iter().any(|(ours, _)| ours == *name)).collect();
    assert!(missing.is_empty(), "{missing:?}");
}

#[test]
fn names_without_a_meaning_here_are_kept_and_change_nothing() {
    let server = Server::start(&[
        "--rdbcompression",
        "no",
        "--hz",
        "50",
        "--save",
        "3600 1 300 100",
        "--tls-ciphers",
        "x",
    ]);
    let mut client = server.connect();
    for (name, value) in
        [("rdbcompression", "no"), ("hz", "50"), ("save", "3600 1 300 100"), ("tls-ciphers", "x")]
    {
        assert_eq!(get(&mut client, &[name]), [(name.to_owned(), value.to_owned())]);
    }
    assert_eq!(client.say("CONFIG SET lua-time-limit 7"), "+OK");
    assert_eq!(get(&mut client, &["busy-reply-threshold"])[0].1, "7", "the same setting by its newer name");
    assert_eq!(client.say("SET k v"), "+OK");
}

#[test]
fn a_wrong_start_is_refused_with_the_place_and_the_reason() {
    for (options, said) in [
        (&["--nosuch", "1"][..], ">>> 'nosuch \"1\"': Bad directive or wrong number of arguments"),
        (&["--maxmemory", "lots"], ">>> 'maxmemory \"lots\"': argument must be a memory value"),
        (&["--appendonly", "maybe"], ">>> 'appendonly \"maybe\"': argument must be 'yes' or 'no'"),
        (&["--timeout"], ">>> 'timeout': Bad directive or wrong number of arguments"),
        (&["--maxclients", "1", "2"], "Bad directive or wrong number of arguments"),
        (&["--tls-port", "6380"], "tls-port and aclfile are not supported"),
        (&["--bind", "203.0.113.1"], "Could not create server TCP listening socket 203.0.113.1:"),
    ] {
        let output = ended(options);
        let text = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(!output.status.success() && text.contains(said), "{options:?}: {text}");
        assert!(!text.contains("panicked"), "{text}");
    }
    let folder = TempFolder::new("file");
    let file = folder.path().join("node.conf");
    fs::write(&file, "port 0\n# a comment\nmaxmemory 1x\n").unwrap();
    let output = Command::new(binary::ours(binary::NODE)).arg(&file).output().unwrap();
    let text = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(!output.status.success() && text.contains("node.conf:3: >>> 'maxmemory \"1x\"'"), "{text}");
    let output =
        Command::new(binary::ours(binary::NODE)).arg(folder.path().join("none.conf")).output().unwrap();
    assert!(String::from_utf8_lossy(&output.stderr).contains("can't open config file"));
}

#[test]
fn rewrite_brings_the_file_up_to_date_and_the_next_start_reads_it() {
    let folder = TempFolder::new("rewrite");
    let file = folder.path().join("node.conf");
    let port = ports::free_port();
    let dir = folder.path().display();
    fs::write(&file, format!("# ours\nport {port}\ndir {dir}\n\nmaxclients 100\ntimeout 3\n")).unwrap();
    let start = || {
        let log = folder.path().join("log");
        let mut process = shared::testing::Process::spawn(&binary::ours(binary::NODE), &[&file], &log);
        process.wait_ready(|| shared::testing::Wire::try_connect(port).is_some());
        process
    };
    let mut process = start();
    let mut client = Raw::connect(port, false);
    assert_eq!(client.say("CONFIG SET timeout 0 maxmemory 64mb requirepass a\"b"), "+OK");
    assert_eq!(client.say("CONFIG REWRITE"), "+OK");
    let text = fs::read_to_string(&file).unwrap();
    assert!(
        text.starts_with(&format!("# ours\nport {port}\ndir \"{dir}\"\n\nmaxclients 100\ntimeout 0\n")),
        "{text}"
    );
    assert!(text.contains("\nmaxmemory 67108864\n") && text.contains("\nrequirepass \"a\\\"b\"\n"), "{text}");
    assert!(process.terminate().success());
    let _process = start();
    let mut client = Raw::connect(port, false);
    assert_eq!(client.say("PING"), "-NOAUTH Authentication required.");
    assert_eq!(client.say("AUTH a\"b"), "+OK");
    assert_eq!(get(&mut client, &["maxmemory"])[0].1, "67108864");
}
