//! Several servers that form a cluster: real Redis or our nodes, formed by the same commands.

use super::folder::TempFolder;
use super::node::{Node, Program};
use super::wait;
use super::wire::Wire;
use crate::limits::SLOTS;

/// Options of a node of a cluster. The node timeout is short so that tests of failures are.
const OPTIONS: [&str; 4] = ["--cluster-enabled", "yes", "--cluster-node-timeout", "1000"];

/// A running cluster; dropped, its processes are killed and its files removed.
#[derive(Debug)]
pub struct Cluster {
    nodes: Vec<Node>,
    primaries: usize,
    folder: TempFolder,
}

impl Cluster {
    /// A cluster of the installed redis-server, ready to serve: primaries first, then so many replicas of each.
    pub fn redis(primaries: usize, replicas_each: usize) -> Cluster {
        Cluster::with_options(Program::Redis, primaries, replicas_each, &["--appendonly", "yes"])
    }

    /// A cluster of our nodes, ready to serve.
    pub fn ours(primaries: usize, replicas_each: usize) -> Cluster {
        Cluster::with_options(Program::Ours, primaries, replicas_each, &["--appendonly", "yes"])
    }

    /// A cluster whose nodes get these options `--NAME VALUE` too.
    pub fn with_options(
        program: Program,
        primaries: usize,
        replicas_each: usize,
        options: &[&str],
    ) -> Cluster {
        let folder = TempFolder::new("cluster");
        let options = [&OPTIONS[..], options].concat();
        let count = primaries * (1 + replicas_each);
        let nodes = (0..count).map(|_| Node::start_in(program, folder.path(), &options)).collect();
        let cluster = Cluster { nodes, primaries, folder };
        cluster.form();
        cluster
    }

    /// A node; the primaries of the beginning are the first.
    pub fn node(&self, index: usize) -> &Node {
        &self.nodes[index]
    }

    /// A node to kill or start.
    pub fn node_mut(&mut self, index: usize) -> &mut Node {
        &mut self.nodes[index]
    }

    /// Every node.
    pub fn nodes(&self) -> &[Node] {
        &self.nodes
    }

    /// The folder that holds the files of all.
    pub fn folder(&self) -> &TempFolder {
        &self.folder
    }

    /// `127.0.0.1:PORT` of every node.
    pub fn addresses(&self) -> Vec<String> {
        self.nodes.iter().map(Node::address).collect()
    }

    /// `redis://127.0.0.1:PORT` of the first node.
    pub fn url(&self) -> String {
        self.nodes[0].url()
    }

    /// The node that owns the slot of this key, by the first running node's view.
    pub fn owner_of(&self, key: &str) -> usize {
        let slot = i64::from(crate::slot::Slot::of_key(key.as_bytes()).number());
        let slots = self.wire().call(&["CLUSTER", "SLOTS"]).into_elements().expect("CLUSTER SLOTS");
        let port = slots.iter().find_map(|range| match range.elements()? {
            [from, to, owner, ..] if (from.as_int()?..=to.as_int()?).contains(&slot) => {
                owner.elements()?.get(1)?.as_int()
            }
            _ => None,
        });
        self.nodes.iter().position(|node| Some(i64::from(node.port())) == port).expect("an owner of the slot")
    }

    /// Blocks until every running node says `cluster_state:ok`, knows all nodes, and has a link to each that runs: what is
    /// published before that reaches nobody elsewhere.
    pub fn wait_ok(&self) {
        let dead = self.nodes.iter().filter(|node| node.process().is_none()).count();
        for node in self.nodes.iter().filter(|node| node.process().is_some()) {
            let mut wire = node.wire();
            let known = format!("cluster_known_nodes:{}\r\n", self.nodes.len());
            wait::until("the cluster is ok", || {
                let info = wire.call(&["CLUSTER", "INFO"]);
                info.as_str().is_some_and(|info| info.contains("cluster_state:ok") && info.contains(&known))
            });
            wait::until("its links stand", || {
                let nodes = wire.call(&["CLUSTER", "NODES"]);
                nodes.as_str().is_some_and(|nodes| nodes.matches(" disconnected").count() <= dead)
            });
        }
    }

    /// Adds an empty primary that owns no slot yet; its index.
    pub fn add_primary(&mut self, program: Program) -> usize {
        let new = self.add_stranger(program);
        meet(&mut self.nodes[new].wire(), self.nodes[0].port());
        self.wait_ok();
        new
    }

    /// Starts a node that nobody knows yet; its index.
    pub fn add_stranger(&mut self, program: Program) -> usize {
        let options = [&OPTIONS[..], &["--appendonly", "yes"]].concat();
        self.nodes.push(Node::start_in(program, self.folder.path(), &options));
        self.nodes.len() - 1
    }

    /// Starts a node on a copy of the files of another one; its index.
    pub fn add_copy(&mut self, index: usize) -> usize {
        let copy = self.nodes[index].copied_in(self.folder.path());
        self.nodes.push(copy);
        self.nodes.len() - 1
    }

    fn wire(&self) -> Wire {
        self.nodes.iter().find(|node| node.process().is_some()).expect("a running node").wire()
    }

    fn form(&self) {
        let mut wires: Vec<Wire> = self.nodes.iter().map(Node::wire).collect();
        for (index, wire) in wires.iter_mut().enumerate() {
            // Different epochs from the start: no collision to settle. Replicas take the epoch of their primary.
            let _ = wire.call(&["CLUSTER", "SET-CONFIG-EPOCH", &(index + 1).to_string()]);
            if index < self.primaries {
                let from = SLOTS * index / self.primaries;
                let to = SLOTS * (index + 1) / self.primaries - 1;
                let answer = wire.call(&["CLUSTER", "ADDSLOTSRANGE", &from.to_string(), &to.to_string()]);
                assert!(answer.is_ok(), "ADDSLOTSRANGE: {answer}");
            }
            if index > 0 {
                meet(wire, self.nodes[0].port());
            }
        }
        self.wait_ok();
        for index in self.primaries..self.nodes.len() {
            let id = wires[index % self.primaries].call(&["CLUSTER", "MYID"]);
            let id = id.as_str().expect("CLUSTER MYID").to_owned();
            wait::until("a replica knows its primary", || {
                wires[index].call(&["CLUSTER", "REPLICATE", &id]).is_ok()
            });
        }
        for wire in &mut wires[self.primaries..] {
            wait::until("a replica is in sync", || {
                let info = wire.call(&["INFO", "replication"]);
                info.as_str().is_some_and(|info| info.contains("master_link_status:up"))
            });
        }
        self.wait_ok();
    }
}

fn meet(wire: &mut Wire, port: u16) {
    let answer = wire.call(&["CLUSTER", "MEET", "127.0.0.1", &port.to_string()]);
    assert!(answer.is_ok(), "CLUSTER MEET: {answer}");
}
