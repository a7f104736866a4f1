//! A device that is full, one that cannot sync, and files that cannot be made when the log is rewritten: what a node says, goes on doing, and keeps.
//!
//! A file of the node is replaced by a device (`/dev/full`, `/dev/null`) or by a folder, so the system itself refuses.

use shared::testing::{Process, TempFolder, binary, wait};
use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;

use crate::recovery::{SAVED, kill_and_start, log_of};
use crate::server::Server;

/// In another range than any key of `{t}`.
const ELSEWHERE: &str = "elsewhere";

fn start(fsync: &str) -> Server {
    Server::start(&["--appendonly", "yes", "--appendfsync", fsync])
}

/// A node whose log of `{t}` is this device; of another range something is saved.
fn on_device(device: &str, fsync: &str) -> Server {
    let mut server = start(fsync);
    let mut client = server.connect();
    client.say(&format!("SET {ELSEWHERE} kept"));
    assert_eq!(client.say("WAITAOF 1 0 0"), SAVED);
    server.node.terminate();
    let log = log_of(&server, "{t}");
    assert_ne!(log, log_of(&server, ELSEWHERE));
    fs::remove_file(&log).unwrap();
    symlink(device, &log).unwrap();
    server.node.start();
    server
}

#[test]
fn a_full_device_and_a_failed_fsync_are_told_and_nothing_is_called_saved() {
    for (device, what) in
        [("/dev/full", "cannot write: No space left on device"), ("/dev/null", "cannot fsync: ")]
    {
        let mut server = on_device(device, "everysec");
        let log = log_of(&server, "{t}");
        let (mut client, mut other) = (server.connect(), server.connect());
        client.say(&format!("SET {ELSEWHERE}2 kept"));
        assert_eq!(client.say("WAITAOF 1 0 0"), SAVED, "the other ranges are well");
        // Taken in memory; what the disk says comes later.
        assert_eq!(client.say("SET {t} lost"), "+OK");
        let said = client.say("WAITAOF 1 0 0");
        let expected = format!(
            "-MISCONF Errors writing to the AOF file: the store takes no more writes: {}: {what}",
            log.display()
        );
        assert!(said.starts_with(&expected), "{said}");
        for line in ["SET {t} more", "SET elsewhere v", "DEL elsewhere", "FLUSHALL", "LPUSH new v"] {
            let said = other.say(line);
            assert!(said.starts_with("-MISCONF "), "{line}: {said}");
        }
        assert!(other.say("WAITAOF 1 0 0").starts_with("-MISCONF "));
        assert_eq!(other.say(&format!("GET {ELSEWHERE}")), "$kept");
        assert_eq!(server.info("persistence", "aof_last_write_status"), "err");
        // There is room again; a node that has failed once does not trust its files before it has read them.
        fs::remove_file(&log).unwrap();
        fs::write(&log, b"").unwrap();
        assert!(other.say("SET {t} more").starts_with("-MISCONF "));
        let mut client = kill_and_start(&mut server);
        for key in [ELSEWHERE.to_owned(), format!("{ELSEWHERE}2")] {
            assert_eq!(client.say(&format!("GET {key}")), "$kept");
        }
        assert_eq!(client.say("SET {t} v"), "+OK");
        assert_eq!(client.say("WAITAOF 1 0 0"), SAVED);
        assert_eq!(server.info("persistence", "aof_last_write_status"), "ok");
    }
}

#[test]
fn with_appendfsync_always_a_write_that_cannot_be_synced_is_never_answered_as_done() {
    let server = on_device("/dev/null", "always");
    let mut client = server.connect();
    client.send_line("SET {t} lost");
    if let Some(reply) = client.try_read() {
        assert!(format!("{reply:?}").starts_with("-MISCONF "), "{reply:?}");
    }
    assert_eq!(server.connect().say(&format!("GET {ELSEWHERE}")), "$kept");
}

/// Starts a rewriting of the whole log and waits for its end.
fn rewrite(server: &Server) {
    let said = server.connect().say("BGREWRITEAOF");
    assert_eq!(said, "+Background append only file rewriting started");
    wait::until("the rewriting ends", || server.info("persistence", "aof_rewrite_in_progress") == "0");
}

#[test]
fn a_rewriting_that_cannot_make_its_files_fails_alone_and_is_told() {
    for name in ["base.2", "log.2", "manifest.new"] {
        let mut server = start("everysec");
        let mut client = server.connect();
        assert_eq!(client.say("SET {t} 1"), "+OK");
        let in_the_way = log_of(&server, "{t}").with_file_name(name);
        fs::create_dir(&in_the_way).unwrap();
        rewrite(&server);
        assert_eq!(server.info("persistence", "aof_last_bgrewrite_status"), "err", "{name}");
        assert_eq!(server.info("persistence", "aof_last_write_status"), "ok");
        let log = fs::read_to_string(server.node.log_path()).unwrap();
        assert!(log.contains("rewriting a range of the log failed"), "{log}");
        assert!(log.contains(&in_the_way.display().to_string()), "{log}");
        // Writes go on and are saved.
        assert_eq!(client.say("APPEND {t} 2"), ":2");
        assert_eq!(client.say("WAITAOF 1 0 0"), SAVED);
        fs::remove_dir(&in_the_way).unwrap();
        rewrite(&server);
        assert_eq!(server.info("persistence", "aof_last_bgrewrite_status"), "ok", "{name}");
        assert_eq!(client.say("APPEND {t} 3"), ":3");
        assert_eq!(client.say("WAITAOF 1 0 0"), SAVED);
        let mut client = kill_and_start(&mut server);
        assert_eq!(client.say("GET {t}"), "$123");
    }
}

#[test]
fn a_manifest_of_which_nobody_knows_whether_it_counts_stops_writes_and_loses_nothing() {
    let mut server = start("everysec");
    let mut client = server.connect();
    assert_eq!(client.say("SET {t} 1"), "+OK");
    assert_eq!(client.say("WAITAOF 1 0 0"), SAVED);
    let manifest = log_of(&server, "{t}").with_file_name("manifest");
    let old = fs::read(&manifest).unwrap();
    fs::remove_file(&manifest).unwrap();
    fs::create_dir(&manifest).unwrap();
    rewrite(&server);
    let said = client.say("SET {t} 2");
    assert!(said.starts_with("-MISCONF ") && said.contains("manifest.new: cannot rename"), "{said}");
    assert!(client.say("WAITAOF 1 0 0").starts_with("-MISCONF "));
    assert_eq!(client.say("GET {t}"), "$1");
    server.node.kill();
    fs::remove_dir(&manifest).unwrap();
    fs::write(&manifest, old).unwrap();
    server.node.start();
    assert_eq!(server.connect().say("GET {t}"), "$1");
}

#[test]
fn a_folder_that_takes_no_files_is_refused_at_the_start_by_name() {
    let folder = TempFolder::new("no-files");
    let file = folder.path().join("file");
    fs::write(&file, b"").unwrap();
    // A folder of the system in which nobody makes anything, not even root; and one that is none.
    for dir in [Path::new("/proc/sys"), &file] {
        let args =
            ["--port", "0", "--bind", "127.0.0.1", "--appendonly", "yes", "--dir", dir.to_str().unwrap()];
        let mut process = Process::spawn(&binary::ours(binary::NODE), &args, &folder.path().join("log"));
        assert!(!process.wait().success());
        let said = process.log();
        assert!(said.contains(dir.to_str().unwrap()) && !said.contains("panicked"), "{said}");
    }
}
