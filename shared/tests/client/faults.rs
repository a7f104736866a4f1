//! Editors on a cluster of our nodes whose processes are killed and stopped, one after the other, while slots move between them: what
//! was called saved is there at the end.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use shared::client::document::{DocumentDoor, LogId};
use shared::names::DocumentId;
use shared::rt::rng::{Rng, random_u64};
use shared::rt::task;
use shared::rt::time::{self, Duration, Instant, timeout};
use shared::slot::Slot;
use shared::testing::{Cluster, wait};

use crate::support::{client, run};

const DOCUMENTS: usize = 5;
const WRITERS: usize = 20;
/// How many edits a writer makes before it asks whether they are saved.
const EDITS: usize = 4;
const FAULTS: usize = 6;
/// About how long a move of slots takes here, milliseconds: faults come somewhere in it.
const MIGRATION_MS: u64 = 120;
const PATIENCE: Duration = Duration::from_secs(30);

/// Every shard has a primary and a replica in sync.
fn in_sync(cluster: &Cluster) -> bool {
    let infos = cluster.nodes().iter().filter(|node| node.process().is_some()).map(|node| {
        let info = node.wire().call(&["INFO", "replication"]);
        info.as_str().unwrap_or_default().contains("in_sync_copies:2")
    });
    infos.filter(|in_sync| *in_sync).count() == 3
}

/// Nobody moves slots any more, and every slot is served.
fn settled(cluster: &Cluster) -> bool {
    let over = ["success", "failed", "cancelled"];
    cluster.nodes().iter().filter(|node| node.process().is_some()).all(|node| {
        let mut wire = node.wire();
        let info = wire.call(&["CLUSTER", "INFO"]);
        let migrations = wire.call(&["CLUSTER", "GETSLOTMIGRATIONS"]);
        let states =
            migrations.elements().unwrap_or_default().iter().filter_map(|job| job.elements()?.get(11));
        info.as_str().unwrap_or_default().contains("cluster_state:ok")
            && states.into_iter().all(|state| over.contains(&state.as_str().unwrap_or_default()))
    })
}

/// Has the slot of a document and some behind it move to another primary, if the nodes agree to that.
fn migrate(cluster: &Cluster, document: &DocumentId, rng: &mut Rng) {
    let slot = i64::from(Slot::of_key(format!("{{{document}}}").as_bytes()).number());
    let node = cluster.nodes().iter().find(|node| node.process().is_some()).expect("a running node");
    let slots = node.wire().call(&["CLUSTER", "SLOTS"]).into_elements().unwrap_or_default();
    let ranges: Vec<(i64, i64, i64, String)> = slots
        .iter()
        .filter_map(|range| {
            let [from, to, owner, ..] = range.elements()? else { return None };
            let owner = owner.elements()?;
            Some((from.as_int()?, to.as_int()?, owner.get(1)?.as_int()?, owner.get(2)?.as_str()?.to_owned()))
        })
        .collect();
    let Some((_, last, port, owner)) = ranges.iter().find(|range| (range.0..=range.1).contains(&slot)) else {
        return;
    };
    let others: BTreeSet<&String> = ranges.iter().map(|range| &range.3).filter(|id| *id != owner).collect();
    let target = others.iter().nth(rng.below(others.len() as u64) as usize);
    let source = cluster.nodes().iter().find(|node| i64::from(node.port()) == *port);
    if let (Some(target), Some(source)) = (target, source.filter(|node| node.process().is_some())) {
        let (first, last) = (slot.to_string(), (*last).min(slot + 50).to_string());
        let words = ["CLUSTER", "MIGRATESLOTS", "SLOTSRANGE", &first, &last, "NODE", target];
        println!("slots {first}-{last} of {document}: {}", source.wire().call(&words));
    }
}

struct Editors {
    stop: AtomicBool,
    saved: AtomicUsize,
    /// The longest that anybody has waited for *saved*, milliseconds.
    longest_ms: AtomicUsize,
}

/// Publishes numbered edits until it is told to stop; those that were called saved.
async fn edit(door: DocumentDoor, writer: usize, editors: Arc<Editors>) -> BTreeSet<String> {
    let mut saved = BTreeSet::new();
    let mut number = 0;
    while !editors.stop.load(Ordering::Relaxed) {
        let edits: Vec<String> = (0..EDITS).map(|at| format!("{writer}:{}", number + at)).collect();
        number += EDITS;
        for edit in &edits {
            door.publish(edit.clone()).await.expect("tried until it succeeds");
        }
        let asked = Instant::now();
        timeout(PATIENCE, door.saved()).await.expect("saved in time");
        editors.longest_ms.fetch_max(asked.elapsed().as_millis() as usize, Ordering::Relaxed);
        editors.saved.fetch_add(EDITS, Ordering::Relaxed);
        saved.extend(edits);
        // About ten edits a second of each.
        time::sleep(Duration::from_millis(400)).await;
    }
    saved
}

#[test]
fn what_was_called_saved_survives_nodes_that_are_killed_and_stopped_while_slots_move() {
    let seed = random_u64();
    println!("seed {seed}");
    let mut rng = Rng::from_seed(seed);
    let mut cluster = Cluster::ours(3, 1);
    wait::until("all are in sync", || in_sync(&cluster));
    run(async {
        let client = client(&cluster).await;
        let documents: Vec<DocumentId> = (0..DOCUMENTS).map(|n| format!("d{n}").parse().unwrap()).collect();
        let editors = Arc::new(Editors {
            stop: AtomicBool::new(false),
            saved: AtomicUsize::new(0),
            longest_ms: AtomicUsize::new(0),
        });
        let writers: Vec<_> = (0..WRITERS)
            .map(|writer| {
                let door = DocumentDoor::new(&client, &documents[writer % DOCUMENTS]);
                task::spawn(edit(door, writer, Arc::clone(&editors)))
            })
            .collect();
        for _ in 0..FAULTS {
            let node = rng.below(6) as usize;
            let before = editors.saved.load(Ordering::Relaxed);
            migrate(&cluster, &documents[rng.below(DOCUMENTS as u64) as usize], &mut rng);
            time::sleep(Duration::from_millis(rng.below(MIGRATION_MS))).await;
            if rng.below(2) == 0 {
                println!("SIGKILL of node {node}");
                cluster.node_mut(node).kill();
                time::sleep(Duration::from_millis(500 + rng.below(1_500))).await;
                cluster.node_mut(node).start();
            } else {
                println!("SIGSTOP of node {node}");
                cluster.node(node).process().unwrap().pause();
                time::sleep(Duration::from_millis(500 + rng.below(2_000))).await;
                cluster.node(node).process().unwrap().resume();
            }
            // One fault at a time: the next one when every edit would survive it.
            let patience = Instant::now() + PATIENCE;
            while !in_sync(&cluster)
                || !settled(&cluster)
                || editors.saved.load(Ordering::Relaxed) < before + WRITERS
            {
                assert!(Instant::now() < patience, "not in sync again");
                time::sleep(Duration::from_millis(20)).await;
            }
        }
        editors.stop.store(true, Ordering::Relaxed);
        let mut saved = vec![BTreeSet::new(); DOCUMENTS];
        for (writer, task) in writers.into_iter().enumerate() {
            saved[writer % DOCUMENTS].extend(task.await.unwrap());
        }
        let total: usize = saved.iter().map(BTreeSet::len).sum();
        println!(
            "{total} edits saved, nobody waited longer than {} ms",
            editors.longest_ms.load(Ordering::Relaxed)
        );
        for (document, saved) in documents.iter().zip(&saved) {
            let door = DocumentDoor::new(&client, document);
            let log = timeout(PATIENCE, door.read_log_since(LogId::START)).await.unwrap().unwrap();
            let there: BTreeSet<String> =
                log.entries.iter().map(|entry| String::from_utf8_lossy(&entry.update).into_owned()).collect();
            let lost: Vec<_> = saved.difference(&there).collect();
            assert!(lost.is_empty(), "saved and lost: {lost:?}");
        }
    });
}
