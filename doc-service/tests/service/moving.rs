//! The slot of a document moves from node to node while people type.

use std::collections::BTreeSet;
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use shared::names::DocumentId;
use shared::rt::time;
use shared::slot::Slot;
use shared::testing::node::{Node, Program};
use shared::testing::{Cluster, Wire, binary, wait};

use crate::support::resp::{stored_text, wait_snapshot};
use crate::support::stage::Stage;
use crate::support::ws::Ws;

/// Slots that move each time: the lowest of the node that has them.
const SLOTS_MOVED: u16 = 20;

fn id(wire: &mut Wire) -> String {
    wire.call(&["CLUSTER", "MYID"]).as_str().unwrap().to_owned()
}

/// What a node knows of all, if it has heard each since that time: the id, config epoch and slots of each.
fn view(port: u16, since_ms: u64) -> Option<BTreeSet<String>> {
    let nodes = Wire::connect(port).call(&["CLUSTER", "NODES"]);
    let told = |line: &str| {
        let fields: Vec<&str> = line.split(' ').collect();
        let heard = fields[2].contains("myself") || fields[5].parse::<u64>().unwrap() > since_ms;
        heard.then(|| [&[fields[0], fields[6]], &fields[8..]].concat().join(" "))
    };
    nodes.as_str().unwrap().lines().map(told).collect()
}

/// Moves the slots there and back until it is told to stop; how often.
fn move_slots(nodes: [String; 2], ports: &[u16], stop: &AtomicBool) -> usize {
    let address = format!("127.0.0.1:{}", ports[1]);
    let mut moves = 0;
    while !stop.load(Ordering::Relaxed) || moves % 2 == 1 {
        let (from, to) = (&nodes[moves % 2], &nodes[(moves + 1) % 2]);
        let mut reshard = Command::new(binary::installed("redis-cli"));
        reshard.args(["--cluster", "reshard", &address, "--cluster-from", from, "--cluster-to", to]);
        reshard.args(["--cluster-slots", &SLOTS_MOVED.to_string(), "--cluster-yes"]);
        let ran = reshard.output().unwrap();
        let text = String::from_utf8_lossy(&ran.stdout) + String::from_utf8_lossy(&ran.stderr);
        assert!(ran.status.success(), "{text}");
        moves += 1;
        // Gossip still tells everybody. Whom a node of Redis heard before the move only, that one's old claims it may still
        // believe in the next: slots moved to and fro faster than pings go round end with an owner who does not know that it is.
        let moved_ms = time::now_ms();
        wait::until("all nodes agree", || {
            let views: Option<Vec<_>> = ports.iter().map(|port| view(*port, moved_ms)).collect();
            views.is_some_and(|views| views.windows(2).all(|two| two[0] == two[1]))
        });
    }
    moves
}

#[tokio::test]
async fn nobody_notices_that_the_slot_of_a_document_moves_on_redis() {
    nobody_notices_that_the_slot_of_a_document_moves(Stage::redis(), Program::Redis).await;
}

#[tokio::test]
async fn nobody_notices_that_the_slot_of_a_document_moves_on_our_nodes() {
    nobody_notices_that_the_slot_of_a_document_moves(Stage::ours(), Program::Ours).await;
}

async fn nobody_notices_that_the_slot_of_a_document_moves(mut stage: Stage, program: Program) {
    let new = stage.cluster.add_primary(program);
    // Else Redis makes a primary that gives its last slot away the replica of whoever gets it.
    let stays = ["CONFIG", "SET", "cluster-allow-replica-migration", "no"];
    assert!(stage.cluster.node(new).wire().call(&stays).is_ok());
    let mut ids = (0..).map(|number| format!("d{number}"));
    let document = ids.find(|id| Slot::of_key(id.as_bytes()).number() < SLOTS_MOVED).unwrap();
    assert_eq!(home(&stage.cluster, &document), 0);
    let nodes = [0, new].map(|node| id(&mut stage.cluster.node(node).wire()));

    let mut ana = Ws::join(&stage.address(), &format!("{document}?saved=1")).await;
    let mut ben = Ws::join(&stage.address(), &document).await;
    let stop = Arc::new(AtomicBool::new(false));
    let ports: Vec<u16> = stage.cluster.nodes().iter().map(Node::port).collect();
    let stopped = Arc::clone(&stop);
    let moving = tokio::task::spawn_blocking(move || move_slots(nodes, &ports, &stopped));
    for number in 0..300 {
        ana.type_in(&format!("{number} ")).await;
        if number % 10 == 9 {
            // As fast as people type together, and no faster than edits are saved.
            let (client, clock) = ana.own();
            ana.wait_saved(client, clock).await;
        }
    }
    stop.store(true, Ordering::Relaxed);
    assert!(moving.await.unwrap() >= 2);
    ben.wait_text(&ana.text()).await;
    wait_snapshot(&stage.cluster, &document, &ana.text());
    assert_eq!(
        stored_text(&mut stage.cluster.node(home(&stage.cluster, &document)).wire(), &document),
        ana.text()
    );
    // Who publishes by itself is heard after the moves too.
    let mut carla = Ws::join(&stage.address(), &document).await;
    carla.type_in("end").await;
    ben.wait_text(&carla.text()).await;
    ana.wait_text(&carla.text()).await;
}

fn home(cluster: &Cluster, id: &str) -> usize {
    let id: DocumentId = id.parse().unwrap();
    cluster.owner_of(&id.snapshot_key())
}
