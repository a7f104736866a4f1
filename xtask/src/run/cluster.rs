//! Six nodes, each a process, that become a cluster of three primaries with a replica each.
//!
//! Every step looks first at what is so already: a cluster that was stopped is taken up again, and one in the middle of forming
//! goes on.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};

use super::{START_DEADLINE, local, reachable};
use crate::Outcome;
use crate::child::Service;

/// Where the first node listens; the others follow.
pub(super) const PORT: u16 = 7000;
const PRIMARIES: u16 = 3;
const NODES: u16 = 6;
const SLOTS: u16 = 16_384;

/// How long a node may take for one answer.
const ANSWER_DEADLINE: Duration = Duration::from_secs(5);
const LOOK_EVERY: Duration = Duration::from_millis(50);

/// The ports of all nodes; primaries first.
pub(super) fn ports() -> impl DoubleEndedIterator<Item = u16> + Clone {
    PORT..PORT + NODES
}

/// Starts the nodes, each with its files in a folder of `data`, and forms the cluster.
pub(super) fn start(program: &Path, data: &Path) -> Result<Vec<Service>, String> {
    let mut nodes = Vec::new();
    for port in ports() {
        let dir = data.join(port.to_string());
        std::fs::create_dir_all(&dir).map_err(|error| format!("{}: {error}", dir.display()))?;
        let (dir, log, port) = (dir.to_string_lossy(), dir.join("log"), port.to_string());
        let log = log.to_string_lossy();
        let arguments = ["--port", &port, "--dir", &dir, "--logfile", &log];
        let fixed = ["--cluster-enabled", "yes", "--appendonly", "yes", "--cluster-node-timeout", "2000"];
        nodes.push(Service::start("a node of the cluster", program, &[&arguments[..], &fixed].concat())?);
    }
    for (node, port) in nodes.iter_mut().zip(ports()) {
        reachable(node, port)
            .map_err(|why| format!("{why}; {} says more", data.join(format!("{port}/log")).display()))?;
    }
    form()?;
    Ok(nodes)
}

fn form() -> Outcome {
    if info(PORT, "CLUSTER INFO", "cluster_slots_assigned")? == "0" {
        for number in 0..PRIMARIES {
            let (first, last) = (SLOTS / PRIMARIES * number, SLOTS / PRIMARIES * (number + 1) - 1);
            let last = if number + 1 == PRIMARIES { SLOTS - 1 } else { last };
            ask(PORT + number, &format!("CLUSTER ADDSLOTSRANGE {first} {last}"))?;
        }
    }
    let all = NODES.to_string();
    until("the nodes know each other", || {
        for port in ports().skip(1) {
            if info(port, "CLUSTER INFO", "cluster_known_nodes")? != all {
                ask(PORT, &format!("CLUSTER MEET 127.0.0.1 {port}"))?;
                thread::sleep(LOOK_EVERY);
            }
        }
        every(|port| Ok(info(port, "CLUSTER INFO", "cluster_known_nodes")? == all))
    })?;
    for number in PRIMARIES..NODES {
        let id = ask(PORT + number - PRIMARIES, "CLUSTER MYID")?;
        // One that owns slots has taken over from its primary: it stays what it is.
        let owns_slots = ask(PORT + number, "CLUSTER NODES")?
            .lines()
            .any(|line| line.contains("myself") && line.split(' ').count() > 8);
        if !owns_slots {
            until("a replica has its primary", || {
                let is_replica = info(PORT + number, "INFO replication", "role")? == "slave";
                Ok(is_replica || ask(PORT + number, &format!("CLUSTER REPLICATE {id}")).is_ok())
            })?;
        }
    }
    until("all slots are served and every replica follows", || {
        every(|port| {
            let up = info(port, "CLUSTER INFO", "cluster_state")? == "ok";
            let follows = info(port, "INFO replication", "role")? == "master"
                || info(port, "INFO replication", "master_link_status")? == "up";
            Ok(up && follows)
        })
    })
}

fn every(is_so: impl Fn(u16) -> Result<bool, String>) -> Result<bool, String> {
    ports().try_fold(true, |all, port| Ok(all && is_so(port)?))
}

fn until(what: &str, mut is_so: impl FnMut() -> Result<bool, String>) -> Outcome {
    let deadline = Instant::now() + START_DEADLINE;
    while !is_so()? {
        if Instant::now() > deadline {
            return Err(format!("after {} s it is still not so that {what}", START_DEADLINE.as_secs()));
        }
        thread::sleep(LOOK_EVERY);
    }
    Ok(())
}

/// What a line `name:value` of an answer says.
fn info(port: u16, question: &str, name: &str) -> Result<String, String> {
    let text = ask(port, question)?;
    let value = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'));
    value.map(str::to_owned).ok_or_else(|| format!("the node on port {port} does not tell its {name}"))
}

/// Sends one line and reads one answer, a simple or a bulk string.
fn ask(port: u16, line: &str) -> Result<String, String> {
    let failed = |error: std::io::Error| format!("the node on port {port}: {error}");
    let mut stream = TcpStream::connect(local(port)).map_err(failed)?;
    stream.set_read_timeout(Some(ANSWER_DEADLINE)).map_err(failed)?;
    stream.write_all(format!("{line}\r\n").as_bytes()).map_err(failed)?;
    let mut reader = BufReader::new(stream);
    let mut head = String::new();
    reader.read_line(&mut head).map_err(failed)?;
    let head = head.trim_end();
    match (head.chars().next(), head.get(1..)) {
        (Some('+'), Some(text)) => Ok(text.to_owned()),
        (Some('$'), Some(length)) => {
            let length = length.parse().map_err(|_| format!("the node on port {port} said {head}"))?;
            let mut text = String::new();
            reader.take(length).read_to_string(&mut text).map_err(failed)?;
            Ok(text)
        }
        _ => Err(format!("the node on port {port} answered {line} with {head}")),
    }
}
