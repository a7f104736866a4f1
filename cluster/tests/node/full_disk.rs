//! A disk that takes no more, seen through a node.
//!
//! Files may not grow beyond a bound that is set while the node runs (RLIMIT_FSIZE): writing then fails as on a full disk.

use rustix::process::{Pid, Resource, Rlimit, prlimit};
use shared::testing::{Process, TempFolder, Wire, binary, ports, wait};
use std::path::Path;

use crate::raw::Raw;

/// What a file may be long at most, once the disk is full, bytes.
const FULL_BYTES: u64 = 256 * 1024;

const SAVED: &str = "*[:1, :0]";

/// A node that is told, and not ended, when a file would become too long.
fn start(folder: &Path, port: u16, fsync: &str) -> Process {
    let (port_text, dir) = (port.to_string(), folder.display().to_string());
    let node = binary::ours(binary::NODE).display().to_string();
    let mut args =
        vec!["-c", "trap '' XFSZ; exec \"$@\"", "sh", &node, "--port", &port_text, "--bind", "127.0.0.1"];
    args.extend(["--dir", &dir, "--appendonly", "yes", "--appendfsync", fsync]);
    let mut process = Process::spawn(Path::new("/bin/sh"), &args, &folder.join("log"));
    process.wait_ready(|| Wire::try_connect(port).and_then(|mut wire| wire.try_call(&["PING"])).is_some());
    process
}

fn fill_disk(process: &Process) {
    let limit = Rlimit { current: Some(FULL_BYTES), maximum: None };
    prlimit(Pid::from_raw(process.id() as i32), Resource::Fsize, limit).unwrap();
}

#[test]
fn writes_are_refused_reads_go_on_and_nothing_saved_is_lost() {
    let folder = TempFolder::new("full");
    let port = ports::free_port();
    let mut process = start(folder.path(), port, "everysec");
    let (mut client, mut other) = (Raw::connect(port, false), Raw::connect(port, false));
    let value = "x".repeat(1_000);
    // All in one slot, so in one file.
    let mut saved = 0;
    let refused = loop {
        if saved == 100 {
            fill_disk(&process);
        }
        let written = client.say(&format!("SET {{t}}{saved} {value}"));
        if written != "+OK" {
            break written;
        }
        match client.say("WAITAOF 1 0 0") {
            said if said == SAVED => saved += 1,
            said => break said,
        }
        assert!(saved < 2_000, "the disk is never full");
    };
    assert!(refused.starts_with("-MISCONF Errors writing to the AOF file: "), "{refused}");
    assert!(
        refused.contains("range-") && refused.contains("File too large"),
        "it says what and why: {refused}"
    );
    assert!(saved > 150, "{saved} keys were saved");
    for line in ["SET {t}more v", "SET elsewhere v", "DEL {t}0", "FLUSHALL", "EXPIRE {t}0 1"] {
        let said = other.say(line);
        assert!(said.starts_with("-MISCONF "), "{line}: {said}");
    }
    assert!(other.say("WAITAOF 1 0 0").starts_with("-MISCONF "), "nothing is called saved");
    assert_eq!(client.say("MULTI"), "+OK");
    assert!(client.say("SET {t}more v").starts_with("-MISCONF "));
    assert_eq!(client.say("EXEC"), "-EXECABORT Transaction discarded because of previous errors.");
    for number in 0..saved {
        assert_eq!(other.say(&format!("STRLEN {{t}}{number}")), ":1000");
    }
    assert!(other.say("INFO persistence").contains("aof_last_write_status:err"));
    assert!(process.is_running());
    process.kill();
    let mut process = start(folder.path(), port, "everysec");
    let mut client = Raw::connect(port, false);
    for number in 0..saved {
        assert_eq!(client.say(&format!("GET {{t}}{number}")), format!("${value}"));
    }
    assert_eq!(client.say("SET {t}more v"), "+OK");
    assert_eq!(client.say("WAITAOF 1 0 0"), SAVED);
    assert!(!process.log().contains("panicked"));
    assert!(process.terminate().success());
}

#[test]
fn with_appendfsync_always_no_write_is_answered_that_is_not_on_the_disk() {
    let folder = TempFolder::new("full");
    let port = ports::free_port();
    let mut process = start(folder.path(), port, "always");
    let (mut client, mut reader) = (Raw::connect(port, false), Raw::connect(port, false));
    let value = "x".repeat(1_000);
    fill_disk(&process);
    let mut answered = 0;
    loop {
        client.send_line(&format!("SET {{t}}{answered} {value}"));
        // The one that did not fit is never answered; its connection ends.
        match client.try_read() {
            Some(reply) if reply.kind == '+' => answered += 1,
            Some(reply) => break assert!(format!("{reply:?}").starts_with("-MISCONF "), "{reply:?}"),
            None => break,
        }
        assert!(answered < 2_000, "the disk is never full");
    }
    assert!(answered > 150, "{answered} were answered");
    assert!(reader.say("SET k v").starts_with("-MISCONF "));
    assert_eq!(reader.say("STRLEN {t}0"), ":1000");
    process.kill();
    let _process = start(folder.path(), port, "always");
    wait::until("it answers", || Raw::connect(port, false).say("PING") == "+PONG");
    let size: usize = Raw::connect(port, false).say("DBSIZE")[1..].parse().unwrap();
    assert!(size >= answered, "{answered} were answered, {size} are there");
}
