//! Three machines on one machine: network namespaces on a bridge of their own, so that a network can really be cut.
//!
//! Each has a second link to the test, which is never cut: the test talks with nodes that no other node hears.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::Path;
use std::process::Command;

use shared::testing::{Process, TempFolder, binary, wait};

use crate::raw::Raw;

/// The port of the first node of each machine; the others follow.
const FIRST_PORT: u16 = 7000;

/// Namespaces, links and bridge; all gone when dropped.
pub(crate) struct Machines {
    count: u8,
}

impl Machines {
    /// So many machines. None where the system gives no right to make them, which is said, and happens to nobody who is root.
    pub(crate) fn new(count: u8) -> Option<Machines> {
        if !rustix::process::geteuid().is_root() {
            eprintln!("not tested: only root may make network namespaces (ip netns add)");
            return None;
        }
        let machines = Machines { count };
        machines.build();
        Some(machines)
    }

    /// Cuts a machine off from all others, both ways.
    pub(crate) fn cut(&self, machine: u8) {
        self.ip(&["-n", &self.switch(), "link", "set", &format!("to{machine}"), "down"]);
    }

    /// Ends [`Machines::cut`].
    pub(crate) fn join(&self, machine: u8) {
        self.ip(&["-n", &self.switch(), "link", "set", &format!("to{machine}"), "up"]);
    }

    /// Has nothing that one machine sends arrive at another one: its frames go to a card that nobody has.
    pub(crate) fn mute(&self, from: u8, to: u8) {
        let nobody = ["lladdr", "02:00:00:00:00:99", "dev", "net", "nud", "permanent"];
        let to = address(to).to_string();
        self.ip(&[&["-n", &self.name(from), "neigh", "replace", &to], &nobody[..]].concat());
    }

    /// Ends [`Machines::mute`].
    pub(crate) fn unmute(&self, from: u8, to: u8) {
        self.ip(&["-n", &self.name(from), "neigh", "del", &address(to).to_string(), "dev", "net"]);
    }

    /// Where the test reaches a machine. A range for benchmarks of networks (RFC 2544), so that it is no real network's.
    fn door(&self, machine: u8, side: u32) -> Ipv4Addr {
        let network = u32::from(Ipv4Addr::new(198, 18, 0, 0)) + (std::process::id() % 8_192) * 16;
        Ipv4Addr::from(network + u32::from(machine) * 4 + side)
    }

    fn name(&self, machine: u8) -> String {
        format!("rd{}-{machine}", std::process::id())
    }

    fn switch(&self) -> String {
        format!("rd{}-s", std::process::id())
    }

    fn build(&self) {
        let switch = self.switch();
        self.ip(&["netns", "add", &switch]);
        self.ip(&["-n", &switch, "link", "add", "bridge", "type", "bridge"]);
        self.ip(&["-n", &switch, "link", "set", "bridge", "up"]);
        for machine in 0..self.count {
            let (name, to) = (self.name(machine), format!("to{machine}"));
            self.ip(&["netns", "add", &name]);
            self.ip(&["-n", &name, "link", "set", "lo", "up"]);
            self.ip(&[
                "-n", &name, "link", "add", "net", "type", "veth", "peer", "name", &to, "netns", &switch,
            ]);
            self.ip(&["-n", &switch, "link", "set", &to, "master", "bridge", "up"]);
            self.ip(&["-n", &name, "addr", "add", &format!("{}/24", address(machine)), "dev", "net"]);
            self.ip(&["-n", &name, "link", "set", "net", "up"]);
            let here = format!("rd{}d{machine}", std::process::id());
            self.ip(&["link", "add", &here, "type", "veth", "peer", "name", "door", "netns", &name]);
            self.ip(&["addr", "add", &format!("{}/30", self.door(machine, 1)), "dev", &here]);
            self.ip(&["link", "set", &here, "up"]);
            self.ip(&["-n", &name, "addr", "add", &format!("{}/30", self.door(machine, 2)), "dev", "door"]);
            self.ip(&["-n", &name, "link", "set", "door", "up"]);
        }
    }

    fn ip(&self, words: &[&str]) {
        let output = Command::new("ip").args(words).output().expect("ip (package iproute2)");
        let error = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "ip {}: {error}", words.join(" "));
    }
}

impl Drop for Machines {
    fn drop(&mut self) {
        // Links go with their namespaces. One that was not made yet is no trouble.
        let names = (0..self.count).map(|machine| self.name(machine)).chain([self.switch()]);
        names.for_each(|name| drop(Command::new("ip").args(["netns", "del", &name]).output()));
    }
}

/// The address of a machine for the others.
fn address(machine: u8) -> Ipv4Addr {
    Ipv4Addr::new(10, 99, 0, machine + 1)
}

/// A node on one of the machines.
pub(crate) struct Remote {
    door: SocketAddr,
    /// Where other nodes reach it.
    pub(crate) address: SocketAddr,
    _process: Process,
}

impl Remote {
    /// Starts the node with this number on its machine, and waits until it answers.
    pub(crate) fn start(
        machines: &Machines,
        machine: u8,
        number: u16,
        folder: &Path,
        timeout_ms: u64,
    ) -> Remote {
        let port = FIRST_PORT + number;
        let dir = folder.join(format!("{machine}-{number}"));
        std::fs::create_dir_all(&dir).expect("the folder of a node");
        let program = binary::ours(binary::NODE).display().to_string();
        let (port_text, dir_text, timeout) =
            (port.to_string(), dir.display().to_string(), timeout_ms.to_string());
        let name = machines.name(machine);
        let mut args = vec!["netns", "exec", &name, &program, "--port", &port_text, "--bind", "0.0.0.0"];
        args.extend(["--protected-mode", "no", "--dir", &dir_text, "--appendonly", "yes"]);
        args.extend(["--cluster-enabled", "yes", "--cluster-node-timeout", &timeout]);
        let mut process = Process::spawn(&binary::installed("ip"), &args, &dir.join("log"));
        let door = SocketAddr::from((machines.door(machine, 2), port));
        process.wait_ready(|| std::net::TcpStream::connect(door).is_ok());
        Remote { door, address: SocketAddr::from((address(machine), port)), _process: process }
    }

    /// A connection of the test.
    pub(crate) fn raw(&self) -> Raw {
        Raw::connect_to(self.door)
    }

    pub(crate) fn id(&self) -> String {
        String::from_utf8(self.raw().call(&["CLUSTER", "MYID"]).text).unwrap()
    }

    /// A field of `INFO replication`, named with its colon.
    pub(crate) fn replication(&self, name: &str) -> String {
        let info = String::from_utf8(self.raw().call(&["INFO", "replication"]).text).unwrap();
        info.lines().find_map(|line| line.strip_prefix(name).map(str::to_owned)).unwrap_or_default()
    }
}

/// Three machines with a primary each, and on each the replica of the next machine's primary: nodes 0 to 2, and 3 to 5 in the order of
/// their primaries.
pub(crate) struct Spread {
    pub(crate) nodes: Vec<Remote>,
    pub(crate) machines: Machines,
    _folder: TempFolder,
}

impl Spread {
    /// Such a cluster, in sync; none where no namespaces may be made.
    pub(crate) fn new(timeout_ms: u64) -> Option<Spread> {
        let machines = Machines::new(3)?;
        let folder = TempFolder::new("machines");
        // The replica of primary n is on the machine before it.
        let places = [(0, 0), (1, 0), (2, 0), (2, 1), (0, 1), (1, 1)];
        let nodes: Vec<Remote> = places
            .iter()
            .map(|(machine, number)| Remote::start(&machines, *machine, *number, folder.path(), timeout_ms))
            .collect();
        let spread = Spread { nodes, machines, _folder: folder };
        spread.form();
        Some(spread)
    }

    fn form(&self) {
        let ids: Vec<String> = self.nodes.iter().map(Remote::id).collect();
        for (index, node) in self.nodes.iter().enumerate() {
            let mut raw = node.raw();
            raw.say(&format!("CLUSTER SET-CONFIG-EPOCH {}", index + 1));
            if index < 3 {
                let (from, to) = (16_384 * index / 3, 16_384 * (index + 1) / 3 - 1);
                assert_eq!(raw.say(&format!("CLUSTER ADDSLOTSRANGE {from} {to}")), "+OK");
            }
            if index > 0 {
                let first = self.nodes[0].address;
                assert_eq!(raw.say(&format!("CLUSTER MEET {} {}", first.ip(), first.port())), "+OK");
            }
        }
        self.wait_ok();
        for replica in 3..6 {
            let order = format!("CLUSTER REPLICATE {}", ids[replica - 3]);
            wait::until("a replica knows its primary", || self.nodes[replica].raw().say(&order) == "+OK");
        }
        self.wait_in_sync();
    }

    /// Every node is sure of the cluster.
    pub(crate) fn wait_ok(&self) {
        for node in &self.nodes {
            let mut raw = node.raw();
            wait::until("the cluster is ok", || {
                let info = String::from_utf8(raw.call(&["CLUSTER", "INFO"]).text).unwrap();
                info.contains("cluster_state:ok") && info.contains("cluster_known_nodes:6")
            });
        }
    }

    /// Every shard has two copies in sync.
    pub(crate) fn wait_in_sync(&self) {
        wait::until("every shard is in sync", || {
            self.nodes.iter().filter(|node| node.replication("in_sync_copies:") == "2").count() == 3
        });
        self.wait_ok();
    }
}
