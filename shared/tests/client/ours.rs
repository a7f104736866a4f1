//! The client against our own node (binary rustidocs-node).

use futures_util::StreamExt;
use futures_util::future::join_all;
use futures_util::stream::FuturesUnordered;
use shared::client::document::{DocumentDoor, LogId};
use shared::client::{Command, Event};
use shared::names::DocumentId;
use shared::rt::time::{Duration, Instant, timeout};
use shared::testing::node::Program;
use shared::testing::{Cluster, Node, TempFolder};

use crate::support::{client, client_of, run};

const PATIENCE: Duration = Duration::from_secs(20);

fn notes() -> DocumentId {
    "notes".parse().unwrap()
}

#[test]
fn our_cluster_is_a_cluster_to_the_client() {
    let cluster = Cluster::ours(3, 0);
    run(async {
        let client = client(&cluster).await;
        assert_eq!(client.slot_map().shards().len(), 3);
        let set = |n: usize| client.call(Command::new("SET").key(format!("k{n}")).int(n as i64));
        assert!(join_all((0..500).map(set)).await.into_iter().all(|answer| answer.unwrap().is_ok()));
        assert_eq!(client.dbsize().await.unwrap(), 500);
        assert!(client.capabilities().await.unwrap().waitaof);
        assert_eq!(
            client.saved_meaning().await.unwrap().to_string(),
            "on the disk of its primary; not every shard has a replica"
        );
    });
}

#[test]
fn saved_waits_for_a_replica_and_what_was_saved_is_on_its_disk() {
    // Nobody is given up meanwhile.
    let options = ["--appendonly", "yes", "--cluster-node-timeout", "60000"];
    let mut cluster = Cluster::with_options(Program::Ours, 3, 1, &options);
    run(async {
        let client = client(&cluster).await;
        let meaning = client.saved_meaning().await.unwrap().to_string();
        assert_eq!(meaning, "on the disk of its primary and on a replica");
        let door = DocumentDoor::new(&client, &notes());
        door.publish(&b"first"[..]).await.unwrap();
        timeout(PATIENCE, door.saved()).await.unwrap();
        let replica = 3 + cluster.owner_of("doc:{notes}");
        cluster.node(replica).process().unwrap().pause();
        door.publish(&b"second"[..]).await.unwrap();
        assert!(timeout(Duration::from_millis(700), door.saved()).await.is_err());
        cluster.node(replica).process().unwrap().resume();
        timeout(PATIENCE, door.saved()).await.unwrap();
        // Its primary is gone, and it has only its own disk.
        cluster.node_mut(replica - 3).kill();
        cluster.node_mut(replica).kill();
        cluster.node_mut(replica).start();
        let mut wire = cluster.node(replica).wire();
        wire.call(&["READONLY"]);
        let keys = wire.call(&["KEYS", &notes().log_key()]);
        assert_eq!(keys.elements().map(<[_]>::len), Some(1), "{keys}");
        let size = wire.call(&["CLUSTER", "COUNTKEYSINSLOT", &notes().slot().to_string()]);
        assert_eq!(size.as_int(), Some(1));
    });
}

#[test]
fn where_the_replica_is_gone_the_disk_of_the_primary_is_enough_again() {
    let mut cluster = Cluster::ours(3, 1);
    run(async {
        let client = client(&cluster).await;
        let door = DocumentDoor::new(&client, &notes());
        door.publish(&b"first"[..]).await.unwrap();
        timeout(PATIENCE, door.saved()).await.unwrap();
        let replica = 3 + cluster.owner_of("doc:{notes}");
        cluster.node_mut(replica).kill();
        door.publish(&b"second"[..]).await.unwrap();
        timeout(PATIENCE, door.saved()).await.unwrap();
        // It comes back, and is waited for again.
        cluster.node_mut(replica).start();
        cluster.wait_ok();
        door.publish(&b"third"[..]).await.unwrap();
        timeout(PATIENCE, door.saved()).await.unwrap();
        let mut wire = cluster.node(replica).wire();
        shared::testing::wait::until("it has what was written while it was away", || {
            wire.call(&["READONLY"]);
            wire.call(&["XLEN", &notes().log_key()]).as_int() == Some(3)
        });
    });
}

/// A cluster whose replicas are in sync: each may take over.
fn in_sync() -> Cluster {
    let cluster = Cluster::ours(3, 1);
    for primary in 0..3 {
        let mut wire = cluster.node(primary).wire();
        shared::testing::wait::until("its replica is in sync", || {
            let info = wire.call(&["INFO", "replication"]);
            info.as_str().is_some_and(|info| info.contains("in_sync_copies:2"))
        });
    }
    cluster
}

#[test]
fn edits_go_on_and_are_saved_when_a_replica_takes_over() {
    let mut cluster = in_sync();
    run(async {
        let client = client(&cluster).await;
        let opened = DocumentDoor::open(&client, &notes()).await.unwrap();
        let door = &opened.door;
        let owner = cluster.owner_of("doc:{notes}");
        for _ in 0..10 {
            door.publish(&b"before"[..]).await.unwrap();
        }
        timeout(PATIENCE, door.saved()).await.unwrap();
        // These are on their way when the primary dies.
        let mut publishing: FuturesUnordered<_> = (0..200).map(|n| door.publish(n.to_string())).collect();
        for _ in 0..20 {
            publishing.next().await.unwrap().unwrap();
        }
        cluster.node_mut(owner).kill();
        let killed = Instant::now();
        let mut failed = 0;
        while let Some(published) = publishing.next().await {
            failed += usize::from(published.is_err());
        }
        drop(publishing);
        println!("published again after {:?}, {failed} were refused", killed.elapsed());
        door.publish(&b"after"[..]).await.unwrap();
        timeout(PATIENCE, door.saved()).await.unwrap();
        println!("saved again after {:?}", killed.elapsed());
        let log = opened.door.read_log_since(LogId::START).await.unwrap();
        let edits: Vec<_> = log.entries.iter().map(|entry| entry.update.clone()).collect();
        let count = |edit: &[u8]| edits.iter().filter(|one| one[..] == *edit).count();
        assert!(count(b"before") >= 10 && count(b"after") >= 1, "{} entries", edits.len());
        for number in 0..20 {
            assert!(
                count(number.to_string().as_bytes()) >= 1,
                "{number} was published, and saved was answered since"
            );
        }
        assert_eq!(failed, 0, "each is tried until it succeeds");
    });
}

#[test]
fn edits_are_published_received_and_saved_and_survive_a_kill() {
    let mut cluster = Cluster::ours(3, 0);
    run(async {
        let (writer, reader) = (client(&cluster).await, client(&cluster).await);
        let mut opened = DocumentDoor::open(&reader, &notes()).await.unwrap();
        let door = DocumentDoor::new(&writer, &notes());
        let mut publishing: FuturesUnordered<_> = (0..500).map(|n| door.publish(n.to_string())).collect();
        while let Some(id) = publishing.next().await {
            id.unwrap();
        }
        drop(publishing);
        for _ in 0..500 {
            let event = timeout(PATIENCE, opened.subscription.next()).await.unwrap();
            assert!(matches!(event, Some(Event::Message { .. })));
        }
        timeout(PATIENCE, door.saved()).await.unwrap();

        let owner = cluster.owner_of("doc:{notes}");
        cluster.node_mut(owner).kill();
        cluster.node_mut(owner).start();
        cluster.wait_ok();
        assert_eq!(timeout(PATIENCE, opened.subscription.next()).await.unwrap(), Some(Event::Lost));
        assert_eq!(timeout(PATIENCE, opened.subscription.next()).await.unwrap(), Some(Event::Resumed));
        assert_eq!(opened.door.read_log_since(LogId::START).await.unwrap().entries.len(), 500);
        door.publish(&b"after"[..]).await.unwrap();
        timeout(PATIENCE, door.saved()).await.unwrap();
    });
}

/// `appendfsync everysec`: a barrier does not wait for the second, it makes the next fsync start at once.
#[test]
fn saved_does_not_wait_for_the_second() {
    let folder = TempFolder::new("alone");
    let node =
        Node::start_in(Program::Ours, folder.path(), &["--appendonly", "yes", "--appendfsync", "everysec"]);
    run(async {
        let client = client_of(&node).await;
        let door = DocumentDoor::new(&client, &notes());
        let started = Instant::now();
        for n in 0..10 {
            door.publish(n.to_string()).await.unwrap();
            timeout(PATIENCE, door.saved()).await.unwrap();
        }
        assert!(started.elapsed() < Duration::from_secs(4), "ten barriers took {:?}", started.elapsed());
    });
}
